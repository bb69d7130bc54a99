# SPDX-License-Identifier: MIT
"""What config.json may hold: one row per setting, the only place that knows it.

row = (path, kind, low or choices, high, default, what it is). docs/configuration.md is
printed from this table (`tools/config_doc.py`), validation reads it, defaults come from it.
Rows marked UNCONFIRMED stand for facts no readable source settles (facts/sfsk.md 8).
"""

INT = "integer"
BOOL = "true or false"
CHOICE = "one of"
TEXT = "text, up to octets"
HEX = "hex digits"
CLOCK = "HH:MM"
EXTRAS = "list of extra SAPs"
TARGETS = "list of host:port"

SCHEMA = (
    ("schema", INT, 1, 1, 1, "version of this file's layout"),
    ("medium", CHOICE, ("sfsk",), None, "sfsk", "kind of PLC segment"),
    ("log_level", CHOICE, ("DEBUG", "NOTICE", "WARNING", "ERROR"), None, "NOTICE", "records below are not kept"),
    ("log_records", INT, 32, 4096, 512, "records kept in RAM, 20 octets each"),
    ("wan.address", TEXT, 0, 64, "0.0.0.0", "address the DLMS listener binds to"),
    ("wan.port", INT, 1, 65535, 4059, "TCP port of the DLMS listener (IANA dlms/cosem)"),
    ("wan.sessions", INT, 1, 16, 4, "head-ends at once; the board's stock lwIP allows 5 TCP connections"),
    ("wan.connects_per_s", INT, 1, 100, 5, "new connections accepted per second"),
    ("wan.max_apdu", INT, 256, 2048, 1024, "octets of the largest APDU accepted; over it the connection is closed"),
    ("wan.buffers", INT, 12, 256, 48, "slab buffers of max_apdu + 64 octets, for all sessions together"),
    ("wan.idle_s", INT, 10, 86400, 900, "a session without traffic is closed: dead peers"),
    ("wan.partial_s", INT, 1, 600, 30, "a WPDU begun and not finished: the session is closed"),
    ("wan.send_s", INT, 1, 600, 30, "a peer that takes nothing for so long is closed"),
    ("wan.send_queue", INT, 2, 64, 8, "WPDUs waiting to one peer; beyond it is closed"),
    ("push.targets", TARGETS, 0, 4, [], "where notifications of meters go, tried in order; none = dropped, counted"),
    ("push.queue", INT, 1, 32, 8, "notifications waiting for the WAN, in RAM"),
    ("gateway.nodes", INT, 1, 1792, 1792, "rows of the registration table, 32 octets each"),
    ("gateway.exchanges", INT, 1, 128, 32, "open exchanges on all sessions together"),
    ("gateway.exchanges_per_node", INT, 1, 16, 4, "requests waiting for one node"),
    ("gateway.queue_s", INT, 1, 600, 60, "longest wait for the air before a request is refused"),
    ("gateway.guard_ms", INT, 0, 60000, 3000, "after a missing answer the node rests, so a late one meets nobody"),
    ("gateway.associations", INT, 4, 4096, 256, "(meter, client SAP) pairs owned at once"),
    ("gateway.association_s", INT, 10, 86400, 300, "an unused association no longer blocks other head-ends"),
    ("gateway.refuse", CHOICE, ("exception", "silence"), None, "exception", "answer to what cannot be forwarded"),
    ("gateway.prefix", BOOL, 0, 0, True, "serve the E6/E7 gateway prefix"),
    ("gateway.network_id", INT, -1, 255, -1, "the E6 network id served, -1 = any (UNCONFIRMED)"),
    ("gateway.quarantine_s", INT, 0, 31536000, 2592000, "a removed meter's SAP rests so long"),
    ("gateway.ldn_prefix", TEXT, 0, 8, "", "empty: LDN = title as hex text; 8 characters: prefix + title octets"),
    ("gateway.extra_saps", EXTRAS, 0, 32, [], "{sap 0x1000..0x1FFF, title, server_sap, ldn}: further LDs of a meter"),
    ("gateway.ldn", TEXT, 1, 16, "GWYGATEWAY000001", "logical device name of SAP 1"),
    ("watchdog.modem_s", INT, 30, 86400, 300, "modem without a sign of life for so long: the board resets"),
    ("watchdog.timeout_ms", INT, 1000, 32000, 8000, "period of the hardware watchdog"),
    ("board.uart", INT, 1, 8, 2, "UART to the modem"),
    ("board.t_req_pin", TEXT, 1, 16, "D2", "pin of T_REQ"),
    ("board.reset_pin", TEXT, 1, 16, "D3", "pin of the modem's RESET"),
    ("board.power_pin", TEXT, 1, 16, "D4", "pin that enables the modem's supply"),
    ("sfsk.chip", CHOICE, ("amis49587", "st7570"), None, "amis49587", "modem chip"),
    ("sfsk.uart_baud", CHOICE, (4800, 9600, 19200, 38400), None, 38400, "straps BR1, BR0"),
    ("sfsk.mains_hz", CHOICE, (50, 60), None, 50, "mains frequency"),
    ("sfsk.baud", CHOICE, (300, 600, 1200, 2400, 360, 720, 1440, 2880), None, 2400, "line speed"),
    ("sfsk.mark_hz", INT, 9000, 148500, 63300, "carrier of 1 (UNCONFIRMED default)"),
    ("sfsk.space_hz", INT, 9000, 148500, 74000, "carrier of 0 (UNCONFIRMED default)"),
    ("sfsk.max_frame_length", INT, 26, 242, 242, "octets of the largest LLC frame (class 55)"),
    ("sfsk.title_len", CHOICE, (6, 8), None, 8, "octets of a system title on this segment"),
    ("sfsk.initiator_mac", INT, 0xC00, 0xDFF, 0xC00, "own MAC address"),
    ("sfsk.initiator_title", HEX, 0, 16, "", "own system title; empty: GWY + the last octets of the unique id"),
    ("sfsk.initial_credit", INT, 0, 7, 0, "credit a node starts with"),
    ("sfsk.max_credit", INT, 0, 7, 7, "highest credit used"),
    ("sfsk.think_ms", INT, 10, 60000, 1000, "think time allowed a meter before it is measured"),
    ("sfsk.lost_after", INT, 1, 20, 3, "pings without answer until a node is lost"),
    ("sfsk.register_per_pdu", INT, 1, 23, 12, "systems registered by one PDU"),
    ("sfsk.discover.probability", INT, 1, 100, 100, "percent, at the first round"),
    ("sfsk.discover.slots", INT, 1, 1000, 10, "reply slots of a discovery round, at least"),
    ("sfsk.discover.report_credit", INT, 0, 7, 0, "credit asked for the reports"),
    ("sfsk.discover.ic_equal_credit", INT, 0, 1, 0, "ICEqualCredit flag (UNCONFIRMED meaning)"),
    ("sfsk.discover.period_s", INT, 5, 86400, 300, "between discoveries once nothing new is found"),
    ("sfsk.keepalive.time_out_not_addressed_min", INT, 0, 65535, 6000, "as the meters have it (UNCONFIRMED)"),
    ("sfsk.keepalive.fraction", INT, 2, 20, 4, "every node is addressed so many times in that time"),
    ("sfsk.repeater_call.enabled", BOOL, 0, 0, False, "run repeater calls"),
    ("sfsk.repeater_call.period_s", INT, 60, 2592000, 86400, "between repeater calls"),
    ("sfsk.repeater_call.max_new_slots", INT, 0, 255, 0, "Nb_Tslot_For_New"),
    ("sfsk.operating_window.start", CLOCK, 0, 0, "00:00", "UTC; own and forwarded traffic only from here"),
    ("sfsk.operating_window.end", CLOCK, 0, 0, "24:00", "UTC; until here"),
    ("sfsk.time_scale", INT, 0, 10000, 1, "simulators only: the line runs so many times faster, 0 = no airtime"),
    ("sfsk.uart_widen", INT, 1, 1000, 1, "simulators only: stretches the chip's time-outs"),
    ("sfsk.sap_ciase", INT, 0, 255, 0, "L-SAP of CIASE at the meter (UNCONFIRMED)"),
    ("sfsk.sap_initiator", INT, 0, 255, 1, "L-SAP CIASE requests come from (UNCONFIRMED)"),
    ("sfsk.sap_report", INT, 0, 255, 0xFD, "L-SAP reports go to (UNCONFIRMED)"),
)  # fmt: skip
