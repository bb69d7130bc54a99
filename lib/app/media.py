# SPDX-License-Identifier: MIT
"""The medium the configuration names: its segment, its objects on SAP 1, what it wants done each second.

Law: only the chosen medium's code is imported; that of the other would fill a board's RAM.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.access_list import AccessList
    from app.config import Config
    from app.settings import Settings
    from base.log import Log
    from dlms.cosem.object import CosemObject
    from gateway.registration import Table
    from hal.store import FileStore
    from plc.access import Access
    from plc.contract import Management, Medium, MediumSink, ModemPort


class Around:
    """What a segment is made of and what it stands on; plain attributes, filled in by main.py.

    `serial`: of this machine; `random_octets(n)`: its real random source; `port` may be any
    plc.contract.ModemPort.
    """

    config: "Config"
    store: "FileStore"
    settings: "Settings"
    access: "Access"
    access_list: "AccessList"
    unwrap: "Callable[[bytes], bytearray | None] | None" = None  # a key wrapped by the master key; None: there is none
    serial: bytes
    random_octets: "Callable[[int], bytes]"
    port: "ModemPort"
    table: "Table"
    sink: "MediumSink"
    log: "Log"


class Side:
    """The PLC side. `objects`: for SAP 1; `timed`: engines whose `on_deadline(now)` is due each second.

    `management`: what management may ask of the segment.
    """

    management: "Management"

    def __init__(self, segment: "Medium", objects: "list[CosemObject]", timed: "tuple[object, ...]" = ()) -> None:
        self.segment = segment
        self.objects = objects
        self.timed = timed


def build(around: Around) -> Side:
    """The side of setting `medium`; `around` is not kept."""
    if around.config.text("medium") == "g3":
        from app import medium_g3

        return medium_g3.build(around)
    from app import medium_sfsk

    return medium_sfsk.build(around)


def uart_baud(config: "Config") -> int:
    """Of the modem's UART."""
    return config.number(config.text("medium") + ".uart_baud")


def title_len(config: "Config | dict[str, object]") -> int:
    """Octets of a system title on the segment: an EUI-64 has 8, S-FSK has what its section says."""
    return 8 if config["medium"] == "g3" else config["sfsk.title_len"]  # type: ignore[return-value]


def first_credit(config: "Config") -> int:
    """Credit a new node starts with; only S-FSK knows credits."""
    return config.number("sfsk.initial_credit") if config.text("medium") == "sfsk" else 0


def guard_ms(config: "Config") -> int:
    """How long a node rests after a missing answer. On G3 an answer may have waited for a new route, or behind 50
    frames of others (macMaxCSMABackoffs) on a busy line."""
    late_ms = config.number("g3.route_ms") if config.text("medium") == "g3" else 0
    return config.number("gateway.guard_ms") + late_ms


def own_saps(config: "Config") -> "tuple[int, ...]":
    """SAPs of the medium itself at both ends: nobody may use them from the WAN."""
    if config.text("medium") == "sfsk":
        return (0, config.number("sfsk.sap_ciase"), config.number("sfsk.sap_report"))
    return (0,)
