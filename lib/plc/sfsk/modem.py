# SPDX-License-Identifier: MIT
"""The modem chip as the rest of the segment sees it: commands in, indications out, up or not.

Source: sfsk.md 4.4-4.7. Joins the host interface (`host_link`), the order of commands
(`dispatcher`), the way up and back up (`recovery`) and the pulse (`heartbeat`). Law: what
the chip sends is acknowledged first and believed second; going down fails pending work
exactly once and never waits.
"""

from micropython import const

from base.ticks import earliest, ticks_diff
from plc.sfsk import chip as chips
from plc.sfsk import command as cmds
from plc.sfsk import counts, host_link
from plc.sfsk.dispatcher import Dispatcher
from plc.sfsk.heartbeat import Heartbeat
from plc.sfsk.host_link import HostLink
from plc.sfsk.recovery import Recovery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from base.counters import Counters
    from base.log import Log
    from plc.contract import ModemPort
    from plc.sfsk.command import Command
    from plc.sfsk.contract import ModemListener
    from plc.sfsk.settings import Settings

_BODY = const(3)  # offset of the data in a local frame
_SUM_LEN = const(2)
_BUSY_DEFAULT_MS = const(10000)

# Causes of going down; argument of the MODEM_DOWN record.
CAUSE_START = const(0)
CAUSE_SILENT = const(1)
CAUSE_RESET = const(2)
CAUSE_HUNG = const(3)
CAUSE_SYNC = const(4)


class Modem:
    """Engine of one modem chip; sans-I/O. `listener` hears indications and up/down.

    `d1`..`d3` are the last status message, `busy_limit_ms` how long BufferBUSY may last
    before it is a fault (the segment sets it from the longest frame).
    """

    def __init__(
        self,
        port: "ModemPort",
        settings: "Settings",
        counters: "Counters",
        listener: "ModemListener",
        log: "Log | None" = None,
    ) -> None:
        self.chip = chips.chip_named(settings.text("chip"))
        self.is_up = False
        self.d1 = chips.D1_NOT_SET
        self.d2 = 0
        self.d3 = 0
        self.busy_limit_ms = _BUSY_DEFAULT_MS
        self.ups = 0  # how often it came into operation
        self._is_waiting = False
        self._busy_since = 0
        self._counters = counters
        self._listener = listener
        self.link = HostLink(port, self.chip, settings, counters, self)
        self.desk = Dispatcher(self.link, self.chip, counters)
        self.recovery = Recovery(self, port, settings, counters, log)
        self.heartbeat = Heartbeat(self, settings)
        self._frames = self._frame_table()

    # --- for the segment ---

    def start(self, now: int) -> None:
        """Begin bringing the chip up from whatever state it is in."""
        self.heartbeat.start(now)
        self.recovery.begin(now, CAUSE_START)
        self.desk.kick(now)

    def submit(self, now: int, command: "Command") -> bool:
        """Queue a command in the slot of its priority; False when that is taken or modem down.

        Control commands are recovery's and the heartbeat's own and are taken at any time.
        """
        if not self.is_up and command.priority != cmds.PRIO_CONTROL:
            return False
        was_queued = self.desk.push(command)
        self.desk.kick(now)
        return was_queued

    def feed(self, now: int, mv: "memoryview | bytes", n: int) -> None:
        """Octets from the UART. Never raises."""
        self.link.feed(now, mv, n)
        self.desk.kick(now)

    def on_deadline(self, now: int) -> None:
        """Act on what is due."""
        self.link.on_deadline(now)
        self.desk.on_deadline(now)
        if self.desk.hung > 1:
            self.die(now, CAUSE_HUNG)
        self.recovery.on_deadline(now)
        self.heartbeat.on_deadline(now)
        self.desk.kick(now)

    def next_deadline(self) -> "int | None":
        """Soonest tick at which something is due."""
        due = earliest(self.link.next_deadline(), self.desk.next_deadline())
        due = earliest(due, self.recovery.next_deadline())
        return earliest(due, self.heartbeat.next_deadline())

    def is_synchronised(self) -> bool:
        """The last status message says locked and synchronised."""
        return not self.d1 & chips.D1_NOT_SYNC and bool(self.d2 & chips.D2_PLL_LOCK)

    # --- for recovery and heartbeat ---

    def set_up(self, now: int) -> None:
        """Recovery is done: operate."""
        self.is_up = True
        self.ups += 1
        self.heartbeat.restart(now)
        self._listener.on_modem(now, True)

    def set_down(self, now: int) -> None:
        """Stop operating: every command fails, once, with whether the chip had it."""
        was_up = self.is_up
        was_sent = self.link.was_sent
        self.is_up = False
        self._is_waiting = False
        self.link.reset()
        self.desk.fail_all(now, was_sent)
        if was_up:
            self._listener.on_modem(now, False)

    def die(self, now: int, cause: int) -> None:
        """The chip no longer does its work: recover it. Nothing while that is under way."""
        if self.is_up:
            self._counters.inc(counts.MODEM_DEATHS)
            self.recovery.begin(now, cause)

    # --- LinkOwner ---

    def judge(self, now: int, was_sent: bool) -> int:
        """May the command on the interface be sent now that the status says what it says?"""
        command = self.desk.in_link
        if command is None:
            return host_link.STOP
        if command.priority != cmds.PRIO_TRANSMIT or not self.d1 & chips.D1_BUSY:
            self._is_waiting = False
            return host_link.GO
        if was_sent:
            return host_link.TAKEN
        if not self._is_waiting:
            self._is_waiting = True
            self._busy_since = now
        if ticks_diff(now, self._busy_since) <= self.busy_limit_ms:
            return host_link.WAIT
        self.die(now, CAUSE_HUNG)
        return host_link.STOP

    def on_link_status(self, now: int) -> None:
        """A status message stands in the link's frame buffer."""
        frame = self.link.frame
        self.d1 = frame[1]
        self.d2 = frame[2]
        self.d3 = frame[3]
        self.heartbeat.on_status(now)
        if not self.is_up:
            return
        if self.d1 & chips.D1_NOT_SET:
            self._counters.inc(counts.MODEM_SPONTANEOUS_RESET)
            self.recovery.begin(now, CAUSE_RESET)
        elif not self.is_synchronised():
            self._counters.inc(counts.SYNC_LOST)
            self.recovery.resync(now)

    def on_link_taken(self, now: int) -> None:
        """The chip acknowledged the command on the interface."""
        self.desk.taken(now)

    def on_link_failed(self, now: int, why: int, was_sent: bool) -> None:
        """Every try failed: a NAK refuses the command, silence means the chip is dead."""
        command = self.desk.refused()
        if why == host_link.FAIL_NAK:
            self.desk.end(now, command, cmds.CMD_REFUSED)
        elif not self.is_up:
            self.desk.end(now, command, cmds.CMD_SILENT)
        else:
            self.desk.end(now, command, cmds.CMD_DOWN if was_sent else cmds.CMD_UNSENT)
            self.die(now, CAUSE_SILENT)

    def on_link_frame(self, now: int, frame: memoryview, n: int) -> None:
        """A frame from the chip, already acknowledged."""
        handler = self._frames.get(frame[2])
        if handler is None:
            self._counters.inc(counts.FRAME_UNKNOWN)
        else:
            handler(self, now, frame, n)

    # --- frames by code ---

    def _frame_table(self) -> "dict[int, Callable[[Modem, int, memoryview, int], None]]":
        chip = self.chip
        table: "dict[int, Callable[[Modem, int, memoryview, int], None]]" = {
            chip.ma_ind: Modem._ma_ind,
            chip.ma_bad_crc: Modem._ma_bad_crc,
            chip.synchro_ind: Modem._synchro_ind,
        }
        for code in chip.confirm_codes():
            table[code] = Modem._confirm_in
        if chip.syntax_error >= 0:
            table[chip.syntax_error] = Modem._syntax_error
        return table

    def _ma_ind(self, now: int, frame: memoryview, n: int) -> None:
        if self.is_up:
            self._listener.on_ma_ind(now, frame, _BODY, n - _BODY - _SUM_LEN)

    def _ma_bad_crc(self, now: int, frame: memoryview, n: int) -> None:
        self._counters.inc(counts.RX_BAD_CRC)
        if self.is_up:
            self._listener.on_bad_crc(now)

    def _synchro_ind(self, now: int, frame: memoryview, n: int) -> None:
        """Found, confirmed or lost: the status message tells which; ask for it now."""
        self.heartbeat.hurry(now)
        self.recovery.hurry(now)

    def _syntax_error(self, now: int, frame: memoryview, n: int) -> None:
        self._counters.inc(counts.SYNTAX_ERROR)
        self.desk.end(now, self.desk.abandon(), cmds.CMD_REFUSED)

    def _confirm_in(self, now: int, frame: memoryview, n: int) -> None:
        self.desk.confirm_in(now, frame, n)
