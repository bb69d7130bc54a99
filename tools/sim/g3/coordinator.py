# SPDX-License-Identifier: MIT
"""The modem's MAC: the PAN's coordinator as a station on the line."""

from typing import TYPE_CHECKING

from tools.sim.g3 import codes
from tools.sim.g3.codes import COORD_ADDR, NO_ADDR
from tools.sim.g3.station import Station

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem


class Coordinator(Station):
    """Hands what it hears to the modem's parts. Its frame counter survives resets, its tables do not."""

    def __init__(self, modem: "G3Modem") -> None:
        super().__init__(modem.line, modem.options.eui64, modem.options.device_table)
        self._modem = modem
        self.foreign_pans: dict[int, int] = {}  # other networks in range: PAN id -> LQI
        modem.line.coordinator = self

    @property
    def is_hearing(self) -> bool:
        """Only while its network is started, or while it looks for others."""
        return self._modem.is_initialised and not self._modem.faults.hung

    def begin(self, pan_id: int) -> None:
        """NETWORK_START."""
        self.pan_id, self.short_addr = pan_id, COORD_ADDR

    def stop(self) -> None:
        """Reset: no member of anything, no keys."""
        self.pan_id = self.short_addr = NO_ADDR
        self.keys.clear()
        self.active_key = 0
        self.forget_counters()

    def on_data(self, packet: bytes, path: "list[Station]") -> None:
        """An IPv6 packet from a node."""
        self._modem.data_path.on_packet(packet, path)

    def on_lbp(self, nsdu: bytes, origin: Station) -> None:
        """An LBP frame relayed by an agent, or from a member."""
        self._modem.lbp_port.heard(nsdu, origin, is_secured=True)

    def on_path_request(self) -> None:
        """A node traces its path to us."""
        self._modem.emit(codes.PREQ_IND)

    def on_bare_lbp(self, nsdu: bytes, sender: Station) -> None:
        """An LBP frame straight from a joining device."""
        self._modem.lbp_port.heard(nsdu, sender, is_secured=False)
