# SPDX-License-Identifier: MIT
"""A power cut at every write of the push ring, at every torn length.

The real hal.store.FileStore on the shim's flash with crash points. After each cut the board
starts again: what was durable comes out, in order; what was acknowledged as delivered does not
come again; what was delivered since comes again at most ACK_EVERY times.
"""

from app.push import KIND_WPDU
from app.push_ring import ACK_EVERY, BACK_LEN, FRONT_LEN, PushRing
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

SEGMENT_LEN = 12 + 3 * (FRONT_LEN + 2 + BACK_LEN)


def start(fs):
    """The ring as after a start on this flash."""
    device.fs = fs
    ring = PushRing(FileStore("/flash/state"), SEGMENT_LEN, 16)
    while not ring.is_ready:
        ring.step()
    return ring


class Ledger:
    """What the two ends know: put durably, asked for, delivered, acknowledged, given up."""

    def __init__(self):
        self.durable = []
        self.asked = []
        self.delivered = []
        self.acked = 0

    def put(self, ring, *numbers):
        """Several at once: durable with the last."""
        view = memoryview(bytearray(64))
        self.asked = list(numbers)
        for n in numbers:
            view[FRONT_LEN : FRONT_LEN + 2] = b"%02d" % n
            assert ring.put(view, FRONT_LEN, 2, (KIND_WPDU, 1, 0), n == numbers[-1])
        self.durable += numbers
        self.asked = []

    def deliver(self, ring, count):
        for _ in range(count):
            self.delivered += peeked(ring)
            ring.drop()
        ring.ack()
        self.acked = len(self.delivered)

    def check(self, ring):
        """After a cut: what comes out now."""
        got = []
        while len(ring):
            got += peeked(ring)
            ring.drop()
        every = self.durable + self.asked
        assert got == sorted(got) and len(set(got)) == len(got)
        assert set(self.durable) - set(self.delivered) <= set(got), "lost"
        assert set(got) <= set(every)
        assert not set(got) & set(self.delivered[: self.acked]), "acknowledged and there again"
        assert len(set(got) & set(self.delivered)) <= ACK_EVERY
        ring.ack()


def peeked(ring):
    view = memoryview(bytearray(64))
    length = ring.peek_into(view, FRONT_LEN)
    return [int(bytes(view[FRONT_LEN : FRONT_LEN + length]))] if length else []


def story(ledger, fs):
    """Fill across segments, deliver a part, restart, go on, run empty, begin again."""
    ring = start(fs)
    ledger.put(ring, 0, 1)
    ledger.put(ring, 2, 3, 4, 5)
    ledger.deliver(ring, 2)
    ledger.put(ring, 6)
    ring = start(fs)
    ledger.deliver(ring, 3)
    ledger.put(ring, 7, 8)
    ledger.deliver(ring, 4)
    ledger.put(ring, 9, 10)


def test_a_cut_at_every_write_loses_nothing_durable_and_repeats_little():
    ledgers = []

    def act(fs):
        ledgers.append(Ledger())
        story(ledgers[-1], fs)

    cuts = 0
    for fs, name in every_cut(FileSystem, act):
        cuts += 1
        ring = start(fs)
        try:
            ledgers[-1].check(ring)
            last = Ledger()
            last.put(ring, 50, 51)
            last.check(start(fs))
        except AssertionError as error:
            raise AssertionError(name) from error
    assert cuts > 200
    ledgers[0].check(start_after(story))


def start_after(act):
    fs = FileSystem()
    act(Ledger(), fs)
    fs.reboot()
    return start(fs)
