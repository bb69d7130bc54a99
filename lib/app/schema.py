# SPDX-License-Identifier: MIT
"""What config.json may hold: one row per setting, the only place that knows it.

row = (path, kind, low or choices, high, default, what it is). docs/configuration.md is
printed from this table (`tools/config_doc.py`), validation reads it, defaults come from it.
The rows of a medium stand in a table of its own: they describe, they import nothing of plc.
"""

from micropython import const

from app import schema_access, schema_g3, schema_push, schema_sfsk

# NOTE: as in app.schema_push: the kinds by value, so that the rows are constants and lie in flash.
_BOOL = const("true or false")
_CHOICE = const("one of")
_CLASSES = const("list of class rules")
_EXTRAS = const("list of extra SAPs")
_HEX = const("hex digits")
_INT = const("integer")
_TEXT = const("text, up to octets")

# Tags: dlms.md 4. ACTION (plain, global and dedicated ciphering) switches; firmware comes from client 64; general
# block transfer and GET for the next block belong to what is longer than an APDU.
_CLASS_RULES = const(("bulk client 64", "control apdu C3,CB,D3", "bulk apdu E0,C002"))

_GENERAL: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("schema", _INT, 1, 1, 1, "version of this file's layout"),
    ("medium", _CHOICE, ("sfsk", "g3"), None, "sfsk", "kind of PLC segment"),
    ("log_level", _CHOICE, ("DEBUG", "NOTICE", "WARNING", "ERROR"), None, "NOTICE", "records below are not kept"),
    ("log_records", _INT, 32, 4096, 512, "records kept in RAM, 20 octets each (docs/sap1.md: which are on flash, too)"),
    ("wan.address", _TEXT, 0, 64, "0.0.0.0", "address the DLMS listener binds to"),
    ("wan.port", _INT, 1, 65535, 4059, "TCP port of the DLMS listener (IANA dlms/cosem)"),
    ("wan.sessions", _INT, 1, 16, 4, "head-ends at once; the board's stock lwIP allows 5 TCP connections"),
    ("wan.connects_per_s", _INT, 1, 100, 5, "new connections accepted per second"),
    ("wan.max_apdu", _INT, 256, 2048, 640, "octets of the largest APDU accepted; over it the connection is closed"),
    ("wan.buffers", _INT, 12, 186, 48, "slab buffers of max_apdu + 64 octets, for all sessions together"),
    ("wan.idle_s", _INT, 10, 86400, 900, "a session without traffic is closed: dead peers"),
    ("wan.spare_s", _INT, 5, 86400, 60, "all sessions taken: one silent for so long makes room"),
    ("wan.partial_s", _INT, 1, 600, 30, "a WPDU begun and not finished: the session is closed"),
    ("wan.send_s", _INT, 1, 600, 30, "a peer that takes nothing for so long is closed"),
    ("wan.send_queue", _INT, 2, 64, 8, "WPDUs waiting to one peer; beyond it is closed"),
    ("gateway.nodes", _INT, 1, 1792, 1792, "rows of the registration table, 32 octets each"),
    ("gateway.exchanges", _INT, 1, 128, 32, "open exchanges on all sessions together"),
    ("gateway.exchanges_per_node", _INT, 1, 16, 4, "requests waiting for one node, and one of each further head-end"),
    ("gateway.queue_s", _INT, 1, 600, 60, "longest wait for the air before a request is refused"),
    ("gateway.answer_s", _INT, 1, 3600, 120, "a head-end waits so long; what cannot be answered by then is refused"),
    ("gateway.classes", _CLASSES, 0, 16, _CLASS_RULES, "first that fits, else on-demand (docs/airtime.md)"),
    ("gateway.ledger_minutes", _INT, 2, 1440, 60, "minutes of the airtime ledger kept in RAM, 10 octets each"),
    ("gateway.node_quality", _BOOL, 0, 0, True, "how well each node answers by time of day is kept, 4 octets a row"),
    ("gateway.guard_ms", _INT, 0, 60000, 3000, "after a missing answer the node rests, so a late one meets nobody"),
    ("gateway.associations", _INT, 4, 4096, 256, "(meter, client SAP) pairs owned at once"),
    ("gateway.association_s", _INT, 10, 86400, 300, "an unused association no longer blocks other head-ends"),
    ("gateway.refuse", _CHOICE, ("exception", "silence"), None, "exception", "answer to what cannot be forwarded"),
    ("gateway.prefix", _BOOL, 0, 0, True, "serve the E6/E7 gateway prefix"),
    ("gateway.network_id", _INT, -1, 255, -1, "the E6 network id served, -1 = any (UNCONFIRMED)"),
    ("gateway.quarantine_s", _INT, 0, 31536000, 2592000, "a removed meter's SAP rests so long"),
    ("gateway.ldn_prefix", _TEXT, 0, 8, "", "empty: LDN = title as hex text; 8 characters: prefix + title octets"),
    ("gateway.access_rows", _INT, 0, 2048, 64, "room of whitelist and blacklist together, 9 octets each"),
    ("gateway.extra_saps", _EXTRAS, 0, 32, (), "{sap 0x1000..0x1FFF, title, server_sap, ldn}: further LDs of a meter"),
    ("gateway.ldn", _TEXT, 1, 16, "GWYGATEWAY000001", "logical device name of SAP 1"),
    ("schedule.discovery", _HEX, 0, 72, "", "local times of a discovery, 9 octets each (docs/management.md)"),
    ("schedule.restart", _HEX, 0, 72, "", "local times of a restart, 9 octets each"),
    ("clock.zone_min", _INT, -720, 720, 0, "minutes added to local normal time to get UTC: UTC+1 is -60"),
    ("clock.summer", _BOOL, 0, 0, False, "daylight saving is on"),
    ("clock.summer_begin", _HEX, 24, 24, "FFFF03FE07020000FF800000", "date-time octets; last Sunday in March, 2:00"),
    ("clock.summer_end", _HEX, 24, 24, "FFFF0AFE07030000FF800080", "in summer time; last Sunday in October, 3:00"),
    ("clock.summer_min", _INT, -120, 120, 60, "minutes local time is ahead in summer"),
    ("gateway.system_title", _HEX, 0, 16, "", "of SAP 1, 16 digits; empty: GWY and a checksum of the unique id"),
    ("dlms.public_reads_all", _BOOL, 0, 0, False, "the public client reads all, not only what a stranger needs"),
    ("dlms.associations", _INT, 1, 16, 5, "clients with keys associated with SAP 1 at once, on all sessions together"),
    ("dlms.association_s", _INT, 60, 86400, 600, "an association with SAP 1 that nobody used for so long is closed"),
    ("dlms.reassembly", _INT, 256, 8192, 2048, "octets of the longest request or answer of SAP 1 in blocks"),
    ("security.lock_first_s", _INT, 1, 3600, 5, "after a failed authentication a peer waits so long, then twice that"),
    ("security.lock_longest_s", _INT, 1, 86400, 900, "and never longer"),
    ("security.lock_slow_s", _INT, 0, 3600, 10, "after a stranger failed all strangers to the client SAP wait so long"),
    ("security.lock_rows", _INT, 4, 128, 16, "(client SAP, peer address) pairs remembered, 28 octets each"),
    ("update.max_image", _INT, 0, 8388608, 358400, "octets of the largest firmware image taken; 0 = no image transfer"),
    ("update.block_size", _INT, 64, 1024, 256, "octets of its blocks, at most; wan.max_apdu - 100 where that is less"),
    ("watchdog.timeout_ms", _INT, 1000, 32000, 8000, "period of the hardware watchdog"),
    ("board.uart", _INT, 1, 8, 2, "UART to the modem"),
    ("board.t_req_pin", _TEXT, 1, 16, "D2", "pin of T_REQ"),
    ("board.reset_pin", _TEXT, 1, 16, "D3", "pin of the modem's RESET"),
    ("board.power_pin", _TEXT, 1, 16, "D4", "pin that enables the modem's supply"),
)  # fmt: skip

SCHEMA = _GENERAL + schema_access.ROWS + schema_push.ROWS + schema_sfsk.ROWS + schema_g3.ROWS


def name_of(row: int) -> str:
    """Of the setting in row `row`; empty when there is no such row."""
    return SCHEMA[row][0] if 0 <= row < len(SCHEMA) else ""


# Settings that a change over DLMS puts into effect at once; somebody must have registered for each
# (app.settings). All others: at the next start.
LIVE = (
    "log_level",
    "firewall",
    "clock.zone_min",
    "clock.summer",
    "clock.summer_begin",
    "clock.summer_end",
    "clock.summer_min",
    "schedule.discovery",
    "schedule.restart",
    "sfsk.operating_window.start",
    "sfsk.operating_window.end",
) + schema_push.LIVE


def default_of(row: "tuple[object, ...]") -> object:
    """Of one setting, as JSON would have it: a list is a tuple in the row, else it could not lie in flash.

    NOTE: a number above 8191 in a frozen tuple is a big integer (mpy-tool), and so is all that is
    calculated from it: two objects each time, for every frame. Read from text it is a small one.
    """
    value = row[4]
    if isinstance(value, tuple):
        return list(value)
    return int(str(value)) if type(value) is int else value
