# SPDX-License-Identifier: MIT
"""Shapes that meet in the application layer; read by mypy and people, never shipped."""

from typing import Protocol

class Session(Protocol):
    """One HES TCP connection."""

    number: int
    peer: bytes  # IPv4 address of the head-end, empty = not known
    service: int  # of app.firewall: the listener it came in by
    @property
    def room(self) -> int:
        """Buffers its queue still takes."""

    def send(self, buf: int, off: int, length: int) -> bool:
        """Take slab buffer `buf` for sending; False: its bounded queue is full, nothing taken."""

class Device(Protocol):
    """The gateway's own logical device (SAP 1)."""

    def request(
        self,
        now: int,
        connection: int,
        client_sap: int,
        apdu: memoryview,
        off: int,
        length: int,
        out: memoryview,
        out_off: int,
        out_max: int,
        peer: bytes = ...,
    ) -> int: ...
    def stream(self, most_blocks: int) -> None: ...
    def more_cnt(self) -> int: ...
    def more(self, out: memoryview, out_off: int, out_max: int) -> int: ...
    def close_connection(self, connection: int) -> None: ...

class PushRoute(Protocol):
    """Where unsolicited APDUs of meters go."""

    def offer(self, now: int, sap: int, client_sap: int, apdu: memoryview) -> None: ...
