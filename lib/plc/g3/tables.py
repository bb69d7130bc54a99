# SPDX-License-Identifier: MIT
"""The modem's tables (routes, neighbours, ...) copied row by row for management, in the background.

Source: g3.md 2.7, 2.8. A table is read by GET with index 0, 1, .. until a status ends it. The
row is what is left in the frame: the modem's own length octet is wrong for some tables.
"""

from micropython import const

from base.ticks import ticks_add, ticks_diff
from plc.g3 import adp, pib
from plc.g3 import command as cmds
from plc.g3.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.modem import Modem
    from plc.g3.shared import Shared

# Tables, by number.
ROUTING = const(0)
NEIGHBOUR = const(1)
POS = const(2)
BLACKLIST = const(3)
BROADCAST_LOG = const(4)
GROUP = const(5)
PREFIX = const(6)
CONTEXT = const(7)
DESTINATIONS = const(8)

_TABLES = (
    (pib.SPACE_ADP, pib.ROUTING_TABLE),
    (pib.SPACE_MAC, pib.MAC_NEIGHBOUR_TABLE),
    (pib.SPACE_MAC, pib.MAC_POS_TABLE),
    (pib.SPACE_ADP, pib.BLACKLIST_TABLE),
    (pib.SPACE_ADP, pib.BROADCAST_LOG_TABLE),
    (pib.SPACE_ADP, pib.GROUP_TABLE),
    (pib.SPACE_ADP, pib.PREFIX_TABLE),
    (pib.SPACE_ADP, pib.CONTEXT_TABLE),
    (pib.SPACE_ADP, pib.DESTINATION_ADDRESS_SET),
)
# Rows kept: `table_rows` of those that grow with the network, few of the others.
_GROWING = (ROUTING, NEIGHBOUR, POS, BLACKLIST)
_FEW = const(8)
_ROW_LEN = const(32)  # one for the length, the longest row has 27
_ROW_MAX = const(31)


class Tables:
    """Copies of at most `table_rows` rows of each table (8 of the small ones); renewed every `table_period_s`."""

    def __init__(self, modem: "Modem", shared: "Shared") -> None:
        self._modem = modem
        self._settings = shared.settings
        self._capacity = shared.settings["table_rows"]
        self._rows = memoryview(bytearray(self._first(len(_TABLES)) * _ROW_LEN))
        self._counts = [0] * len(_TABLES)
        self._generations = [0] * len(_TABLES)
        self._command = Command(self, 16)
        self._table = 0
        self._index = 0
        self._due = 0

    def count(self, table: int) -> int:
        """Rows of `table`."""
        return self._counts[table]

    def generation(self, table: int) -> int:
        """Changes when the number of rows does."""
        return self._generations[table]

    def row(self, table: int, item: int) -> memoryview:
        """Octets of a row as the modem gave them; empty when there is no such row."""
        if not 0 <= item < self._counts[table]:
            return self._rows[:0]
        at = (self._first(table) + item) * _ROW_LEN
        return self._rows[at + 1 : at + 1 + self._rows[at]]

    def restart(self, now: int) -> None:
        """The modem has come up: read all soon."""
        self._due = ticks_add(now, self._settings["first_path_ms"])

    def on_deadline(self, now: int) -> None:
        """Begin a round when it is due."""
        if ticks_diff(now, self._due) < 0:
            return
        self._due = ticks_add(now, 1000 * self._settings["table_period_s"])
        if not self._modem.desk.has(self._command):
            self._table = self._index = 0
            self._ask(now)

    def next_deadline(self) -> "int | None":
        """When the next round begins."""
        return self._due

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: a row, or the end of a table."""
        if result in (cmds.CMD_DOWN, cmds.CMD_TIMEOUT):
            return
        if result == cmds.CMD_OK and mv[off] == adp.SUCCESS and self._index < self._room(self._table):
            self._keep(mv, off + pib.VALUE_OFF, max(n - pib.VALUE_OFF, 0))
            self._index += 1
        else:
            self._close()
        if self._table < len(_TABLES):
            self._ask(now)

    def _room(self, table: int) -> int:
        return self._capacity if table in _GROWING else min(self._capacity, _FEW)

    def _first(self, table: int) -> int:
        """Row at which the rows of `table` begin."""
        return sum([self._room(before) for before in range(table)])

    def _ask(self, now: int) -> None:
        space, attribute = _TABLES[self._table]
        timeout_ms = self._settings.timeout_ms("request_timeout_ms")
        self._command.load_get(space, attribute, self._index, timeout_ms)
        self._modem.desk.push(now, self._command)

    def _keep(self, mv: memoryview, off: int, length: int) -> None:
        length = min(length, _ROW_MAX)
        at = (self._first(self._table) + self._index) * _ROW_LEN
        self._rows[at] = length
        self._rows[at + 1 : at + 1 + length] = mv[off : off + length]

    def _close(self) -> None:
        if self._counts[self._table] != self._index:
            self._counts[self._table] = self._index
            self._generations[self._table] += 1
        self._table += 1
        self._index = 0
