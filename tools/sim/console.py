# SPDX-License-Identifier: MIT
"""What the gateway prints: `<uptime s> <LEVEL> <event-name> key=value ...`, and the SAP table made of it."""

from dataclasses import dataclass, field

_LEVELS = ("DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL")


@dataclass
class Record:
    """One line of the console."""

    uptime: str
    level: str
    name: str
    fields: dict = field(default_factory=dict)
    text: str = ""


def parse(line: str) -> Record | None:
    """The record in a line, None when the line is something else (a traceback, say)."""
    parts = line.split()
    if len(parts) < 3 or parts[1] not in _LEVELS:
        return None
    try:
        float(parts[0])
    except ValueError:
        return None
    fields = dict(part.split("=", 1) for part in parts[3:] if "=" in part)
    return Record(parts[0], parts[1], parts[2], fields, line.strip())


@dataclass
class Row:
    """A node as the gateway sees it."""

    sap: int
    title: str
    state: str


class SapTable:
    """Titles and SAPs from node-up, node-lost, node-back, node-gone and node-restored."""

    _STATES = {
        "node-up": "online",
        "node-back": "online",
        "node-lost": "lost",
        "node-gone": "gone",
        "node-restored": "restored",
    }

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.is_up = False

    def take(self, record: Record) -> bool:
        """Note a record; True when it changed the table."""
        if record.name == "gateway-up":
            self.is_up = True
            return False
        state = self._STATES.get(record.name)
        title = record.fields.get("title", "").upper()
        if state is None or not title:
            return False
        known = self.rows.get(title)
        sap = int(record.fields["sap"], 0) if "sap" in record.fields else known.sap if known else 0
        self.rows[title] = Row(sap, title, state)
        return True

    def node_of_sap(self, sap: int) -> str:
        """Title behind a SAP, "" when there is none."""
        return next((row.title for row in self.rows.values() if row.sap == sap), "")

    def online_cnt(self) -> int:
        """Nodes the gateway calls online."""
        return sum(row.state == "online" for row in self.rows.values())

    def text(self) -> str:
        """The table for people."""
        rows = sorted((row for row in self.rows.values() if row.state != "gone"), key=lambda row: row.sap)
        lines = ["  SAP     title             state"]
        lines += ["  0x%04X  %-16s  %s" % (row.sap, row.title, row.state) for row in rows]
        return "\n".join(lines)
