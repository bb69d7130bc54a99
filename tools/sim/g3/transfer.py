# SPDX-License-Identifier: MIT
"""One MSDU on one hop, and what the line asks of a station."""

from collections.abc import Callable
from typing import Protocol

_LINES_OWN = ("be", "retries", "born")


class Hearer(Protocol):
    """A station as the line sees it."""

    links: dict

    @property
    def is_hearing(self) -> bool:
        """True when it would notice a frame now."""


class Transfer:
    """`receiver` None = broadcast; `done(status)` follows exactly once.

    `is_wanted(receiver)` says at the end of an attempt whether the receiver acknowledges the frame.
    """

    __slots__ = ("sender", "receiver", "lens", "modulation", "fixed_us", "is_high", "done", "is_wanted") + _LINES_OWN

    def __init__(self, sender: Hearer, receiver: Hearer | None, lens: tuple[int, ...], modulation: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.lens = lens
        self.modulation = modulation
        self.fixed_us = 0.0  # airtime of a whole procedure instead of one MSDU
        self.is_high = False
        self.done: "Callable[[int], object]" = lambda status: None
        self.is_wanted: "Callable[[], bool]" = lambda: True
        self.be = 0
        self.retries = 0
        self.born = 0
