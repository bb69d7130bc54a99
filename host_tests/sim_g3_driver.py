# SPDX-License-Identifier: MIT
"""A scripted host for the G3 modem twin: builds USI frames by its own code, knows nothing of the firmware.

Messages from the modem end up in `messages` as (instant, command, payload); `ask` waits for one confirm.
"""

import binascii

from tools.sim.g3.options import G3Options
from tools.sim.g3.segment import G3Segment

PAN = 0x781D
OWN_GMK = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
SECOND_US = 1_000_000


def crc(octets: bytes) -> bytes:
    """The plain remainder of the message polynomial."""
    return (binascii.crc_hqx(octets[:-2], 0) ^ int.from_bytes(octets[-2:], "big")).to_bytes(2, "big")


def frame(payload: bytes, protocol: int = 0x25) -> bytes:
    """One USI frame of dialect H."""
    size = len(payload)
    first = payload[0] | (0x80 if size > 1023 else 0)
    body = bytes((size >> 2 & 255, (size & 3) << 6 | protocol, first)) + payload[1:]
    body += crc(body)
    return b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def unframe(octets: bytes) -> bytes:
    """Payload of one USI frame; AssertionError when it is not right."""
    plain = octets.strip(b"\x7e").replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
    assert crc(plain[:-2]) == plain[-2:], octets.hex()
    size = plain[0] << 2 | plain[1] >> 6 | (plain[2] >> 7) << 10
    assert size == len(plain) - 4
    return bytes((plain[2] & 0x7F,)) + plain[3:-2]


class Host:
    """`on_join(eui64)` -> short address or None answers join requests of dialect H."""

    def __init__(self, segment: G3Segment) -> None:
        self.segment, self.kernel, self.chip = segment, segment.kernel, segment.chip
        self.octets = bytearray()
        self.messages: list[tuple[int, int, bytes]] = []
        self.frames: list[bytes] = []
        self.broken: list[bytes] = []
        self.joined: dict[bytes, int] = {}
        self.join_requests: list[bytes] = []
        self.next_addr = 1
        self.psk_of = lambda eui64: segment.nodes[eui64].psk
        self.answers_joins = True
        self.chip.on_output = self._heard

    def _heard(self, octets: bytes) -> None:
        self.octets += octets
        *complete, rest = bytes(self.octets).split(b"\x7e")
        self.octets = bytearray(rest)
        for part in complete:
            if part:
                self._frame(part)

    def _frame(self, part: bytes) -> None:
        self.frames.append(b"\x7e" + part + b"\x7e")
        try:
            payload = unframe(part)
        except (AssertionError, IndexError):
            self.broken.append(part)
            return
        self.messages.append((self.kernel.now_us, payload[0], payload[1:]))
        if payload[0] == 0x47:
            self.join_requests.append(payload[1:9])
            if self.answers_joins:
                self.assign(payload[1:9])
        elif payload[0] == 0x48:
            self.joined[payload[1:9]] = int.from_bytes(payload[9:11], "big")

    def assign(self, eui64: bytes, short_addr: int | None = None) -> None:
        """PSK, then SHORT_ADDRESS_ASSIGN."""
        if short_addr is None:
            short_addr, self.next_addr = self.next_addr, self.next_addr + 1
        self.send(b"\x3c" + bytes.fromhex("00000002000010") + self.psk_of(eui64))
        self.send(b"\x42" + eui64 + short_addr.to_bytes(2, "big"))

    def send(self, payload: bytes) -> None:
        """One message."""
        self.chip.host_write(frame(payload))

    def wait(self, command: int, limit_s: float = 60.0) -> bytes:
        """Run until the next message `command`; it is taken out. Its payload."""
        limit = self.kernel.now_us + round(limit_s * SECOND_US)
        while True:
            for entry in self.messages:
                if entry[1] == command:
                    self.messages.remove(entry)
                    return entry[2]
            due = self.kernel.next_event_us()
            assert due is not None and due <= limit, "no message %02X in %s s" % (command, limit_s)
            self.kernel.step()

    def ask(self, payload: bytes, command: int, limit_s: float = 60.0) -> bytes:
        """Send and wait for one message."""
        self.messages = [entry for entry in self.messages if entry[1] != command]
        self.send(payload)
        return self.wait(command, limit_s)

    def ask_frame(self, octets: bytes, limit_s: float = 60.0) -> list[bytes]:
        """Send raw octets; the frames of the next moments."""
        self.frames.clear()
        self.chip.host_write(octets)
        self.kernel.run_for(round(limit_s * SECOND_US))
        return list(self.frames)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.kernel.run_for(round(seconds * SECOND_US))

    def set_up(self, gmk: bytes = OWN_GMK, pan_id: int = PAN) -> None:
        """Initialise, own group key, start the network (dialect H)."""
        assert self.ask(bytes.fromhex("0A0001"), 0x00) == b"\x00\x0a"
        assert self.ask(bytes.fromhex("3C00000003000010") + gmk, 0x46)[0] == 0
        assert self.ask(bytes.fromhex("3C000000060000020014"), 0x46)[0] == 0
        assert self.ask(b"\x0d" + pan_id.to_bytes(2, "big"), 0x22) == b"\x00"

    def run_until_joined(self, count: int, limit_s: float) -> float:
        """Virtual seconds until that many nodes are members."""
        begun = self.kernel.now_us
        while sum(node.is_member for node in self.segment.nodes.values()) < count:
            assert self.kernel.now_us - begun < limit_s * SECOND_US, "not within %s s" % limit_s
            self.run(0.25)
        return (self.kernel.now_us - begun) / SECOND_US


def ready(options: G3Options | None = None) -> Host:
    """A segment with a started network and its host."""
    host = Host(G3Segment(options))
    host.set_up()
    return host
