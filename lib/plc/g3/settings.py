# SPDX-License-Identifier: MIT
"""Settings of a G3 segment: configuration section `g3` over the defaults below.

What no readable source settles (g3.md 9) is a value here, so that a finding on hardware is a
line of configuration. Checking user input is the configuration's business; the checks here
are what must hold.
"""

from base.errors import LocalError

# Flat: a nested section of config.json (`rekey: {parallel}`) is the key `rekey.parallel`.
DEFAULTS = {
    "dialect": "H",  # H: bootstrapping server in the modem; L: here, over raw LBP
    "uart_baud": 115200,  # a build option of the modem's firmware (UNCONFIRMED)
    "uart_widen": 1,  # multiplies host-side time-outs; simulators on busy PCs only
    "band": 0,  # 0 CENELEC-A, 1 CENELEC-B, 2 FCC, 3 ARIB
    "eui64": "",  # 16 hex digits; empty: the modem's own (UNCONFIRMED orientation)
    "pan_id": 0x781D,
    "pan_conflict": "stay",  # or "move": another PAN id, every node joins anew
    "discovery_s": 15,
    "start_timeout_s": 60,  # some stacks answer a network start after minutes (g3.md 8)
    "prefix": "FD00000000020000",  # of the /64, its last two octets replaced by the PAN id
    "context_1": "112233445566",  # second compression context of the sample coordinators
    "max_hops": 10,
    "routing_ttl_min": 180,
    "max_join_wait_s": 90,
    "security_level": 5,
    "lbp_timeout_s": 60,
    "frame_counter_margin": 100000,
    "request_timeout_ms": 3000,
    "boot_ms": 3000,  # from reset or power until INITIALIZE is worth a try
    "init_timeout_ms": 8000,
    "init_retry_ms": 10000,  # before another NETWORK_START
    "heartbeat_ms": 5000,
    "alive_s": 300,
    "modem_buffer": 1024,  # octets of the modem's UART buffers, escapes included (g3.md 2.10)
    "max_packet": 900,  # octets of the largest IPv6 packet
    "handles": 1,  # data requests that may await their confirm
    "flights": 10,  # exchanges in the air at once
    "load_percent": 125,  # of the line: with less needed by those in the air one more goes
    "high_priority": True,  # requests contend before answers and relays, so that they do not collide
    "buffers_all": False,  # wait for all three buffer classes, not only the one needed
    "buffer_stall_ms": 30000,  # buffers said to be full for so long: try all the same
    "confirm_ms": 60000,  # a DATA_CONFIRM may wait for a route discovery
    "busy_gap_ms": 500,
    "busy_ms": 20000,  # a modem without room for so long refuses
    "udp_port": 4059,
    "hop_limit": 64,
    "broadcast_group": 0x0001,  # FF02::xxxx; FF02::1 is group 0x8001, all nodes
    "think_ms": 3000,
    "slack_ms": 15000,  # retries, hidden nodes, processing per hop: added to every window (on the twin none is late)
    "route_ms": 20000,  # adpNetTraversalTime: added while the route may have to be found
    "hops_unknown": 3,
    "lqi_bpsk": 60,  # link quality from which BPSK (below: ROBO) is assumed; own choice
    "lqi_qpsk": 90,  # and QPSK
    "time_scale": 1,  # divides airtimes; 0 = no airtime; simulators only
    "lost_after": 3,
    "suspect_ms": 5000,
    "keepalive_s": 3600,
    "lost_retry_s": 900,
    "upkeep_percent": 3,  # of the line, for looking after the silent ones: with more of them it takes longer
    "first_path_ms": 60000,  # after a join the way to the node is looked up once, for the node list
    "table_rows": 48,  # rows kept of each of the modem's tables, 32 octets each
    "table_period_s": 900,
    "path_timeout_ms": 45000,  # adpPathDiscoveryTime 40 s
    "path_metric": 0x0F,
    "join_timeout_s": 120,
    "unverified_max": 32,  # rows given to nodes that have not finished joining
    "lbs.slots": 5,
    "lbs.timeout_ms": 20000,  # per message, one repetition
    "lbs.id_s": "8172635445362718",
    "rekey.parallel": 2,
    "rekey.timeout_s": 30,
    "rekey.tries": 3,
    "rekey.grace_s": 86400,  # the old key is understood so long after a rotation
    "rekey.preload": True,  # own MAC key table first (own recommendation, UNCONFIRMED; g3.md 3.6)
    "kick_mismatch": True,
}

_WRAPPER_AND_HEADERS = 56  # IPv6 40, UDP 8, wrapper 8


class Settings:
    """The `g3` section as one object: `settings["rekey.tries"]`."""

    def __init__(self, overrides: "dict[str, object] | None" = None) -> None:
        self._values: "dict[str, object]" = dict(DEFAULTS)
        self._merge("", overrides or {})
        self._check()

    def __getitem__(self, key: str) -> int:
        return self._values[key]  # type: ignore[return-value]

    def text(self, key: str) -> str:
        """A setting that is a string."""
        return str(self._values[key])

    def octets(self, key: str) -> bytes:
        """A setting written in hex digits."""
        digits = self.text(key)
        return bytes([int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)])

    def timeout_ms(self, key: str) -> int:
        """A host-side time-out, widened for simulators."""
        return self[key] * self["uart_widen"]

    @property
    def is_dialect_l(self) -> bool:
        """The bootstrapping server runs here."""
        return self.text("dialect") == "L"

    @property
    def max_apdu(self) -> int:
        """Octets of the largest APDU a packet carries."""
        return self["max_packet"] - _WRAPPER_AND_HEADERS

    def _merge(self, prefix: str, section: "dict[str, object]") -> None:
        for key, value in section.items():
            name = prefix + key
            if isinstance(value, dict):
                self._merge(name + ".", value)
            elif name in self._values:
                self._values[name] = value
            else:
                raise LocalError("g3: no setting %s" % name)

    def _check(self) -> None:
        if self.text("dialect") not in ("H", "L"):
            raise LocalError("g3: dialect H or L")
        if not 100 <= self["max_packet"] <= 1280:
            raise LocalError("g3: max_packet 100..1280")
        if not 1 <= self["handles"] <= self["flights"] <= 32:
            raise LocalError("g3: handles 1..flights, flights 1..32")
        if len(self.octets("prefix")) != 8 or len(self.octets("eui64")) not in (0, 8):
            raise LocalError("g3: prefix 8 octets, eui64 0 or 8")
        if not 1 <= self["pan_id"] < 0xFFFF:
            raise LocalError("g3: pan_id 1..FFFE")
