# SPDX-License-Identifier: MIT
"""What a log record can say: event numbers and how a person reads them.

Numbers are stable: they are read over DLMS. Append, never renumber. `{n}` is the node
(filled by the printer with SAP, title and address), `{a}`/`{b}` the record's arguments,
`{e}` both as the 8 octets of an EUI-64 (of a node that has no row),
`{s}` the setting of row `a` of the schema.
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
PAN_STARTED = const(32)
PAN_CONFLICT = const(33)
PAN_FOREIGN = const(34)
JOINED = const(35)
NODE_LEFT = const(36)
NODE_KICKED = const(37)
JOIN_UNKNOWN = const(38)
JOIN_NOT_LISTED = const(39)
JOIN_IN_REKEY = const(40)
JOIN_TABLE_FULL = const(41)
JOIN_FAILED = const(42)
JOIN_MISMATCH = const(43)
JOIN_FORGED = const(44)
REKEY_BEGUN = const(45)
REKEY_ENDED = const(46)
REKEY_MISSED = const(47)
REKEY_WANTS_PSK = const(48)
FRAME_COUNTER_JUMP = const(49)
PSK_PROVIDED = const(50)
TLS_OFF = const(51)
TLS_CHANGED = const(52)
OWN_ASSOCIATED = const(53)
OWN_AUTHENTICATION_FAILED = const(54)
OWN_LOCKED = const(55)
OWN_REPLAY = const(56)
OWN_UNPROVISIONED = const(57)
OWN_SET = const(58)
OWN_ACTION = const(59)
ACTION = const(60)
PING_ENDED = const(61)
RESTART = const(62)
FACTORY_RESET = const(63)
FACTORY_RESET_DONE = const(64)
LOG_CLEARED = const(65)
CLOCK_SET = const(66)
KEYS_CHANGED = const(67)
POLICY_CHANGED = const(68)
SECURITY_REFUSED = const(69)
IMAGE_INITIATED = const(70)
IMAGE_VERIFIED = const(71)
IMAGE_FAILED = const(72)
IMAGE_NOT_INSTALLED = const(73)
CLOCK_JUMPED = const(74)
LOG_DAMAGED = const(75)
LOG_FAILED = const(76)
MODEM_REFUSED = const(77)

# Which of the four logs keeps a record: the standard log what is named nowhere here.
_STANDARD = const(0)
_SECURITY = const(1)
_COMMUNICATION = const(2)
_FIRMWARE = const(3)
_SECURITY_EVENTS = (
    ACCESS_CHANGED, ACCESS_DAMAGED, JOIN_UNKNOWN, JOIN_NOT_LISTED, JOIN_FORGED, REKEY_BEGUN, REKEY_ENDED, REKEY_MISSED,
    REKEY_WANTS_PSK, FRAME_COUNTER_JUMP, PSK_PROVIDED, TLS_OFF, TLS_CHANGED, LOG_CLEARED, OWN_ASSOCIATED,
    OWN_AUTHENTICATION_FAILED, OWN_LOCKED, OWN_REPLAY, OWN_UNPROVISIONED, OWN_SET, OWN_ACTION,
    FACTORY_RESET, FACTORY_RESET_DONE, KEYS_CHANGED, POLICY_CHANGED, SECURITY_REFUSED, CLOCK_JUMPED,
)  # fmt: skip
_COMMUNICATION_EVENTS = (
    NODE_UP, NODE_LOST, NODE_BACK, NODE_GONE, NODE_RESTORED, MODEM_UP, MODEM_DOWN, MODEM_RESET, MODEM_FAILED,
    MODEM_CONFIG_MISMATCH, DISCOVERY_ROUND, REPEATER_CALL, WAN_OPEN, WAN_CLOSED, WAN_REFUSED, WAN_BAD_HEADER,
    WAN_BAD_LENGTH, PUSH_DROPPED, PAN_STARTED, PAN_CONFLICT, PAN_FOREIGN, JOINED, NODE_LEFT, NODE_KICKED,
    JOIN_IN_REKEY, JOIN_TABLE_FULL, JOIN_FAILED, JOIN_MISMATCH, PING_ENDED, MODEM_REFUSED,
)  # fmt: skip
_FIRMWARE_EVENTS = (IMAGE_INITIATED, IMAGE_VERIFIED, IMAGE_FAILED, IMAGE_NOT_INSTALLED)

# What somebody without keys can cause, or what comes of a flash that refuses: no reason to write flash.
_OF_STRANGERS = (
    TABLE_FULL, TASK_DIED, TASK_STALLED, JOURNAL_FAILED, LOG_FAILED, JOIN_UNKNOWN, JOIN_NOT_LISTED, JOIN_FORGED,
    REKEY_MISSED, REKEY_WANTS_PSK, OWN_AUTHENTICATION_FAILED, OWN_LOCKED, OWN_REPLAY,
)  # fmt: skip


def category(event: int) -> int:
    """0 standard, 1 security, 2 communication, 3 firmware."""
    if event in _COMMUNICATION_EVENTS:
        return _COMMUNICATION
    if event in _SECURITY_EVENTS:
        return _SECURITY
    return _FIRMWARE if event in _FIRMWARE_EVENTS else _STANDARD


def urgency(event: int, is_refusal: bool) -> int:
    """How soon a record has to be on flash (app.log_file): 0 never, 1 when others go, 2 within an hour, 3 now.

    4: now, and with it all others anew: they are dated by a clock that was wrong.
    """
    if event in _COMMUNICATION_EVENTS:
        return 0
    if event in _OF_STRANGERS:
        return 1
    if event == OWN_ASSOCIATED or (is_refusal and (event == OWN_SET or event == OWN_ACTION)):  # nothing has changed
        return 2
    return 4 if event == CLOCK_JUMPED else 3


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
    "setting-changed {s} value={b}",
    "setting-refused errors={a}",
    "access-changed mark={a} entries={b}",
    "access-damaged lost={a}",
    "pan-started pan=0x{a:04x}",
    "pan-conflict pan=0x{a:04x}",
    "pan-foreign pan=0x{a:04x}",
    "joined {n}",
    "left {n}",
    "kicked {n}",
    "join-unknown eui64={e}",
    "join-not-listed eui64={e}",
    "join-in-rekey eui64={e}",
    "join-table-full eui64={e}",
    "join-failed eui64={e}",
    "join-mismatch eui64={e}",
    "join-forged eui64={e}",
    "rekey-begun index={a}",
    "rekey-ended active={a} missed={b}",
    "rekey-missed {n}",
    "rekey-wants-psk {n}",
    "frame-counter-jump from={a} to={b}",
    "psk-provided eui64={e}",
    "tls-off cause={a} (1 no tls-own.der or tls-ca.der, 2 not readable)",
    "tls-changed result={a}",
    "own-associated client={a} peer={b}",
    "own-authentication-failed client={a} peer={b}",
    "own-locked client={a} wait-s={b}",
    "own-replay-refused client={a} peer={b}",
    "own-client-not-provisioned client={a}",
    "own-set client*1000+result={a} class*1000+attribute={b}",
    "own-action client*1000+result={a} class*1000+method={b}",
    "action script={a} result={b}",
    "ping-ended {n} state={a} ms={b}",
    "restart cause={a}",
    "factory-reset confirmed={a}",
    "factory-reset-done files={a}",
    "log-cleared log={a} records={b}",
    "clock-set shift={a}",
    "keys-changed client={a} keys={b}",
    "policy-changed client={a} policy={b}",
    "security-refused client={a} result={b}",
    "image-initiated size={a} blocks={b}",
    "image-verified size={a}",
    "image-failed size={a}",
    "image-not-installed size={a}",
    "clock-jumped shift={a}",
    "log-damaged lost={a}",
    "log-failed",
    "modem-refused command={a} status={b} (status 3 of command 10: it has another band than g3.band)",
)
