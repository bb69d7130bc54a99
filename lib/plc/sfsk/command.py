# SPDX-License-Identifier: MIT
"""A command to the modem chip: what is sent, what confirms it, who hears how it ended.

Commands are made once and reused; at most one of each priority waits, at most one is on
the interface and at most one awaits its confirm. The owner hears exactly one result.
"""

from micropython import const

from plc.sfsk import local_frame as lf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.contract import CommandOwner

# Priorities, most urgent first (also the slot numbers).
PRIO_CONTROL = const(0)  # reset, configuration, heartbeat
PRIO_MANAGEMENT = const(1)
PRIO_TRANSMIT = const(2)
PRIORITIES = const(3)

# Results.
CMD_OK = const(0)
CMD_ERROR = const(1)  # the chip's error message; its code is the first octet of the body
CMD_REFUSED = const(2)  # NAK on every try: certainly not taken
CMD_TIMEOUT = const(3)  # taken, but the confirm did not come
CMD_UNSENT = const(4)  # the modem went down before it took the command
CMD_DOWN = const(5)  # the modem went down after it took, or may have taken, the command
CMD_SILENT = const(6)  # no status or no ACK on any try (control commands only)

NO_CONFIRM = const(-1)
NO_IDENT = const(-1)


class Command:
    """One reusable command. `mv[start:start+length]` is the closed local frame."""

    def __init__(self, owner: "CommandOwner", priority: int) -> None:
        self.owner = owner
        self.priority = priority
        self.cnf = NO_CONFIRM
        self.err = NO_CONFIRM
        self.ident = NO_IDENT  # database ident the confirm must echo
        self.timeout_ms = 0  # from ACK to confirm
        self.earliest_ms = 0  # a positive confirm before this belongs to somebody else
        self.mv: "memoryview | None" = None  # None: only the status is asked for
        self.start = 0
        self.length = 0

    def poll(self) -> None:
        """Make it a status poll: no frame, done when the status message came."""
        self.mv = None
        self.cnf = self.err = NO_CONFIRM
        self.ident = NO_IDENT

    def load(self, mv: memoryview, start: int, code: int, data_len: int) -> None:
        """Close the local frame around `data_len` octets at mv[start+3:] and point at it."""
        self.mv = mv
        self.start = start
        self.length = lf.encode_into(mv, start, code, data_len)
        self.cnf = self.err = NO_CONFIRM
        self.ident = NO_IDENT
        self.earliest_ms = 0

    def expect(self, cnf: int, err: int, timeout_ms: int) -> None:
        """Say which codes confirm and refuse it, and how long they may take after the ACK."""
        self.cnf = cnf
        self.err = err
        self.timeout_ms = timeout_ms

    def is_answered_by(self, code: int) -> bool:
        """A frame with this code confirms or refuses it."""
        return code == self.cnf or code == self.err
