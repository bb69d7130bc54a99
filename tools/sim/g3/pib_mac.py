# SPDX-License-Identifier: MIT
"""The MAC's attributes (g3.md 2.8)."""

from typing import TYPE_CHECKING

from tools.sim.g3 import codes
from tools.sim.g3.pib import MAC_REFUSALS, Mirror, Number, Pib, PibError, Refusals

if TYPE_CHECKING:
    from tools.sim.g3.modem import G3Modem
    from tools.sim.g3.station import Station

PAN_ID, SHORT_ADDR, KEY_TABLE, FRAME_COUNTER, NEIGHBOURS = 0x50, 0x53, 0x71, 0x77, 0x10A
EXTENDED_ADDRESS, SECURITY_RESET = 0x08000001, 0x08000006
_MODEM_KEY_LEN = 16

# (number, octets, default): 1.2 where known
_NUMBERS = (
    (0x47, 1, 8), (0x49, 1, 0), (0x4C, 1, 0), (0x4E, 1, 50), (0x4F, 1, 3), (0x51, 1, 0), (0x59, 1, 5), (0x78, 1, 3),
    (0x100, 1, 7), (0x10D, 1, 2), (0x10E, 1, 255), (0x10F, 2, 0x7FFF), (0x111, 1, 12), (0x112, 1, 8), (0x113, 1, 5),
    (0x114, 1, 10), (0x11E, 1, 0), (0x11F, 1, 0), (0x121, 1, 0), (0x123, 1, 0), (0x08000004, 2, 0),
)  # fmt: skip
_READ_ONLY = ((0x122, 2, 0), (0x08000005, 2, 400), (0x08000021, 6, 0), (0x08000022, 6, 0),
              (0x0800002C, 1, 1), (0x0800002D, 2, 0))  # fmt: skip
_COUNTERS = {
    0x101: "tx_data", 0x102: "rx_data", 0x103: "tx_commands", 0x104: "rx_commands", 0x105: "csma_fail",
    0x106: "csma_no_ack", 0x107: "rx_broadcast", 0x108: "tx_broadcast", 0x109: "bad_crc",
    0x08000013: "rx_unknown_key", 0x08000014: "rx_wrong_frame_counter",
}  # fmt: skip
_LAST_DISCARD = 0x0800001C
_BAND_INFO = {"cen-a": bytes.fromhex("00F50006240600010206"), "fcc": bytes.fromhex("026D02184803020203 0C")}


class _Keys:
    """Both group keys; written only."""

    def __init__(self, mac: "Station") -> None:
        self._mac = mac

    def get(self, index: int, refusals: Refusals) -> bytes:
        """Never."""
        raise PibError(codes.UNAVAILABLE_KEY)

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Write a key, or delete it with an empty value."""
        if index > 1:
            raise PibError(refusals.bad_index)
        if len(value) not in (0, _MODEM_KEY_LEN):
            raise PibError(refusals.parameter)
        self._mac.keys.pop(index, None)
        if value:
            self._mac.keys[index] = bytes(value)


class _Tone:
    """Tone mask, 9 octets."""

    def __init__(self) -> None:
        self._mask = b"\xff" * 9

    def get(self, index: int, refusals: Refusals) -> bytes:
        """The mask."""
        return self._mask

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Another one."""
        if len(value) != len(self._mask):
            raise PibError(refusals.parameter)
        self._mask = bytes(value)


class _Reset:
    """Writing an empty (or any) value empties something."""

    def __init__(self, act: object) -> None:
        self._act = act

    def get(self, index: int, refusals: Refusals) -> bytes:
        """Nothing to read."""
        raise PibError(refusals.unsupported)

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Do it."""
        assert callable(self._act)
        self._act()


class Computed:
    """Rows made when asked for; `make(index)` returns None beyond the last one."""

    def __init__(self, make: object) -> None:
        self._make = make

    def get(self, index: int, refusals: Refusals) -> bytes:
        """One row."""
        assert callable(self._make)
        row = self._make(index)
        if row is None:
            raise PibError(refusals.bad_index)
        return row

    def set(self, index: int, value: bytes, refusals: Refusals) -> None:
        """Refused."""
        raise PibError(refusals.read_only)


class _Neighbours:
    """Rows of neighbour, POS and device tables out of what the twin's MAC knows."""

    def __init__(self, modem: "G3Modem") -> None:
        self._modem = modem

    def members(self) -> "list[Station]":
        """Nodes in range that are members of our PAN."""
        mac = self._modem.mac
        return [station for station in mac.links if station.is_member and station.pan_id == mac.pan_id]

    def _at(self, index: int, is_by_address: bool) -> "Station | None":
        members = self.members()
        if is_by_address:
            return next((station for station in members if station.short_addr == index), None)
        return members[index] if index < len(members) else None

    def neighbour(self, index: int, is_by_address: bool = False) -> bytes | None:
        """19 octets in dialect H, 21 in L."""
        station = self._at(index, is_by_address)
        if station is None:
            return None
        mac = self._modem.mac
        lqi, modulation = mac.links[station], mac.line.modulation(mac, station)
        row = station.short_addr.to_bytes(2, "big") + b"\x3f\x00\x00" + bytes((modulation,)) + bytes(8)
        row += bytes((0, 0, lqi)) + b"\x00\x02"
        assert len(row) == 19
        return row if self._modem.options.dialect == "H" else row + b"\x00\xff"

    def position(self, index: int, is_by_address: bool = False) -> bytes | None:
        """short(2) lqi(1) validTime(2)."""
        station = self._at(index, is_by_address)
        if station is None:
            return None
        return station.short_addr.to_bytes(2, "big") + bytes((self._modem.mac.links[station],)) + b"\x00\xff"

    def device(self, index: int) -> bytes | None:
        """pan(2) short(2) frameCounter(4)."""
        mac = self._modem.mac
        rows = mac.replay_rows()
        if index >= len(rows):
            return None
        eui64, counter = rows[index]
        short_addr = next((node.short_addr for node in mac.line.nodes if node.eui64 == eui64), codes.NO_ADDR)
        return mac.pan_id.to_bytes(2, "big") + short_addr.to_bytes(2, "big") + counter.to_bytes(4, "big")

    def count(self, index: int) -> bytes | None:
        """How many neighbours there are."""
        return None if index else len(self.members()).to_bytes(2, "big")


def mac_pib(modem: "G3Modem") -> Pib:
    """Attributes with their defaults."""
    pib = Pib(MAC_REFUSALS)
    table, mac, rows = pib.attributes, modem.mac, _Neighbours(modem)
    for number, size, value in _NUMBERS:
        table[number] = Number(size, value)
    for number, size, value in _READ_ONLY:
        table[number] = Number(size, value, is_writable=False)
    for number in range(0x08000013, _LAST_DISCARD + 1):
        table[number] = Number(4, 0, is_writable=False)
    for number, name in _COUNTERS.items():
        table[number] = Computed(lambda index, name=name: mac.counters[name].to_bytes(4, "big"))
    table[PAN_ID], table[SHORT_ADDR] = Mirror(2, modem, "wanted_pan_id"), Mirror(2, modem, "wanted_short_addr")
    table[FRAME_COUNTER], table[EXTENDED_ADDRESS] = Mirror(4, mac, "frame_counter"), Mirror(8, mac, "eui64")
    table[KEY_TABLE], table[0x110] = _Keys(mac), _Tone()
    table[NEIGHBOURS], table[0x120] = Computed(rows.neighbour), Computed(rows.position)
    table[0x08000000], table[0x08000012], table[0x0800001E] = map(Computed, (rows.device, rows.count, rows.count))
    table[0x08000002] = Computed(lambda addr: rows.neighbour(addr, is_by_address=True))
    table[0x08000027] = Computed(lambda addr: rows.position(addr, is_by_address=True))
    table[0x08000003] = Computed(lambda index: _BAND_INFO[mac.line.band.name])
    table[0x08000020] = Computed(lambda index: bytes(4))
    table[0x0800002A] = Computed(lambda index: bytes((max(mac.links.values(), default=0),)))
    table[SECURITY_RESET], table[0x08000023] = _Reset(mac.forget_counters), _Reset(mac.counters.clear)
    return pib
