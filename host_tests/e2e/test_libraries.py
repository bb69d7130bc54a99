# SPDX-License-Identifier: MIT
"""Three DLMS libraries read eight pydlms meters through the gateway, airtime on.

The main job of the product: SAP list, then with each meter an HLS-GMAC association, GET, block
transfer, SET, ACTION, image transfer, release; on the WAN and on the line the same APDUs.
"""

import pytest

from host_tests.e2e.stack import Stack
from host_tests.e2e.trace import assert_carried_unchanged
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import CLOCK, DISCONNECTOR, OCTET_STRING, REGISTER, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter

COUNT = 8
FIRST_TITLE = 0x5059440000000001
OWN = (1, b"GWYGATEWAY000001")
A_TIME = bytes.fromhex("07E805150308000000000000")
ENERGY_WH = 12345678  # what pydlms' example meter shows
PROFILE_ROWS = 96
APDUS_OF_A_SESSION = 40  # at least: 12 blocks of profile, 5 of opening, image


@pytest.fixture(scope="module")
def stack():
    """Eight meters made by somebody else."""
    meters = [PydlmsMeter((FIRST_TITLE + number).to_bytes(8, "big")) for number in range(COUNT)]
    with Stack(meters) as running:
        yield running


@pytest.mark.parametrize("kind", [GuruxHes, CosemHes, PydlmsHes])
def test_a_library_does_everything_with_eight_meters_and_the_apdus_are_not_touched(stack, kind):
    mark = stack.trace.mark
    with stack.wire() as wire:
        hes = kind(wire)
        own, *meters = hes.sap_list()
        assert own == OWN
        assert {name.decode(): sap for sap, name in meters} == stack.saps()
        assert sorted(name.decode() for _, name in meters) == sorted(stack.meters)
        for sap, name in meters:
            whole_session(hes, sap, stack.meters[name.decode()], kind.__name__.encode())
        assert wire.skipped == 0
    carried = assert_carried_unchanged(stack.trace.since(mark))
    assert carried >= 2 * COUNT * (APDUS_OF_A_SESSION // 2)
    assert stack.complaints() == []


def whole_session(hes, sap, meter, tag):
    """Everything a head-end does with one meter; what the meter holds afterwards is looked at in the meter."""
    image = tag * 40
    hes.open(sap)
    assert len(bytes(hes.get(*CLOCK, 2))) == 12
    assert hes.get(*REGISTER, 2) == ENERGY_WH
    assert hes.get(*REGISTER, 3) == [0, 30]
    assert bytes(hes.get(1, "0.0.42.0.0.255", 2)) == meter.title.hex().upper().encode()
    rows = hes.read_profile()
    assert [wh for _, wh in rows] == [1000 + 7 * number for number in range(PROFILE_ROWS)]
    hes.set(*CLOCK, 2, Typed(OCTET_STRING, A_TIME))
    assert bytes(hes.get(*CLOCK, 2)) == A_TIME
    hes.action(*DISCONNECTOR, 1)
    assert not meter.is_connected
    hes.action(*DISCONNECTOR, 2)
    assert meter.is_connected
    hes.image(tag, image)
    assert meter.image.activated
    assert (meter.image.identifier, meter.image.image()) == (tag, image)
    hes.release()
