# SPDX-License-Identifier: MIT
"""A whole simulated segment in virtual time: kernel, line, modem chip, meters.

    segment = Segment(SegmentOptions(meters=8))
    segment.chip.on_output = host_octets.extend
    segment.chip.set_t_req(True)
    segment.kernel.run_for(20_000)
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.sim.chip import Chip
from tools.sim.kernel import Kernel
from tools.sim.line import Line
from tools.sim.mac_frame import ADDR_NEW
from tools.sim.node import Node
from tools.sim.options import NodeOptions, SegmentOptions
from tools.sim.server import DlmsServer, EchoServer


def meter_title(number: int, title_len: int = 8) -> bytes:
    """Title of built-in meter 1..: 'SIM', zeros, its number (53494D0000000001)."""
    return b"SIM" + number.to_bytes(title_len - 3, "big")


class Segment:
    """Parts: kernel, line, chip, nodes (title -> Node, also those taken off the line)."""

    def __init__(
        self,
        options: SegmentOptions | None = None,
        make_server: "Callable[[bytes], DlmsServer]" = lambda title: EchoServer(),
        kernel: Kernel | None = None,
    ) -> None:
        self.options = options or SegmentOptions()
        self.kernel = kernel or Kernel()
        self.line = Line(self.kernel, self.options.line)
        self.chip = Chip(self.line, self.options.chip)
        self.nodes: dict[bytes, Node] = {}
        for number in range(1, self.options.meters + 1):
            title = meter_title(number, self.options.title_len)
            self.add(title, make_server(title))

    def add(self, title: bytes, server: DlmsServer, options: NodeOptions | None = None) -> Node:
        """Put one more meter on the line."""
        if title in self.nodes:
            raise ValueError("two nodes with title " + title.hex())
        node = Node(self.line, title, server, options or replace(self.options.node))
        self.nodes[title] = node
        return node

    def registered(self) -> "Iterator[Node]":
        """Nodes that have an individual MAC address now."""
        return (node for node in self.nodes.values() if node.mac_addr != ADDR_NEW)

    def close(self) -> None:
        """Release what the servers hold."""
        for node in self.nodes.values():
            node.server.close()
