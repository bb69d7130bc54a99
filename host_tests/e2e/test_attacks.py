# SPDX-License-Identifier: MIT
"""Whoever owns the path, or the gateway, can neither read nor switch: the meter refuses, not luck.

Each attack is looked at in three places: the answer, the meter's own counters and disconnector,
and the trace (the gateway carried the attacker's octets unchanged, it did not stop them).
"""

import collections

import pytest

from host_tests.e2e.relay import TamperingRelay
from host_tests.e2e.stack import Stack
from host_tests.e2e.trace import apdus, assert_carried_unchanged
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import DISCONNECTOR, MANAGEMENT, PUBLIC, REGISTER
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.raw_hes import RawHes, action_request, get_request
from tools.hes.errors import HesError
from tools.sim.meter import Meter

TITLE = bytes.fromhex("4D4D4D00000000D1")
EXCEPTION = 0xD8
SERVICE_OCTETS = 2  # tag, length: what stands in front of the security control octet in a short glo- APDU
IC_AT = SERVICE_OCTETS + 1
DISCONNECT = action_request(*DISCONNECTOR, 1)

Scene = collections.namedtuple("Scene", "stack relay sap meter hes")


@pytest.fixture(scope="module", params=("sfsk", "g3"))
def stack(request):
    """One meter."""
    with Stack([Meter(TITLE)], options={"--medium": request.param}) as running:
        yield running


@pytest.fixture
def scene(stack):
    """An authenticated association through the attacker's relay."""
    sap, meter = stack.saps()[TITLE.hex().upper()], stack.meters[TITLE.hex().upper()]
    with TamperingRelay(stack.port) as relay, stack.wire(port=relay.port) as wire:
        counter = RawHes(wire, sap).read_counter() + 1
        hes = RawHes(wire, sap, counter)
        hes.open()
        yield Scene(stack, relay, sap, meter, hes)


def refusals(meter):
    return {name: count for name, count in meter.counters.items() if name.startswith("refused")}


def assert_refused_by_meter(scene, apdu, reason, change=None):
    """The meter counts one refusal of that reason more, nothing is switched, the gateway carried the octets."""
    before, mark = refusals(scene.meter), scene.stack.trace.mark
    scene.relay.change = change
    answer = scene.hes.ask(apdu)
    assert answer[0] == EXCEPTION
    after = collections.Counter(refusals(scene.meter))
    after.subtract(before)
    assert +after == {reason: 1}
    assert scene.meter.model.disconnector.is_connected
    events = scene.stack.trace.since(mark)
    assert_carried_unchanged(events)
    title = TITLE.hex().upper()
    assert apdus(events, "meter")[title, "down"] == [(MANAGEMENT, scene.relay.passed[-1])]
    assert apdus(events, "wan")[title, "up"] == [(MANAGEMENT, answer)]


def assert_association_still_serves(scene):
    """The attack did not cost the head-end its association."""
    reply = scene.hes.unprotect(scene.hes.ask(scene.hes.protect(get_request(*REGISTER, 2))))
    assert reply[:4] == b"\xc4\x01\xc1\x00"


def flipped(at):
    def change(apdu):
        octets = bytearray(apdu)
        octets[at] ^= 0x04
        return bytes(octets)
    return change


@pytest.mark.parametrize("at", [-1, -12, -13, IC_AT + 4], ids=["tag-end", "tag", "cipher-end", "cipher"])
def test_one_flipped_bit_is_refused_by_the_meters_tag_check(scene, at):
    assert_refused_by_meter(scene, scene.hes.protect(DISCONNECT), "refused-tag", flipped(at))
    assert_association_still_serves(scene)


def test_a_rewritten_invocation_counter_is_refused_by_the_tag_or_as_old(scene):
    def newer(apdu):
        return apdu[:IC_AT] + (1 << 20).to_bytes(4, "big") + apdu[IC_AT + 4:]

    def older(apdu):
        return apdu[:IC_AT] + bytes(4) + apdu[IC_AT + 4:]

    assert_refused_by_meter(scene, scene.hes.protect(DISCONNECT), "refused-tag", newer)
    assert_refused_by_meter(scene, scene.hes.protect(DISCONNECT), "refused-replay", older)
    assert_association_still_serves(scene)


def test_a_replayed_apdu_is_refused_and_switches_nothing(scene):
    off = scene.hes.protect(DISCONNECT)
    assert scene.hes.unprotect(scene.hes.ask(off))[3] == 0
    assert not scene.meter.model.disconnector.is_connected  # the original works: the replay is not refused by luck
    assert scene.hes.unprotect(scene.hes.ask(scene.hes.protect(action_request(*DISCONNECTOR, 2))))[3] == 0
    assert_refused_by_meter(scene, off, "refused-replay")
    assert_association_still_serves(scene)


def test_a_recorded_apdu_put_in_the_place_of_another_is_refused(scene):
    off = scene.hes.protect(DISCONNECT)
    assert scene.hes.unprotect(scene.hes.ask(off))[3] == 0
    assert scene.hes.unprotect(scene.hes.ask(scene.hes.protect(action_request(*DISCONNECTOR, 2))))[3] == 0
    assert_refused_by_meter(scene, scene.hes.protect(get_request(*REGISTER, 2)), "refused-replay", lambda _: off)
    assert_association_still_serves(scene)


def test_a_plain_action_in_a_ciphered_association_is_refused(scene):
    assert_refused_by_meter(scene, DISCONNECT, "refused-plain")
    assert_association_still_serves(scene)


def test_a_replayed_aarq_is_refused_and_a_replay_without_association_too(scene):
    hes = scene.hes
    off = hes.protect(DISCONNECT)
    assert hes.ask(b"\x62\x00")[0] == 0x63
    assert_refused_by_meter(scene, off, "refused-no-association")
    replayed = RawHes(hes.wire, scene.sap, counter=1).aarq()
    assert_refused_by_meter(scene, replayed, "refused-replay")


def test_the_public_client_may_not_switch(scene):
    answer = scene.hes.ask(DISCONNECT, PUBLIC)
    assert answer[0] == EXCEPTION or answer[:4] != b"\xc7\x01\xc1\x00"
    assert scene.meter.model.disconnector.is_connected


@pytest.mark.parametrize("kind", [GuruxHes, CosemHes, PydlmsHes])
def test_a_library_is_told_when_its_disconnect_was_tampered_with(stack, kind):
    sap, meter = stack.saps()[TITLE.hex().upper()], stack.meters[TITLE.hex().upper()]
    with TamperingRelay(stack.port) as relay, stack.wire(port=relay.port) as wire:
        hes = kind(wire)
        hes.open(sap)
        before = meter.counters["refused-tag"]
        relay.change = flipped(-1)
        with pytest.raises(HesError):
            hes.action(*DISCONNECTOR, 1)
        assert meter.counters["refused-tag"] == before + 1
        assert meter.model.disconnector.is_connected
