# SPDX-License-Identifier: MIT
"""Where an APDU from the WAN is meant to go.

By its E6 prefix (physical device address), else by its destination wPort: the gateway's own
logical device, the broadcast SAP, a meter's gateway LD, or an extra SAP from the
configuration. Answers into its own attributes, so that routing allocates nothing.
"""

from micropython import const

from base.errors import RemoteError
from dlms.gateway_prefix import TAG_GATEWAY_REQUEST, GatewayPrefix
from gateway.sap import BROADCAST_SAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.registration import Table

OWN_SAP = const(1)
METER_SAP = const(1)  # a gateway LD stands for the meter's management logical device

# Where it goes (the answer of `resolve`).
TO_NODE = const(0)
TO_OWN = const(1)
TO_ALL = const(2)
TO_NOBODY = const(3)  # unknown SAP or unknown physical device
TO_BAD = const(4)  # prefix malformed, or prefixes are switched off


class Router:
    """Resolves destinations; `node`, `server_sap`, `prefix_len` hold the rest of the answer.

    `extras` maps an extra SAP to (title octets, server SAP inside that meter).
    `network_id`: the one E6 network id that is served, or -1 for any.
    """

    def __init__(
        self,
        table: "Table",
        extras: "dict[int, tuple[bytes, int]]",
        prefix_enabled: bool = True,
        network_id: int = -1,
    ) -> None:
        self._table = table
        self._extras = extras
        self._prefix_enabled = prefix_enabled
        self._network_id = network_id
        self.prefix = GatewayPrefix()
        self.node = -1
        self.server_sap = 0
        self.prefix_len = 0  # octets of the E6 prefix in front of the APDU, 0 = none

    def resolve(self, destination: int, buf: memoryview, off: int, length: int) -> int:
        """TO_* for the APDU at buf[off:off+length] sent to wPort `destination`."""
        self.node = -1
        self.prefix_len = 0
        if buf[off] == TAG_GATEWAY_REQUEST:
            return self._by_prefix(destination, buf, off, length)
        self.server_sap = METER_SAP
        if destination == OWN_SAP:
            return TO_OWN
        if destination == BROADCAST_SAP:
            return TO_ALL
        self.node = self._table.row_of_sap(destination)
        if self.node < 0 and destination in self._extras:
            title, self.server_sap = self._extras[destination]
            self.node = self._table.find(title)
        return TO_NODE if self.node >= 0 else TO_NOBODY

    def _by_prefix(self, destination: int, buf: memoryview, off: int, length: int) -> int:
        if not self._prefix_enabled:
            return TO_BAD
        try:
            self.prefix_len = self.prefix.parse(buf, off, length)
        except RemoteError:
            return TO_BAD
        if self._network_id not in (-1, self.prefix.network_id):
            return TO_NOBODY
        self.server_sap = destination
        self.node = self._node_at(buf[self.prefix.addr_off : self.prefix.addr_off + self.prefix.addr_len])
        return TO_NODE if self.node >= 0 else TO_NOBODY

    def _node_at(self, address: memoryview) -> int:
        """Row of a physical device address: a title, or two octets of MAC / short address."""
        if len(address) == 2:
            return self._table.row_of_addr(address[0] << 8 | address[1])
        return self._table.find(address)
