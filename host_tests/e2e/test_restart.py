# SPDX-License-Identifier: MIT
"""The gateway is killed and comes back: SAPs stand, nobody is registered again, APDUs flow at once.

SIGKILL in the middle of traffic, so nothing is flushed on the way out; the simulator starts the
firmware again, as a board's reset would. It gives up after three quick deaths, so two kills here.
"""

import os
import signal
import time

import pytest

from host_tests.e2e.stack import Stack
from host_tests.e2e.trace import REGISTER, assert_none_crossed
from host_tests.peers.hes import DISCONNECTOR, PUBLIC
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.raw_hes import RawHes, get_request
from tools.hes.errors import WireError
from tools.sim.meter import Meter

TITLES = [bytes.fromhex("4D4D4D%010X" % number) for number in range(0xA1, 0xA9)]
LDN = (1, "0.0.42.0.0.255", 2)


@pytest.fixture(scope="module")
def stack():
    """Eight meters."""
    with Stack([Meter(title) for title in TITLES]) as running:
        yield running


def kill_gateway(stack):
    """SIGKILL to the interpreter; the console line from which the new one speaks."""
    pid, line = stack.gateway_pid, len(stack.console.lines)
    os.kill(pid, signal.SIGKILL)
    stack.await_record("gateway-up", line, 30)
    return line


def registrations(stack):
    """How often each meter was registered, as the meters count it."""
    return {title: node["registered"] for title, node in stack.control("stats")["nodes"].items()}


def reads_name(stack, sap, title):
    """True when the meter at that SAP says its name; the public client needs no association."""
    try:
        with stack.wire(5) as wire:
            return RawHes(wire, sap).ask(get_request(*LDN), PUBLIC)[6:] == title.encode()
    except WireError:
        return False


def test_after_sigkill_the_first_apdu_goes_out_without_registering_anyone(stack):
    saps, before = stack.saps(), registrations(stack)
    line = kill_gateway(stack)
    mark, started = stack.trace.mark, time.monotonic()
    title = min(saps)
    stack.until(lambda: reads_name(stack, saps[title], title), 30, "an APDU forwarded after the restart")
    print("first answer %.2f s after gateway-up" % (time.monotonic() - started))
    events = [event for event in stack.trace.since(mark) if event.at == "line"]
    first = next(n for n, event in enumerate(events) if event.node == title and event.sap)
    assert [event.apdu[0] for event in events[:first] if event.sap == 0 and event.apdu[0] == REGISTER] == []
    assert registrations(stack) == before
    restored = stack.console.records("nodes-restored", line)
    assert [record.fields["n"] for record in restored] == [str(len(TITLES))]
    assert stack.saps() == saps


def test_a_head_end_cut_off_by_a_second_kill_is_served_again_and_every_meter_has_its_old_sap(stack):
    saps, before = stack.saps(), registrations(stack)
    title, sap = min(saps.items())
    mark = stack.trace.mark
    with stack.wire() as wire:
        PydlmsHes(wire).open(sap)
        kill_gateway(stack)
        with pytest.raises(WireError):
            wire.ask(PUBLIC, sap, get_request(*LDN))
    for title, sap in saps.items():
        stack.until(lambda title=title, sap=sap: reads_name(stack, sap, title), 30, title)
    with stack.wire() as wire:
        hes = PydlmsHes(wire)
        hes.open(sap)
        hes.action(*DISCONNECTOR, 1)
        assert not stack.meters[title].model.disconnector.is_connected
        hes.action(*DISCONNECTOR, 2)
        hes.release()
    assert registrations(stack) == before
    assert_none_crossed(stack.trace.since(mark))
