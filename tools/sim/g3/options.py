# SPDX-License-Identifier: MIT
"""Options of the simulated G3 segment, with the reason for every default.

What the fact sheet (g3.md) marks UNCONFIRMED or does not say is an option here and says so: [U].
Seconds and milliseconds are those of the real medium; `time_scale` divides them.
"""

from dataclasses import dataclass, field

DEFAULT_KEY = bytes.fromhex("AF4D6DCCF14DE7C1C4235E6FEF6C151F")  # the published GMK that INITIALIZE writes
DEFAULT_PSK = bytes.fromhex("AB10341145111BC3C12DE8FF11142204")
MODEM_EUI64 = bytes.fromhex("0004253500000001")  # a stock modem makes one up


@dataclass
class G3LineOptions:
    """The power line (g3.md 1.1, 1.2, 7.1)."""

    band: str = "cen-a"
    time_scale: float = 1.0  # 0 = no airtime; protocol timers then run a hundred times faster
    seed: int = 1
    loss: float = 0.0  # chance that one attempt is not heard
    dup: float = 0.0  # chance that a datagram reaches its destination twice
    delay_ms: int = 0  # an uplink is held back by 0..delay_ms more
    max_retries: int = 5  # macMaxFrameRetries
    max_backoffs: int = 50  # a frame that saw that many others go first fails
    min_be: int = 3
    max_be: int = 8
    lqi: tuple[int, int] = (48, 110)  # links get an LQI in this range [U]
    thresholds: tuple[int, int, int] = (60, 72, 92)  # LQI from which BPSK, QPSK, 8PSK are used [U]
    relays_keep_priority: bool = False  # further hops of a frame sent with high priority have it too [U]
    rebroadcasts: int = 2  # copies of a route request per hop that cost airtime [U]


@dataclass
class G3ModemOptions:
    """The modem (g3.md 2)."""

    dialect: str = "H"
    uart_baud: int = 115200
    uart_speed: float = 1.0  # characters this many times faster; scaled real-time runs only
    chunk: int = 0  # octets handed to the host per event; 0 = a whole frame at its last octet
    usi_buffer: int = 1024  # octets of a frame with its escapes; longer ones vanish
    crashes_on_overrun: bool = False  # a host frame beyond the buffer hangs the modem until reset [U]
    boot_us: int = 500_000  # deaf after the reset line or power comes back [U]
    init_us: int = 200_000  # INITIALIZE to its status [U]
    exec_us: int = 1_000  # request to confirm [U]
    start_us: int = 300_000  # NETWORK_START to its confirm [U]
    buffers: tuple[int, int, int] = (1, 3, 3)  # large, medium, small [U]
    lbp_slots: int = 5
    lbp_timeout_s: int = 300  # LBP attribute 6
    eap_first_id: int = 0
    device_table: int = 128
    routing_table: int = 150
    max_hops: int = 8
    eui64: bytes = MODEM_EUI64
    keeps_counter: bool = True  # its board holds up long enough to save the frame counter when power fails
    route_not_found: bool = True  # 33 to the host when a route cannot be found [U]
    legacy_silent_unknown: bool = False  # dialect L: unknown commands get no status [U]


@dataclass
class G3NodeOptions:
    """A meter's communication unit."""

    depth: int | None = None  # hops - 1; None = the topology draws it
    uplinks: int = 3  # stations nearer to the coordinator it hears at most [U]
    think_us: int = 50_000  # request heard to answer ready
    psk: bytes | None = None  # None = derived from seed and EUI-64
    is_rogue: bool = False  # not in psk.json
    scan_ms: int = 1_500  # how long it collects beacons [U]
    start_s: float = 2.0  # powers up at a random instant of this span
    rescan_s: tuple[float, float, float] = (5.0, 600.0, 1.3)  # first, longest wait after no beacon, growth [U]
    backoff_s: tuple[float, float, float] = (30.0, 900.0, 2.0)  # the same after a join that failed [U]
    join_wait_s: float = 90.0  # adpMaxJoinWaitTime as Microchip's applications set it
    kick_wait_s: float = 2.0  # KICK to reset
    orphan_s: float = 24 * 3600.0  # joins again when it heard nothing for so long; 0 = never [U]
    result_order: str = "microchip"  # octets of a parameter-result, or "phx" (g3.md 3.3)
    refuses_gmk: bool = False  # answers message 3 with a failure
    checks_frame_counter: bool = True
    push_client_sap: int = 0x01
    answers_echo: bool = True


@dataclass
class G3Options:
    """Everything `segment.G3Segment` needs."""

    meters: int = 0
    modem: G3ModemOptions = field(default_factory=G3ModemOptions)
    line: G3LineOptions = field(default_factory=G3LineOptions)
    node: G3NodeOptions = field(default_factory=G3NodeOptions)
    hops: tuple[float, ...] = (0.35, 0.3, 0.2, 0.1, 0.05)  # shares of nodes at 1, 2, .. hops [U]
