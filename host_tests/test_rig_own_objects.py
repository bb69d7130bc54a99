# SPDX-License-Identifier: MIT
"""Objects of SAP 1 as others' clients work with them over keyed associations: clock, image, event logs."""

from __future__ import annotations

import datetime
from hashlib import sha256
from typing import Any

import pytest
from gurux_dlms import GXDateTime
from gurux_dlms.objects import GXDLMSProfileGeneric

from base import events
from host_tests.peers.gurux_hes import GuruxHes, _plain
from host_tests.peers.hes import Hes, Typed
from host_tests.test_rig_keyed import _LIBRARIES, _open, _rig
from tools.hes.errors import HesRefused

_CLOCK = (8, "0.0.1.0.0.255")
_IMAGE = (18, "0.0.44.0.0.255")
_OCTETS, _BOOL, _INT8 = 9, 3, 15
_BLOB = bytes(i * 13 & 0xFF for i in range(1300))


@_LIBRARIES
def test_the_clock_is_set_and_moved(library: type[Hes]) -> None:
    rig = _rig()
    hes = _open(library, rig)
    hes.set(*_CLOCK, 2, Typed(_OCTETS, bytes.fromhex("07eb010105000007ff800000")))
    assert bytes(hes.get(*_CLOCK, 2)) == bytes.fromhex("07eb01010500000700000000")
    hes.action(*_CLOCK, 3, Typed(_INT8, 0))
    assert bytes(hes.get(*_CLOCK, 2))[:8] == bytes.fromhex("07eb010105000000")
    with pytest.raises(HesRefused):
        hes.set(*_CLOCK, 2, Typed(_OCTETS, bytes.fromhex("ffff010105000007ff800000")))
    assert rig.log.at(0, rig.log.end(0) - 1)[2] == events.CLOCK_SET


@_LIBRARIES
def test_an_image_is_transferred_to_its_end_which_is_that_it_cannot_be_installed(library: type[Hes]) -> None:
    rig = _rig(config={"update.block_size": 128})  # the GuruxHes of these tests writes lengths of one octet
    hes = _open(library, rig)
    with pytest.raises(HesRefused):
        hes.image(b"gw-2", _BLOB)  # not enabled
    assert hes.get(*_IMAGE, 6) == 0
    hes.set(*_IMAGE, 5, Typed(_BOOL, 1))
    with pytest.raises(HesRefused):
        hes.image(b"gw-2", _BLOB)
    assert hes.get(*_IMAGE, 6) == 7
    assert hes.get(*_IMAGE, 4) == -(-len(_BLOB) // 128)
    found = [[size, bytes(name), bytes(digest)] for size, name, digest in hes.get(*_IMAGE, 7)]
    assert found == [[len(_BLOB), b"gw-2", sha256(_BLOB).digest()]]
    kinds = [rig.log.at(3, serial)[2] for serial in range(rig.log.first(3), rig.log.end(3))]
    assert kinds == [events.IMAGE_INITIATED, events.IMAGE_VERIFIED, events.IMAGE_NOT_INSTALLED]


def _rows(hes: Any, make: Any) -> list[Any]:
    with hes._translated() as client:
        return [list(row) for row in _plain(hes._ask(client, make(client)).value)]


def test_gurux_reads_the_log_by_entry_and_by_time() -> None:
    rig = _rig()
    hes = _open(GuruxHes, rig)
    for second in range(5):
        rig.log.add(1, events.WAN_OPEN, -1, 100 + second)
        rig.run(60)
    log = GXDLMSProfileGeneric("0.0.99.98.2.255")
    with hes._translated() as client:
        client.updateValue(log, 3, hes._ask(client, client.read(log, 3)).value)
    rows = _rows(hes, lambda client: client.read(log, 2))
    ours = [row for row in rows if row[5] >= 100]
    assert [row[5] for row in ours] == [100, 101, 102, 103, 104]
    first = rows.index(ours[0])
    assert _rows(hes, lambda client: client.readRowsByEntry(log, first + 2, 2)) == rows[first + 1 : first + 3]
    began = datetime.datetime(*_moment(ours[0]), tzinfo=datetime.timezone.utc)
    low, high = (GXDateTime(began + datetime.timedelta(seconds=s)) for s in (30, 150))
    by_time = _rows(hes, lambda client: client.readRowsByRange(log, low, high))
    assert [row[5] for row in by_time if row[5] >= 100] == [101, 102]
    assert len(by_time) < len(rows)


def _moment(row: list[Any]) -> tuple[int, ...]:
    stamp = bytes(row[0])
    return (stamp[0] << 8 | stamp[1], *stamp[2:4], *stamp[5:8])
