# SPDX-License-Identifier: MIT
"""Stand-ins around gateway and app: flash in RAM that can fail, a medium, head-ends, a push route.

They check their callers: a second submit while the line is taken, too little headroom, a
buffer given back twice all fail the test.
"""

import json
import struct

from app.forwarder import Forwarder
from app.replies import HEADROOM
from base.slab import Slab
from base.ticks import ticks_add
from gateway.journal import Journal
from gateway.registration import Table
from gateway.router import Router
from gateway.rules import Rules
from plc.medium import DONE_NO_REPLY, DONE_REPLIED, DONE_SENT, NODE_ONLINE, UPLINK_LAST

VECTORS = __file__.replace("\\", "/").rsplit("/", 2)[0] + "/vectors/dlms_sessions.json"
ALMOST_WRAPPED = ticks_add(0, -5000)  # every scenario crosses the wrap of the ticks, wherever it is


class RamStore:
    """Shape of hal.store. `fail_after` = writes that still succeed; then OSError, after `torn` octets."""

    def __init__(self):
        self.files = {}
        self.fail_after = -1
        self.torn = 0
        self.writes = 0
        self._name = ""
        self._new = b""

    def load(self, name, mv, off):
        chunk = bytes(self.files.get(name, b""))[off : off + len(mv)]
        mv[: len(chunk)] = chunk
        return len(chunk)

    def read_text(self, name):
        return str(self.files[name], "utf-8") if name in self.files else None

    def append(self, name, mv, is_last=True):
        kept = self._kept(bytes(mv))
        self.files[name] = self.files.get(name, b"") + kept
        if len(kept) < len(mv):
            raise OSError(28)

    def begin(self, name):
        self._kept(b"")
        self._name, self._new = name, b""

    def write(self, mv):
        kept = self._kept(bytes(mv))
        self._new += kept
        if len(kept) < len(mv):
            raise OSError(28)

    def commit(self):
        self.files[self._name] = self._new

    def copy(self, name, other):
        if self.files.get(other) != self.files[name]:
            if len(self._kept(self.files[name])) < len(self.files[name]):
                raise OSError(28)
            self.files[other] = self.files[name]

    def names(self):
        return list(self.files)

    def remove(self, name):
        if not self._kept(b"x"):
            return False
        self.files.pop(name, None)
        return True

    def _kept(self, octets):
        self.writes += 1
        if self.fail_after < 0:
            return octets
        if self.fail_after:
            self.fail_after -= 1
            return octets
        return octets[: self.torn]


def title(n, length=8):
    """A system title that ends in `n`."""
    return b"MMM" + struct.pack(">I", n)[-(length - 3) :] if length < 7 else b"MMM" + bytes(1) + struct.pack(">I", n)


def make_table(store, capacity=16, title_len=8, **journal):
    """(table, journal) as after a start on `store`."""
    book = Journal(store, **journal)
    table = Table(capacity, title_len, book, 2, 1000)
    book.replay(table)
    return table, book


def raises(kind, call, *args):
    """True when the call raises `kind`."""
    try:
        call(*args)
    except kind:
        return True
    return False


class FakeSession:
    """A head-end. Frees what it is sent at once, or keeps it when `is_stuck`; refuses when `is_full`."""

    def __init__(self, slab, number=1):
        self.number = number
        self.peer, self.service = bytes((10, 0, 0, number & 0xFF)), 0
        self.is_open = True
        self.is_full = False
        self.got = []
        self._slab = slab

    room = 8

    def send(self, buf, off, length):
        if self.is_full:
            return False
        self.got.append(bytes(self._slab.view(buf)[off : off + length]))
        self._slab.free(buf)
        return True


class FakeMedium:
    """One request on the line at a time; the test plays modem and meters."""

    headroom = 11
    tailroom = 2

    def __init__(self):
        self.max_apdu = 239
        self.max_sap = 0xFF
        self.is_up = True
        self.is_open = True
        self.taken = None  # (node, saps, apdu, expects_reply) on the line
        self.submits = []

        self.has_spare = True
        self.costs = {}  # node -> ms of the line an exchange takes; else what it held

    def airtime_ms(self, node, request_len, response_len):
        return self.costs.get(node, 2000)

    def spent_ms(self, node, reply_len, confirm_ms, held_ms):
        return self.costs.get(node, held_ms)

    def submit(self, now, node, saps, buf, off, length, expects_reply):
        if self.taken is not None or not self.is_up or not self.is_open:
            return False
        assert off >= self.headroom and off + length + self.tailroom <= len(buf)
        assert 0 < length <= self.max_apdu
        self.taken = (node, saps, bytes(buf[off : off + length]), expects_reply)
        self.submits.append(self.taken)
        buf[off - self.headroom : off] = b"\xaa" * self.headroom  # as the headers of the layers below
        return True


class FakeDevice:
    """SAP 1: answers with the request behind `answer`, or not at all when that is empty."""

    def __init__(self):
        self.answer = b"\xc4"
        self.closed = []

    def request(self, now, connection, client_sap, apdu, off, length, out, out_off, out_max, peer=b""):
        if not self.answer:
            return 0
        reply = self.answer + bytes(apdu[off : off + length])
        out[out_off : out_off + len(reply)] = reply
        return len(reply)

    def stream(self, most_blocks):
        """It answers in one piece."""

    def more_cnt(self):
        return 0

    def close_connection(self, connection):
        self.closed.append(connection)


class FakePush:
    """Push route that remembers."""

    def __init__(self):
        self.got = []

    def offer(self, now, sap, client_sap, apdu):
        self.got.append((sap, client_sap, bytes(apdu)))


class Rig:
    """Forwarder with `nodes` meters online, its slab, a fake medium, device and push route."""

    def __init__(self, nodes=4, buffers=16, **rules):
        self.now = ALMOST_WRAPPED
        self.table, _ = make_table(RamStore(), nodes)
        for n in range(nodes):
            self.table.set_state(self.table.add(title(n)), NODE_ONLINE, 1)
        self.slab = Slab(buffers, 1024, HEADROOM, 16)
        self.rules = Rules()
        for name in rules:
            setattr(self.rules, name, rules[name])
        self.router = Router(self.table, {0x1000: (title(1), 3)})
        self.forwarder = Forwarder(self.table, self.slab, self.router, self.rules)
        self.medium = self.forwarder.medium = FakeMedium()
        self.device = self.forwarder.device = FakeDevice()
        self.push = self.forwarder.push = FakePush()
        self._sessions = 0

    def session(self):
        """One more head-end."""
        self._sessions += 1
        return FakeSession(self.slab, self._sessions)

    def pass_ms(self, ms):
        """Time passes; deadlines are met at its end."""
        self.now = ticks_add(self.now, ms)
        self.forwarder.on_deadline(self.now)

    def ask(self, session, apdu, sap=0x10, client=16):
        """One APDU from a head-end; False when there is no buffer to read it into."""
        buf = self.slab.alloc()
        if buf < 0:
            return False
        self.slab.view(buf)[HEADROOM : HEADROOM + len(apdu)] = apdu
        self.forwarder.on_request(self.now, session, (client, sap), buf, len(apdu))
        return True

    def confirm(self):
        """The modem confirms the first transmission of what is on the line."""
        self.forwarder.on_sent(self.now, self.medium.taken[0])

    def uplink(self, apdu, node=0, client=16, server=1):
        """One APDU comes up; the forwarder's verdict."""
        raw = memoryview(b"..." + apdu + b"..")
        return self.forwarder.on_uplink(self.now, node, client, server, raw, 3, len(apdu))

    def done(self, outcome):
        """The medium is through with its request; then the line is free."""
        node, self.medium.taken = self.medium.taken[0], None
        self.forwarder.on_done(self.now, node, outcome)
        self.forwarder.on_free(self.now)

    def answer(self, apdu):
        """Confirm, answer and finish what is on the line, as the medium does."""
        node, saps, _, _ = self.medium.taken
        self.confirm()
        if self.uplink(apdu, node, saps[0], saps[1]) == UPLINK_LAST:
            self.done(DONE_REPLIED)

    def finish(self, outcome=DONE_NO_REPLY):
        """Confirm and finish what is on the line without an answer."""
        expects_reply = self.medium.taken[3]
        self.confirm()
        self.done(outcome if expects_reply else DONE_SENT)

    def count(self, name):
        """A counter of the forwarder."""
        return self.forwarder.counters.named(name)

    def is_at_rest(self):
        """Nothing open, nothing on the line, every buffer back."""
        return self.medium.taken is None and not self.forwarder.exchanges.open_cnt and self.is_whole()

    def is_whole(self):
        """Every buffer is back."""
        return self.slab.free_cnt == len(self.slab._free)


def wpdu(source, destination, apdu):
    """A WPDU, made without the encoder under test."""
    return struct.pack(">HHHH", 1, source, destination, len(apdu)) + apdu


def sessions_of_vectors():
    """[(name, [(is_request, APDU)])] of the recorded sessions."""
    with open(VECTORS) as file:
        sessions = json.load(file)["sessions"]
    found = []
    for one in sessions:
        frames = [(frame["dir"] == "C->S", bytes.fromhex(frame["frame"])) for frame in one["frames"]]
        found.append((one["name"], frames))
    return found
