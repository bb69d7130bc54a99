# SPDX-License-Identifier: MIT
"""Gateway prefix in front of an APDU (Green Book, DLMS gateway protocol; facts 2).

tag E6 request | E7 response, network id (1), length of the address (1), physical device
address, then the unchanged APDU. Nothing to do with `E6 E6 00` of the HDLC profile.
Law: the prefix is read and written around the APDU; the APDU itself never moves.
"""

from micropython import const

from base.errors import LocalError, RemoteError

TAG_GATEWAY_REQUEST = const(0xE6)
TAG_GATEWAY_RESPONSE = const(0xE7)
PREFIX_FIXED_LEN = const(3)  # tag, network id, length octet
# No source bounds the address. 32 holds every form in use here (title raw or as hex text,
# MAC or short address, EUI-64) with room, and bounds what an exchange has to remember.
MAX_ADDR_LEN = const(32)


class GatewayPrefix:
    """One parsed prefix; reused for every APDU, so parsing allocates nothing.

    `tag`, `network_id`, `addr_off` (offset in the parsed buffer) and `addr_len` are valid
    after a `parse` that returned more than 0, until the next one.
    """

    def __init__(self) -> None:
        self.tag = 0
        self.network_id = 0
        self.addr_off = 0
        self.addr_len = 0

    def parse(self, mv: memoryview, off: int, length: int) -> int:
        """Octets of the prefix of the APDU at `mv[off : off + length]`; 0 when it has none.

        The address length is taken as one octet or as `81 nn` (Gurux decodes an object
        count there). Raises RemoteError when the prefix is cut off, has an empty address
        or one over MAX_ADDR_LEN octets, or when no APDU follows it.
        """
        if not length or (mv[off] != TAG_GATEWAY_REQUEST and mv[off] != TAG_GATEWAY_RESPONSE):
            return 0
        fixed_len = PREFIX_FIXED_LEN
        if length > PREFIX_FIXED_LEN and mv[off + 2] == 0x81:
            fixed_len = PREFIX_FIXED_LEN + 1
        if length < fixed_len:
            raise RemoteError("gateway prefix cut off")
        addr_len = mv[off + fixed_len - 1]
        if not 0 < addr_len <= MAX_ADDR_LEN:
            raise RemoteError("gateway prefix: address length")
        if length <= fixed_len + addr_len:
            raise RemoteError("gateway prefix without APDU")
        self.tag = mv[off]
        self.network_id = mv[off + 1]
        self.addr_off = off + fixed_len
        self.addr_len = addr_len
        return fixed_len + addr_len


def encode_into(dst: "bytearray | memoryview", off: int, tag: int, network_id: int, addr: "bytes | memoryview") -> int:
    """Write a prefix at `dst[off]`; returns its octets, PREFIX_FIXED_LEN + len(addr).

    Written into the headroom: `off` = APDU offset - that sum. `addr` may not overlap the
    place written. Raises LocalError for an address of 0 or over MAX_ADDR_LEN octets.
    """
    addr_len = len(addr)
    if not 0 < addr_len <= MAX_ADDR_LEN:
        raise LocalError("gateway prefix: address of %d octets" % addr_len)
    dst[off] = tag
    dst[off + 1] = network_id
    dst[off + 2] = addr_len
    for i in range(addr_len):
        dst[off + PREFIX_FIXED_LEN + i] = addr[i]
    return PREFIX_FIXED_LEN + addr_len
