# SPDX-License-Identifier: MIT
"""The record log as text: one line per record, `uptime LEVEL event key=value ...`.

Formats stand in base.events; nodes are named by SAP, title and address.
"""

import sys
from binascii import hexlify

from micropython import const

from app.schema import name_of
from base import events
from base.log import LEVELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from gateway.registration import Table

_MASK = const(0xFFFFFFFF)


class Console:
    """Prints records as they are made: `log.listener = console`."""

    def __init__(self, table: "Table", wan: str) -> None:
        self._table = table
        self._wan = wan
        self.write = sys.stdout.write

    def __call__(self, log: "Log") -> None:
        """Print the newest record."""
        try:
            self.write(self.line(log.record()) + "\n")
        except MemoryError:  # NOTE: the record is kept; what has been done must not look undone for want of a line
            pass

    def line(self, record: "tuple[int, int, int, int, int, int]") -> str:
        """One record as people read it."""
        now_s, level, event, node, a, b = record
        text = events.FORMATS[event]
        eui64 = "%08X%08X" % (a & _MASK, b & _MASK) if "{e}" in text else ""
        setting = name_of(a) if "{s}" in text else ""
        text = text.format(n=self.node(node), a=a, b=b, e=eui64, s=setting, w=self._wan)
        return "%d %s %s" % (now_s, LEVELS[level], text)

    def node(self, row: int) -> str:
        """A node by SAP, title and address; empty for none."""
        if row < 0:
            return ""
        title = str(hexlify(self._table.title(row)), "ascii").upper()
        return "sap=0x%04x title=%s mac=0x%03x" % (self._table.sap(row), title, self._table.addr(row))

    def print_restored(self, now_s: int) -> None:
        """A line per node that the journal brought back (not records: they would flood the log)."""
        for row in range(self._table.end()):
            if self._table.is_published(row):
                text = events.FORMATS[events.NODE_RESTORED].format(n=self.node(row))
                self.write("%d NOTICE %s\n" % (now_s, text))
