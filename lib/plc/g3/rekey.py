# SPDX-License-Identifier: MIT
"""Rotation of the group key in two phases, a timer per node, a retry queue; nobody can stall it.

Source: g3.md 2.10, 3.6. Phase 1 gives every reachable node the new key, phase 2 tells those that
have it to use it, then the coordinator switches. Each node gets `rekey.tries` tries, a pass
over all nodes apart; who misses it is told and must join again. The old key is understood for
`rekey.grace_s` more, then overwritten: a stolen one ends with it. The new key is on flash before
anybody gets it: after a power cut the rotation goes on with it. Joins are refused meanwhile.
"""

from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.g3 import counts
from plc.g3 import shared as kinds
from plc.medium import NODE_ONLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.contract import RekeyCarrier
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

# Phases.
IDLE = const(0)
STARTING = const(1)
DISTRIBUTE = const(2)
ACTIVATE = const(3)
ENDING = const(4)

# Per node.
_OUT = const(0)  # not part of it
_TODO = const(1)
_GOT = const(2)
_ACTIVE = const(3)
_MISSED = const(4)
_STEP_MS = const(1000)
_EUI_LEN = const(8)
_GRACE_MAX_S = const(432000)  # ticks reach 6 days


class Rekey:
    """`phase` IDLE..ENDING. `begin` starts one; the carrier is the dialect's bootstrapping."""

    def __init__(self, nodes: "Nodes", record: "NetworkRecord", carrier: "RekeyCarrier", shared: "Shared") -> None:
        self.phase = IDLE
        self.missed_cnt = 0
        self._nodes = nodes
        self._record = record
        self._carrier = carrier
        self._shared = shared
        settings = shared.settings
        self._parallel = settings["rekey.parallel"]
        self._node_ms = 1000 * settings.timeout_ms("rekey.timeout_s")
        self._tries = settings["rekey.tries"]
        self._marks = bytearray(nodes.capacity)
        self._rows = array("h", [-1] * self._parallel)
        self._dues = [0] * self._parallel  # ticks: wider than 32 bits on some ports
        self._eui64 = memoryview(bytearray(_EUI_LEN))
        self._pass = 0
        self._cursor = 0
        self._step_due = 0
        self._ended_s = 0
        self._grace_ms = 1000 * min(settings["rekey.grace_s"], _GRACE_MAX_S)
        self._grace_due: "int | None" = None

    @property
    def is_on(self) -> bool:
        """A rotation is under way: nobody may join."""
        return self.phase != IDLE

    def begin(self, now: int) -> bool:
        """Start a rotation with a new key from the random source; False when one is under way."""
        if self.phase != IDLE:
            return False
        self._record.draw_key(self._record.other)
        self._record.is_rekeying = True
        if not self._record.save():
            self._record.is_rekeying = False
            return False
        self._grace_due = None
        self._start(now)
        return True

    def restart(self, now: int) -> None:
        """The modem has come up: a rotation that was under way begins again, with the same key."""
        self.phase = IDLE
        self._grace_due = None
        if self._record.is_rekeying:
            self._start(now)
        elif self._record.has_key(self._record.other):
            self._grace_due = ticks_add(now, self._grace_ms)

    def ready(self, now: int, is_ok: bool) -> None:
        """The modem has the new key (or not: try again)."""
        if self.phase != STARTING:
            return
        if is_ok:
            self._enter(now, DISTRIBUTE)
        else:
            self._step_due = ticks_add(now, self._node_ms)

    def completed(self, now: int, row: int) -> bool:
        """`row` has done what it was asked; False when nothing was asked of it."""
        for i in range(self._parallel):
            if self._rows[i] == row:
                self._rows[i] = -1
                self._marks[row] = _GOT if self.phase == DISTRIBUTE else _ACTIVE
                self._step_due = now
                return True
        return False

    def refused(self, now: int, row: int) -> None:
        """`row` cannot do what it was asked (dialect L knows at once)."""
        for i in range(self._parallel):
            if self._rows[i] == row:
                self._dues[i] = now

    def ended(self, now: int, is_ok: bool) -> None:
        """The coordinator has switched (or not: tell it again)."""
        if self.phase != ENDING:
            return
        if not is_ok:
            self._step_due = ticks_add(now, self._node_ms)
            return
        for row in range(self._nodes.end()):
            if self._is_new(row):
                self._miss(now, row)
        self.phase = IDLE
        self._ended_s = self._shared.seconds(now)
        self._grace_due = ticks_add(now, self._grace_ms)
        self._record.active = self._record.other
        self._record.is_rekeying = False
        self._record.save()
        self._shared.counters.inc(counts.REKEYS)
        self._shared.tell(now, kinds.REKEY_DONE, number=self.missed_cnt)

    def ended_lately(self, now: int, within_s: int) -> bool:
        """A rotation ended less than so long ago, or is under way."""
        return self.is_on or (self._ended_s > 0 and self._shared.seconds(now) - self._ended_s < within_s)

    def progress(self) -> "tuple[int, int, int, int]":
        """Nodes (to do, with the new key, using it, missed)."""
        cnts = [0] * 5
        for mark in self._marks:
            cnts[mark] += 1
        return cnts[_TODO], cnts[_GOT], cnts[_ACTIVE], cnts[_MISSED]

    def on_deadline(self, now: int) -> None:
        """Time-outs of nodes; the next ones; the next phase."""
        if self.phase == IDLE:
            return self._drop_old_key(now)
        if ticks_diff(now, self._due()) < 0:
            return None
        self._step_due = ticks_add(now, _STEP_MS)
        return _STEPS[self.phase](self, now)

    def next_deadline(self) -> "int | None":
        """Soonest of the nodes' timers and the own step."""
        return self._grace_due if self.phase == IDLE else self._due()

    def old_key_dropped(self, is_ok: bool) -> None:
        """The modem no longer has the old key (or still has: the next attempt follows)."""
        if is_ok and self.phase == IDLE:
            self._grace_due = None
            self._record.drop_key(self._record.other)
            self._record.save()

    # --- phases ---

    def _start(self, now: int) -> None:
        self.missed_cnt = 0
        for row in range(self._nodes.capacity):
            self._marks[row] = _TODO if row < self._nodes.end() and self._nodes.state(row) == NODE_ONLINE else _OUT
        self._shared.tell(now, kinds.REKEY_BEGUN, number=self._record.other)
        self._enter(now, STARTING)
        self._tell_modem(now)

    def _enter(self, now: int, phase: int) -> None:
        self.phase = phase
        self._pass = 0
        self._cursor = 0
        self._step_due = now
        for i in range(self._parallel):
            self._rows[i] = -1

    def _tell_modem(self, now: int) -> None:
        self._step_due = ticks_add(now, self._node_ms)
        self._carrier.rekey_begin(now, self._record.other, self._record.key(self._record.other))

    def _serve(self, now: int) -> None:
        """Phase 1 or 2: expire, refill, or go on when everybody has been served."""
        in_work = 0
        for i in range(self._parallel):
            if self._rows[i] >= 0 and ticks_diff(now, self._dues[i]) >= 0:
                self._failed(i)
            if self._rows[i] < 0:
                self._fill(now, i)
            in_work += self._rows[i] >= 0
        if in_work:
            return
        if self.phase == DISTRIBUTE:
            for row in range(self._nodes.end()):
                if self._is_new(row):
                    self._marks[row] = _TODO
        if self._pass < self._tries - 1 and self._has_open():
            self._pass += 1
            self._cursor = 0
            self._step_due = ticks_add(now, self._node_ms)
            return
        self._close_phase(now)

    def _close_phase(self, now: int) -> None:
        open_state = _TODO if self.phase == DISTRIBUTE else _GOT
        for row in range(self._nodes.end()):
            if self._marks[row] == open_state:
                self._miss(now, row)
        if self.phase == DISTRIBUTE:
            self._enter(now, ACTIVATE)
        else:
            self._enter(now, ENDING)

    def _end(self, now: int) -> None:
        self._step_due = ticks_add(now, self._node_ms)
        self._carrier.rekey_end(now, self._record.other, self._record.key(self._record.other))

    def _drop_old_key(self, now: int) -> None:
        if self._grace_due is not None and ticks_diff(now, self._grace_due) >= 0:
            self._grace_due = ticks_add(now, self._node_ms)
            self._carrier.rekey_drop(now, self._record.other, self._record.nonsense())

    # --- one node ---

    def _fill(self, now: int, slot: int) -> None:
        open_state = _TODO if self.phase == DISTRIBUTE else _GOT
        end = self._nodes.end()
        while self._cursor < end:
            row = self._cursor
            self._cursor += 1
            if self._marks[row] == open_state and self._ask(now, row):
                self._rows[slot] = row
                self._dues[slot] = ticks_add(now, self._node_ms)
                return

    def _ask(self, now: int, row: int) -> bool:
        if self.phase == ACTIVATE:
            return self._carrier.rekey_activate(now, row)
        if self._carrier.rekey_distribute(now, row):
            return True
        self._nodes.title_into(row, self._eui64, 0)
        self._shared.tell(now, kinds.REKEY_WANTS_PSK, self._eui64, row)
        return False

    def _failed(self, slot: int) -> None:
        """No answer in time: again in the next pass, behind everybody else."""
        self._rows[slot] = -1
        self._shared.counters.inc(counts.REKEY_RETRIES)

    def _miss(self, now: int, row: int) -> None:
        self._marks[row] = _MISSED
        self.missed_cnt += 1
        self._shared.counters.inc(counts.REKEY_MISSED)
        self._nodes.title_into(row, self._eui64, 0)
        self._shared.tell(now, kinds.REKEY_MISSED, self._eui64, row)

    def _is_new(self, row: int) -> bool:
        """Not there when it began: a join under way has ended meanwhile, or a lost node is back; with the old key."""
        return self._marks[row] == _OUT and self._nodes.state(row) == NODE_ONLINE

    def _has_open(self) -> bool:
        open_state = _TODO if self.phase == DISTRIBUTE else _GOT
        for mark in self._marks:
            if mark == open_state:
                return True
        return False

    def _due(self) -> int:
        soonest = self._step_due
        for i in range(self._parallel):
            if self._rows[i] >= 0 and ticks_diff(self._dues[i], soonest) < 0:
                soonest = self._dues[i]
        return soonest


_R = Rekey
_STEPS = (_R._end, _R._tell_modem, _R._serve, _R._serve, _R._end)
