# SPDX-License-Identifier: MIT
"""A whole G3 segment on a scripted modem: the test plays the modem, message by message.

USI frames are made and taken apart here, from facts/g3.md 2.2 and 2.3, not by the code under
test. `answer()` gives the modem's usual answer to a request; `bring_up()` uses it.
"""

from binascii import hexlify, unhexlify

from plc_fakes import Nodes, Pins, Sink, at, is_due

from base.log import DEBUG, Log
from plc.g3.outside import Outside
from plc.g3.psks import LocalPsks
from plc.g3.segment import Segment
from plc.g3.settings import Settings

EUI = unhexlify("0011223344556677")
EUI_2 = unhexlify("0011223344556688")
OWN_EUI = unhexlify("00DEADBEEF000001")
PSK = unhexlify("AB10341145111BC3C12DE8FF11142204")
ADP = 0x25


def octets(text):
    return unhexlify(text.replace(" ", "").replace("\n", ""))


def crc16(mv):
    """Remainder of the message polynomial, bit by bit (facts/g3.md 2.3)."""
    crc = 0
    for octet in mv:
        for bit in range(7, -1, -1):
            carry = crc & 0x8000
            crc = (crc << 1 & 0xFFFF) | octet >> bit & 1
            if carry:
                crc ^= 0x1021
    return crc


def usi(payload, protocol=ADP):
    """A complete frame."""
    n = len(payload)
    head = bytes([n >> 2 & 0xFF, (n & 3) << 6 | protocol])
    body = head + bytes([payload[0] | (n >> 10 & 1) << 7]) + payload[1:]
    crc = crc16(body)
    out = b""
    for octet in body + bytes([crc >> 8, crc & 0xFF]):
        out += bytes([0x7D, octet ^ 0x20]) if octet in (0x7D, 0x7E) else bytes([octet])
    return b"\x7e" + out + b"\x7e"


def payloads(wire):
    """The payloads of all frames in a stretch of octets from the host."""
    found = []
    for piece in wire.split(b"\x7e"):
        if len(piece) < 5:
            continue
        body, i = b"", 0
        while i < len(piece):
            escaped = piece[i] == 0x7D
            body += bytes([piece[i + 1] ^ 0x20]) if escaped else piece[i : i + 1]
            i += 2 if escaped else 1
        assert crc16(body[:-2]) == body[-2] << 8 | body[-1], hexlify(piece)
        n = (body[0] << 2 | body[1] >> 6) + (1024 if body[2] & 0x80 else 0)
        assert n == len(body) - 4
        found.append(bytes([body[2] & 0x7F]) + body[3:-2])
    return found


class Store:
    """plc.g3.contract.RecordStore."""

    def __init__(self, octets=None):
        self.octets = octets
        self.saves = 0
        self.is_broken = False

    def load(self):
        return self.octets

    def save(self, octets):
        if self.is_broken:
            return False
        self.octets = bytes(octets)
        self.saves += 1
        return True


class Random:
    """Counts up: every draw differs, every draw is known."""

    def __init__(self):
        self.drawn = []
        self._n = 0

    def __call__(self, n):
        self._n += 1
        octets = bytes([(self._n * 16 + i) & 0xFF for i in range(n)])
        self.drawn.append(octets)
        return octets


class G3Bench:
    def __init__(self, euis=(), store=None, psks=None, capacity=8, encrypt=None, **changes):
        self.pins, self.nodes, self.sink, self.log = Pins(), Nodes(capacity), Sink(), Log(64, DEBUG)
        self.store, self.random, self.events = store or Store(), Random(), []
        self.pib = {}  # (space, attribute, index) -> value, as the host has set them
        self.frame_counter = 0
        self.sent = []  # requests of the host, in order
        changes.setdefault("eui64", "00DEADBEEF000001")
        changes.setdefault("keepalive_s", 86400)
        changes.setdefault("heartbeat_ms", 3600000)
        changes.setdefault("first_path_ms", 80000000)  # neither ways nor tables are looked up unasked
        for eui in euis:
            row = self.nodes.add(eui)
            self.nodes.set_state(row, 2, 0)
            self.nodes.heard(row, 1)
        outside = Outside(self.store, self.random, psks or LocalPsks(b"", PSK))
        outside.encrypt_block = encrypt
        outside.on_event = self._event
        values = {}
        for name, value in changes.items():
            values[name.replace("__", ".")] = value
        settings = Settings(values)
        self.segment = Segment(settings, self.pins, self.nodes, self.sink, outside, self.log)
        self.counters = self.segment.counters
        self.ms = 0

    def _event(self, now, kind, eui64, number):
        self.events.append((kind, bytes(eui64), number))

    # --- time and octets ---

    def feed(self, octets, ms=1):
        self.ms += ms
        self.segment.feed(at(self.ms), memoryview(octets), len(octets))
        return self

    def says(self, text, ms=1):
        """The modem sends a payload (octets or hex digits)."""
        return self.feed(usi(octets(text) if isinstance(text, str) else text), ms)

    def wait(self, ms, until=None):
        """Let time pass, jumping from deadline to deadline; stops early when until() is true."""
        end = self.ms + ms
        while self.ms < end and not (until and until()):
            due = self.segment.next_deadline()
            self.ms += 1
            while self.ms < end and not is_due(due, self.ms):
                self.ms += 1
            if is_due(due, self.ms):
                self.segment.on_deadline(at(self.ms))
        return self

    def taken(self):
        """Requests of the host since the last call."""
        got = payloads(self.pins.octets())
        self.sent += got
        return got

    def named(self, name):
        return self.counters.named(name)

    # --- the modem's part ---

    def answer(self, request):
        """The modem's usual answer, empty when there is none."""
        code = request[0]
        if code == 0x0A:
            return b"\x00\x00\x0a"
        if code in (0x11, 0x16, 0x3C):
            self.pib[(code,) + (int.from_bytes(request[1:5], "big"), request[6])] = request[8:]
            if request[1:5] == b"\x00\x00\x00\x77":
                self.frame_counter = int.from_bytes(request[8:12], "big")
            return bytes([{0x11: 0x27, 0x16: 0x2D, 0x3C: 0x46}[code], 0]) + request[1:7]
        if code in (0x12, 0x17):
            value = bytes(1)
            if request[1:5] == b"\x00\x00\x00\x77":
                value = self.frame_counter.to_bytes(4, "big")
            return bytes([code + 0x16 if code == 0x12 else 0x2E, 0]) + request[1:7] + bytes([len(value)]) + value
        return {0x0C: b"\x21\xa9", 0x0D: b"\x22\x00", 0x10: b"\x26\x00"}.get(code, b"")

    def serve(self, limit_ms=60000, until=None, answer=None):
        """Answer what the host asks until it asks nothing more for a while, or until() is true."""
        end = self.ms + limit_ms
        while self.ms < end and not (until and until()):
            got = self.taken()
            for request in got:
                reply = (answer or self.answer)(request)
                if reply:
                    self.says(reply)
            if not got:
                due = self.segment.next_deadline()
                if due is None:
                    return self
                self.wait(min(1000, end - self.ms), lambda: bool(self.pins.log))
        return self

    def start(self):
        self.segment.start(at(self.ms))
        return self

    def bring_up(self):
        """From power-on to a started network, the modem behaving."""
        self.start().serve(until=lambda: self.segment.is_up)
        assert self.segment.is_up
        return self.settle()

    def settle(self):
        """What was written and told so far is forgotten; first reads of the pulse served."""
        heartbeat = self.segment.modem.heartbeat
        heartbeat._first = 0
        heartbeat._due = at(self.ms + 3600000)
        self.taken()
        self.sink.take()
        self.events = []
        return self

    # --- data ---

    def submit(self, node=0, apdu=b"\xc0\x01\xc1", client_sap=0x10, server_sap=1, expects_reply=True):
        buf = memoryview(bytearray(apdu))
        args = (node, (client_sap, server_sap), buf, 0, len(apdu), expects_reply)
        return self.segment.submit(at(self.ms), *args)

    def packet(self, apdu, src=1, dst=0, pan=0x781D, saps=(1, 0x10), port=4059):
        """An IPv6 packet from a node; `saps` = (source, destination) wPort."""
        wrapper = b"\x00\x01" + saps[0].to_bytes(2, "big") + saps[1].to_bytes(2, "big") + len(apdu).to_bytes(2, "big")
        payload = wrapper + apdu
        n = len(payload) + 8
        head = b"\xfe\x80" + bytes(6) + pan.to_bytes(2, "big") + b"\x00\xff\xfe\x00"
        addresses = head + src.to_bytes(2, "big") + head + dst.to_bytes(2, "big")
        udp = b"\x0f\xdb" + port.to_bytes(2, "big") + n.to_bytes(2, "big")
        summed = addresses + n.to_bytes(4, "big") + b"\x00\x00\x00\x11" + udp + b"\x00\x00" + payload
        summed += bytes(len(summed) & 1)
        total = 0
        for i in range(0, len(summed), 2):
            total += summed[i] << 8 | summed[i + 1]
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        check = (total ^ 0xFFFF).to_bytes(2, "big")
        return b"\x60\x00\x00\x00" + n.to_bytes(2, "big") + b"\x11\x40" + addresses + udp + check + payload

    def uplink(self, apdu, lqi=60, **about):
        """The modem indicates an APDU of a node."""
        packet = self.packet(apdu, **about)
        return self.says(b"\x1f" + bytes([lqi]) + len(packet).to_bytes(2, "big") + packet)

    def confirm(self, status=0):
        """DATA_CONFIRM for the last DATA_REQUEST taken."""
        handle = [request for request in self.sent if request[0] == 0x0B][-1][1]
        return self.says(bytes([0x1E, status, handle]))
