# SPDX-License-Identifier: MIT
"""What section `push` of config.json may hold; rows as in app.schema. What it all means: docs/push.md.

Defaults are judgements, not facts: the field has no common ones (facts/dlms.md 6).
"""

from micropython import const

# NOTE: app.schema_kinds by value: names of another module are no constants, and one name that is
# none puts the whole table into RAM at the start (10 kB for all settings on 32 bit) instead of flash.
_BOOL = const("true or false")
_CHOICE = const("one of")
_INT = const("integer")
_TARGETS = const("list of host:port")
_RELAY = const(("drop", "pass", "add_origin_header"))

ROWS: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("push.targets", _TARGETS, 0, 4, (), "where notifications go, tried in this order: IP addresses (names block)"),
    ("push.queue", _INT, 1, 32, 8, "meters' notifications waiting for the WAN in RAM"),
    ("push.relay", _CHOICE, _RELAY, None, "pass", "meters' notifications: not at all, unchanged, with origin header"),
    ("push.topology", _BOOL, 0, 0, True, "push own events: node registered, lost, back, gone"),
    ("push.alarms", _BOOL, 0, 0, True, "push own events: modem, table full, watchdog, flash, configuration, start"),
    ("push.security", _BOOL, 0, 0, True, "push own events: failed authentications, lock-out, changed settings"),
    ("push.form", _CHOICE, ("data", "event"), None, "data", "own events as DataNotification or EventNotification"),
    ("push.cipher", _BOOL, 0, 0, False, "own notifications ciphered with the management client's keys, or not sent"),
    ("push.batch", _INT, 1, 16, 1, "own events in one DataNotification; above 1 an array, which fewer head-ends know"),
    ("push.heartbeat_s", _INT, 0, 604800, 0, "between heartbeats with health data, 0 = none"),
    ("push.random_s", _INT, 0, 3600, 0, "before the first attempt: at random up to so long"),
    ("push.retries", _INT, 0, 255, 5, "attempts after the first until delivery counts as failed; they go on"),
    ("push.retry_min_s", _INT, 1, 3600, 1, "pause after the first failed attempt"),
    ("push.retry_exponent", _INT, 100, 1000, 200, "percent: each pause is so much of the one before"),
    ("push.retry_max_s", _INT, 1, 86400, 60, "longest pause between attempts"),
    ("push.late_s", _INT, 0, 86400, 60, "notifications that waited longer are announced as late, 0 = never"),
    ("push.flash_kib", _INT, 0, 512, 64, "ring on flash for what cannot be delivered, 0 = none"),
    ("push.flash_after_s", _INT, 0, 86400, 60, "delivery failed: what waited so long in RAM goes to flash"),
    ("push.flash_writes", _INT, 0, 100000, 1000, "writes of that ring in a day of uptime, at most: wear"),
)  # fmt: skip

# All but targets, queue and flash_kib.
LIVE = (
    "push.relay", "push.topology", "push.alarms", "push.security", "push.form", "push.cipher", "push.batch",
    "push.heartbeat_s", "push.random_s", "push.retries", "push.retry_min_s", "push.retry_exponent", "push.retry_max_s",
    "push.late_s", "push.flash_after_s", "push.flash_writes",
)  # fmt: skip
