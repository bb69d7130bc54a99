# SPDX-License-Identifier: MIT
"""SAP 1 with keys, the firmware on MicroPython: three libraries manage it, wrong keys do not, kills change nothing."""

import os
import signal

import pytest
from pydlms.apdu.xdlms import Conformance
from pydlms.security.general import GeneralAad, KeyInfo

from base import events
from host_tests.e2e.stack import Stack
from host_tests.peers import pydlms_hes
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import CLOCK, GATEWAY_SAP, INT16, MANAGEMENT, OCTET_STRING, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from tools.hes.errors import HesError, HesRefused, WireError

LDN, SERIAL = (1, "0.0.42.0.0.255"), (1, "0.0.96.1.0.255")
COUNTER, SETUP = (1, "0.0.43.1.1.255"), (64, "0.0.43.0.1.255")
SETTINGS = (1, "0.0.128.10.0.255")
COUNTS_OF_SESSIONS = (1, "0.0.128.1.1.255")
SECURITY_COUNTS = (1, "0.0.128.1.5.255")
LOCKS = {"lock_first_s": 1, "lock_longest_s": 2, "lock_slow_s": 1}


@pytest.fixture(scope="module")
def stack():
    """One built-in meter; the gateway has the test keys. Waits of a second or two after failures."""
    with Stack(built_in=1, config={"security": LOCKS}) as running:
        yield running


def counts(hes):
    return dict(hes.get(*SECURITY_COUNTS, 2))


def files(stack):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in stack.state_dir.iterdir()}


@pytest.mark.parametrize("kind", [GuruxHes, CosemHes, PydlmsHes])
@pytest.mark.parametrize("general", [False, True])
def test_each_library_reads_as_management_with_its_way_of_ciphering(stack, kind, general):
    with stack.wire() as wire:
        hes = kind(wire, general)
        before = hes.open_gateway()
        assert bytes(hes.get(*LDN, 2)) == b"GWYGATEWAY000001" and bytes(hes.get(*SERIAL, 2)) == b"SIMGATEWAY01"
        assert len(bytes(hes.get(*CLOCK, 2))) == 12
        assert hes.get(*SETUP, 2) == 0x6C and hes.get(*SETUP, 3) == 0
        assert hes.get(*COUNTER, 2) > before + 3
        hes.release()
    assert not stack.complaints()


def test_by_general_ciphering_it_is_read_written_and_called_and_a_replay_is_refused(stack):
    for kind in ("identified", "none"):
        with stack.wire() as wire:
            hes = PydlmsHes(wire, ciphering=(GeneralAad.SC_AK, KeyInfo(kind)))
            hes.open_gateway()
            assert bytes(hes.get(*LDN, 2)) == b"GWYGATEWAY000001" and len(hes.get(15, "0.0.40.0.0.255", 2)) > 50
            hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": %d}}' % (900 + len(kind))))
            request = wire.sent[-1]
            assert b"%d" % (900 + len(kind)) in bytes(hes.get(*SETTINGS, 2))
            hes.action(8, "0.0.1.0.0.255", 6, Typed(INT16, 0))
            assert {apdu[0] for apdu in wire.sent[-3:] + wire.received[-3:]} == {0xDD}
            before = hes.get(*SETTINGS, 2)
            wire.send(MANAGEMENT, GATEWAY_SAP, request)
            assert wire.receive(MANAGEMENT, GATEWAY_SAP)[:3] == b"\xd8\x01\x06"
            assert hes.get(*SETTINGS, 2) == before
            hes.release()
    assert not stack.complaints()


def test_a_long_answer_streams_by_general_block_transfer(stack):
    with stack.wire() as wire:
        hes = PydlmsHes(wire, propose_gbt=True, gbt_window=3)
        hes._gbt.update(conformance=Conformance.GET | Conformance.ACTION, max_receive_pdu_size=128)
        hes.open_gateway()
        sent, received = len(wire.sent), len(wire.received)
        names = [name for name, _ in hes.get(*COUNTS_OF_SESSIONS, 2)]
        blocks = [apdu for apdu in wire.received[received:] if apdu[0] == 0xE0]
        assert "closed-idle" in names and len(blocks) >= 3
        assert len(wire.sent) - sent == 1 + -(-(len(blocks) - 1) // 3)
        assert any(apdu[1] & 0x40 for apdu in blocks)
        hes.release()
    assert not stack.complaints()


def test_a_counter_used_before_is_refused_and_the_next_one_is_not_locked_out(stack):
    with stack.wire() as wire:
        hes = PydlmsHes(wire)
        counter = hes.open_gateway()
        hes.release()
        with pytest.raises((HesRefused, HesError)):
            hes.open_management(GATEWAY_SAP, counter)
        assert wire.received[-1][:3] == b"\xd8\x01\x06"
        hes.open_management(GATEWAY_SAP, int.from_bytes(wire.received[-1][3:7], "big"))
        hes.release()


def test_wrong_keys_are_refused_wait_and_stand_in_the_log_while_others_go_on(stack, monkeypatch):
    line = len(stack.console.lines)
    with stack.wire() as wire:
        hes = PydlmsHes(wire)
        hes.open_gateway()  # associated before, and left alone by what follows
        stack.until(lambda: events.GATEWAY_UP in stack.kept_events(), 30, "the start on flash")
        flash = files(stack)
        with monkeypatch.context() as patch, stack.wire() as other_wire:
            patch.setattr(pydlms_hes, "EK", bytes(15) + b"\x01")
            with pytest.raises((HesRefused, HesError)):
                PydlmsHes(other_wire).open_gateway()
        stack.await_record("own-authentication-failed", line, 5)
        with stack.wire() as other_wire, pytest.raises((HesRefused, HesError)):  # the right keys, but too soon
            PydlmsHes(other_wire).open_gateway()
        assert files(stack) == flash  # who does not authenticate makes nothing be written
        after = counts(hes)
        assert after["security-bad-tag"] >= 1 and after["security-locked"] >= 1
        hes.release()

    def is_let_in():
        with stack.wire() as other_wire:
            try:
                PydlmsHes(other_wire).open_gateway()
            except HesError:
                return False
            return True

    stack.until(is_let_in, 10, "let in again")


def test_after_a_kill_no_counter_is_used_or_taken_twice(stack):
    seen = set()
    for _ in range(2):
        with stack.wire() as wire:
            hes = PydlmsHes(wire)
            accepted = hes.open_gateway()
            for _ in range(5):
                hes.get(*LDN, 2)
            sent = [int.from_bytes(apdu[3:7], "big") for apdu in wire.received if apdu[0] == 0xCC]
            assert sent and not seen & set(sent)
            seen |= set(sent)
            line = len(stack.console.lines)
            os.kill(stack.gateway_pid, signal.SIGKILL)
        stack.await_record("gateway-up", line, 30)

        def counter_after(least):
            try:
                with stack.wire() as wire:
                    hes = PydlmsHes(wire)
                    hes.open_public(GATEWAY_SAP)
                    return hes.get(*COUNTER, 2) >= least
            except (WireError, HesError):
                return False

        stack.until(lambda least=accepted + 7: counter_after(least), 20, "a counter above all that were accepted")
    assert not stack.complaints()


def test_no_key_is_printed_or_shown(stack):
    text = "\n".join(stack.console.lines).lower()
    assert "000102030405060708090a0b0c0d0e0f" not in text and "d0d1d2d3" not in text and "404142434445" not in text


def test_a_gateway_without_keys_serves_the_public_client_only():
    with Stack(built_in=1, config={"keys": None}) as running, running.wire() as wire:
        assert any("not provisioned" in line for line in running.console.lines)
        hes = PydlmsHes(wire)
        with pytest.raises((HesRefused, HesError)):
            hes.open_management(GATEWAY_SAP, 1)
        hes = PydlmsHes(wire)
        hes.open_public(GATEWAY_SAP)
        assert bytes(hes.get(*LDN, 2)) == b"GWYGATEWAY000001"
        assert not list(running.state_dir.glob("*keys*")) and not list(running.state_dir.glob("counters*"))
