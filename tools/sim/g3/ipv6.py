# SPDX-License-Identifier: MIT
"""IPv6, UDP and ICMPv6 echo, and the DLMS wrapper inside UDP (g3.md 1.3; RFC 8200, 768, 4443).

Addresses are bytes(16). A G3 interface id carries the PAN id and the short address.
"""

import struct
from typing import NamedTuple

UDP, ICMPV6 = 17, 58
DLMS_PORT = 4059
HEADER_LEN = 40
_UDP_HEADER_LEN = 8
_HOP_LIMIT = 64
_ECHO_REQUEST, _ECHO_REPLY = 128, 129
ALL_NODES = bytes.fromhex("FF020000000000000000000000000001")
_LINK_LOCAL = bytes.fromhex("FE80000000000000")
_SHORT_TAIL = bytes.fromhex("00FFFE00")


class Ipv6Error(ValueError):
    """Not a packet that can be carried or understood."""


class Packet(NamedTuple):
    """An IPv6 packet; `content` behind its header."""

    source: bytes
    dest: bytes
    protocol: int
    content: bytes


class Datagram(NamedTuple):
    """A UDP datagram."""

    source_port: int
    dest_port: int
    content: bytes


def link_local(pan_id: int, short_addr: int) -> bytes:
    """FE80::PPPP:00FF:FE00:SSSS."""
    return _LINK_LOCAL + pan_id.to_bytes(2, "big") + _SHORT_TAIL + short_addr.to_bytes(2, "big")


def short_of(address: bytes) -> int | None:
    """Short address in an interface id, None when it is of another kind."""
    is_short = address[10:14] == _SHORT_TAIL and address[0] != 0xFF
    return int.from_bytes(address[14:], "big") if is_short else None


def is_multicast(address: bytes) -> bool:
    """FF00::/8."""
    return address[0] == 0xFF


def _sum16(octets: bytes) -> int:
    if len(octets) & 1:
        octets += b"\x00"
    total = sum(struct.unpack(">%dH" % (len(octets) // 2), octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(packet: Packet, content: bytes) -> int:
    """Checksum over pseudo header and `content`; 0 over content that carries its own, right, one."""
    pseudo = packet.source + packet.dest + struct.pack(">IxxxB", len(content), packet.protocol)
    return ~_sum16(pseudo + content) & 0xFFFF


def build(packet: Packet, hop_limit: int = _HOP_LIMIT) -> bytes:
    """The octets of a packet."""
    head = struct.pack(">IHBB", 0x60000000, len(packet.content), packet.protocol, hop_limit)
    return head + packet.source + packet.dest + packet.content


def parse(octets: bytes) -> Packet:
    """Read a packet; Ipv6Error when version or length is wrong."""
    if len(octets) < HEADER_LEN or octets[0] >> 4 != 6:
        raise Ipv6Error("not IPv6")
    if int.from_bytes(octets[4:6], "big") != len(octets) - HEADER_LEN:
        raise Ipv6Error("payload length")
    return Packet(octets[8:24], octets[24:40], octets[6], octets[40:])


def udp(source: bytes, dest: bytes, ports: tuple[int, int], content: bytes) -> bytes:
    """A UDP packet with its checksum; ports = (source, destination)."""
    head = struct.pack(">HHH", ports[0], ports[1], _UDP_HEADER_LEN + len(content))
    bare = Packet(source, dest, UDP, head + b"\x00\x00" + content)
    check = checksum(bare, bare.content) or 0xFFFF
    return build(bare._replace(content=head + check.to_bytes(2, "big") + content))


def parse_udp(packet: Packet) -> Datagram:
    """The datagram in a packet; a missing or wrong checksum is an error in IPv6."""
    content = packet.content
    if packet.protocol != UDP or len(content) < _UDP_HEADER_LEN:
        raise Ipv6Error("not UDP")
    source_port, dest_port, size, check = struct.unpack_from(">HHHH", content)
    if size != len(content) or not check or checksum(packet, content):
        raise Ipv6Error("UDP length or checksum")
    return Datagram(source_port, dest_port, content[_UDP_HEADER_LEN:])


def echo_reply(packet: Packet, source: bytes) -> bytes | None:
    """Answer to an ICMPv6 echo request, None when it is none."""
    content = packet.content
    if packet.protocol != ICMPV6 or len(content) < 8 or content[0] != _ECHO_REQUEST or checksum(packet, content):
        return None
    bare = Packet(source, packet.source, ICMPV6, bytes((_ECHO_REPLY, 0, 0, 0)) + content[4:])
    check = checksum(bare, bare.content)
    return build(bare._replace(content=bytes((_ECHO_REPLY, 0)) + check.to_bytes(2, "big") + content[4:]))


def wrap(source_wport: int, dest_wport: int, apdu: bytes) -> bytes:
    """The DLMS wrapper."""
    return struct.pack(">HHHH", 1, source_wport, dest_wport, len(apdu)) + apdu


def unwrap(content: bytes) -> tuple[int, int, bytes]:
    """(source wPort, destination wPort, APDU)."""
    if len(content) < 8:
        raise Ipv6Error("wrapper")
    version, source, dest, size = struct.unpack_from(">HHHH", content)
    if version != 1 or size != len(content) - 8:
        raise Ipv6Error("wrapper version or length")
    return source, dest, content[8:]
