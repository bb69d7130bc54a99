# SPDX-License-Identifier: MIT
"""What a log record can say: event numbers and how a person reads them.

Numbers are stable: they are read over DLMS. Append, never renumber. `{n}` is the node
(filled by the printer with SAP, title and address), `{a}`/`{b}` the record's arguments.
"""

from micropython import const

GATEWAY_UP = const(0)
NODES_RESTORED = const(1)
NODE_UP = const(2)
NODE_LOST = const(3)
NODE_BACK = const(4)
NODE_GONE = const(5)
NODE_RESTORED = const(6)
TABLE_FULL = const(7)
CONFIG_BAD = const(8)
JOURNAL_TORN = const(9)
MODEM_UP = const(10)
MODEM_DOWN = const(11)
MODEM_RESET = const(12)
MODEM_FAILED = const(13)
MODEM_CONFIG_MISMATCH = const(14)
DISCOVERY_ROUND = const(15)
WAN_OPEN = const(16)
WAN_CLOSED = const(17)
WAN_REFUSED = const(18)
WAN_BAD_HEADER = const(19)
TASK_DIED = const(20)
TASK_STALLED = const(21)
WATCHDOG = const(22)
REPEATER_CALL = const(23)
PUSH_DROPPED = const(24)
JOURNAL_FAILED = const(25)
JOURNAL_DAMAGED = const(26)
WAN_BAD_LENGTH = const(27)
SETTING_CHANGED = const(28)
SETTING_REFUSED = const(29)
ACCESS_CHANGED = const(30)
ACCESS_DAMAGED = const(31)

FORMATS = (
    "gateway-up wan={w}",
    "nodes-restored n={a}",
    "node-up {n}",
    "node-lost {n}",
    "node-back {n}",
    "node-gone {n}",
    "node-restored {n}",
    "table-full capacity={a}",
    "config-bad errors={a}",
    "journal-torn at={a}",
    "modem-up resets={a}",
    "modem-down cause={a}",
    "modem-reset step={a}",
    "modem-failed cause={a}",
    "modem-config-mismatch offset={a}",
    "discovery-round probability={a} reports={b}",
    "wan-open session={a}",
    "wan-closed session={a} cause={b}",
    "wan-refused cause={a}",
    "wan-bad-header session={a} version={b}",
    "task-died task={a} cause={b}",
    "task-stalled task={a}",
    "watchdog starving={a}",
    "repeater-call slots={a}",
    "push-dropped {n} length={a}",
    "journal-failed errno={a}",
    "journal-damaged lost={a} mended={b}",
    "wan-bad-length session={a} length={b}",
    "setting-changed row={a} value={b}",
    "setting-refused errors={a}",
    "access-changed mark={a} entries={b}",
    "access-damaged lost={a}",
)
