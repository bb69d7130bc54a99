# SPDX-License-Identifier: MIT
"""The management side of SAP 1 over stand-ins: a segment that does as it is told, a clock that is set.

`put` and `call` hand octets, laid out by hand, to the objects as the SET and ACTION services do.
"""

from fakes import ALMOST_WRAPPED, RamStore, make_table, title

from app.access_list import AccessList
from app.config import load
from app.own_device import Parts
from app.own_management import OwnManagement
from app.settings import Settings
from base.errors import RemoteError
from base.log import Log
from base.ticks import ticks_add
from dlms.axdr import Reader, Writer
from plc.access import Access
from plc.medium import ASK_STARTED, NODE_ONLINE

SERIAL = b"SIMGATEWAY01"


def name(text):
    """Logical name of "a.b.c.d.e" with 255 behind it."""
    return bytes([int(part) for part in text.split(".")] + [255])


def octets(value):
    """An octet-string of less than 128 octets."""
    return bytes((9, len(value))) + value


class Segment:
    """plc.contract.Management; `answer` is what it says to everything, `asked` what it was asked."""

    def __init__(self):
        self.on_pinged = None
        self.answer = ASK_STARTED
        self.is_in_use = False
        self.asked = []

    def ping(self, now, row):
        self.asked.append(("ping", row))
        return self.answer

    def drop_ping(self):
        self.asked.append(("drop",))

    def discover(self, now):
        self.asked.append(("discover",))
        return self.answer

    def call_repeaters(self, now):
        self.asked.append(("repeaters",))
        return self.answer

    def release(self, now, row):
        self.asked.append(("release", row))
        return not self.is_in_use


class Bench:
    """Three nodes online in rows 0..2; `now` ticks, `uptime_s` and `moment` are the test's."""

    def __init__(self, store=None, config=b"{}"):
        self.store = store or RamStore()
        self.store.files.setdefault("config.json", config)
        self.now = ALMOST_WRAPPED
        self.log = Log(64)
        self.log.now_s = 1000
        self.config = load(self.store)
        assert not self.config.errors, self.config.errors
        self.settings = Settings(self.store, self.config, self.log)
        if self.config.text("medium") == "sfsk":
            for edge in ("start", "end"):
                self.settings.register("sfsk.operating_window." + edge, self._window)
        self.windows = 0
        self.table, _ = make_table(self.store)
        for n in range(3):
            row = self.table.find(title(n))
            if row < 0:
                row = self.table.add(title(n))
            self.table.set_state(row, NODE_ONLINE, 1)
        self.lists = AccessList(self.store, Access(8), self.log)
        self.segment = Segment()
        self.events = []
        self.restarts = 0
        self.moment = None
        self._manage()

    def _manage(self):
        parts = Parts()
        parts.config, parts.settings, parts.log, parts.table = self.config, self.settings, self.log, self.table
        parts.clock, parts.serial = self, SERIAL
        self.management = OwnManagement(parts, self.segment, self.lists, self, self.store, self._restart)
        self.management.timed[1].moment = lambda: self.moment
        self.objects = {item.logical_name: item for item in self.management.objects}

    def _window(self, ahead):
        return self._count_window

    def _count_window(self):
        self.windows += 1

    def _restart(self):
        self.restarts += 1

    def on_node(self, now, node, event):
        """MediumSink."""
        self.events.append((node, event))

    def wall_s(self):
        """hal.clock: not set."""
        return 0

    def turn(self, ms=1000):
        """Let time pass in turns of at most a second."""
        while ms > 0:
            step = min(ms, 1000)
            self.now = ticks_add(self.now, step)
            ms -= step
            for engine in self.management.timed:
                engine.on_deadline(self.now)

    def put(self, text, value, attribute=2):
        """SET of an attribute: the result, -1 = of another type."""
        reader = Reader()
        reader.open(memoryview(value), 0, len(value))
        try:
            return self.objects[name(text)].setter(attribute)(self.now, reader)
        except RemoteError:
            return -1

    def call(self, text, value, method=1):
        """ACTION: the result, -1 = of another type; `value` None = no parameter."""
        reader = None
        if value is not None:
            reader = Reader()
            reader.open(memoryview(value), 0, len(value))
        try:
            return self.objects[name(text)].method(method)(self.now, reader, Writer())
        except RemoteError:
            return -1

    def connect(self, value):
        """ACTION connect_logical_device."""
        reader = Reader()
        reader.open(memoryview(value), 0, len(value))
        try:
            return self.management.connect(self.now, reader, Writer())
        except RemoteError:
            return -1

    def get(self, text, attribute=2):
        """GET: the encoded value."""
        value = self.objects[name(text)].value(attribute)
        out = bytearray(2000)
        writer = Writer()
        writer.open(out, 0, len(out))
        mark = value.begin()
        for chunk in range(value.chunk_cnt(mark)):
            value.encode_chunk(chunk, writer, mark)
        return bytes(out[: writer.off])
