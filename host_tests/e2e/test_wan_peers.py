# SPDX-License-Identifier: MIT
"""Peers that vanish, stall or talk nonsense on the WAN: they are closed, everybody else goes on.

Straight to the gateway's own listener where the tracing relay would hide what the peer does.
"""

import contextlib
import select
import socket
import struct
import time

import pytest

from host_tests.e2e.stack import PATIENCE, SLOWNESS, Stack
from host_tests.e2e.trace import apdus, assert_none_crossed
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import MANAGEMENT, PUBLIC, REGISTER
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.raw_hes import RawHes, get_request, public_aarq
from tools.hes.errors import HesError
from tools.sim.meter import Meter
from tools.sim.wpdu import build

TITLES = [bytes.fromhex("4D4D4D%010X" % number) for number in range(0xC1, 0xC3)]
A_TIME_S = 1_700_000_000.0
LDN = (1, "0.0.42.0.0.255", 2)
MAX_APDU = 1024
PARTIAL_S = 2
IDLE_S = 60 if SLOWNESS > 1 else 20  # a flooded interpreter under emulation must not take a bystander for dead
# A long object list for everybody: what floods a peer that takes no answers.
CONFIG = {
    "wan": {"partial_s": PARTIAL_S, "idle_s": IDLE_S, "send_s": PARTIAL_S},
    "dlms": {"public_reads_all": True},
}
HANGS_S = 10 * PATIENCE
FREE_SESSIONS = 7  # 8 in stack.CONFIG, one is the bystander's
NONSENSE = {
    "version 2": struct.pack(">HHHH", 2, 16, 1, 1) + b"\xc0",
    "version little-endian": struct.pack("<HHHH", 1, 16, 1, 1) + b"\xc0",
    "length 0": struct.pack(">HHHH", 1, 16, 1, 0),
    "length over the limit": struct.pack(">HHHH", 1, 16, 1, MAX_APDU + 1),
    "length FFFF": struct.pack(">HHHH", 1, 16, 1, 0xFFFF),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "HDLC": bytes.fromhex("7EA00702010193"),
}
CAUSE_BAD_HEADER, CAUSE_IDLE, CAUSE_PARTIAL, CAUSE_SLOW = 1, 2, 3, 4  # lib/app/sessions.py


@pytest.fixture(scope="module")
def stack():
    """Two meters; stalled peers are closed soon."""
    meters = [Meter(title, clock=lambda: A_TIME_S, seed=number) for number, title in enumerate(TITLES)]
    with Stack(meters, config=CONFIG) as running:
        yield running


@pytest.fixture
def sap(stack):
    """The SAP of the first meter."""
    return stack.saps()[TITLES[0].hex().upper()]


@pytest.fixture
def bystander(stack, sap):
    """A head-end with an association opened before and used after the trouble."""
    with stack.wire() as wire:
        hes = GuruxHes(wire)
        hes.open(sap)
        yield hes
        meter = stack.meters[TITLES[0].hex().upper()]
        assert hes.get(*REGISTER, 2) == meter.model.energy_wh()
        hes.release()
        assert wire.skipped == 0


@contextlib.contextmanager
def peer(stack):
    """A bare TCP connection to the gateway."""
    with socket.create_connection(("127.0.0.1", stack.gateway_port), HANGS_S) as sock:
        yield sock


def assert_closed(sock):
    """The gateway hangs up, and says nothing before it does."""
    try:
        assert sock.recv(1) == b""
    except ConnectionResetError:
        pass  # closed with unread octets: the PC's way of saying it


def causes(stack, line):
    """Why sessions were closed since that console line."""
    return [int(record.fields["cause"]) for record in stack.console.records("wan-closed", line)]


@pytest.mark.parametrize("octets", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_malformed_wrapper_header_closes_that_connection_and_no_other(stack, bystander, octets):
    line = len(stack.console.lines)
    with peer(stack) as sock:
        sock.sendall(octets + bytes(8))
        assert_closed(sock)
    stack.until(lambda: CAUSE_BAD_HEADER in causes(stack, line), 5, "closed for its header")


def test_a_good_request_in_front_of_nonsense_is_still_served(stack, bystander):
    with peer(stack) as sock:
        sock.sendall(build(PUBLIC, 1, get_request(*LDN)) + NONSENSE["version 2"])
        octets = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(4096):
                octets += part
    assert octets in (b"", build(1, PUBLIC, bytes.fromhex("C401C1000910") + b"GWYGATEWAY000001"))


def test_half_a_wpdu_is_waited_for_only_so_long(stack, bystander):
    line, started = len(stack.console.lines), time.monotonic()
    with peer(stack) as sock:
        sock.sendall(build(PUBLIC, 1, get_request(*LDN))[:11])
        assert_closed(sock)
    assert time.monotonic() - started > PARTIAL_S / 2
    stack.until(lambda: CAUSE_PARTIAL in causes(stack, line), 5, "closed for half a WPDU")


def test_a_slow_peer_that_sends_octet_by_octet_is_served(stack, sap, bystander):
    with stack.wire() as wire:
        wpdu = build(PUBLIC, 1, get_request(*LDN))
        for octet in wpdu:
            wire._sock.sendall(bytes((octet,)))
        assert wire.receive(PUBLIC, 1)[6:] == b"GWYGATEWAY000001"


def test_a_peer_that_takes_no_answers_is_closed_and_the_meters_stay_readable(stack, bystander):
    line = len(stack.console.lines)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        sock.settimeout(1)
        sock.connect(("127.0.0.1", stack.gateway_port))
        flood = build(PUBLIC, 1, get_request(15, "0.0.40.0.0.255", 2)) * 64

        def is_closed():
            bystander.get(*REGISTER, 2)  # is served meanwhile, and not closed as idle on a slow machine
            try:
                sock.sendall(flood)
            except TimeoutError:  # the gateway has stopped reading: its back-pressure, not yet its verdict
                pass
            except OSError:
                return True
            return CAUSE_SLOW in causes(stack, line)

        stack.until(is_closed, PARTIAL_S + 30, "slow peer closed")
    stack.until(lambda: CAUSE_SLOW in causes(stack, line), 10, "the cause in the log")


def test_a_half_open_peer_is_closed_after_the_idle_time(stack):
    line, started = len(stack.console.lines), time.monotonic()
    with peer(stack) as sock:
        sock.settimeout(IDLE_S + HANGS_S)
        assert_closed(sock)
    assert time.monotonic() - started > IDLE_S - 2
    stack.until(lambda: CAUSE_IDLE in causes(stack, line), 5, "closed as idle")


def test_a_head_end_that_vanishes_in_mid_request_leaves_nothing_behind(stack, sap):
    title = TITLES[0].hex().upper()
    mark = stack.trace.mark
    with stack.wire() as wire:  # its AARQ takes the pair; then it is gone while the answer is on the line
        wire.send(MANAGEMENT, sap, RawHes(wire, sap, RawHes(wire, sap).read_counter() + 1).aarq())
    with stack.wire() as wire:
        hes = PydlmsHes(wire)
        stack.until(lambda: opens(hes, sap), 10, "the pair is free again")
        assert bytes(hes.get(*LDN)) == title.encode()
        hes.release()
        assert wire.skipped == 0
    assert_none_crossed(stack.trace.since(mark))


def opens(hes, sap):
    """True when the association could be opened."""
    try:
        hes.open(sap)
    except HesError:
        return False
    return True


def test_a_reset_in_mid_request_does_not_hand_the_answer_to_the_next_connection(stack, sap):
    mark = stack.trace.mark
    for _ in range(4):
        with peer(stack) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(build(PUBLIC, sap, public_aarq()))
        with peer(stack) as sock:  # may get the number, and the file descriptor, of the one before
            sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                sock.recv(1)
    stack.until(lambda: apdus(stack.trace.since(mark), "line"), 5, "requests did go out")


def sessions_cnt(stack):
    """Sessions that the gateway has, as its console tells."""
    opened, closed = (stack.console.records(name) for name in ("wan-open", "wan-closed"))
    return len(opened) - len(closed)


def test_more_sessions_than_configured_are_refused_and_the_others_stay(stack, bystander):
    stack.until(lambda: sessions_cnt(stack) <= 1, 10, "nobody but the bystander")
    with contextlib.ExitStack() as peers:
        socks = [peers.enter_context(peer(stack)) for _ in range(12)]

        def closed():  # the gateway never speaks first: readable means the end
            return select.select(socks, [], [], 0)[0]

        refused = stack.until(lambda: len(closed()) >= 12 - FREE_SESSIONS and closed(), 5, "too many refused")
        assert len(refused) == 12 - FREE_SESSIONS
        for sock in refused:
            assert_closed(sock)
