# SPDX-License-Identifier: MIT
"""SAP 1 of this gateway: which objects it shows, and where their live values come from.

The list of what is published is here and nowhere else. Node list: SAP assignment
(0-0:41.0.0), and 0-0:128.3.0 with what the table knows of each node.
"""

import gc
from binascii import hexlify

from micropython import const

from app.config import Config
from base import framing
from dlms.association import public_client
from dlms.axdr import OCTET_STRING, UINT8, UINT16, UINT32
from dlms.cosem import basic
from dlms.cosem.clock import clock_object
from dlms.cosem.event_log import EventLog
from dlms.cosem.object import ROLE_MANAGEMENT, obis
from dlms.cosem.values import Array, Encoded, number
from dlms.server import Limits, LogicalDevice
from gateway.router import OWN_SAP
from plc.medium import STAT_LATE, STAT_RX, STAT_TIMEOUT, STAT_TX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.settings import Settings
    from base.counters import Counters
    from base.log import Log
    from dlms.axdr import Writer
    from dlms.cosem.object import CosemObject, Method
    from gateway.registration import Table

_CLOCK_IS_SET = const(1700000000)


class WallClock:
    """Clock source of the COSEM objects: UTC of the real-time clock, uptime turned into it."""

    zone_min = 0

    def __init__(self, clock: "object", log: "Log") -> None:
        self._clock = clock
        self._log = log

    def calendar(self, uptime_s: "int | None") -> "tuple[int, int, int, int, int, int, int] | None":
        """(year, month, day, weekday 1..7, hour, minute, second), None while it was never set."""
        wall = self._clock.wall_s()  # type: ignore[attr-defined]
        if wall < _CLOCK_IS_SET:
            return None
        if uptime_s is not None:
            wall -= self._log.now_s - uptime_s
        t = self._clock.calendar(wall)  # type: ignore[attr-defined]
        return t[0], t[1], t[2], t[6] + 1, t[3], t[4], t[5]


class _NodeRows:
    """Walks the listed rows of the table in SAP order; remembers where the last item was."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._index = 0
        self._row = -1
        self._seen = -1

    @property
    def generation(self) -> int:
        """Changes with every node that comes or goes."""
        return self._table.generation

    def row_at(self, index: int) -> int:
        """Row of the `index`-th held node; amortised one step when asked in order."""
        if self._seen != self._table.generation or index < self._index or self._row < 0:
            self._seen = self._table.generation
            self._index = 0
            self._row = self._next(-1)
        while self._index < index:
            self._row = self._next(self._row)
            self._index += 1
        return self._row

    def _next(self, row: int) -> int:
        table = self._table
        row += 1
        while row < table.end() and not self.is_listed(row):
            row += 1
        return row

    def is_listed(self, row: int) -> bool:
        """Every node that holds a row."""
        return self._table.row_of_addr(self._table.addr(row)) == row


class SapList(_NodeRows):
    """Items of the SAP assignment list: SAP 1, the meters in SAP order, then extra SAPs.

    `ldn_prefix` "" gives the title as upper-case hex digits, else prefix + title octets.
    `extras` = (sap, ldn) of extra logical devices, in SAP order.
    """

    def __init__(
        self, table: "Table", own_ldn: bytes, ldn_prefix: str, extras: "list[tuple[int, bytes]]"
    ) -> None:
        super().__init__(table)
        self._own_ldn = own_ldn
        self._prefix = ldn_prefix.encode()
        self._extras = extras

    def is_listed(self, row: int) -> bool:
        """Nodes that have answered once: what is listed can be talked to."""
        return self._table.is_published(row)

    def count(self) -> int:
        """Items: this device, the nodes, the extra ones."""
        return 1 + self._table.published_cnt + len(self._extras)

    def encode_item(self, index: int, writer: "Writer") -> None:
        """Item `index` as structure{long-unsigned, octet-string}."""
        if index == 0:
            basic.write_sap(writer, OWN_SAP, self._own_ldn)
        elif index <= self._table.published_cnt:
            row = self.row_at(index - 1)
            basic.write_sap(writer, self._table.sap(row), self.ldn(self._table.title(row)))
        else:
            sap, ldn = self._extras[index - 1 - self._table.published_cnt]
            basic.write_sap(writer, sap, ldn)

    def ldn(self, title: bytes) -> bytes:
        """Logical device name of the meter with this title."""
        return self._prefix + title if self._prefix else hexlify(title).upper()


class NodeList(_NodeRows):
    """0-0:128.3.0: structure{SAP, title, address, state, credit, think ms, last heard s,
    requests, replies, time-outs, late} per node; last heard in uptime seconds, 0 = never."""

    def count(self) -> int:
        """Nodes that hold a row."""
        return self._table.count()

    def encode_item(self, index: int, writer: "Writer") -> None:
        """The structure of node `index`."""
        table = self._table
        row = self.row_at(index)
        writer.structure(11)
        writer.number(UINT16, table.sap(row))
        writer.string(OCTET_STRING, table.title(row))
        writer.number(UINT16, table.addr(row))
        writer.number(UINT8, table.state(row))
        writer.number(UINT8, table.credit(row))
        writer.number(UINT16, table.think_ms(row))
        writer.number(UINT32, table.last_heard_s(row))
        for what in (STAT_TX, STAT_RX, STAT_TIMEOUT, STAT_LATE):
            writer.number(UINT16, table.stat(row, what))


def _sap_assignment(parts: "Parts") -> "CosemObject":
    """0-0:41.0.0 with its method, where there is somebody to do it."""
    found = basic.sap_assignment(parts.sap_list())
    return found if parts.connect is None else found.callable(1, ROLE_MANAGEMENT, parts.connect)


def _texts(errors: "list[str]") -> "Encoded":
    """What was wrong with the configuration, one octet-string; empty when nothing was."""
    return Encoded(lambda writer: writer.octets("\n".join(errors).encode()))  # keeping a good copy may add one


def _heap(writer: "Writer") -> None:
    """structure{octets in use, octets free} of the heap, as the collector counts them now."""
    writer.structure(2)
    writer.number(UINT32, gc.mem_alloc())
    writer.number(UINT32, gc.mem_free())


def own_objects(parts: "Parts") -> "list[CosemObject]":
    """Every object of SAP 1 but its association view, which the device adds."""
    clock = WallClock(parts.clock, parts.log)
    log = EventLog(parts.log, parts.config.number("log_records"), clock, lambda row: parts.table.sap(row))
    objects = [
        basic.logical_device_name(parts.own_ldn()),
        basic.serial_number(parts.serial),
        basic.firmware_id(0, parts.version),
        basic.firmware_id(1, parts.interpreter),
        _sap_assignment(parts),
        clock_object(clock),
        basic.data(obis(0, 0, 128, 3, 0), Array(NodeList(parts.table))),
        basic.data(obis(0, 0, 128, 4, 0), _texts(parts.config.errors)),
        basic.data(obis(0, 0, 128, 4, 1), Encoded(lambda writer: writer.octets(parts.config.source.encode()))),
        basic.data(obis(0, 0, 128, 4, 2), Encoded(lambda writer: writer.number(UINT32, parts.log.now_s))),
        basic.data(obis(0, 0, 128, 4, 3), number(UINT8, parts.reset_cause)),
        basic.data(obis(0, 0, 128, 4, 5), Encoded(_heap)),
        basic.data(obis(0, 0, 128, 4, 4), Encoded(lambda writer: writer.octets(framing.health().encode()))),
    ]
    for e_group, counter_set in enumerate(parts.counters):
        objects.append(basic.counters(e_group, counter_set))
    return objects + log.objects() + parts.medium_objects


class Parts:
    """What the objects are about; filled in by main.py, read when a client asks.

    `counters`: counter sets in the order of 0-0:128.1.e (0 forwarding, 1 sessions, 2 segment,
    3 push, 4 `own`: what this device itself served and refused).
    """

    config: Config
    settings: "Settings"
    clock: "object"
    log: "Log"
    table: "Table"
    medium_objects: "list[CosemObject]"
    connect: "Method | None" = None  # of the SAP assignment
    counters: "tuple[Counters, ...]"
    own: "Counters"
    serial: bytes
    version: bytes
    interpreter: bytes
    reset_cause = 0

    def own_ldn(self) -> bytes:
        """Logical device name of SAP 1."""
        return self.config.text("gateway.ldn").encode()

    def sap_list(self) -> SapList:
        """Source of the SAP assignment list."""
        extras = [(one["sap"], one["ldn"].encode()) for one in self.config["gateway.extra_saps"]]  # type: ignore[attr-defined]
        return SapList(self.table, self.own_ldn(), self.config.text("gateway.ldn_prefix"), sorted(extras))


def own_device(parts: Parts) -> LogicalDevice:
    """The logical device at SAP 1, for the public client."""
    limits = Limits(
        associations_cnt=parts.config.number("wan.sessions") + 1,  # a public client on each, one that is just closing
        max_pdu=parts.config.number("wan.max_apdu"),
    )
    return LogicalDevice(own_objects(parts), (public_client(),), limits, parts.own)
