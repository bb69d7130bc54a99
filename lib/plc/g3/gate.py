# SPDX-License-Identifier: MIT
"""May this EUI-64 join, and which row and PSK does it get: the same rules for both dialects.

Source: g3.md 2.10 (answer at once, never during a rekey), 5, 10. Law: only who has a PSK here
gets a row (rows are flash and addresses: strangers must not be able to use them up), and the
address belongs to the EUI-64 for good.
"""

from micropython import const

from plc.access import BLOCKED
from plc.g3 import counts
from plc.g3 import shared as kinds
from plc.medium import NODE_ASSIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.contract import Nodes
    from plc.g3.outside import Outside
    from plc.g3.shared import Shared
    from plc.g3.watch import Watch

_PSK_LEN = const(16)
NOBODY = const(-1)


class Gate:
    """`psk`: the PSK of the node judged last, ours; wiped by `wipe`. `is_joining(EUI-64)`, set by the owner: a join
    of that node is under way."""

    is_joining: "Callable[[memoryview], bool]"

    def __init__(self, nodes: "Nodes", watch: "Watch", outside: "Outside", shared: "Shared") -> None:
        self.psk = memoryview(bytearray(_PSK_LEN))
        self._nodes = nodes
        self._watch = watch
        self._links = watch.links
        self._access = outside.access
        self._psks = outside.psks
        self._shared = shared

    def is_welcome(self, now: int, eui64: memoryview, is_rekeying: bool) -> bool:
        """Judge a joiner; when True its PSK stands in `psk`. Counts and tells why not."""
        if is_rekeying:
            return self._refuse(now, eui64, counts.JOIN_REFUSED_REKEY, kinds.JOIN_REFUSED)
        if not self._access.may_join(eui64):
            return self._refuse(now, eui64, counts.JOIN_REFUSED_LIST, kinds.JOIN_REFUSED)
        if not self._psks.psk_into(eui64, self.psk):
            return self._refuse(now, eui64, counts.JOIN_UNKNOWN, kinds.JOIN_UNKNOWN)
        return True

    def is_shut(self, now: int, eui64: "bytes | memoryview") -> bool:
        """The joiner has been blocked since it was welcome. Counts and tells."""
        return self._access.mark(eui64) == BLOCKED and not self._refuse(
            now, eui64, counts.JOIN_REFUSED_LIST, kinds.JOIN_REFUSED
        )

    def has_psk(self, eui64: memoryview) -> bool:
        """Load the PSK of a node that is in the network already (rekey); who is blocked is to be left behind."""
        return self._access.mark(eui64) != BLOCKED and self._psks.psk_into(eui64, self.psk)

    def may_return(self, row: int) -> bool:
        """A member would be let in again if it joined anew."""
        eui64 = memoryview(bytearray(self._nodes.title_len))
        self._nodes.title_into(row, eui64, 0)
        is_welcome = self._access.may_join(eui64) and self._psks.psk_into(eui64, self.psk)
        self.wipe()
        return is_welcome

    def row_for(self, now: int, eui64: memoryview) -> int:
        """The row of a joiner, made when it has none; NOBODY when there is no room, or it was blocked meanwhile."""
        if self.is_shut(now, eui64):
            return NOBODY
        row = self._nodes.find(eui64)
        if row < 0:
            row = self._new_row(eui64)
        if row < 0:
            self._refuse(now, eui64, counts.JOIN_REFUSED_FULL, kinds.JOIN_REFUSED)
            return NOBODY
        return row

    def wipe(self) -> None:
        """The PSK is not needed any more."""
        for i in range(_PSK_LEN):
            self.psk[i] = 0

    def _refuse(self, now: int, eui64: "bytes | memoryview", counter: int, kind: int) -> bool:
        self._shared.counters.inc(counter)
        self._shared.tell(now, kind, eui64, counter)
        return False

    def _new_row(self, eui64: memoryview) -> int:
        """A free row, or that of one that never finished its join and was looked for in vain since; NOBODY = none.

        NOTE: a wrong PSK, or a shared one and made-up names: each takes a row and never comes. Kept for good, over
        restarts too, those rows would shut everybody else out. That nobody answers there makes its address free, and
        sets the pace: strangers cannot have flash written faster than nodes are looked for. But not while he tries
        again: both would end up with one address, and he be expelled at the end of his join.
        """
        row = self._nodes.add(eui64) if self._unverified() < self._shared.settings["unverified_max"] else NOBODY
        if row >= 0:
            self._links.clear(row)
            return row
        least = self._shared.settings["lost_after"]
        for row in range(self._nodes.end()):
            if self._nodes.state(row) == NODE_ASSIGNED and self._links.fails(row) >= least and self._is_left(row):
                row = self._nodes.hand_over(row, eui64)
                if row >= 0:
                    self._links.clear(row)
                return row
        return NOBODY

    def _is_left(self, row: int) -> bool:
        """No join of its node is under way, nor is it looked for: found, it would have passed for the next one."""
        if row == self._watch.row:
            return False
        eui64 = memoryview(bytearray(self._nodes.title_len))
        self._nodes.title_into(row, eui64, 0)
        return not self.is_joining(eui64)

    def _unverified(self) -> int:
        count = 0
        for row in range(self._nodes.end()):
            if self._nodes.state(row) == NODE_ASSIGNED:
                count += 1
        return count
