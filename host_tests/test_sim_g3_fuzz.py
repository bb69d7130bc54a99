# SPDX-License-Identifier: MIT
"""Random octets and random requests never break the twin; afterwards it still answers."""

import random

import pytest

from host_tests.sim_g3_driver import Host, frame
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3Options
from tools.sim.g3.segment import G3Segment

COMMANDS = list(range(0x0A, 0x19)) + list(range(0x3C, 0x43))
ATTRIBUTES = [bytes.fromhex(text) for text in ("00000007", "0000000C", "00000001", "0000010A", "08000000", "00000071")]


def started(dialect):
    modem, line = G3ModemOptions(dialect=dialect), G3LineOptions(time_scale=50)
    host = Host(G3Segment(G3Options(meters=3, modem=modem, line=line)))
    host.ask(bytes.fromhex("0A0001"), 0x00)
    host.ask(b"\x0d\x78\x1d", 0x22)
    return host


def random_request(dice):
    command = dice.choice(COMMANDS)
    body = dice.randbytes(dice.choice((0, 1, 3, 7, 9, 20, 60, 300)))
    if command in (0x11, 0x12, 0x16, 0x17) and dice.random() < 0.7:
        body = dice.choice(ATTRIBUTES) + bytes((0, dice.randrange(3))) + body
    return bytes((command,)) + body


@pytest.mark.parametrize("dialect", ["H", "L"])
@pytest.mark.parametrize("seed", range(3))
def test_random_requests_are_survived(dialect, seed):
    dice = random.Random(seed)
    host = started(dialect)
    for _ in range(400):
        host.send(random_request(dice))
        host.run(0.05)
    host.run(100)
    assert host.ask(b"\x55", 0x00)[1:] == b"\x55"


@pytest.mark.parametrize("seed", range(3))
def test_random_octets_are_survived(seed):
    dice = random.Random(seed)
    host = started("H")
    for _ in range(200):
        octets = bytearray(frame(random_request(dice)) + dice.randbytes(dice.randrange(8)))
        octets[dice.randrange(len(octets))] = dice.randrange(256)
        host.chip.host_write(bytes(octets[: dice.randrange(1, len(octets) + 1)]))
        host.run(0.05)
    host.run(100)
    host.chip.host_write(b"\x7e")
    assert host.ask(b"\x55", 0x00)[1:] == b"\x55"


@pytest.mark.parametrize("seed", range(3))
def test_random_lbp_frames_are_survived_by_server_and_devices(seed):
    dice = random.Random(seed)
    host = started("H")
    host.run(10)
    nodes = list(host.segment.nodes.values())
    codes = (0x10, 0x40, 0x90, 0xA0, 0xB0, 0xC0, 0x50)
    for _ in range(300):
        node = dice.choice(nodes)
        eap = bytes((dice.choice((4, 8, 12, 16)), 0, 0, 0x1E, 0x2F, dice.choice((0, 0x40, 0x80, 0xC0))))
        body = dice.choice((b"", eap + dice.randbytes(24), dice.randbytes(dice.randrange(1, 80)), b"\x2b\x01\x01"))
        nsdu = bytes((dice.choice(codes), 0)) + node.eui64 + body
        dice.choice((host.chip.mac.on_lbp, host.chip.mac.on_bare_lbp, node.on_lbp, node.on_bare_lbp))(nsdu, node)
        host.run(0.05)
    host.run(100)
    assert host.ask(b"\x55", 0x00) == b"\x02\x55"
