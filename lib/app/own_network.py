# SPDX-License-Identifier: MIT
"""The WAN side as SAP 1 shows it: TCP-UDP, IPv4, MAC address and IPv6 setup (classes 41, 42, 43, 48).

Port, connections and idle time are settings: management changes them, for the next start. Addresses are what
the machine has now (DHCP); the gateway listens on IPv4 only, so every list of IPv6 addresses is empty.
"""

from micropython import const

from dlms.cosem.object import ROLE_KEYED
from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.settings import Settings
    from dlms.cosem.object import CosemObject

    # (address, mask, gateway, name server: dotted; MAC address; 1 = by DHCP)
    Facts = tuple[str, str, str, str, bytes, int]

_IPV4_NAME = b"\x00\x00\x19\x01\x00\xff"
_MAC_NAME = b"\x00\x00\x19\x02\x00\xff"
_ROWS = (
    # 2 TCP-UDP_port, 3 IP_reference, 4 MSS (the network stack's own), 5 nb_of_sim_conn, 6 inactivity_time_out
    (41, 41, 0, b"\x00\x00\x19\x00\x00\xff", "", "H:m o - B:m H:m"),
    # 2 DL_reference, 3 IP_address, 4 multicast_IP_address, 5 IP_options, 6 subnet_mask, 7 gateway_IP_address,
    # 8 use_DHCP_flag, 9 and 10 DNS addresses; methods add, delete, get number of multicast addresses
    (42, 42, 0, b"\x00\x00\x19\x01\x00\xff", "---", "o I [I [BBo I I ? I I"),
    (43, 43, 0, b"\x00\x00\x19\x02\x00\xff", "", "o"),
    # 2 DL_reference, 3 address_config_mode, 4 unicast, 5 multicast, 6 gateway addresses, 7 and 8 DNS addresses,
    # 9 traffic_class, 10 neighbor_discovery_setup; methods add, remove an address
    (48, 48, 0, b"\x00\x00\x19\x07\x00\xff", "--", "o e [o [o [o o o B [BII"),
)
_TCP, _IPV4, _MAC = const(41), const(42), const(43)
# attribute of class 41 -> setting
_PORT, _SESSIONS, _IDLE = const(2), const(5), const(6)
_MOST_IDLE_S = const(0xFFFF)
# attribute of class 42 -> place in Facts
_PLACES = {3: 0, 6: 1, 7: 2, 9: 3}


def _path(attribute: int) -> str:
    if attribute == _PORT:
        return "wan.port"
    return "wan.sessions" if attribute == _SESSIONS else "wan.idle_s"


class OwnNetwork:
    """RowSource. `facts()` asks the machine."""

    def __init__(self, settings: "Settings", facts: "Callable[[], Facts]") -> None:
        self._settings = settings
        self._facts = facts

    def objects(self) -> "list[CosemObject]":
        """For everybody who has authenticated."""
        return objects(_ROWS, self, ROLE_KEYED)

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """RowSource."""
        if key == _MAC:
            return self._facts()[4]
        if attribute == 2 and key != _TCP:
            return _MAC_NAME
        if key == _TCP:
            return _IPV4_NAME if attribute == 3 else self._setting(attribute)
        return self._ipv4(attribute) if key == _IPV4 else _ipv6(attribute)

    def _setting(self, attribute: int) -> int:
        value: int = self._settings.value(_path(attribute))  # type: ignore[assignment]
        return min(value, _MOST_IDLE_S)

    def _ipv4(self, attribute: int) -> int:
        facts = self._facts()
        if attribute == 8:
            return facts[5]
        if attribute not in _PLACES:
            return 0
        address: str = facts[_PLACES[attribute]]  # type: ignore[assignment]
        return int.from_bytes(octets_of(address), "big")

    def count(self, key: int, attribute: int) -> int:
        """RowSource: every list is empty."""
        return 0

    def generation(self, key: int, attribute: int) -> int:
        """RowSource: every list is empty."""
        return 0

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """Class 41: the next start listens there."""
        return self._settings.change(now, _path(attribute), fields[0])


def _ipv6(attribute: int) -> "int | bytes":
    """No name servers, mode auto-configuration, traffic class 0."""
    return b"" if attribute in (7, 8) else 0


def octets_of(address: str) -> bytes:
    """The 4 octets of a dotted address; zeros when it is none."""
    parts = address.split(".")
    if len(parts) != 4 or not all([part.isdigit() and int(part) < 256 for part in parts]):
        return bytes(4)
    return bytes([int(part) for part in parts])
