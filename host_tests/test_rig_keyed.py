# SPDX-License-Identifier: MIT
"""SAP 1 with keys as main.py builds it: what strangers see, what clients with keys can do, what the log keeps of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from base import events
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import INT16, Hes, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.test_rig_management import RigWire
from tools import provision
from tools.hes.errors import HesError, HesRefused
from tools.rig import Rig
from tools.sim.gateway_config import TEST_KEYS
from tools.sim.options import SegmentOptions

_KEYS = provision.octets_of(provision.parse(TEST_KEYS))
_LIBRARIES = pytest.mark.parametrize("library", [GuruxHes, CosemHes, PydlmsHes])
_PUBLIC_NAMES = {
    (1, "0.0.42.0.0.255"), (1, "0.0.96.1.0.255"), (1, "1.0.0.2.0.255"), (1, "1.1.0.2.0.255"), (8, "0.0.1.0.0.255"),
    (17, "0.0.41.0.0.255"), (15, "0.0.40.0.0.255"),
    (1, "0.0.43.1.1.255"), (1, "0.0.43.1.2.255"), (1, "0.0.43.1.3.255"), (1, "0.0.43.1.4.255"),
}  # fmt: skip


def _rig(**options: Any) -> Rig:
    return Rig(SegmentOptions(meters=0), keys=_KEYS, **options)


def _open(library: type[Hes], rig: Rig) -> Hes:
    """As an HES does it: the counter by the public client, then HLS."""
    hes = library(RigWire(rig), library is CosemHes)
    hes.open_gateway()
    return hes


def _events(rig: Rig) -> list[tuple[int, int, int]]:
    records = [rig.log.record(back) for back in range(len(rig.log))]
    return [(record[2], record[4], record[5]) for record in reversed(records)]


def _names(view: Any) -> set[tuple[int, str]]:
    return {(row[0], ".".join(str(octet) for octet in row[2])) for row in view}


@_LIBRARIES
def test_a_stranger_sees_what_he_needs_to_begin_and_nothing_else(library: type[Hes]) -> None:
    rig = _rig()
    hes = library(RigWire(rig))
    hes.open_public(1)
    assert _names(hes.get(15, "0.0.40.0.0.255", 2)) == _PUBLIC_NAMES
    for class_id, name in sorted(_PUBLIC_NAMES):
        hes.get(class_id, name, 1)
    for class_id, name in ((1, "0.0.128.3.0.255"), (7, "0.0.99.98.0.255"), (1, "0.0.128.1.0.255")):
        with pytest.raises(HesRefused):
            hes.get(class_id, name, 2)
    with pytest.raises((HesRefused, HesError)):
        hes.action(8, "0.0.1.0.0.255", 1)


@_LIBRARIES
def test_management_reads_everything_its_object_list_says_it_may(library: type[Hes]) -> None:
    rig = _rig()
    hes = _open(library, rig)
    view = hes.get(15, "0.0.40.0.0.255", 2)
    assert len(view) > 50 and len(_names(view)) == len(view)
    read_cnt = 0
    for class_id, _, name, (attributes, _methods) in view:
        for index, mode, *_ in attributes:
            if mode & 1 and not (library is CosemHes and _is_beyond_dlms_cosem(class_id, index)):
                hes.get(class_id, ".".join(str(octet) for octet in name), index)
                read_cnt += 1
    assert read_cnt > 200
    hes.release()


def _is_beyond_dlms_cosem(class_id: int, index: int) -> bool:
    """NOTE: it takes a bit-string's length for octets and knows no manufacturer's classes."""
    return (class_id, index) in ((15, 5), (18, 3)) or class_id > 255


@_LIBRARIES
def test_what_management_does_stands_in_the_log(library: type[Hes]) -> None:
    rig = _rig()
    hes = _open(library, rig)
    hes.set(8, "0.0.1.0.0.255", 3, Typed(INT16, -60))
    assert hes.get(8, "0.0.1.0.0.255", 3) == -60
    found = _events(rig)
    assert (events.OWN_ASSOCIATED, 1, 0x0A000001) in found
    assert (events.OWN_SET, 1000, 8003) in found


def test_wrong_keys_are_recorded_and_wait() -> None:
    told = json.loads(json.dumps(TEST_KEYS))
    told["clients"]["1"]["guek"] = "0123" * 8
    rig = Rig(SegmentOptions(meters=0), keys=provision.octets_of(provision.parse(told)))
    with pytest.raises(HesError):
        _open(PydlmsHes, rig)
    kinds = [event for event, _, _ in _events(rig)]
    assert kinds.count(events.OWN_AUTHENTICATION_FAILED) == kinds.count(events.OWN_LOCKED) == 1
    writes = rig.security.invocation_counters.failed_writes
    with pytest.raises(HesError):
        _open(PydlmsHes, rig)
    assert [event for event, _, _ in _events(rig)].count(events.OWN_LOCKED) == 1
    assert rig.security.invocation_counters.failed_writes == writes


def test_keys_and_counters_survive_a_power_cut() -> None:
    rig = _rig()
    _open(PydlmsHes, rig)
    flash = rig.power_cut()
    again = Rig(fs=flash, sim=rig.sim, keys=_KEYS)
    assert bytes(_open(PydlmsHes, again).get(1, "0.0.96.1.0.255", 2)) == b"RIG000000001"


def test_clients_without_keys_are_named_and_do_not_get_in() -> None:
    some = {"clients": {sap: TEST_KEYS["clients"][sap] for sap in ("32", "127")}}
    rig = Rig(SegmentOptions(meters=0), keys=provision.octets_of(provision.parse(some)))
    assert [record for record in _events(rig) if record[0] == events.OWN_UNPROVISIONED] == [
        (events.OWN_UNPROVISIONED, sap, 0) for sap in (1, 64)
    ]
    hes = PydlmsHes(RigWire(rig))
    with pytest.raises(HesError):
        hes.open_management(1, 1)
    assert hes.sap_list()[0][0] == 1


def test_a_gateway_whose_keys_are_damaged_serves_the_public_client() -> None:
    rig = Rig(SegmentOptions(meters=0), keys=bytes(352))
    hes = PydlmsHes(RigWire(rig))
    with pytest.raises(HesError):
        hes.open_management(1, 1)
    assert hes.sap_list()[0][0] == 1
