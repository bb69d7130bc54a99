# SPDX-License-Identifier: MIT
"""A whole simulated G3 PAN in virtual time: kernel, line, modem, meters; the shape of tools.sim.segment.Segment.

    segment = G3Segment(G3Options(meters=8))
    segment.chip.on_output = host_octets.extend
    segment.chip.host_write(frame)
    segment.kernel.run_for(20_000)
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.sim.g3.line import G3Line
from tools.sim.g3.modem import G3Modem
from tools.sim.g3.node import G3Node
from tools.sim.g3.options import G3NodeOptions, G3Options
from tools.sim.g3.topology import Topology
from tools.sim.kernel import Kernel
from tools.sim.server import DlmsServer, EchoServer


def meter_eui64(number: int) -> bytes:
    """EUI-64 of built-in meter 1..: 'SIM', zeros, its number (53494D0000000001)."""
    return b"SIM" + number.to_bytes(5, "big")


class G3Segment:
    """Parts: kernel, line, chip (the modem), nodes (EUI-64 -> G3Node, also those taken off the line)."""

    def __init__(
        self,
        options: G3Options | None = None,
        make_server: "Callable[[bytes], DlmsServer]" = lambda title: EchoServer(),
        kernel: Kernel | None = None,
    ) -> None:
        self.options = options or G3Options()
        self.kernel = kernel or Kernel()
        self.line = G3Line(self.kernel, self.options.line)
        self.chip = G3Modem(self.line, self.options.modem)
        self._topology = Topology(self.line, self.options.hops)
        self.nodes: dict[bytes, G3Node] = {}
        for number in range(1, self.options.meters + 1):
            eui64 = meter_eui64(number)
            self.add(eui64, make_server(eui64))

    def add(self, title: bytes, server: DlmsServer, options: G3NodeOptions | None = None) -> G3Node:
        """Put one more meter on the line; it powers up within `start_s`."""
        if title in self.nodes:
            raise ValueError("two nodes with EUI-64 " + title.hex())
        node = G3Node(self.line, title, server, options or replace(self.options.node))
        self._topology.place(node)
        self.nodes[title] = node
        node.join()
        return node

    def add_rogue(self, title: bytes, psk: bytes | None = None) -> G3Node:
        """A joiner whose PSK nobody has (or a wrong one of its choice)."""
        psk = psk or self.line.random["access"].randbytes(16)
        return self.add(title, EchoServer(), replace(self.options.node, psk=psk, is_rogue=True))

    def registered(self) -> "Iterator[G3Node]":
        """Nodes that are members of a PAN now."""
        return (node for node in self.nodes.values() if node.is_member)

    def honest(self) -> "Iterator[G3Node]":
        """Nodes that are supposed to join."""
        return (node for node in self.nodes.values() if not node.options.is_rogue)

    def psks(self) -> dict[str, str]:
        """What the operator knows: EUI-64 -> PSK, both upper-case hex; no rogues."""
        return {node.title.hex().upper(): node.psk.hex().upper() for node in self.honest()}

    def replay_lbp(self, title: bytes | None = None) -> bool:
        """Send the last (or that device's last) overheard LBP frame with content again; False when there is none."""
        for agent, node, nsdu in reversed(self.line.sniffed):
            if len(nsdu) > 10 and title in (None, node.eui64):
                agent.on_bare_lbp(nsdu, node)
                return True
        return False

    def report(self) -> dict:
        """Statistics of line and modem."""
        return {"line": self.line.report(), "chip": self.chip.report()}

    def close(self) -> None:
        """Release what the servers hold."""
        for node in self.nodes.values():
            node.server.close()
