# SPDX-License-Identifier: MIT
"""The trace file of a G3 segment: USI frames, datagrams and LBP on the line, APDUs at the meters (tools.sim.trace)."""

from tools.sim.g3 import ipv6
from tools.sim.g3.node import G3Node
from tools.sim.g3.segment import G3Segment
from tools.sim.trace import Trace, title_text

_NO_SAPS = (0, None)


class G3Trace(Trace):
    """Writes one line per event, at once. LBP frames have sap 0; packets that are not DLMS carry the whole packet."""

    def watch_g3(self, segment: G3Segment) -> None:
        """Trace UART and line of a segment."""
        segment.chip.tap = lambda direction, frame: self.write("uart", direction, "", _NO_SAPS, frame)
        segment.line.on_packet = lambda direction, station, packet: self._packet(segment, direction, station, packet)
        segment.line.on_lbp = lambda direction, nsdu: self.write(
            "line", direction, title_text(nsdu[2:10]), _NO_SAPS, nsdu
        )
        for node in segment.nodes.values():
            node.tap = self._g3_meter

    def _g3_meter(self, direction: str, node: G3Node, saps: tuple[int, int], apdu: bytes) -> None:
        self.write("meter", direction, title_text(node.title), (saps[1], saps[0]), apdu)

    def _packet(self, segment: G3Segment, direction: str, station: object, octets: bytes) -> None:
        packet = ipv6.parse(octets)
        node = title_text(station.title) if isinstance(station, G3Node) else self._title_at(segment, packet.dest)
        try:
            source, dest, apdu = ipv6.unwrap(ipv6.parse_udp(packet).content)
        except ipv6.Ipv6Error:
            self.write("line", direction, node, _NO_SAPS, octets)
            return
        saps = (source, dest) if direction == "up" else (dest, source)
        self.write("line", direction, node, saps, apdu)

    @staticmethod
    def _title_at(segment: G3Segment, address: bytes) -> str:
        short_addr = ipv6.short_of(address)
        found = [node for node in segment.registered() if node.short_addr == short_addr]
        return title_text(found[0].title) if len(found) == 1 else ""
