# SPDX-License-Identifier: MIT
"""Options of the simulated segment, with the reason for every default.

What the fact sheet (sfsk.md) marks UNCONFIRMED is an option here and says so: [U].
Times are microseconds of the kernel unless the name says otherwise.
"""

from dataclasses import dataclass, field


@dataclass
class ChipOptions:
    """The modem chip. Time limits from sfsk.md 4.4; `widen` multiplies the limits set on the host."""

    model: str = "amis49587"
    uart_baud: int = 38400
    uart_speed: float = 1.0  # characters this many times faster; scaled real-time runs only
    chunk: int = 1  # octets handed to the host per event; 0 = a whole frame at its last octet
    widen: float = 1.0
    poll_us: int = 1_000  # T_REQ low to first status octet; must stay within tPOLL = 20 ms
    ack_us: int = 500  # last octet of a host frame to ACK/NAK; within tACK = 40 ms
    exec_us: int = 500  # ACK gone to confirm ready [U]
    status_again: bool = True  # T_REQ again instead of a frame gets a new status, not tSR silence [U]
    frame_gap_us: int = 0  # silence before the next frame to the host [U]
    reset_us: int = 10_000  # deaf after Reset_Request [U]
    boot_us: int = 50_000  # deaf after the reset line or power comes back [U]
    pll_us: int = 300_000  # configured to PLL_LOCK [U]
    sync_us: int = 200_000  # PLL_LOCK to NotSYNC = 0 [U]
    version: int = 0x15  # status D3 in NOT SET, ident 0013
    rx_queue: int = 16  # indications waiting for the host; more are lost and counted [U]
    synchro_indication: bool = True  # 10 01 when a master becomes synchronous [U]
    desynchro_as_master: bool = False  # A3: Desynchro is for slaves; True obeys it as master [U]
    bad_crc_indication: bool = False  # 53 instead of dropping a corrupt frame; config bit unseen [U]
    pad_in_indication: bool = False  # M_sdu of 50 still carries its pad octets [U]
    busy_while_receiving: bool = True  # 52 00 to a request made while a frame is being heard [U]


@dataclass
class LineOptions:
    """The power line. `time_scale` divides slot time; 0 = no airtime (slots of 1 us)."""

    baud: int = 2400
    time_scale: float = 1.0
    seed: int = 1
    loss: float = 0.0  # chance that one copy of a frame is not heard by one station
    corrupt_share: float = 0.5  # of the copies lost towards the modem: heard with a bad CRC
    dup: float = 0.0  # chance that a frame is delivered twice, one slot apart
    delay_ms: int = 0  # an uplink is held back by 0..delay_ms more
    capture: float = 0.0  # chance that one of two colliding frames survives


@dataclass
class NodeOptions:
    """A meter's communication unit."""

    depth: int = 0  # repetitions needed between it and the initiator (0..7)
    think_us: int = 50_000  # request heard to answer ready
    ciase_sap: int = 0x00
    initiator_sap: int = 0x01
    report_sap: int = 0xFD
    report_to_all: bool = False  # DiscoverReport to FFF instead of the initiator's MAC [U]
    alarm: int | None = 0x01  # alarm descriptor in the DiscoverReport; None = absent [U]
    time_out_not_addressed_min: float = 6000  # [U] recollection
    reply_credit: int | None = None  # None = the credit of the request [U]
    max_m_sdu: int = 242
    busy_limit_us: int = 2_000_000  # silent server: the node takes requests again after this
    fima: int = 0xC00
    push_client_sap: int = 0x01


@dataclass
class SegmentOptions:
    """Everything `segment.Segment` needs."""

    meters: int = 0
    title_len: int = 8
    chip: ChipOptions = field(default_factory=ChipOptions)
    line: LineOptions = field(default_factory=LineOptions)
    node: NodeOptions = field(default_factory=NodeOptions)
