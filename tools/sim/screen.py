# SPDX-License-Identifier: MIT
"""What a person sees of a run: progress, READY, the SAP table, then one line per event."""

import sys
import time

from tools.sim.console import Record, SapTable

_SPARSE_S = 2.0
_SHOWN_LEVELS = ("WARN", "WARNING", "ERROR", "FATAL")
_SHOWN_PREFIXES = ("node-", "session-", "wan-", "modem-", "link-", "gateway-", "push-", "config-")


class Screen:
    """Prints to stdout; errors to stderr."""

    def __init__(self, nodes_cnt: int, is_verbose: bool) -> None:
        self._nodes_cnt, self._is_verbose = nodes_cnt, is_verbose
        self._is_tty = sys.stdout.isatty()
        self._has_open_line = False
        self._last_s = 0.0

    def line(self, text: str) -> None:
        """A line of its own."""
        if self._has_open_line:
            print()
            self._has_open_line = False
        print(text, flush=True)

    def error(self, text: str) -> None:
        """Something a person must see."""
        self._has_open_line = False
        print(text, file=sys.stderr, flush=True)

    def progress(self, registered_cnt: int) -> None:
        """Registration goes on: one updating line on a terminal, sparse lines otherwise."""
        text = "registered %d of %d" % (registered_cnt, self._nodes_cnt)
        if self._is_tty:
            print("\r" + text, end="", flush=True)
            self._has_open_line = True
        elif registered_cnt == self._nodes_cnt or time.monotonic() - self._last_s >= _SPARSE_S:
            self._last_s = time.monotonic()
            print(text, flush=True)

    def ready(self, nodes_cnt: int, wan_port: int, listeners: "list[str]", table: SapTable) -> None:
        """Everything is up; `listeners`: those beside the WAN's."""
        self.line("READY %d nodes, wan 127.0.0.1:%d" % (nodes_cnt, wan_port))
        for text in listeners:
            self.line("      " + text)
        self.line(table.text())
        self.line("in another terminal: .venv/bin/python -m tools.hes list --port %d" % wan_port)

    def early(self, record: Record) -> None:
        """A record before READY: only trouble is shown."""
        if self._is_verbose or record.level in _SHOWN_LEVELS:
            self.line(record.text)

    def event(self, record: Record) -> None:
        """A record after READY."""
        if self._is_verbose or record.level in _SHOWN_LEVELS or record.name.startswith(_SHOWN_PREFIXES):
            self.line(record.text)

    def foreign(self, text: str) -> None:
        """The gateway printed something that is no record; a death report repeats it."""
        if text and self._is_verbose:
            self.line("gateway: " + text)
