# SPDX-License-Identifier: MIT
"""What config.json may hold: one row per setting, the only place that knows it.

row = (path, kind, low or choices, high, default, what it is). docs/configuration.md is
printed from this table (`tools/config_doc.py`), validation reads it, defaults come from it.
The rows of a medium stand in a table of its own: they describe, they import nothing of plc.
"""

from app import schema_access, schema_g3, schema_push, schema_sfsk
from app.schema_kinds import BOOL, CHOICE, CLASSES, EXTRAS, HEX, INT, TEXT

# Tags: dlms.md 4. ACTION (plain, global and dedicated ciphering) switches; firmware comes from client 64; general
# block transfer and GET for the next block belong to what is longer than an APDU.
_CLASS_RULES = ["bulk client 64", "control apdu C3,CB,D3", "bulk apdu E0,C002"]

_GENERAL: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("schema", INT, 1, 1, 1, "version of this file's layout"),
    ("medium", CHOICE, ("sfsk", "g3"), None, "sfsk", "kind of PLC segment"),
    ("log_level", CHOICE, ("DEBUG", "NOTICE", "WARNING", "ERROR"), None, "NOTICE", "records below are not kept"),
    ("log_records", INT, 32, 4096, 512, "records kept in RAM, 20 octets each"),
    ("wan.address", TEXT, 0, 64, "0.0.0.0", "address the DLMS listener binds to"),
    ("wan.port", INT, 1, 65535, 4059, "TCP port of the DLMS listener (IANA dlms/cosem)"),
    ("wan.sessions", INT, 1, 16, 4, "head-ends at once; the board's stock lwIP allows 5 TCP connections"),
    ("wan.connects_per_s", INT, 1, 100, 5, "new connections accepted per second"),
    ("wan.max_apdu", INT, 256, 2048, 640, "octets of the largest APDU accepted; over it the connection is closed"),
    ("wan.buffers", INT, 12, 186, 48, "slab buffers of max_apdu + 64 octets, for all sessions together"),
    ("wan.idle_s", INT, 10, 86400, 900, "a session without traffic is closed: dead peers"),
    ("wan.spare_s", INT, 5, 86400, 60, "all sessions taken: one silent for so long makes room"),
    ("wan.partial_s", INT, 1, 600, 30, "a WPDU begun and not finished: the session is closed"),
    ("wan.send_s", INT, 1, 600, 30, "a peer that takes nothing for so long is closed"),
    ("wan.send_queue", INT, 2, 64, 8, "WPDUs waiting to one peer; beyond it is closed"),
    ("gateway.nodes", INT, 1, 1792, 1792, "rows of the registration table, 32 octets each"),
    ("gateway.exchanges", INT, 1, 128, 32, "open exchanges on all sessions together"),
    ("gateway.exchanges_per_node", INT, 1, 16, 4, "requests waiting for one node"),
    ("gateway.queue_s", INT, 1, 600, 60, "longest wait for the air before a request is refused"),
    ("gateway.answer_s", INT, 1, 3600, 120, "a head-end waits so long; what cannot be answered by then is refused"),
    ("gateway.classes", CLASSES, 0, 16, _CLASS_RULES, "first that fits, else on-demand (docs/airtime.md)"),
    ("gateway.ledger_minutes", INT, 2, 1440, 60, "minutes of the airtime ledger kept in RAM, 10 octets each"),
    ("gateway.guard_ms", INT, 0, 60000, 3000, "after a missing answer the node rests, so a late one meets nobody"),
    ("gateway.associations", INT, 4, 4096, 256, "(meter, client SAP) pairs owned at once"),
    ("gateway.association_s", INT, 10, 86400, 300, "an unused association no longer blocks other head-ends"),
    ("gateway.refuse", CHOICE, ("exception", "silence"), None, "exception", "answer to what cannot be forwarded"),
    ("gateway.prefix", BOOL, 0, 0, True, "serve the E6/E7 gateway prefix"),
    ("gateway.network_id", INT, -1, 255, -1, "the E6 network id served, -1 = any (UNCONFIRMED)"),
    ("gateway.quarantine_s", INT, 0, 31536000, 2592000, "a removed meter's SAP rests so long"),
    ("gateway.ldn_prefix", TEXT, 0, 8, "", "empty: LDN = title as hex text; 8 characters: prefix + title octets"),
    ("gateway.access_rows", INT, 0, 2048, 64, "room of whitelist and blacklist together, 9 octets each"),
    ("gateway.extra_saps", EXTRAS, 0, 32, [], "{sap 0x1000..0x1FFF, title, server_sap, ldn}: further LDs of a meter"),
    ("gateway.ldn", TEXT, 1, 16, "GWYGATEWAY000001", "logical device name of SAP 1"),
    ("schedule.discovery", HEX, 0, 72, "", "local times of a discovery, 9 octets each (docs/management.md)"),
    ("schedule.restart", HEX, 0, 72, "", "local times of a restart, 9 octets each"),
    ("clock.zone_min", INT, -720, 720, 0, "minutes added to local normal time to get UTC: UTC+1 is -60"),
    ("clock.summer", BOOL, 0, 0, False, "daylight saving is on"),
    ("clock.summer_begin", HEX, 24, 24, "FFFF03FE07020000FF800000", "date-time octets; last Sunday in March, 2:00"),
    ("clock.summer_end", HEX, 24, 24, "FFFF0AFE07030000FF800080", "in summer time; last Sunday in October, 3:00"),
    ("clock.summer_min", INT, -120, 120, 60, "minutes local time is ahead in summer"),
    ("gateway.system_title", HEX, 0, 16, "", "of SAP 1, 16 digits; empty: GWY and a checksum of the unique id"),
    ("dlms.public_reads_all", BOOL, 0, 0, False, "the public client reads all objects, not only what a stranger needs"),
    ("dlms.associations", INT, 1, 16, 5, "clients with keys associated with SAP 1 at once, on all sessions together"),
    ("dlms.association_s", INT, 60, 86400, 600, "an association with SAP 1 that nobody used for so long is closed"),
    ("dlms.reassembly", INT, 256, 8192, 2048, "octets of the longest request or answer of SAP 1 in blocks"),
    ("security.lock_first_s", INT, 1, 3600, 5, "after a failed authentication a peer waits so long, then twice that"),
    ("security.lock_longest_s", INT, 1, 86400, 900, "and never longer"),
    ("security.lock_slow_s", INT, 0, 3600, 10, "after a stranger failed all strangers to the client SAP wait so long"),
    ("security.lock_rows", INT, 4, 128, 16, "(client SAP, peer address) pairs remembered, 28 octets each"),
    ("update.max_image", INT, 0, 8388608, 358400, "octets of the largest firmware image taken; 0 = no image transfer"),
    ("update.block_size", INT, 64, 1024, 256, "octets of its blocks, at most; wan.max_apdu - 100 where that is less"),
    ("watchdog.timeout_ms", INT, 1000, 32000, 8000, "period of the hardware watchdog"),
    ("board.uart", INT, 1, 8, 2, "UART to the modem"),
    ("board.t_req_pin", TEXT, 1, 16, "D2", "pin of T_REQ"),
    ("board.reset_pin", TEXT, 1, 16, "D3", "pin of the modem's RESET"),
    ("board.power_pin", TEXT, 1, 16, "D4", "pin that enables the modem's supply"),
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
