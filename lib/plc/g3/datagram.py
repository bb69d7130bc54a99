# SPDX-License-Identifier: MIT
"""One APDU in one IPv6 packet: IPv6 40, UDP 8, wrapper 8 octets in front of it.

Source: g3.md 1.3 (link-local addresses FE80::PPPP:00FF:FE00:SSSS from PAN id and short
address, DLMS wrapper, port 4059), RFC 8200, RFC 768. The UDP checksum is not optional in
IPv6. Multicast FF02::gggg reaches the 6LoWPAN group 0x8000 | gggg (RFC 4944 9).
"""

import struct

from micropython import const

from plc.g3 import counts

HEAD_LEN = const(56)
MULTICAST = const(0x10000)  # added to a group number: dst of `put`
_IP_LEN = const(40)
_UDP_LEN = const(8)
_WRAPPER_LEN = const(8)
_NEXT_UDP = const(17)
_NEXT_ICMP = const(58)
_ECHO_LEN = const(16)  # header 8, 8 octets of data
_ECHO_REQUEST = const(128)
_ECHO_REPLY = const(129)
ECHO = const(-1)  # what `parse` says of an echo reply: `ident` is set
_VERSION = const(6)
_WRAPPER_VERSION = const(1)
_ALL_NODES = const(1)


class Datagram:
    """Writes and reads packets of one PAN. After `parse`: `src`, `client_sap`, `server_sap`, `apdu_off`, `apdu_len`."""

    def __init__(self, port: int, hop_limit: int) -> None:
        self.pan_id = 0
        self.src = 0
        self.ident = 0
        self.client_sap = 0
        self.server_sap = 0
        self.apdu_off = 0
        self.apdu_len = 0
        self._port = port
        self._hop_limit = hop_limit

    def put(self, mv: memoryview, off: int, dst: int, saps: "tuple[int, int]", apdu_len: int) -> int:
        """Write the headers at mv[off:] for the APDU at mv[off + HEAD_LEN:]; octets of the packet.

        `dst` = short address, or MULTICAST + group. `saps` = (client SAP, server SAP).
        """
        udp_len = _UDP_LEN + _WRAPPER_LEN + apdu_len
        at = self._put_ip(mv, off, dst, _NEXT_UDP, udp_len)
        struct.pack_into(">HHHH", mv, at, self._port, self._port, udp_len, 0)
        struct.pack_into(">HHHH", mv, at + _UDP_LEN, _WRAPPER_VERSION, saps[0], saps[1], apdu_len)
        struct.pack_into(">H", mv, at + 6, checksum(mv, off, udp_len, _NEXT_UDP) or 0xFFFF)
        return _IP_LEN + udp_len

    def put_echo(self, mv: memoryview, off: int, dst: int, ident: int) -> int:
        """Write an ICMPv6 echo request (RFC 4443) to the short address `dst`; octets of the packet."""
        at = self._put_ip(mv, off, dst, _NEXT_ICMP, _ECHO_LEN)
        struct.pack_into(">BBHHHII", mv, at, _ECHO_REQUEST, 0, 0, ident, 0, 0, 0)
        struct.pack_into(">H", mv, at + 2, checksum(mv, off, _ECHO_LEN, _NEXT_ICMP))
        return _IP_LEN + _ECHO_LEN

    def parse(self, mv: memoryview, off: int, n: int) -> int:
        """Read the packet mv[off:off+n] from a node to us: 0 an APDU, ECHO, or the counter of what is wrong."""
        if n < HEAD_LEN or mv[off] >> 4 != _VERSION or mv[off + 6] not in (_NEXT_UDP, _NEXT_ICMP):
            return counts.RX_NOT_UDP
        length = mv[off + 4] << 8 | mv[off + 5]
        if length != n - _IP_LEN:
            return counts.RX_BAD_LENGTH
        src, dst = self._short_of(mv, off + 8), self._short_of(mv, off + 24)
        if src <= 0 or (dst and not _is_all_nodes(mv, off + 24)):
            return counts.RX_NOT_FOR_US
        self.src = src
        if mv[off + 6] == _NEXT_ICMP:
            return self._parse_echo(mv, off, length)
        return self._parse_udp(mv, off, length)

    def _parse_echo(self, mv: memoryview, off: int, length: int) -> int:
        at = off + _IP_LEN
        if checksum(mv, off, length, _NEXT_ICMP):
            return counts.RX_BAD_CHECKSUM
        if mv[at] != _ECHO_REPLY:
            return counts.RX_NOT_UDP
        self.ident = mv[at + 4] << 8 | mv[at + 5]
        return ECHO

    def _parse_udp(self, mv: memoryview, off: int, udp_len: int) -> int:
        at = off + _IP_LEN
        if udp_len != mv[at + 4] << 8 | mv[at + 5]:
            return counts.RX_BAD_LENGTH
        if not mv[at + 6] | mv[at + 7] or checksum(mv, off, udp_len, _NEXT_UDP):
            return counts.RX_BAD_CHECKSUM
        if mv[at + 2] << 8 | mv[at + 3] != self._port:
            return counts.RX_OTHER_PORT
        version, server_sap, client_sap, length = struct.unpack_from(">HHHH", mv, at + _UDP_LEN)
        if version != _WRAPPER_VERSION or length != udp_len - _UDP_LEN - _WRAPPER_LEN:
            return counts.RX_BAD_WRAPPER
        self.server_sap = server_sap
        self.client_sap = client_sap
        self.apdu_off = at + _UDP_LEN + _WRAPPER_LEN
        self.apdu_len = length
        return 0

    def _put_ip(self, mv: memoryview, off: int, dst: int, next_header: int, length: int) -> int:
        """IPv6 header for a payload of `length` octets; where the payload begins."""
        struct.pack_into(">IHBB", mv, off, _VERSION << 28, length, next_header, self._hop_limit)
        self._put_address(mv, off + 8, 0)
        if dst >= MULTICAST:
            struct.pack_into(">HIIIH", mv, off + 24, 0xFF02, 0, 0, 0, dst - MULTICAST)
        else:
            self._put_address(mv, off + 24, dst)
        return off + _IP_LEN

    def _put_address(self, mv: memoryview, off: int, short_addr: int) -> None:
        struct.pack_into(">HIHHHHH", mv, off, 0xFE80, 0, 0, self.pan_id, 0x00FF, 0xFE00, short_addr)

    def _short_of(self, mv: memoryview, off: int) -> int:
        """Short address in a link-local address of our PAN; -1 for any other address."""
        head, zero, zeros, pan_id, ff, fe, short_addr = struct.unpack_from(">HIHHHHH", mv, off)
        if head != 0xFE80 or zero or zeros or pan_id != self.pan_id or ff != 0x00FF or fe != 0xFE00:
            return -1
        return short_addr  # type: ignore[no-any-return]


def _is_all_nodes(mv: memoryview, off: int) -> bool:
    head, a, b, c, group = struct.unpack_from(">HIIIH", mv, off)
    return head == 0xFF02 and not (a or b or c) and group == _ALL_NODES


def checksum(mv: memoryview, off: int, length: int, next_header: int) -> int:
    """Internet checksum over pseudo-header and payload of the packet at mv[off:]; 0 when a sent one fits."""
    total = length + next_header
    end = off + _IP_LEN + length
    for i in range(off + 8, end - 1, 2):
        total += mv[i] << 8 | mv[i + 1]
    if length & 1:
        total += mv[end - 1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
