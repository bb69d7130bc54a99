# SPDX-License-Identifier: MIT
"""What section `sfsk` of config.json may hold; rows as in app.schema.

Same keys and defaults as plc.sfsk.settings, which a test compares. Rows marked UNCONFIRMED
stand for facts no readable source settles (facts/sfsk.md 8).
"""

from micropython import const

# NOTE: as in app.schema_push: the kinds by value, so that the rows are constants and lie in flash.
_BOOL = const("true or false")
_CHOICE = const("one of")
_CLOCK = const("HH:MM")
_HEX = const("hex digits")
_INT = const("integer")

ROWS: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("sfsk.chip", _CHOICE, ("amis49587", "st7570"), None, "amis49587", "modem chip"),
    ("sfsk.uart_baud", _CHOICE, (4800, 9600, 19200, 38400), None, 38400, "straps BR1, BR0"),
    ("sfsk.mains_hz", _CHOICE, (50, 60), None, 50, "mains frequency"),
    ("sfsk.baud", _CHOICE, (300, 600, 1200, 2400, 360, 720, 1440, 2880), None, 2400, "line speed"),
    ("sfsk.mark_hz", _INT, 9000, 148500, 63300, "carrier of 1 (UNCONFIRMED default)"),
    ("sfsk.space_hz", _INT, 9000, 148500, 74000, "carrier of 0 (UNCONFIRMED default)"),
    ("sfsk.max_frame_length", _INT, 26, 242, 242, "octets of the largest LLC frame (class 55)"),
    ("sfsk.title_len", _CHOICE, (6, 8), None, 8, "octets of a system title on this segment"),
    ("sfsk.initiator_mac", _INT, 0xC00, 0xDFF, 0xC00, "own MAC address"),
    ("sfsk.initiator_title", _HEX, 0, 16, "", "own system title; empty: GWY and a checksum of the unique id"),
    ("sfsk.initial_credit", _INT, 0, 7, 0, "credit a node starts with"),
    ("sfsk.max_credit", _INT, 0, 7, 7, "highest credit used"),
    ("sfsk.think_ms", _INT, 10, 60000, 1000, "think time allowed a meter before it is measured"),
    ("sfsk.lost_after", _INT, 1, 20, 3, "pings without answer until a node is lost"),
    ("sfsk.register_per_pdu", _INT, 1, 23, 12, "systems registered by one PDU"),
    ("sfsk.discover.probability", _INT, 1, 100, 100, "percent, at the first round"),
    ("sfsk.discover.slots", _INT, 1, 1000, 10, "reply slots of a discovery round, at least"),
    ("sfsk.discover.report_credit", _INT, 0, 7, 0, "credit asked for the reports"),
    ("sfsk.discover.ic_equal_credit", _INT, 0, 1, 0, "ICEqualCredit flag (UNCONFIRMED meaning)"),
    ("sfsk.discover.period_s", _INT, 5, 86400, 300, "between discoveries once nothing new is found"),
    ("sfsk.keepalive.time_out_not_addressed_min", _INT, 0, 65535, 6000, "as the meters have it (UNCONFIRMED)"),
    ("sfsk.keepalive.fraction", _INT, 2, 20, 4, "every node is addressed so many times in that time"),
    ("sfsk.repeater_call.enabled", _BOOL, 0, 0, False, "run repeater calls"),
    ("sfsk.repeater_call.period_s", _INT, 60, 2592000, 86400, "between repeater calls"),
    ("sfsk.repeater_call.max_new_slots", _INT, 0, 255, 0, "Nb_Tslot_For_New"),
    ("sfsk.operating_window.start", _CLOCK, 0, 0, "00:00", "UTC; own and forwarded traffic only from here"),
    ("sfsk.operating_window.end", _CLOCK, 0, 0, "24:00", "UTC; until here"),
    ("sfsk.time_scale", _INT, 0, 10000, 1, "simulators only: the line runs so many times faster, 0 = no airtime"),
    ("sfsk.uart_widen", _INT, 1, 1000, 1, "simulators only: stretches the chip's time-outs"),
    ("sfsk.sap_ciase", _INT, 0, 255, 0, "L-SAP of CIASE at the meter (UNCONFIRMED)"),
    ("sfsk.sap_initiator", _INT, 0, 255, 1, "L-SAP CIASE requests come from (UNCONFIRMED)"),
    ("sfsk.sap_report", _INT, 0, 255, 0xFD, "L-SAP reports go to (UNCONFIRMED)"),
    ("sfsk.mark_register", _INT, -1, 65535, -1, "step register for the mark, -1 = mark_hz / register_step_hz"),
    ("sfsk.space_register", _INT, -1, 65535, -1, "step register for the space, -1 = space_hz / register_step_hz"),
    ("sfsk.register_step_hz", _INT, 1, 1000, 10, "Hz per step of those registers (UNCONFIRMED)"),
    ("sfsk.fima", _INT, 1, 0xFFF, 0xC00, "first initiator MAC address"),
    ("sfsk.lima", _INT, 1, 0xFFF, 0xDFF, "last initiator MAC address (UNCONFIRMED)"),
    ("sfsk.new_mac", _INT, 1, 0xFFF, 0xFFE, "MAC address of unregistered meters"),
    ("sfsk.broadcast_mac", _INT, 1, 0xFFF, 0xFFF, "MAC address of all meters"),
    ("sfsk.mac_msb_first", _BOOL, 0, 0, True, "order of the address octets on the UART (UNCONFIRMED)"),
    ("sfsk.credit_margin", _INT, 0, 7, 0, "credits kept above the deepest repetition seen"),
    ("sfsk.restored_credit", _INT, 0, 7, 3, "at least, towards a node not heard since start"),
    ("sfsk.think_margin_ms", _INT, 0, 10000, 250, "added to the measured think time"),
    ("sfsk.busy_tries", _INT, 1, 100, 8, "tries while the modem says its buffer is busy"),
    ("sfsk.heartbeat_ms", _INT, 100, 1000, 1000, "between signs of life asked of a quiet modem"),
    ("sfsk.alive_s", _INT, 10, 86400, 300, "modem without a sign of life for so long: the watchdog starves"),
    ("sfsk.sync_timeout_ms", _INT, 100, 60000, 10000, "configured until synchronised, at most"),
    ("sfsk.synchro_confirm_s", _INT, 0, 65535, 10, "time-out in the data configuration, unused by a master"),
    ("sfsk.frame_not_ok_s", _INT, 0, 65535, 45, "time-out in the data configuration"),
    ("sfsk.search_initiator_s", _INT, 0, 65535, 600, "time-out in the data configuration"),
    ("sfsk.search_initiator_threshold", _INT, 0, 255, 98, "class 50 attribute 6"),
    ("sfsk.zero_cross_adjust", _INT, 0, 255, 0, "R_ZC_ADJUST of the board"),
    ("sfsk.tx_attenuation", _INT, 0, 255, 0, "octet 29 of the data configuration"),
    ("sfsk.pin_select", _INT, 0, 1, 0, "octet 30 bit 7: TX_DATA/PRE_SLOT pin"),
    ("sfsk.search_octet", _INT, 0, 255, 1, "octet 31: bit 0 must be 1, bit 4 must be 0"),
    ("sfsk.gain_octet", _INT, 0, 255, 0, "octet 32: gains"),
    ("sfsk.repeater_octet", _INT, 0, 255, 0x80, "octet 33: bit 7 = 10 ms between characters (UNCONFIRMED position)"),
    ("sfsk.electrical_phase", _INT, 0, 3, 0, "initiator_electrical_phase, 0 = undefined"),
    ("sfsk.lost_retry_s", _INT, 10, 86400, 900, "between pings of a lost node"),
    ("sfsk.lost_airtime_percent", _INT, 0, 100, 10, "share of the line for lost nodes"),
    ("sfsk.discover.slots_max", _INT, 1, 1000, 100, "reply slots of a discovery round, at most"),
    ("sfsk.repeater_call.level", _INT, 0, 65535, 0, "detection threshold of ISA_Request"),
    ("sfsk.repeater_call.last_octet", _INT, 0, 255, 0, "last octet of RepeaterCall (UNCONFIRMED)"),
)  # fmt: skip
