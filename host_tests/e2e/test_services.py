# SPDX-License-Identifier: MIT
"""What is not a plain request and answer: E6 prefix, block streaming, push, broadcast, what does not fit.

Also the built-in meters of the simulator, which know their titles by themselves.
"""

import contextlib
import socket
import struct

import pytest

from host_tests.e2e.stack import Stack
from host_tests.e2e.trace import apdus, assert_carried_unchanged
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import CLOCK, DISCONNECTOR, MANAGEMENT, OCTET_STRING, PROFILE, PUBLIC, REGISTER, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter
from host_tests.peers.raw_hes import RawHes, action_request, get_request
from tools.hes.errors import WireTimeout
from tools.sim.meter import Meter

BUILT_IN, PYDLMS = bytes.fromhex("4D4D4D00000000E1"), bytes.fromhex("50594400000000E2")
SIM_TITLE = "53494D0000000001"  # the simulator's own first meter
GATEWAY_SAP, ALL_SAP = 1, 0x7F
E6, E7, GBT, STREAMING = 0xE6, 0xE7, 0xE0, 0x40
WINDOW = 3  # blocks
LDN = (1, "0.0.42.0.0.255", 2)
A_TIME = bytes.fromhex("07E805150308000000000000")
UNCONFIRMED = [bytes((0xC3, 1, 0x80 | number)) + action_request(*DISCONNECTOR, 1)[3:] for number in range(1, 4)]
PATIENCE_S = 120
# Of a meter that is not heard: 2 slots and a frame of 7 sub-frames at 1.5 ms, think_margin_ms, 252 characters at
# 38400 bit/s (66 ms), 100 ms x widen 6. The gateway waits so long, or longer on a busy PC.
REPLY_WINDOW_S = 0.012 + 0.85 + 0.066 + 0.6
GIVES_UP_S = 4  # longer than that and the guard time
LARGEST = 239  # octets of APDU in an LLC frame of 242


class PushListener:
    """A head-end that waits for notifications on a port of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.port = self._listener.getsockname()[1]
        self.own: "list[bytes]" = []  # notifications of the gateway itself, met on the way

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def wpdus(self, count: int) -> "list[tuple[int, int, bytes]]":
        """(source, destination, APDU) of the next WPDUs of meters, on however many connections; hangs up after them."""
        found: "list[tuple[int, int, bytes]]" = []
        while len(found) < count:
            with self._listener.accept()[0] as sock, sock.makefile("rb") as stream:
                sock.settimeout(PATIENCE_S)
                while len(found) < count and (header := stream.read(8)):
                    _, source, dest, length = struct.unpack(">HHHH", header)
                    apdu = stream.read(length)
                    if source == GATEWAY_SAP:
                        self.own.append(apdu)
                    else:
                        found.append((source, dest, apdu))
        return found


@pytest.fixture(scope="module")
def push_target():
    """Where the gateway sends notifications."""
    with contextlib.closing(PushListener()) as listener:
        yield listener


@pytest.fixture(scope="module")
def stack(push_target):
    """A built-in meter in this process, a streaming pydlms meter, two meters inside the simulator."""
    streaming = PydlmsMeter(PYDLMS, gbt=True)
    streaming.simulator.gbt_window = WINDOW
    config = {"push": {"targets": ["127.0.0.1:%d" % push_target.port]}}
    with Stack([Meter(BUILT_IN), streaming], built_in=2, config=config) as running:
        yield running


def sap_of(stack, title):
    return stack.saps()[title if isinstance(title, str) else title.hex().upper()]


# --- the simulator's own meters ---

@pytest.mark.parametrize("kind", [GuruxHes, CosemHes])
def test_a_library_does_everything_with_the_simulators_own_meter(stack, kind):
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = kind(wire)
        hes.open(sap_of(stack, SIM_TITLE))
        assert bytes(hes.get(*LDN)) == SIM_TITLE.encode()
        assert hes.get(*REGISTER, 3) == [0, 30]
        assert len(hes.read_profile()) == 200
        hes.set(*CLOCK, 2, Typed(OCTET_STRING, A_TIME))
        assert bytes(hes.get(*CLOCK, 2))[:4] == A_TIME[:4]
        hes.action(*DISCONNECTOR, 1)
        assert hes.get(*DISCONNECTOR, 2) is False
        hes.action(*DISCONNECTOR, 2)
        assert hes.get(*DISCONNECTOR, 2) is True
        hes.image(b"FW2", bytes(range(256)))
        assert bytes(hes.get(1, "1.0.0.2.0.255", 2)) == b"FW2"
        hes.release()
    assert assert_carried_unchanged(stack.trace.since(mark)) > 60


# --- E6 prefix ---

class PrefixedHes(RawHes):
    """Asks through the gateway prefix; the wPort is the logical device inside the meter."""

    def __init__(self, wire, address, counter=1):
        super().__init__(wire, 1, counter)
        self.prefix = bytes((0, len(address))) + address

    def ask(self, apdu, client_sap=MANAGEMENT):
        answer = super().ask(bytes((E6,)) + self.prefix + apdu, client_sap)
        assert answer[:1 + len(self.prefix)] == bytes((E7,)) + self.prefix
        return answer[1 + len(self.prefix):]


@pytest.mark.parametrize("by", ["title", "mac"])
def test_a_meter_is_reached_by_the_e6_prefix_and_sees_nothing_of_it(stack, by):
    mark = stack.trace.mark
    mac_addr = stack.control("stats")["nodes"][BUILT_IN.hex().upper()]["mac"]
    with stack.wire() as wire:
        hes = PrefixedHes(wire, BUILT_IN if by == "title" else mac_addr.to_bytes(2, "big"))
        hes.counter = hes.read_counter() + 1
        hes.open()
        reply = hes.unprotect(hes.ask(hes.protect(get_request(*LDN))))
        assert reply[6:] == BUILT_IN.hex().upper().encode()
        assert hes.ask(b"\x62\x00")[0] == 0x63
        sent, received = wire.sent, wire.received
    strip = 1 + len(hes.prefix)
    on_line = apdus(stack.trace.since(mark), "line")
    title = BUILT_IN.hex().upper()
    assert [apdu for _, apdu in on_line[title, "down"]] == [apdu[strip:] for apdu in sent]
    assert [apdu for _, apdu in on_line[title, "up"]] == [apdu[strip:] for apdu in received]


def test_an_e6_prefix_of_nobody_is_refused_before_the_air_with_its_e7(stack):
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = PrefixedHes(wire, b"nobody!!")
        assert hes.ask(get_request(*LDN), PUBLIC)[0] == 0xD8
    assert apdus(stack.trace.since(mark), "line") == {}


# --- general block transfer ---

def test_streamed_blocks_of_a_meter_all_arrive(stack):
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = PydlmsHes(wire, propose_gbt=True, gbt_window=WINDOW)
        hes.open(sap_of(stack, PYDLMS))
        assert len(hes.get(*PROFILE, 2)) == 96
        hes.release()
        blocks = [apdu for apdu in wire.received if apdu[0] == GBT]
        assert sum(bool(apdu[1] & STREAMING) for apdu in blocks) > 3  # several answers to one request
        assert len(blocks) > 2 * sum(apdu[0] == GBT for apdu in wire.sent)
    assert_carried_unchanged(stack.trace.since(mark))


# --- push ---

def test_notifications_arrive_at_the_target_from_the_meters_sap_unchanged_and_in_order(stack, push_target):
    title, sap = BUILT_IN.hex().upper(), sap_of(stack, BUILT_IN)
    meter = stack.meters[title]
    apdus_sent = [meter.push(is_ciphered=False), meter.push(is_ciphered=True)]
    assert [apdu[0] for apdu in apdus_sent] == [0x0F, 0xDB]
    mark = stack.trace.mark
    for apdu in apdus_sent:
        stack.control("push", node=title, apdu=apdu.hex(), client_sap=0x66)
    assert push_target.wpdus(2) == [(sap, 0x66, apdu) for apdu in apdus_sent]
    assert apdus(stack.trace.since(mark), "wan") == {}  # nothing on anybody's own connection
    registered = b'{"MeterIdentifier":"%s","SAP_DLMS_GW":"0x%02X"}' % (title.encode(), sap)
    assert sum(registered in apdu for apdu in push_target.own) == 1  # when it was, before all that


def test_a_notification_in_the_middle_of_an_exchange_disturbs_nobody(stack, push_target):
    title, sap = BUILT_IN.hex().upper(), sap_of(stack, BUILT_IN)
    with stack.wire(GIVES_UP_S) as wire:
        hes = GuruxHes(wire)
        hes.open(sap)

        def pushed_and_heard():
            """Nobody acknowledges a push on S-FSK: one that met a request on the line is lost, so: another."""
            apdu, mark = stack.meters[title].push(is_ciphered=False), stack.trace.mark
            stack.control("push", node=title, apdu=apdu.hex(), client_sap=MANAGEMENT)  # the very pair that is in use
            for _ in range(5):
                assert bytes(get_with_retry(hes, *LDN)) == title.encode()
            return apdu if any(e.at == "uart" and apdu in e.apdu for e in stack.trace.since(mark)) else b""

        apdu = stack.until(pushed_and_heard, 20, "a push that the modem heard")
        hes.release()
        assert wire.skipped == 0
    assert push_target.wpdus(1) == [(sap, MANAGEMENT, apdu)]


def get_with_retry(hes, *attribute):
    """A meter that sends does not hear: the request under its push is lost, the head-end asks again."""
    with contextlib.suppress(WireTimeout):
        return hes.get(*attribute)
    return hes.get(*attribute)


# --- broadcast, unconfirmed, too long ---

def test_a_broadcast_reaches_every_meter_once_and_nobody_answers(stack):
    mark = stack.trace.mark
    with stack.wire() as wire:
        wire.send(PUBLIC, ALL_SAP, UNCONFIRMED[0])
        titles = set(stack.saps())

        def reached():
            return {e.node for e in stack.trace.since(mark) if e.at == "meter" and e.dir == "down"} == titles

        stack.until(reached, 10, "all meters heard the broadcast")
        with pytest.raises(WireTimeout):
            wire.receive(PUBLIC, ALL_SAP, 0.5)
    events = stack.trace.since(mark)
    assert [e.apdu for e in events if e.at == "line" and e.client == PUBLIC] == UNCONFIRMED[:1]
    assert sum(e.at == "meter" for e in events) == len(titles)
    assert not [e for e in events if e.at == "wan" and e.dir == "up"]
    assert stack.meters[BUILT_IN.hex().upper()].model.disconnector.is_connected  # the public client may not


def test_an_unconfirmed_request_takes_no_reply_window(stack):
    title, sap = BUILT_IN.hex().upper(), sap_of(stack, BUILT_IN)
    with stack.wire() as wire:
        mark = stack.trace.mark
        for apdu in UNCONFIRMED:
            wire.send(PUBLIC, sap, apdu)
        assert RawHes(wire, sap).ask(get_request(*LDN), PUBLIC)[6:] == title.encode()
    events = stack.trace.since(mark)
    assert [e.dir for e in events if e.at == "wan" and e.node == title] == ["down"] * 4 + ["up"]
    line = [e for e in events if e.at == "line"]
    gaps = [then.t - e.t for e, then in zip(line, line[1:], strict=False) if e.apdu in UNCONFIRMED]
    assert len(gaps) == 3 and sorted(gaps)[1] < REPLY_WINDOW_S


@pytest.mark.parametrize("extra", [0, 1])
def test_the_largest_apdu_passes_and_one_octet_more_is_refused_at_once(stack, extra):
    sap, mark = sap_of(stack, BUILT_IN), stack.trace.mark
    padding = bytes(LARGEST + extra - len(action_request(*DISCONNECTOR, 1, b"\x09\x81\x00")))
    parameter = bytes((0x09, 0x81, len(padding))) + padding
    apdu = action_request(*DISCONNECTOR, 1, parameter)
    assert len(apdu) == LARGEST + extra
    with stack.wire() as wire:
        answer = RawHes(wire, sap).ask(apdu, PUBLIC)
    on_line = apdus(stack.trace.since(mark), "line")
    if extra:
        assert (answer.hex(), on_line) == ("d80104", {})
    else:
        assert on_line[BUILT_IN.hex().upper(), "down"] == [(PUBLIC, apdu)]
