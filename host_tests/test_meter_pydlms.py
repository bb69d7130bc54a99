# SPDX-License-Identifier: MIT
"""The harness around pydlms-client's simulator: many meters in a process, and what was added to the simulator."""

import signal
import subprocess
import sys

import pytest

from host_tests.peers.hes import CLOCK, DISCONNECTOR, PROFILE, REGISTER
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter
from host_tests.peers.raw_hes import RawHes, action_request, get_request, set_request
from tools.hes.errors import HesRefused
from tools.hes.wire import Wire
from tools.sim.meter.server import MeterServer

TITLE = bytes.fromhex("5059440000000001")
FRAME_ROOM = 239
COUNT = 8
NOT_ALLOWED = "d80101"


@pytest.fixture(scope="module")
def process():
    """Eight meters in a process of their own: {title: port}."""
    command = [sys.executable, "-m", "host_tests.peers.pydlms_meter", "--title", TITLE.hex(), "--count", str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            lines = [child.stdout.readline().strip() for _ in range(COUNT + 1)]
            assert lines.pop() == f"READY {COUNT} meters"
            yield {line.split("@")[0]: int(line.split(":")[1]) for line in lines}
        finally:
            child.send_signal(signal.SIGTERM)


@pytest.fixture
def meter():
    """A meter on a port of its own; `port` is which."""
    made = PydlmsMeter(TITLE)
    with MeterServer(made.handle) as server:
        made.port = server.port
        yield made


def test_eight_meters_in_one_process_have_their_own_titles_names_and_state(process):
    assert list(process) == [f"{int.from_bytes(TITLE, 'big') + n:016X}" for n in range(COUNT)]
    for number, (title, port) in enumerate(process.items()):
        with Wire.connect(port, 5) as wire:
            hes = PydlmsHes(wire)
            hes.open(1)
            assert bytes(hes.get(1, "0.0.42.0.0.255", 2)).decode() == title
            assert hes.get(*DISCONNECTOR, 2) is True
            if number == 0:
                hes.action(*DISCONNECTOR, 1)
            hes.release()


def test_associations_of_two_clients_on_one_connection_do_not_disturb_each_other(meter):
    with Wire.connect(meter.port, 3) as wire:
        management, public = PydlmsHes(wire), PydlmsHes(wire)
        management.open(1)
        public.open_public(1)
        assert management.get(*REGISTER, 2) == 12345678
        public.release()
        assert management.get(*REGISTER, 2) == 12345678


def test_association_outlives_the_connection_as_it_does_behind_a_gateway(meter):
    with Wire.connect(meter.port, 3) as first:
        hes = RawHes(first, 1)
        hes.open()
    with Wire.connect(meter.port, 3) as hes.wire:
        assert hes.unprotect(hes.ask(hes.protect(get_request(*REGISTER, 2))))[3] == 0


def test_public_client_reads_without_an_association_and_changes_nothing(meter):
    with Wire.connect(meter.port, 3) as wire:
        hes = RawHes(wire, 1)
        assert hes.read_counter() == 0
        assert hes.ask(action_request(*DISCONNECTOR, 1), 16).hex() == NOT_ALLOWED
        assert hes.ask(set_request(*CLOCK, 2, b"\x09\x00"), 16).hex() == NOT_ALLOWED
    assert meter.is_connected


def test_tampered_replayed_and_plain_actions_are_refused_by_the_simulator(meter):
    with Wire.connect(meter.port, 3) as wire:
        hes = RawHes(wire, 1)
        hes.open()
        good = hes.protect(action_request(*DISCONNECTOR, 2))
        assert hes.unprotect(hes.ask(good))[3] == 0
        off = hes.protect(action_request(*DISCONNECTOR, 1))
        for bad in (off[:-1] + bytes((off[-1] ^ 1,)), good, action_request(*DISCONNECTOR, 1)):
            assert hes.ask(bad)[0] == 0xD8
    assert meter.is_connected


def test_only_the_management_device_answers(meter):
    assert meter.handle(16, 2, get_request(*CLOCK, 2)) == []


@pytest.mark.parametrize("octets", ["00", "60", "6002a100", "c001", "c0010000", "db", "db0899", "e0", "ff" * 9, "6200"])
def test_garbage_never_raises(octets, meter):
    for client_sap in (1, 16):
        for reply in meter.handle(client_sap, 1, bytes.fromhex(octets)):
            assert reply[0] in (0xD8, 0x63)


def test_general_block_transfer_streams_a_profile_in_frames(meter):
    streaming = PydlmsMeter(TITLE, gbt=True)
    streaming.simulator.gbt_window = 3
    with MeterServer(streaming.handle) as server, Wire.connect(server.port, 3) as wire:
        hes = PydlmsHes(wire, propose_gbt=True)
        hes.open(1)
        assert len(hes.get(*PROFILE, 2)) == 96
        assert sum(apdu[0] == 0xE0 for apdu in wire.received) > 5
        assert max(map(len, wire.received)) <= FRAME_ROOM


def test_unknown_object_is_refused(meter):
    with Wire.connect(meter.port, 3) as wire:
        hes = PydlmsHes(wire)
        hes.open(1)
        with pytest.raises(HesRefused):
            hes.get(1, "1.1.1.1.1.255", 2)
