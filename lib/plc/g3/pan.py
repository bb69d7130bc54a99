# SPDX-License-Identifier: MIT
"""Which PAN id: the one the network was formed with, else one that nobody else is heard using.

Source: g3.md 2.9 (5, 6, 8), 2.4 (NETWORK_STATUS_IND). Our own nodes answer a discovery with our
own PAN id after a restart, so only a beacon from address 0 (another coordinator) or the
modem's report of our id in a foreign frame is a conflict. Own policy: report and stay;
`pan_conflict` "move" forms the network anew under another id.
"""

from array import array

from micropython import const

from plc.g3 import counts
from plc.g3 import shared as kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.network_record import NetworkRecord
    from plc.g3.shared import Shared

_HEARD_MAX = const(16)
_LAST = const(0xFFFE)


class Pan:
    """`wanted` is the PAN id to be used or in use."""

    def __init__(self, shared: "Shared", record: "NetworkRecord") -> None:
        self.wanted = shared.settings["pan_id"]
        self.conflicts = 0
        self._shared = shared
        self._record = record
        self._heard = array("H", [0] * _HEARD_MAX)
        self._next = 0
        self._is_moving = False

    def restart(self) -> None:
        """A new way up begins: the id of the formed network, if there is one."""
        self.wanted = self._record.pan_id or self._shared.settings["pan_id"]

    def beacon(self, now: int, pan_id: int, lba: int) -> None:
        """A DISCOVERY_INDICATION."""
        self._shared.counters.inc(counts.BEACONS)
        if pan_id != self.wanted or not self._record.pan_id:
            self._note(now, pan_id)
        elif lba == 0:
            self._conflict(now, pan_id)

    def status(self, now: int, pan_id: int) -> bool:
        """NETWORK_STATUS_IND alternate PAN id; True when the network must move."""
        if pan_id != self.wanted:
            self._note(now, pan_id)
            return False
        self._conflict(now, pan_id)
        return self._is_moving

    def choose(self) -> None:
        """Discovery is over: settle `wanted`."""
        if self._record.pan_id and not self._is_moving:
            return
        while self._is_heard(self.wanted) or not 0 < self.wanted <= _LAST:
            self.wanted = (self.wanted + 1) & 0xFFFF

    def started(self, now: int) -> None:
        """The network runs under `wanted`: that is kept."""
        self._is_moving = False
        if self._record.pan_id != self.wanted:
            self._record.pan_id = self.wanted
            self._record.save()
        self._shared.tell(now, kinds.PAN_STARTED, number=self.wanted)

    # --- inside ---

    def _conflict(self, now: int, pan_id: int) -> None:
        self.conflicts += 1
        self._shared.counters.inc(counts.PAN_CONFLICTS)
        self._shared.tell(now, kinds.PAN_CONFLICT, number=pan_id)
        if self._shared.settings.text("pan_conflict") == "move":
            self._remember(pan_id)
            self._is_moving = True

    def _note(self, now: int, pan_id: int) -> None:
        if not self._is_heard(pan_id):
            self._remember(pan_id)
            self._shared.counters.inc(counts.PAN_FOREIGN)
            self._shared.tell(now, kinds.PAN_FOREIGN, number=pan_id)

    def _is_heard(self, pan_id: int) -> bool:
        for heard in self._heard:
            if heard == pan_id:
                return True
        return False

    def _remember(self, pan_id: int) -> None:
        self._heard[self._next] = pan_id
        self._next = (self._next + 1) % _HEARD_MAX
