# SPDX-License-Identifier: MIT
"""A scripted host for the chip twin: speaks the local protocol in virtual time, knows nothing else.

It ACKs every frame after `ack_us`, keeps what it got with its instant, and offers one blocking-style
call, `command`, that runs the kernel until the ACK or NAK is there.
"""

from tools.sim import local_frame
from tools.sim.options import SegmentOptions
from tools.sim.segment import Segment


def master_config(mode: int = 1, **changes: int) -> bytes:
    """36 octets: initiator C00, 2400 baud at 50 Hz; `o30=..` replaces octet 30."""
    config = bytearray(36)
    config[4:8] = bytes.fromhex("000C0000")
    config[24:28] = bytes.fromhex("10271127")
    config[30] = mode << 3 | 6
    config[31] = 1
    for name, value in changes.items():
        config[int(name[1:])] = value
    return bytes(config)


class Host:
    """Frames from the chip end up in `frames` as (instant, command, payload)."""

    def __init__(self, segment: Segment, ack_us: int = 1000) -> None:
        self.segment, self.kernel, self.chip = segment, segment.kernel, segment.chip
        self.ack_us = ack_us
        self.answer: bytes | None = b"\x06"
        self.octets: list[tuple[int, int]] = []  # (instant, octet), everything heard
        self.frames: list[tuple[int, int, bytes]] = []
        self.broken: list[bytes] = []
        self.status: bytes | None = None
        self.replies: list[int] = []  # ACK and NAK octets
        self._buf = bytearray()
        self.chip.on_output = self._heard

    def _heard(self, octets: bytes) -> None:
        for octet in octets:
            self.octets.append((self.kernel.now_us, octet))
            self._buf.append(octet)
            self._parse()

    def _parse(self) -> None:
        buf = self._buf
        if buf[0] in (0x06, 0x15):
            self.replies.append(buf[0])
            self._buf = bytearray()
        elif buf[0] == 0x3F:
            if len(buf) == 4:
                self.status = bytes(buf)
                self._buf = bytearray()
        elif buf[0] != 2:
            self.broken.append(bytes(buf))
            self._buf = bytearray()
        elif len(buf) > 2 and len(buf) == buf[1] + 2:
            self._frame(bytes(buf))

    def _frame(self, frame: bytes) -> None:
        self._buf = bytearray()
        try:
            command, payload = local_frame.split(frame)
        except ValueError:
            self.broken.append(frame)
        else:
            self.frames.append((self.kernel.now_us, command, payload))
        if self.answer is not None:
            self.kernel.call_later(self.ack_us, self.chip.host_write, self.answer)

    def poll(self) -> bytes | None:
        """T_REQ until the status message is there; None after 300 ms of silence."""
        self.status = None
        self._buf = bytearray()
        self.chip.set_t_req(True)
        limit = self.kernel.now_us + 300_000
        while self.status is None and self.kernel.now_us < limit:
            self.kernel.run_for(100)
        self.chip.set_t_req(False)
        return self.status

    def raw(self, frame: bytes) -> int | None:
        """Status, then `frame`; the ACK or NAK octet, None for silence."""
        if self.poll() is None:
            return None
        count = len(self.replies)
        self.chip.host_write(frame)
        limit = self.kernel.now_us + 400_000
        while len(self.replies) == count and self.kernel.now_us < limit:
            self.kernel.run_for(100)
        return self.replies[-1] if len(self.replies) > count else None

    def command(self, code: int, payload: bytes = b"") -> int | None:
        """A valid frame of `code`."""
        return self.raw(local_frame.build(code, payload))

    def wait(self, codes: tuple, limit_ms: int = 60_000) -> tuple[int, int, bytes]:
        """Run until the next frame with one of `codes`; it is taken out of `frames`."""
        limit = self.kernel.now_us + limit_ms * 1000
        while True:
            for entry in self.frames:
                if entry[1] in codes:
                    self.frames.remove(entry)
                    return entry
            due = self.kernel.next_event_us()
            assert due is not None and due <= limit, "no frame %s in %d ms" % (codes, limit_ms)
            self.kernel.step()

    def set_up(self, config: bytes | None = None) -> None:
        """Configure as master and wait until it is synchronised."""
        assert self.command(0x71, config or master_config()) == 0x06
        assert self.wait((0x72, 0x73))[1] == 0x72
        options = self.segment.options.chip
        self.kernel.run_for(options.pll_us + options.sync_us + 50_000)
        self.frames.clear()

    def send(self, dest: int, m_sdu: bytes, ic: int = 0) -> bytes:
        """MA_DATA_Request; payload of its confirm."""
        addresses = (0xC00 << 12 | dest).to_bytes(3, "big")
        payload = bytes((ic << 5 | ic << 2,)) + addresses + b"\x00" + m_sdu
        assert self.command(0x51, payload) == 0x06
        return self.wait((0x52,))[2]


def ready(options: SegmentOptions | None = None) -> Host:
    """A segment with a configured, synchronised modem and its host."""
    host = Host(Segment(options))
    host.kernel.run_for(1)
    host.set_up()
    return host
