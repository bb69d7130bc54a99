# SPDX-License-Identifier: MIT
"""Three DLMS libraries as head-ends against the built-in meter and against pydlms-client's simulator.

What each of them can do here it must be able to do through the gateway.  The
sizes are those that the gateway's S-FSK segment has to carry.
"""

import collections

import pytest
from pydlms.cosem.data import DlmsData

from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import CLOCK, DISCONNECTOR, OCTET_STRING, REGISTER, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter
from tools.hes.errors import HesError, HesRefused
from tools.hes.wire import Wire
from tools.sim.meter import Meter
from tools.sim.meter.server import MeterServer

TITLE = bytes.fromhex("4D4D4D0000000001")
HEAD_ENDS = [(PydlmsHes, False), (PydlmsHes, True), (CosemHes, True), (GuruxHes, False), (GuruxHes, True)]
FRAME_ROOM = 239  # octets of APDU in an S-FSK frame of 242: facts/sfsk.md, LLC takes 3
METER_LIMIT = 220
A_TIME = bytes.fromhex("07E80515030800000000000" + "0")
AN_IMAGE = bytes(range(256)) * 2 + b"odd end"

Bench = collections.namedtuple("Bench", "meter hes wire")


def bench_with(meter, request):
    """A head-end of the kind in the fixture's parameter, connected to that meter."""
    server = MeterServer(meter.handle)
    kind, general = request.param
    with server, Wire.connect(server.port, 3) as wire:
        yield Bench(meter, kind(wire, general), wire)


head_ends = {"params": HEAD_ENDS, "ids": lambda p: p[0].__name__ + ("-general" if p[1] else "-glo")}


@pytest.fixture(**head_ends)
def built_in(request):
    """A library and the built-in meter."""
    yield from bench_with(Meter(TITLE, clock=lambda: 1_700_000_000.0), request)


@pytest.fixture(**head_ends)
def foreign(request):
    """A library and pydlms-client's simulator."""
    yield from bench_with(PydlmsMeter(TITLE), request)


def whole_session(hes):
    """Everything a head-end does with a meter, in the order the gateway's acceptance asks for."""
    hes.open(1)
    hes.get(*CLOCK, 2)
    hes.get(*REGISTER, 2)
    hes.read_profile()
    hes.set(*CLOCK, 2, Typed(OCTET_STRING, A_TIME))
    hes.action(*DISCONNECTOR, 1)
    hes.action(*DISCONNECTOR, 2)
    hes.image(b"FW2", AN_IMAGE)
    hes.release()


def test_public_client_reads_the_sap_list(built_in):
    assert built_in.hes.sap_list() == [(1, TITLE.hex().upper().encode())]


def test_clock_and_register_are_what_the_meter_measures(built_in):
    built_in.hes.open(1)
    assert bytes(built_in.hes.get(*CLOCK, 2)) == bytes.fromhex("07E70B0E02160D1400000000")  # 2023-11-14 22:13:20 UTC
    assert built_in.hes.get(*REGISTER, 2) == built_in.meter.model.energy_wh()
    assert built_in.hes.get(*REGISTER, 3) == [0, 30]  # Wh


def test_load_profile_arrives_whole_through_many_blocks(built_in):
    built_in.hes.open(1)
    asked = len(built_in.wire.sent)
    rows = built_in.hes.read_profile()
    assert [energy for _, energy in rows] == [energy for _, energy in built_in.meter.model.profile.rows()]
    assert len(rows) == 200
    assert len(built_in.wire.sent) - asked > 20


def test_set_moves_the_clock(built_in):
    built_in.hes.open(1)
    built_in.hes.set(*CLOCK, 2, Typed(OCTET_STRING, A_TIME))
    assert bytes(built_in.hes.get(*CLOCK, 2)) == A_TIME[:4] + b"\x02" + A_TIME[5:]  # the meter knows it is a Tuesday


def test_action_disconnects_and_reconnects(built_in):
    built_in.hes.open(1)
    states = [built_in.meter.model.disconnector.is_connected]
    for method in (1, 2):
        built_in.hes.action(*DISCONNECTOR, method)
        states.append(built_in.meter.model.disconnector.is_connected)
    assert states == [True, False, True]
    assert built_in.hes.get(*DISCONNECTOR, 3) == 1


def test_image_is_transferred_verified_in_the_background_and_activated(built_in):
    built_in.meter.model.image.busy_polls = 2
    built_in.hes.open(1)
    built_in.hes.image(b"FW2", AN_IMAGE)
    assert built_in.meter.model.image.octets == AN_IMAGE
    assert bytes(built_in.hes.get(1, "1.0.0.2.0.255", 2)) == b"FW2"


def test_a_second_session_goes_on_above_the_first_ones_counter(built_in):
    for _ in range(2):
        built_in.hes.open(1)
        built_in.hes.get(*REGISTER, 2)
        built_in.hes.release()
    assert built_in.meter.counters["authenticated"] == 2
    assert not [name for name in built_in.meter.counters if name.startswith("refused")]


def test_unknown_object_is_refused_and_the_session_goes_on(built_in):
    built_in.hes.open(1)
    with pytest.raises(HesRefused):
        built_in.hes.get(1, "1.1.1.1.1.255", 2)
    assert built_in.hes.get(*REGISTER, 3) == [0, 30]


def test_old_counter_is_refused_at_the_association(built_in):
    built_in.hes.open(1)
    built_in.hes.release()
    with pytest.raises(HesError):
        built_in.hes.open_management(1, 1)
    assert built_in.meter.counters["refused-replay"] == 1


def test_every_apdu_of_a_whole_session_fits_a_frame_with_the_built_in_meter(built_in):
    whole_session(built_in.hes)
    assert max(map(len, built_in.wire.received)) <= METER_LIMIT
    assert max(map(len, built_in.wire.sent)) <= METER_LIMIT


def test_every_apdu_of_a_whole_session_fits_a_frame_with_pydlms_meter(foreign):
    whole_session(foreign.hes)
    assert max(map(len, foreign.wire.received)) <= FRAME_ROOM
    assert max(map(len, foreign.wire.sent)) <= FRAME_ROOM
    assert foreign.meter.image.activated
    assert foreign.meter.image.image() == AN_IMAGE


def test_pydlms_meter_disconnects_for_each_library(foreign):
    foreign.hes.open(1)
    foreign.hes.action(*DISCONNECTOR, 1)
    assert not foreign.meter.is_connected


def test_pydlms_meter_never_sends_more_than_a_frame_whatever_the_value_is_long(foreign):
    foreign.hes.open(1)
    for length in range(150, 230, 3):
        foreign.meter.simulator.add_object(1, "0.0.96.1.9.255", {2: DlmsData.octet_string(bytes(length))})
        assert len(bytes(foreign.hes.get(1, "0.0.96.1.9.255", 2))) == length
    assert max(foreign.meter.sent) <= FRAME_ROOM
