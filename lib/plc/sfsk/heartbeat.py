# SPDX-License-Identifier: MIT
"""The modem's pulse: a database read when nothing else asked the chip lately.

The status message in front of every command shows resets and lost synchronisation; the reads
keep the values of COSEM classes 50 and 53 fresh and prove that commands are answered: two
missing answers in a row mean a hung chip. While a transmit confirm is awaited, a bare status
poll passes instead, so that death shows within a second even during a long frame.
"""

import struct
from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.sfsk import chip as chips
from plc.sfsk import command as cmds
from plc.sfsk.command import Command
from plc.sfsk.dispatcher import UNFENCED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.modem import Modem
    from plc.sfsk.settings import Settings

_MISSES = const(2)
_ANSWER_MS = const(500)  # the datasheet pages read give no limit for a DB confirm
_HEAD = const(3)
_COUNTERS_LEN = const(24)
_CAUSE_HUNG = const(3)  # = modem.CAUSE_HUNG, not imported: modem imports this file

# Index into `mac_counters` (DB 000D).
MAC_CRC_OK = const(0)
MAC_CRC_NOK = const(1)
MAC_REPEATED = const(2)
MAC_TRANSMITTED = const(3)
MAC_CORRECTED = const(4)
MAC_FI_NOK = const(5)

# What is read in turn: (ident, octets of argument).
_READS = ((chips.DB_VERSION, 0),) * 8 + ((chips.DB_COUNTERS, 1), (chips.DB_MIN_DELTA_CREDIT, 0))


class Heartbeat:
    """Owner of one poll and one read command; allocates a 16-octet buffer."""

    def __init__(self, modem: "Modem", settings: "Settings") -> None:
        self.mac_counters = array("I", [0] * 6)
        self.min_delta_credit = 7
        self._modem = modem
        self._period_ms = settings["heartbeat_ms"]
        self._answer_ms = _ANSWER_MS * settings["uart_widen"]
        self._poll = Command(self, cmds.PRIO_CONTROL)
        self._poll.poll()
        self._read = Command(self, cmds.PRIO_MANAGEMENT)
        self._mv = memoryview(bytearray(16))
        self._due = 0
        self._alive_at = 0
        self._alive_ms = settings["alive_s"] * 1000
        self._turn = 0
        self._missed = 0
        self._is_reading = False

    def restart(self, now: int) -> None:
        """The modem has come up."""
        self._due = ticks_add(now, self._period_ms)
        self._turn = len(_READS) - 2
        self._missed = 0

    def on_status(self, now: int) -> None:
        """Somebody got a status message: the next beat is a period from here."""
        self._alive_at = now
        self._due = ticks_add(now, self._period_ms)

    def start(self, now: int) -> None:
        """The clock of `is_alive` begins."""
        self._alive_at = now

    def is_alive(self, now: int) -> bool:
        """A status message came within `alive_s`: the watchdog may be fed."""
        return ticks_diff(now, self._alive_at) <= self._alive_ms

    def hurry(self, now: int) -> None:
        """Beat at once."""
        self._due = now

    def on_deadline(self, now: int) -> None:
        """Beat when due, or when the dispatcher needs a fence."""
        if not self._modem.is_up:
            return
        desk = self._modem.desk
        if desk.orphan == UNFENCED and desk.awaiting is None:
            self._submit_read(now)
        if ticks_diff(now, self._due) < 0:
            return
        self._due = ticks_add(now, self._period_ms)
        if desk.awaiting is None:
            self._submit_read(now)
        else:
            self._modem.submit(now, self._poll)

    def next_deadline(self) -> "int | None":
        """Tick of the next beat; None while the modem is down."""
        return self._due if self._modem.is_up else None

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the poll or the read ended."""
        if command is self._poll:
            return
        self._is_reading = False
        if result == cmds.CMD_TIMEOUT:
            self._missed += 1
            if self._missed >= _MISSES:
                self._modem.die(now, _CAUSE_HUNG)
        elif result == cmds.CMD_OK:
            self._missed = 0
            self._take(mv, off + 2, n - 2)

    def _submit_read(self, now: int) -> None:
        if self._is_reading:
            return
        ident, arg_len = _READS[self._turn]
        struct.pack_into("<HB", self._mv, _HEAD, ident, 0)
        chip = self._modem.chip
        self._read.load(self._mv, 0, chip.db_read_req, 2 + arg_len)
        self._read.expect(chip.db_read_cnf, chip.db_read_err, self._answer_ms)
        self._read.ident = ident
        self._is_reading = self._modem.submit(now, self._read)

    def _take(self, mv: memoryview, off: int, n: int) -> None:
        ident = _READS[self._turn][0]
        self._turn = (self._turn + 1) % len(_READS)
        if ident == chips.DB_COUNTERS and n >= _COUNTERS_LEN:
            # NOTE: the confirm may echo the argument before the values; they are the last 24.
            for i in range(len(self.mac_counters)):
                self.mac_counters[i] = struct.unpack_from("<I", mv, off + n - _COUNTERS_LEN + 4 * i)[0]
        elif ident == chips.DB_MIN_DELTA_CREDIT and n >= 1:
            self.min_delta_credit = mv[off + n - 1]
