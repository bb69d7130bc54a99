# SPDX-License-Identifier: MIT
"""The G3 segment against a modem that says anything at any time; seeds are in the test ids.

Law under test: nothing raises, every accepted submit ends exactly once, there is always a
next deadline, and the segment works again when the modem does.
"""

import random

import pytest

from host_tests.g3_rig import Rig
from host_tests.sim_g3_driver import frame
from host_tests.test_g3_driver_join import DIALECTS, make, read_all
from plc.g3 import adp, modem

KNOWN = sorted({*modem._FRAMES, adp.JOIN_REQUEST_IND, adp.JOIN_COMPLETE_IND, adp.LEAVE_IND, 41, 42, 70})


def message(source, euis):
    """A frame with a right CRC: a known or any command, a plausible or any content."""
    command = source.choice(KNOWN) if source.random() < 0.9 else source.randrange(128)
    kind = source.random()
    if kind < 0.3:
        body = source.randbytes(source.randrange(40))
    elif kind < 0.6:
        body = bytes((source.choice((0, 0xA5, 0xA7, 0xB3, 0xB4, 0xE9)), source.randrange(6))) + source.randbytes(30)
    else:
        eui64 = source.choice(euis)
        head = source.choice((b"", b"\x00\x01", b"\xff\xff\x00\x0a\x10\x00"))
        body = head + eui64 + source.randbytes(2) + b"\x3c\x00"
    return frame(bytes((command,)) + body)


def garble(source, octets):
    """Now and then cut, changed or prefixed."""
    what = source.random()
    if what < 0.1:
        return octets[: source.randrange(len(octets))]
    if what < 0.2:
        at = source.randrange(len(octets))
        return octets[:at] + source.randbytes(1) + octets[at + 1 :]
    return source.randbytes(3) + octets if what < 0.3 else octets


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_modem_that_says_anything_does_no_lasting_harm(dialect, seed):
    rig: Rig = make(dialect, 4, {"heartbeat_ms": 1000, "lost_retry_s": 60, "keepalive_s": 300}).start()
    rig.run_until(rig.is_all_up, 900)
    rig.run(5)
    source = random.Random(seed)
    euis = [*rig.sim.nodes, b"STRANGER"]
    asked = 0
    for step in range(600):
        rig.sim.chip.inject(garble(source, message(source, euis)))
        if step % 10 == 0 and len(rig.sink.queue) < 8:
            asked += 1
            rig.sink.request(source.randrange(-1, 4), b"\xc0\x01\xc1" + source.randbytes(4), source.random() < 0.8)
        if step == 300:
            rig.segment.rekey.begin(rig.now)
            rig.arm()
        rig.run(source.random() * 0.5)
        assert rig.segment.next_deadline() is not None
    rig.run_until(lambda: not rig.sink.queue and not rig.sink.open, 2000)
    assert len(rig.sink.done) == asked
    rig.run_until(lambda: not rig.segment.rekey.is_on, 4000)
    rig.run_until(lambda: rig.segment.is_up, 120)
    rig.run_until(lambda: len(rig.online()) >= 4, 40000)
    rig.run(60)
    before = len(rig.sink.done)
    read_all(rig)
    assert len(rig.sink.done) > before


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_any_kind_is_counted_and_survived(seed):
    rig = make("H", 1).start()
    source = random.Random(seed)
    for _ in range(200):
        octets = source.randbytes(source.randrange(1, 300))
        rig.sim.chip.inject(octets if source.random() < 0.5 else octets.replace(b"\x00", b"\x7e"))
        rig.run(0.05)
    rig.run_until(rig.is_all_up, 900)
    assert read_all(rig) == 1
