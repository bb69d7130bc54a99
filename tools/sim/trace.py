# SPDX-License-Identifier: MIT
"""The trace file: JSON lines of everything that passes on UART, line, meter side and WAN side.

Keys: t (s since the start), at, dir, node (title, "" for all or unknown), sap, hex; `client` = the
client SAP where there is one. On the WAN sap is the gateway's SAP, elsewhere the server SAP in the meter;
CIASE PDUs have sap 0. "line" and "meter" carry the APDU alone, so that they compare with "wan".
"""

import json
import time
from pathlib import Path

from tools.sim.mac_frame import LLC_CONTROL
from tools.sim.node import Node
from tools.sim.segment import Segment

_HEADER_LEN = 3
_CIASE_SAP = 0


class Trace:
    """Writes one line per event, at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1, encoding="ascii")
        self._start = time.monotonic()

    def write(self, at: str, direction: str, node: str, saps: tuple[int, int | None], octets: bytes) -> None:
        """One event; saps = (sap, client SAP or None)."""
        entry = {"t": round(time.monotonic() - self._start, 6), "at": at, "dir": direction, "node": node}
        entry["sap"] = saps[0]
        if saps[1] is not None:
            entry["client"] = saps[1]
        entry["hex"] = octets.hex().upper()
        if not self._file.closed:
            self._file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        """No more events."""
        self._file.close()

    def watch(self, segment: Segment) -> None:
        """Trace UART and line of a segment."""
        segment.chip.host.tap = self._uart
        segment.line.on_transmit = lambda tx: self._line(segment, tx)
        for node in segment.nodes.values():
            self.watch_node(node)

    def watch_node(self, node: Node) -> None:
        """Trace a node's DLMS server."""
        node.tap = self._meter

    def _uart(self, direction: str, octets: bytes) -> None:
        self.write("uart", direction, "", (0, None), octets)

    def _meter(self, direction: str, node: Node, saps: tuple[int, int], apdu: bytes) -> None:
        self.write("meter", direction, title_text(node.title), (saps[1], saps[0]), apdu)

    def _line(self, segment: Segment, tx) -> None:  # noqa: ANN001 - line.Transmission
        m_sdu, sender = tx.frame.m_sdu, tx.sender
        is_up = isinstance(sender, Node)
        if len(m_sdu) <= _HEADER_LEN or m_sdu[0] != LLC_CONTROL:
            self.write("line", "up" if is_up else "down", "", (0, None), m_sdu)
            return
        client_sap, server_sap = (m_sdu[1], m_sdu[2]) if is_up else (m_sdu[2], m_sdu[1])
        saps: tuple[int, int | None] = (server_sap, client_sap)
        if server_sap == _CIASE_SAP:
            saps = (0, None)
        node = title_text(sender.title) if is_up else title_at(segment, tx.frame.dest)
        self.write("line", "up" if is_up else "down", node, saps, m_sdu[_HEADER_LEN:])


def title_text(title: bytes) -> str:
    """Title as it is written in files and on the command line."""
    return title.hex().upper()


def title_at(segment: Segment, mac_addr: int) -> str:
    """Title of the node with an individual MAC address, "" for all, none or several."""
    found = [node for node in segment.registered() if node.mac_addr == mac_addr]
    return title_text(found[0].title) if len(found) == 1 else ""
