# SPDX-License-Identifier: MIT
"""One transaction on the air at a time: request, its repetitions, the window for the reply.

Source: sfsk.md 1.4 (the chip confirms after the first transmission; the line stays taken
for IC x N slots), 1.5 (airtime), 4.6.1 (transmission status). Law: an accepted transaction
ends exactly once, with an outcome that is never better than what is known: NOT_SENT only
when the chip certainly did not send it.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.medium import DONE_LINK_DOWN, DONE_NO_REPLY, DONE_NOT_SENT, DONE_REPLIED, DONE_SENT
from plc.sfsk import airtime, counts, llc
from plc.sfsk import chip as chips
from plc.sfsk import command as cmds
from plc.sfsk.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from plc.sfsk.airtime import Airtime
    from plc.sfsk.contract import LineOwner
    from plc.sfsk.modem import Modem
    from plc.sfsk.settings import Settings

# States.
FREE = const(0)
SENDING = const(1)  # with the chip, not confirmed
RETRY = const(2)  # the chip was busy; asked again after a slot
ON_AIR = const(3)  # repetitions, then the reply window
DRAIN = const(4)  # over, but somebody's repetitions still occupy the line

# Events.
ON_CONFIRM = const(0)
ON_BUSY = const(1)
ON_REFUSED = const(2)
ON_UNSENT = const(3)
ON_DOWN = const(4)
ON_TIMER = const(5)
ON_REPLY = const(6)

_CONFIRM_MARGIN_MS = const(500)
_REFUSAL_MS = const(100)  # within this a refusal is the chip's answer to the frame it has just taken
_CONFIRM_SLOTS = const(3)  # waiting for a slot, and for a frame that is being heard
_BUSY_CODES = (chips.TX_RESOURCE_BUSY, chips.TX_BUFFER_BUSY, chips.TX_BUFFER_BUSY_2)


class Line:
    """The line as seen from here; the segment looks at `state` after every event."""

    def __init__(self, modem: "Modem", air: "Airtime", settings: "Settings", counters: "Counters") -> None:
        self.state = FREE
        self.owner: "LineOwner | None" = None
        self.repeated_at = 0  # end of our own repetitions
        self.data_owner: "LineOwner | None" = None  # everybody else is the segment itself
        self.drain_ms = 0  # what the last transaction keeps the line for after its end
        self.own_air_ms = 0  # line time of everybody else, wrapping at 2**30
        self._modem = modem
        self._air = air
        self._counters = counters
        self._command = Command(self, cmds.PRIO_TRANSMIT)
        self._widen = settings["uart_widen"]
        self._busy_tries = settings["busy_tries"]
        self._tries = 0
        self._slots = 0
        self._credit = 0
        self._window_ms = -1
        self._due = 0
        self._begun_at = 0
        self._busy_until = 0
        self._is_busy_known = False

    def begin(
        self, now: int, owner: "LineOwner", mv: memoryview, apdu: "tuple[int, int]", credit: int, window_ms: int
    ) -> None:
        """Send the APDU at `apdu` = (off, length), headers already in front of it. Only when FREE.

        `window_ms`: how long to wait for a reply after our last repetition; -1 = none comes.
        `mv` is the line's until owner.on_line_over.
        """
        off, length = apdu
        msdu_len = length + llc.LLC_LEN
        self.owner = owner
        self._begun_at = now
        self._slots = airtime.subframes(msdu_len)
        self._credit = credit
        self._window_ms = window_ms
        self._tries = self._busy_tries
        self._command.load(mv, off - llc.HEADROOM, self._modem.chip.ma_req, llc.MAC_LEN + msdu_len)
        wait_ms = self._air.slots_ms(self._slots + _CONFIRM_SLOTS) + _CONFIRM_MARGIN_MS * self._widen
        self._command.expect(self._modem.chip.ma_cnf, cmds.NO_CONFIRM, wait_ms)
        self._command.earliest_ms = self._air.slots_ms(self._slots - 1)
        self._submit(now)

    def modem_down(self, now: int) -> None:
        """The modem went down while the line was held."""
        self._on(now, ON_DOWN)

    def end_replied(self, now: int) -> None:
        """The reply has come; the transaction is over."""
        self._on(now, ON_REPLY)

    def extend(self, now: int, window_ms: int) -> None:
        """More is expected: wait `window_ms` from the end of what occupies the line now."""
        start = self._busy_until if self._is_busy(now) else now
        self._due = ticks_add(start, window_ms)

    def postpone(self, span_ms: int) -> None:
        """Somebody else's frame took `span_ms` of the reply window."""
        self._due = ticks_add(self._due, span_ms)

    def hear(self, now: int, pending_ms: int) -> None:
        """A frame was received that will be repeated for `pending_ms` more."""
        until = ticks_add(now, pending_ms)
        if pending_ms and (not self._is_busy(now) or ticks_diff(until, self._busy_until) > 0):
            self._busy_until = until
            self._is_busy_known = True
            if self.state == FREE:
                self.state = DRAIN

    def hold(self, now: int, span_ms: int) -> None:
        """Keep the line for `span_ms` after the transaction (a procedure of the stations)."""
        self.hear(now, span_ms)

    def on_deadline(self, now: int) -> None:
        """Act on the end of a wait."""
        if self.state == DRAIN and not self._is_busy(now):
            self.state = FREE
        elif self.state in (RETRY, ON_AIR) and ticks_diff(now, self._due) >= 0:
            self._on(now, ON_TIMER)

    def next_deadline(self) -> "int | None":
        """End of the wait under way."""
        if self.state == DRAIN:
            return self._busy_until
        return self._due if self.state in (RETRY, ON_AIR) else None

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the transmit request ended."""
        if result == cmds.CMD_OK:
            self._on_status(now, mv[off] if n else chips.TX_SYNTAX)
        else:
            self._on(now, _EVENTS[result])

    # --- events ---

    def _on(self, now: int, event: int) -> None:
        _TABLE[self.state][event](self, now)

    def _on_status(self, now: int, status: int) -> None:
        event = ON_CONFIRM
        if status in _BUSY_CODES:
            self._counters.inc(counts.TX_BUSY)
            event = ON_BUSY
        elif status != chips.TX_OK:
            self._counters.inc(_REFUSALS.get(status, counts.TX_UNKNOWN_STATUS))
            self._modem.heartbeat.hurry(now)  # 0A: the status will say what state it is in
            event = ON_REFUSED
        else:
            self._modem.recovery.worked()
        # NOTE: a chip refuses at once. A refusal that took as long as the frame takes may be the
        # answer to the frame before, and this one on the air.
        waited_ms = ticks_diff(now, self._modem.desk.taken_at)
        is_late = waited_ms >= max(self._air.slots_ms(self._slots), _REFUSAL_MS * self._widen)
        self._on(now, ON_CONFIRM if is_late else event)

    def _submit(self, now: int) -> None:
        self.state = SENDING
        if not self._modem.submit(now, self._command):
            self._not_sent(now)

    def _confirmed(self, now: int) -> None:
        self._counters.inc(counts.TX_FRAMES)
        self.state = ON_AIR
        self.repeated_at = ticks_add(now, self._air.slots_ms(self._slots * self._credit))
        self._due = ticks_add(self.repeated_at, max(self._window_ms, 0))
        if self.owner is not None:
            self.owner.on_line_sent(now)

    def _wait_slot(self, now: int) -> None:
        self._tries -= 1
        if not self._tries:
            self._counters.inc(counts.TX_BUSY_GIVEN_UP)
            return self._not_sent(now)
        self.state = RETRY
        self._due = ticks_add(now, max(self._air.slots_ms(1), 1))
        return None

    def _not_sent(self, now: int) -> None:
        self._over(now, DONE_NOT_SENT)

    def _link_down(self, now: int) -> None:
        self._over(now, DONE_LINK_DOWN)

    def _replied(self, now: int) -> None:
        self._over(now, DONE_REPLIED)

    def _window_over(self, now: int) -> None:
        self._over(now, DONE_SENT if self._window_ms < 0 else DONE_NO_REPLY)

    def _over(self, now: int, outcome: int) -> None:
        owner = self.owner
        self.owner = None
        self.state = DRAIN if self._is_busy(now) else FREE
        self.drain_ms = ticks_diff(self._busy_until, now) if self.state == DRAIN else 0
        if owner is not self.data_owner:
            spent_ms = ticks_diff(now, self._begun_at) + self.drain_ms
            self.own_air_ms = self.own_air_ms + max(spent_ms, 0) & 0x3FFFFFFF
        if owner is not None:
            owner.on_line_over(now, outcome)

    def _nothing(self, now: int) -> None:
        """Without meaning in this state."""

    def _is_busy(self, now: int) -> bool:
        if self._is_busy_known and ticks_diff(now, self._busy_until) >= 0:
            self._is_busy_known = False
        return self._is_busy_known


_L = Line
# Columns: CONFIRM, BUSY, REFUSED, UNSENT, DOWN, TIMER, REPLY.
_TABLE = (
    (_L._nothing,) * 7,  # FREE
    (_L._confirmed, _L._wait_slot, _L._not_sent, _L._not_sent, _L._link_down, _L._nothing, _L._nothing),  # SENDING
    (_L._nothing, _L._nothing, _L._nothing, _L._not_sent, _L._not_sent, _L._submit, _L._nothing),  # RETRY
    (_L._nothing, _L._nothing, _L._nothing, _L._link_down, _L._link_down, _L._window_over, _L._replied),  # ON_AIR
    (_L._nothing,) * 7,  # DRAIN
)
# By command.CMD_*: a missing confirm leaves the frame probably sent, so the window is kept.
_EVENTS = (ON_CONFIRM, ON_REFUSED, ON_REFUSED, ON_CONFIRM, ON_UNSENT, ON_DOWN, ON_UNSENT)
_REFUSALS = {chips.TX_SYNTAX: counts.TX_SYNTAX, chips.TX_NOT_ALLOWED: counts.TX_NOT_ALLOWED}
