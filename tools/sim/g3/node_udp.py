# SPDX-License-Identifier: MIT
"""A node's IPv6 host: DLMS server behind UDP 4059 and the wrapper, echo replies, pushes (g3.md 1.3)."""

from typing import TYPE_CHECKING

from tools.sim.g3 import airtime, ipv6
from tools.sim.g3.codes import COORD_ADDR

if TYPE_CHECKING:
    from tools.sim.g3.node import G3Node


class UdpServer:
    """Packets in, answers out after the node's think time; each answer goes where its request came from."""

    def __init__(self, node: "G3Node") -> None:
        self._node = node
        self._epoch = 0

    def reset(self) -> None:
        """Open requests are forgotten."""
        self._epoch += 1

    @property
    def address(self) -> bytes:
        """Own link-local address."""
        return ipv6.link_local(self._node.pan_id, self._node.short_addr)

    def on_packet(self, octets: bytes) -> None:
        """An IPv6 packet arrived."""
        counters = self._node.counters
        try:
            packet = ipv6.parse(octets)
            is_multicast = ipv6.is_multicast(packet.dest)
            if not is_multicast and ipv6.short_of(packet.dest) != self._node.short_addr:
                counters["not_mine"] += 1
            elif packet.protocol == ipv6.ICMPV6:
                self._echo(packet)
            else:
                self._datagram(packet, is_multicast)
        except ipv6.Ipv6Error:
            counters["bad_packets"] += 1

    def _echo(self, packet: ipv6.Packet) -> None:
        reply = ipv6.echo_reply(packet, self.address) if self._node.options.answers_echo else None
        if reply is not None:
            self._node.counters["echoes"] += 1
            self._send(reply)

    def _datagram(self, packet: ipv6.Packet, is_multicast: bool) -> None:
        node = self._node
        datagram = ipv6.parse_udp(packet)
        if datagram.dest_port != ipv6.DLMS_PORT:
            node.counters["closed_port"] += 1
            return
        client_sap, server_sap, apdu = ipv6.unwrap(datagram.content)
        if not apdu:
            raise ipv6.Ipv6Error("empty APDU")
        node.counters["broadcasts" if is_multicast else "requests"] += 1
        node.tap("down", node, (client_sap, server_sap), apdu)
        if is_multicast:
            node.server.request(client_sap, server_sap, apdu, lambda answer: None)
            return
        source = packet.dest
        epoch = self._epoch

        def reply(answer: bytes | None) -> None:
            if answer is not None and epoch == self._epoch:
                self._answer((source, packet.source), datagram.source_port, (client_sap, server_sap), answer)

        node.server.request(client_sap, server_sap, apdu, reply)

    def _answer(self, ends: tuple[bytes, bytes], port: int, saps: tuple[int, int], apdu: bytes) -> None:
        node = self._node
        node.tap("up", node, saps, apdu)
        content = ipv6.wrap(saps[1], saps[0], apdu)
        packet = ipv6.udp(ends[0], ends[1], (ipv6.DLMS_PORT, port), content)
        self._later(packet)

    def push(self, client_sap: int, server_sap: int, apdu: bytes) -> None:
        """An unsolicited APDU to the coordinator's port 4059."""
        node = self._node
        node.tap("up", node, (client_sap, server_sap), apdu)
        coordinator = ipv6.link_local(node.pan_id, COORD_ADDR)
        ports = (ipv6.DLMS_PORT, ipv6.DLMS_PORT)
        packet = ipv6.udp(self.address, coordinator, ports, ipv6.wrap(server_sap, client_sap, apdu))
        self._later(packet)

    def _later(self, packet: bytes) -> None:
        delay_us = self._node.options.think_us + self._node.line.uplink_delay_us()
        self._node.kernel.call_later(delay_us, self._send_if, packet, self._epoch)

    def _send_if(self, packet: bytes, epoch: int) -> None:
        if epoch == self._epoch:
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        node = self._node
        if len(packet) > 1280:
            node.counters["too_long"] += 1
            return
        node.counters["uplinks"] += 1
        node.send_up(packet, airtime.ipv6_lens(packet))
