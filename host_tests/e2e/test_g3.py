# SPDX-License-Identifier: MIT
"""The same gateway on G3-PLC, both dialects: libraries read meters that have joined by EAP-PSK.

WAN and line carry the same APDUs; a killed gateway comes back into its network without a join.
"""

import os
import signal

import pytest

from host_tests.e2e.stack import Stack
from host_tests.e2e.test_libraries import OWN, PROFILE_ROWS, whole_session
from host_tests.e2e.trace import assert_carried_unchanged
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import PROFILE
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter
from tools.hes.errors import HesError

COUNT = 3
WINDOW = 3  # blocks
GBT, STREAMING = 0xE0, 0x40
FIRST_EUI64 = 0x5059440000000101
STREAMING_EUI64 = (FIRST_EUI64 + COUNT).to_bytes(8, "big")


@pytest.fixture(scope="module", params=("H", "L"))
def stack(request):
    """Meters made by somebody else, on a G3 PAN."""
    meters = [PydlmsMeter((FIRST_EUI64 + number).to_bytes(8, "big")) for number in range(COUNT)]
    meters.append(PydlmsMeter(STREAMING_EUI64, gbt=True))
    meters[-1].simulator.gbt_window = WINDOW
    with Stack(meters, options={"--medium": "g3", "--dialect": request.param}) as running:
        yield running


@pytest.mark.parametrize("kind", (GuruxHes, CosemHes, PydlmsHes))
def test_a_library_does_everything_with_meters_on_g3_and_the_apdus_are_not_touched(stack, kind):
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = kind(wire)
        own, *meters = hes.sap_list()
        meters.sort(key=lambda row: row[1])
        assert own == OWN and {name.decode(): sap for sap, name in meters} == stack.saps()
        for sap, name in meters[:COUNT]:
            whole_session(hes, sap, stack.meters[name.decode()], kind.__name__.encode())
        assert wire.skipped == 0
    assert assert_carried_unchanged(stack.trace.since(mark)) >= 2 * COUNT * 20
    assert stack.complaints() == []


def test_streamed_blocks_of_a_meter_all_arrive(stack):
    """General block transfer: several answers to one request."""
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = PydlmsHes(wire, propose_gbt=True, gbt_window=WINDOW)
        hes.open(stack.saps()[STREAMING_EUI64.hex().upper()])
        assert len(hes.get(*PROFILE, 2)) == PROFILE_ROWS
        hes.release()
        blocks = [apdu for apdu in wire.received if apdu[0] == GBT]
        assert sum(bool(apdu[1] & STREAMING) for apdu in blocks) > 3
    assert_carried_unchanged(stack.trace.since(mark))


def joins(stack):
    """How often each meter has joined, as the meters count it."""
    return {title: node["joined"] for title, node in stack.control("stats")["nodes"].items()}


def is_served(stack, saps):
    """The gateway publishes these SAPs and every meter says its name."""
    try:
        with stack.wire() as wire:
            hes = GuruxHes(wire)
            assert {name.decode(): sap for sap, name in hes.sap_list()[1:]} == saps
            for title, sap in saps.items():
                hes.open(sap)
                assert bytes(hes.get(1, "0.0.42.0.0.255", 2)) == title.encode()
                hes.release()
        return True
    except HesError:  # not up yet: what is sent while the modem starts waits, or is refused
        return False


def test_a_killed_gateway_comes_back_into_its_network(stack):
    saps, before, pid = stack.saps(), joins(stack), stack.gateway_pid
    os.kill(pid, signal.SIGKILL)
    stack.until(lambda: stack.gateway_pid not in (0, pid), 30, "another process")
    stack.until(lambda: is_served(stack, saps), 60, "every meter served again")
    assert joins(stack) == before == dict.fromkeys(saps, 1)
