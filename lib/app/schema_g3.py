# SPDX-License-Identifier: MIT
"""What section `g3` of config.json may hold; rows as in app.schema.

Same keys and defaults as plc.g3.settings, which a test compares; `g3.psk` and what follows it
are the application's own. Rows marked UNCONFIRMED: facts no readable source settles (g3.md 9).
"""

from micropython import const

# NOTE: as in app.schema_push: the kinds by value, so that the rows are constants and lie in flash.
_BOOL = const("true or false")
_CHOICE = const("one of")
_HEX = const("hex digits")
_INT = const("integer")

_BAUDS = const((9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600))

ROWS: "tuple[tuple[str, str, object, object, object, str], ...]" = (
    ("g3.psk", _CHOICE, ("demand", "file"), None, "demand", "PSKs: from a head-end into RAM, or psk.json (docs/g3.md)"),
    ("g3.psk_cache", _INT, 1, 512, 64, "PSKs held in RAM at once, 24 octets each; the oldest gives way"),
    ("g3.psk_ttl_s", _INT, 60, 432000, 86400, "a PSK in RAM is wiped so long after it was given"),
    ("g3.dialect", _CHOICE, ("H", "L"), None, "H", "bootstrapping server in the modem (H) or here, over raw LBP (L)"),
    ("g3.uart_baud", _CHOICE, _BAUDS, None, 115200, "a build option of the modem's firmware (UNCONFIRMED)"),
    ("g3.uart_widen", _INT, 1, 1000, 1, "simulators only: stretches host-side time-outs"),
    ("g3.band", _CHOICE, (0, 1, 2, 3), None, 0, "0 CENELEC-A, 1 CENELEC-B, 2 FCC, 3 ARIB"),
    ("g3.eui64", _HEX, 0, 16, "", "of the coordinator; empty: the modem's own (UNCONFIRMED orientation)"),
    ("g3.pan_id", _INT, 1, 65534, 30749, "PAN id wanted (0x781D)"),
    ("g3.pan_conflict", _CHOICE, ("stay", "move"), None, "stay", "another PAN has our id; move: all nodes join anew"),
    ("g3.discovery_s", _INT, 1, 255, 15, "scan for other PANs before the network starts"),
    ("g3.start_timeout_s", _INT, 5, 600, 60, "wait for the network start; some stacks answer after minutes"),
    ("g3.prefix", _HEX, 16, 16, "FD00000000020000", "the /64, its last two octets replaced by the PAN id"),
    ("g3.context_1", _HEX, 2, 32, "112233445566", "second compression context of the sample coordinators"),
    ("g3.max_hops", _INT, 1, 14, 10, "adpMaxHops"),
    ("g3.routing_ttl_min", _INT, 1, 65535, 180, "minutes a route lives"),
    ("g3.max_join_wait_s", _INT, 1, 1023, 90, "adpMaxJoinWaitTime"),
    ("g3.security_level", _CHOICE, (0, 5), None, 5, "5: encrypted with a 4-octet tag; 0: laboratory only"),
    ("g3.lbp_timeout_s", _INT, 1, 3600, 60, "a bootstrapping slot of the modem is given up after so long"),
    ("g3.frame_counter_margin", _INT, 1000, 10000000, 100000, "the kept counter is so far ahead, at most"),
    ("g3.request_timeout_ms", _INT, 100, 60000, 3000, "request to the modem until its confirm"),
    ("g3.boot_ms", _INT, 100, 60000, 3000, "from reset or power until INITIALIZE is worth a try"),
    ("g3.init_timeout_ms", _INT, 500, 120000, 8000, "INITIALIZE until its status"),
    ("g3.init_retry_ms", _INT, 500, 120000, 10000, "before another network start"),
    ("g3.heartbeat_ms", _INT, 500, 60000, 5000, "between signs of life asked of the modem"),
    ("g3.alive_s", _INT, 10, 86400, 300, "modem without a sign of life for so long: the watchdog starves"),
    ("g3.modem_buffer", _INT, 256, 4096, 1024, "octets of the modem's UART buffers, escapes included"),
    ("g3.max_packet", _INT, 100, 1280, 900, "octets of the largest IPv6 packet: the largest APDU is 56 less"),
    ("g3.handles", _INT, 1, 32, 1, "data requests that may await their confirm"),
    ("g3.flights", _INT, 1, 32, 10, "exchanges in the air at once"),
    ("g3.load_percent", _INT, 10, 1000, 125, "of the line: while those in the air need less, one more goes"),
    ("g3.high_priority", _BOOL, 0, 0, True, "requests contend before answers do (first hop; further ones UNCONFIRMED)"),
    ("g3.buffers_all", _BOOL, 0, 0, False, "wait for all three buffer classes of the modem, not only the one needed"),
    ("g3.buffer_stall_ms", _INT, 1000, 600000, 30000, "buffers said to be full for so long: try all the same"),
    ("g3.confirm_ms", _INT, 1000, 600000, 60000, "a DATA_CONFIRM may wait for a route discovery"),
    ("g3.busy_gap_ms", _INT, 10, 60000, 500, "before the modem is tried again that had no room"),
    ("g3.busy_ms", _INT, 1000, 600000, 20000, "a modem without room for so long refuses"),
    ("g3.udp_port", _INT, 1, 65535, 4059, "UDP port of meters and gateway"),
    ("g3.hop_limit", _INT, 1, 255, 64, "IPv6 hop limit"),
    ("g3.broadcast_group", _INT, 1, 65535, 1, "group of the broadcast SAP: FF02::xxxx; FF02::1 is 32769"),
    ("g3.think_ms", _INT, 10, 120000, 3000, "think time allowed a meter before it is measured"),
    ("g3.slack_ms", _INT, 0, 120000, 15000, "retries and processing per hop: added to every reply window"),
    ("g3.route_ms", _INT, 0, 120000, 20000, "adpNetTraversalTime: added to a doubtful route's window, to each guard"),
    ("g3.hops_unknown", _INT, 1, 14, 3, "hops assumed of a node whose path is not known"),
    ("g3.lqi_bpsk", _INT, 0, 255, 60, "link quality from which BPSK is assumed, below it ROBO"),
    ("g3.lqi_qpsk", _INT, 0, 255, 90, "link quality from which QPSK is assumed"),
    ("g3.time_scale", _INT, 0, 10000, 1, "simulators only: the line runs so many times faster, 0 = no airtime"),
    ("g3.lost_after", _INT, 1, 20, 3, "unanswered attempts until a node is lost"),
    ("g3.suspect_ms", _INT, 100, 600000, 5000, "before the next attempt at a node that did not answer"),
    ("g3.keepalive_s", _INT, 60, 604800, 3600, "a node not heard for so long is asked for its path"),
    ("g3.lost_retry_s", _INT, 10, 86400, 900, "between attempts at a lost node"),
    ("g3.upkeep_percent", _INT, 1, 100, 3, "of the line for both: the more nodes, the longer they wait"),
    ("g3.first_path_ms", _INT, 0, 86400000, 60000, "after a join the path is looked up once so late"),
    ("g3.table_rows", _INT, 1, 1024, 48, "rows kept of each of the modem's tables, 32 octets each"),
    ("g3.table_period_s", _INT, 10, 86400, 900, "between readings of the modem's tables"),
    ("g3.path_timeout_ms", _INT, 1000, 600000, 45000, "path discovery until its answer (adpPathDiscoveryTime 40 s)"),
    ("g3.path_metric", _INT, 0, 15, 15, "metric asked for in a path request"),
    ("g3.join_timeout_s", _INT, 10, 3600, 120, "a join begun and not finished is given up"),
    ("g3.unverified_max", _INT, 1, 1024, 32, "rows of joins not finished; beyond, who is sought in vain gives way"),
    ("g3.lbs.slots", _INT, 1, 32, 5, "dialect L: joins at once"),
    ("g3.lbs.timeout_ms", _INT, 1000, 600000, 20000, "dialect L: per message, one repetition"),
    ("g3.lbs.id_s", _HEX, 16, 16, "8172635445362718", "dialect L: identity of the server"),
    ("g3.rekey.parallel", _INT, 1, 32, 2, "nodes given the new group key at once"),
    ("g3.rekey.timeout_s", _INT, 1, 3600, 30, "per node and phase"),
    ("g3.rekey.tries", _INT, 1, 20, 3, "per node and phase; who misses both joins anew"),
    ("g3.rekey.grace_s", _INT, 0, 2592000, 86400, "the old key is understood so long after a rotation"),
    ("g3.rekey.preload", _BOOL, 0, 0, True, "new key into the coordinator's own table first (UNCONFIRMED)"),
    ("g3.kick_mismatch", _BOOL, 0, 0, True, "expel a node that joined with an address not its own"),
)  # fmt: skip
