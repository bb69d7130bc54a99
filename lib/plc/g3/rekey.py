# SPDX-License-Identifier: MIT
"""Rotation of the group key in two phases, a timer per node, a retry queue; nobody can stall it.

Source: g3.md 2.10, 3.6. Phase 1 gives every reachable node the new key, phase 2 tells those that
have it to use it, then the coordinator switches; unless more nodes would be left behind than come
along. Each node gets `rekey.tries` tries, a pass over all nodes apart; who misses it is told and
must join again. The old key is understood for `rekey.grace_s` more, then overwritten: a stolen one
ends with it. The new key is on flash before anybody gets it: after a power cut the rotation goes on
with it. Joins are refused meanwhile.
"""

from array import array

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.g3 import counts
from plc.g3 import rekey_nodes as marks
from plc.g3 import shared as kinds
from plc.g3.rekey_nodes import RekeyNodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.contract import RekeyCarrier
    from plc.g3.links import Links
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

# Phases.
IDLE = const(0)
STARTING = const(1)
DISTRIBUTE = const(2)
ACTIVATE = const(3)
ENDING = const(4)

_STEP_MS = const(1000)
_EUI_LEN = const(8)
_GRACE_MAX_S = const(432000)  # ticks reach 6 days


class Rekey:
    """`phase` IDLE..ENDING. `begin` starts one; the carrier is the dialect's bootstrapping."""

    def __init__(
        self, nodes: "Nodes", links: "Links", record: "NetworkRecord", carrier: "RekeyCarrier", shared: "Shared"
    ) -> None:
        self.phase = IDLE
        self.missed_cnt = 0
        self.nodes = RekeyNodes(nodes, links)
        self._marks = self.nodes.marks
        self._nodes = nodes
        self._record = record
        self._carrier = carrier
        self._shared = shared
        settings = shared.settings
        self._parallel = settings["rekey.parallel"]
        self._node_ms = 1000 * settings.timeout_ms("rekey.timeout_s")
        self._tries = settings["rekey.tries"]
        self._rows = array("h", [-1] * self._parallel)
        self._dues = [0] * self._parallel  # ticks: wider than 32 bits on some ports
        self._eui64 = memoryview(bytearray(_EUI_LEN))
        self._pass = 0
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
        """`row` has done what it was asked; False when nothing was asked of it.

        NOTE: in dialect H it has not: the last frame has left the modem, and is on its way over the other hops. The
        next node's frames at once, and it drowned: of 190 nodes up to eight were told and had not heard.
        """
        for i in range(self._parallel):
            if self._rows[i] == row:
                self._rows[i] = -1
                self._marks[row] = marks.GOT if self.phase == DISTRIBUTE else marks.ACTIVE
                self._step_due = ticks_add(now, self._carrier.hop_rest_ms * self.nodes.relays(row))
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
            if self.nodes.is_new(row):
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
        """Nodes (to do, with the new key, using it, missed).

        A node counts as using it when it has been told (dialect H: when that has left the modem), and once all is
        over when it has been heard since: before, its new key is not proved.
        """
        todo, got, told, missed = self.nodes.progress()
        if self.phase != IDLE or not told:
            return todo, got, told, missed
        proved = self.nodes.heard_since(self._ended_s)
        return todo, got + told - proved, proved, missed

    def is_out_of_step(self, row: int) -> bool:
        """`row`, which is silent, may hear us and speak with the old key, now that nobody understands that.

        NOTE: its orphan timer never runs out, for it does hear us; only a KICK gets it out of there.
        """
        is_over = self.phase == IDLE and self._grace_due is None
        return is_over and self._marks[row] in (marks.ACTIVE, marks.MISSED)

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
        self.nodes.start()
        self._shared.tell(now, kinds.REKEY_BEGUN, number=self._record.other)
        self._enter(now, STARTING)
        self._tell_modem(now)

    def _enter(self, now: int, phase: int) -> None:
        self.phase = phase
        self._pass = 0
        self.nodes.rewind()
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
            if not self._pass:
                self._carrier.rekey_preload(now, self._record.other, self._record.key(self._record.other))
            for row in range(self._nodes.end()):
                if self.nodes.is_new(row):
                    self._marks[row] = marks.TODO
        if self._pass < self._tries - 1 and self.nodes.count(self._open_mark()):
            self._pass += 1
            self.nodes.rewind()
            self._step_due = ticks_add(now, self._node_ms)
            return
        self._close_phase(now)

    def _close_phase(self, now: int) -> None:
        todo, got, _, _ = self.progress()
        if todo > got and self.phase == DISTRIBUTE:
            return self._abandon(now, todo)
        for row in range(self._nodes.end()):
            if self._marks[row] == self._open_mark():
                self._miss(now, row)
        return self._enter(now, ACTIVATE if self.phase == DISTRIBUTE else ENDING)

    def _abandon(self, now: int, missed: int) -> None:
        """Most would be left behind (no PSKs here, a blackout): the key in use stays, the new one is overwritten."""
        self._carrier.rekey_cancel(now)
        self.phase = IDLE
        self._ended_s = self._shared.seconds(now)  # late answers may still come, their short address meaningless
        self._grace_due = now
        self._record.is_rekeying = False
        self._record.save()
        self.missed_cnt = missed
        self._shared.tell(now, kinds.REKEY_DONE, number=missed)

    def _end(self, now: int) -> None:
        if self._carrier.rekey_end(now, self._record.other, self._record.key(self._record.other)):
            self._step_due = ticks_add(now, self._node_ms)

    def _drop_old_key(self, now: int) -> None:
        if self._grace_due is not None and ticks_diff(now, self._grace_due) >= 0:
            self._grace_due = ticks_add(now, self._node_ms)
            self._carrier.rekey_drop(now, self._record.other, self._record.nonsense())

    # --- one node ---

    def _fill(self, now: int, slot: int) -> None:
        row = self.nodes.next(self._open_mark())
        while row >= 0 and not self._ask(now, row):
            row = self.nodes.next(self._open_mark())
        self._rows[slot] = row
        self._dues[slot] = ticks_add(now, self._node_ms)

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
        self._marks[row] = marks.MISSED
        self.missed_cnt += 1
        self._shared.counters.inc(counts.REKEY_MISSED)
        self._nodes.title_into(row, self._eui64, 0)
        self._shared.tell(now, kinds.REKEY_MISSED, self._eui64, row)

    def _open_mark(self) -> int:
        """Where those stand whom this phase has still to serve."""
        return marks.TODO if self.phase == DISTRIBUTE else marks.GOT

    def _due(self) -> int:
        soonest = self._step_due
        for i in range(self._parallel):
            if self._rows[i] >= 0 and ticks_diff(self._dues[i], soonest) < 0:
                soonest = self._dues[i]
        return soonest


_R = Rekey
_STEPS = (_R._end, _R._tell_modem, _R._serve, _R._serve, _R._end)
