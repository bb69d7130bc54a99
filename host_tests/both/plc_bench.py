# SPDX-License-Identifier: MIT
"""A whole S-FSK segment on scripted pins: the test plays the chip, octet by octet.

`chip_takes()` lets the chip take what the host asks to send and returns that frame.
"""

from plc_fakes import STATUS_NOT_SET, STATUS_OK, T_LOW, Nodes, Pins, Sink, at, frame, is_due, settings

from base.log import DEBUG, Log
from plc.sfsk.segment import Segment


class SegmentBench:
    def __init__(self, titles=(), **changes):
        changes.setdefault("discover__period_s", 86400)
        self.pins, self.nodes, self.sink, self.log = Pins(), Nodes(), Sink(), Log(64, DEBUG)
        for title in titles:
            row = self.nodes.add(title)
            self.nodes.set_state(row, 2, 0)
            self.nodes.addressed(row, 1)  # else the keep-alive asks for it first
            self.nodes.heard(row, 1)
        self.segment = Segment(settings(**changes), self.pins, self.nodes, self.sink, self.log)
        self.modem = self.segment.modem
        self.ms = 0

    # --- time and octets ---

    def start(self):
        self.segment.start(at(self.ms))
        return self

    def feed(self, octets, ms=1):
        self.ms += ms
        self.segment.feed(at(self.ms), memoryview(octets), len(octets))
        return self

    def wait(self, ms, until=None):
        """Let time pass, calling on_deadline when due; stops early when until() is true."""
        end = self.ms + ms
        while self.ms < end and not (until and until()):
            self.ms += 1
            due = self.segment.next_deadline()
            if is_due(due, self.ms):
                self.segment.on_deadline(at(self.ms))
        return self

    # --- the chip's part ---

    def is_asking(self):
        """T_REQ has been pulled low since the pins were last looked at."""
        return T_LOW in self.pins.log

    def chip_takes(self, status=STATUS_OK, limit_ms=3000, answer=b"\x06"):
        """Wait for T_REQ, give the status, take the frame, ACK it; the frame, b"" for a bare poll."""
        self.wait(limit_ms, self.is_asking)
        assert self.is_asking(), "the host does not ask for the line"
        self.pins.take()
        self.feed(status)
        got = b"".join([entry for entry in self.pins.log if isinstance(entry, bytes)])
        if got and answer:
            self.feed(answer)
        return got

    def chip_says(self, command, body=b"", ms=1):
        """A frame from the chip; the host must ACK it at once."""
        self.feed(frame(command, body), ms)
        assert b"\x06" in self.pins.log
        return self

    def bring_up(self):
        """From power-on to operating, the chip behaving."""
        self.start()
        assert self.chip_takes(STATUS_NOT_SET) == b""
        config = self.chip_takes(STATUS_NOT_SET)
        assert config[2] == 0x71 and len(config) == 41
        self.chip_says(0x72, config[3:-2])
        assert self.chip_takes() == frame(0x41, b"\x13\x00")
        self.chip_says(0x42, b"\x13\x00\x15")
        assert self.segment.is_up
        return self

    def settle(self):
        """Operating, discovery and keep-alive far in the future: a quiet line."""
        self.bring_up()
        self.confirm(self.next_transmission())
        self.be_quiet()
        self.pins.take()
        self.sink.take()
        return self

    def be_quiet(self):
        """No own traffic in the next hour."""
        initiator = self.segment.initiator
        initiator.discovery._due = at(self.ms + 3600000)
        initiator.discovery.is_burst = False
        initiator.keepalive._walk._due = initiator.keepalive._lost_walk._due = at(self.ms + 3600000)

    def confirm(self, got):
        """The chip's answer to a frame it took."""
        if got[2:3] == b"\x51":
            self.chip_says(0x52, b"\x03")
        elif got[2:3] == b"\x41":
            self.chip_says(0x42, got[3:5] + bytes(24))

    def next_transmission(self, limit_ms=5000):
        """The next 51 the host sends; other commands are answered on the way."""
        end = self.ms + limit_ms
        while self.ms < end:
            got = self.chip_takes(limit_ms=end - self.ms)
            if got[2:3] == b"\x51":
                return got
            self.confirm(got)
        raise AssertionError("nothing was sent")

    def submit(self, node=0, apdu=b"\xc0\x01\xc1", client_sap=0x10, server_sap=1, expects_reply=True):
        buf = memoryview(bytearray(b"\xee" * 11) + bytearray(apdu) + bytearray(2))
        args = (node, (client_sap, server_sap), buf, 11, len(apdu), expects_reply)
        return self.segment.submit(at(self.ms), *args)
