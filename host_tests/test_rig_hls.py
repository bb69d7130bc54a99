# SPDX-License-Identifier: MIT
"""HLS-GMAC associations end to end through the core in virtual time: what the head-end sends is what
the meter hears, octet for octet, and what the meter must refuse is refused by the meter.
"""

from __future__ import annotations

import pytest

from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import CLOCK, DISCONNECTOR, INT8, REGISTER, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.raw_hes import RawHes, action_request, get_request, public_aarq
from host_tests.rig_support.g3 import g3_rig
from host_tests.rig_support.ledger import assert_at_rest, sap_of
from host_tests.rig_support.wire import VirtualWire, meter_server
from tools.hes.errors import HesError
from tools.rig import WALL_START_S, Rig
from tools.sim.options import ChipOptions, SegmentOptions

METERS = 8
MEDIA = ("sfsk", "g3-H", "g3-L")
_media = pytest.mark.parametrize("medium", MEDIA)


class Field:
    """A rig of built-in meters, and what each of them heard and said."""

    def __init__(self, count: int = METERS, medium: str = "sfsk") -> None:
        kernel: list = []
        clock = lambda: WALL_START_S + (kernel[0].now_us // 1_000_000 if kernel else 0)  # noqa: E731
        make_server = lambda title: meter_server(title, clock)  # noqa: E731
        if medium == "sfsk":
            self.rig = Rig(SegmentOptions(meters=count, chip=ChipOptions(chunk=0)), make_server)
        else:
            self.rig = g3_rig(count, medium[-1], make_server)
        kernel.append(self.rig.kernel)
        self.rig.run_until_registered(count)
        self.rig.run(120)
        self.heard: list[bytes] = []
        self.said: list[bytes] = []
        for node in self.rig.sim.nodes.values():
            node.tap = self._tap

    def _tap(self, direction, node, saps, apdu) -> None:
        (self.heard if direction == "down" else self.said).append(bytes(apdu))

    def meter(self, row: int):
        """The Meter behind a row."""
        return self.rig.sim.nodes[self.rig.table.title(row)].server.meter

    def assert_unchanged(self, wire: VirtualWire, is_lossy: bool) -> None:
        """What was heard is what was sent, in order; on a bad line some may be missing."""
        if not is_lossy:
            assert self.heard == wire.sent and self.said == wire.received
        assert is_subsequence(self.heard, wire.sent) and is_subsequence(wire.received, self.said)


def is_subsequence(part: list[bytes], whole: list[bytes]) -> bool:
    """All of `part` in `whole`, in that order."""
    rest = iter(whole)
    return all(any(apdu == other for other in rest) for apdu in part)


def persist(session, tries: int = 60) -> int:
    """Run a session again until it has gone through; how often it took."""
    for attempt in range(1, tries + 1):
        try:
            session()
            return attempt
        except (HesError, AssertionError, IndexError):
            continue
    raise AssertionError("not in %d tries" % tries)


def raw_session(field: Field, wire: VirtualWire, row: int) -> None:
    """Associate, read, switch off and on, release."""
    hes = RawHes(wire, sap_of(row))
    hes.counter = hes.read_counter() + 1
    hes.open()
    for attribute in range(3):
        reply = hes.unprotect(hes.ask(hes.protect(get_request(*REGISTER, 2), general=attribute == 1)))
        assert reply[:4] == b"\xc4\x01\xc1\x00", reply.hex()
    for method in (1, 2):
        assert hes.unprotect(hes.ask(hes.protect(action_request(*DISCONNECTOR, method))))[3] == 0


@_media
@pytest.mark.parametrize("loss", (0.0, 0.1, 0.2))
def test_associations_with_eight_meters_go_through_unchanged(loss, medium):
    field = Field(medium=medium)
    field.rig.sim.line.options.loss = loss
    wire = VirtualWire(field.rig)
    tries = [persist(lambda row=row: raw_session(field, wire, row)) for row in range(METERS)]
    field.rig.run(20)
    field.assert_unchanged(wire, loss > 0)
    for row in range(METERS):
        counters = field.meter(row).counters
        assert not [name for name in counters if name.startswith("refused-") and counters[name] and not loss], counters
    assert_at_rest(field.rig)
    print("tries", tries, "APDUs", len(wire.sent), "virtual s", field.rig.kernel.now_us // 1_000_000)


@_media
@pytest.mark.parametrize("driver", (CosemHes, GuruxHes, PydlmsHes))
@pytest.mark.parametrize("loss", (0.0, 0.1))
def test_libraries_read_and_switch_meters_in_virtual_time(driver, loss, medium):
    field = Field(3, medium)
    field.rig.sim.line.options.loss = loss
    wires = []

    def session(row):
        wires.append(VirtualWire(field.rig, 15.0))
        try:
            hes = driver(wires[-1])
            hes.open(sap_of(row))
            assert hes.get(*CLOCK, 3) == 0 and hes.get(*REGISTER, 2) > 0
            hes.action(*DISCONNECTOR, 1, Typed(INT8, 0))
            hes.action(*DISCONNECTOR, 2, Typed(INT8, 0))
            hes.release()
        finally:
            wires[-1].close()

    tries = [persist(lambda row=row: session(row)) for row in range(3)]
    if not loss:
        assert tries == [1, 1, 1]
        assert field.heard == [apdu for wire in wires for apdu in wire.sent]
    sent = [apdu for wire in wires for apdu in wire.sent]
    assert is_subsequence(field.heard, sent)
    field.rig.run(20)
    assert_at_rest(field.rig)
    print(driver.__name__, "tries", tries)


@_media
def test_replay_tampering_and_a_plain_action_are_refused_by_the_meter(medium):
    field = Field(2, medium)
    wire = VirtualWire(field.rig)
    hes = RawHes(wire, sap_of(0))
    hes.counter = hes.read_counter() + 1
    hes.open()
    off = hes.protect(action_request(*DISCONNECTOR, 1))
    assert hes.unprotect(hes.ask(off))[3] == 0
    assert hes.unprotect(hes.ask(hes.protect(action_request(*DISCONNECTOR, 2))))[3] == 0
    counters = field.meter(0).counters
    assert hes.ask(off)[:3].hex() == "d80106" and counters["refused-replay"] == 1
    changed = hes.protect(action_request(*DISCONNECTOR, 1))
    assert hes.ask(changed[:-1] + bytes((changed[-1] ^ 1,)))[0] == 0xD8 and counters["refused-tag"] == 1
    assert hes.ask(action_request(*DISCONNECTOR, 1))[0] == 0xD8 and counters["refused-plain"] == 1
    assert field.meter(0).model.disconnector.is_connected
    other = RawHes(wire, sap_of(1))
    assert other.ask(off)[0] == 0xD8 and field.meter(1).model.disconnector.is_connected
    field.assert_unchanged(wire, False)
    assert all(count == 0 for name, count in zip(*refusals(field.rig), strict=True)), refusals(field.rig)


def refusals(rig: Rig):
    """Names and values of the gateway's own refusals."""
    names = [name for name in rig.forwarder.counters.names if name.startswith("refused-")]
    return names, [rig.forwarder.counters.named(name) for name in names]


@_media
def test_an_association_belongs_to_one_head_end_until_it_is_given_up(medium):
    field = Field(1, medium)
    first, second = VirtualWire(field.rig, 5), VirtualWire(field.rig, 5)
    hes = RawHes(first, sap_of(0))
    hes.counter = hes.read_counter() + 1
    hes.open()
    thief = RawHes(second, sap_of(0), hes.counter + 100)
    assert thief.ask(thief.aarq()).hex() == "d80101"
    assert second.ask(16, sap_of(0), public_aarq())[0] == 0x61  # another client SAP of the meter is free
    assert hes.unprotect(hes.ask(hes.protect(get_request(*REGISTER, 2))))[3] == 0
    first.close()
    thief.open()
    assert field.rig.forwarder.counters.named("refused-pair-busy") == 1
