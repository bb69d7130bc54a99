# SPDX-License-Identifier: MIT
"""gurux-dlms, dlms-cosem and pydlms as keyed clients of SAP 1: HLS-GMAC, GET, SET, ACTION, blocks, refusals.

The other side is the shipped server in memory; no line of lib/ takes part in what the libraries cipher.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydlms.apdu.xdlms import Conformance
from pydlms.client import DlmsClient
from pydlms.security.general import GeneralAad, KeyInfo

from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes, _Generic, _plain
from host_tests.peers.hes import OCTET_STRING, UINT16, Hes, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.shim import both, guard
from host_tests.test_dlms_libraries import DirectWire
from tools.hes.errors import HesError, HesRefused

_KEYED = guard.load(both.BOTH / "dlms_keyed.py", "dlms_keyed", both.RULES)
_WAYS: list[tuple[type[Hes], bool]] = [
    (GuruxHes, False),
    (GuruxHes, True),
    (CosemHes, True),
    (PydlmsHes, False),
    (PydlmsHes, True),
]
_LIBRARIES = pytest.mark.parametrize(
    ("library", "general"), _WAYS, ids=[f"{way[0].__name__}-{'general' if way[1] else 'glo'}" for way in _WAYS]
)
_NAME = "0.0.96.200.0.255"


@pytest.fixture
def bench() -> Iterator[Any]:
    """A device with a data object of class 1 that may be written and called."""
    made = _KEYED.KeyedBench(max_pdu=640)
    for settings in (made.settings, made.other):
        settings.item.class_id = 1  # NOTE: dlms-cosem knows classes by their standard numbers only
    yield made
    assert made.device.counters.named("dlms-malformed") == 0


def _open(library: type[Hes], general: bool, bench: Any, counter: int = 1) -> Hes:
    hes = library(DirectWire(bench), general)
    hes.open_management(1, counter)
    return hes


@_LIBRARIES
def test_a_library_reads_writes_and_calls_ciphered(library: type[Hes], general: bool, bench: Any) -> None:
    hes = _open(library, general, bench)
    assert bytes(hes.get(1, "0.0.42.0.0.255", 2)) == b"GWY0000000000001"
    hes.set(1, _NAME, 2, Typed(UINT16, 4711))
    assert bench.settings.value == 4711 and hes.get(1, _NAME, 2) == 4711
    hes.action(1, _NAME, 2)
    assert bench.settings.calls == [0]
    with pytest.raises(HesRefused):
        hes.set(1, _NAME, 4, Typed(UINT16, 1))
    with pytest.raises(HesRefused):
        hes.action(1, _NAME, 4)
    assert hes.get(1, _NAME, 2) == 4711
    assert {apdu[0] for apdu in hes.wire.sent[2:-1]} == ({0xDB} if general else {0xC8, 0xC9, 0xCB})
    hes.release()
    assert bench.device.open_cnt() == 0


@_LIBRARIES
def test_a_long_list_is_read_ciphered(library: type[Hes], general: bool, bench: Any) -> None:
    bench.saps.node_cnt = 1199
    hes = _open(library, general, bench)
    rows = hes.get(17, "0.0.41.0.0.255", 2)
    assert [(sap, bytes(ldn)) for sap, ldn in rows] == [bench.saps.row(i) for i in range(1200)]
    assert max(len(apdu) for apdu in hes.wire.received) <= 65535
    hes.release()


@_LIBRARIES
def test_the_object_list_is_read_and_all_it_says_is_readable_is(library: type[Hes], general: bool, bench: Any) -> None:
    hes = _open(library, general, bench)
    view = hes.get(15, "0.0.40.0.0.255", 2)
    read_cnt = 0
    for class_id, _, name, (attributes, _methods) in view:
        for index, mode, *_ in attributes:
            if library is CosemHes and (class_id, index) == (15, 5):
                continue  # NOTE: it takes a bit-string's length for octets (dlms_data.BitStringData)
            if mode & 1:
                hes.get(class_id, ".".join(str(octet) for octet in name), index)
                read_cnt += 1
    assert read_cnt > 100
    hes.release()


@_LIBRARIES
def test_wrong_keys_do_not_get_in(library: type[Hes], general: bool, bench: Any) -> None:
    bench.key_record.octets = _KEYED.key_record({1: (0, 0x6C, bytes(16), bytes(16))})
    bench.restart()
    hes = library(DirectWire(bench), general)
    with pytest.raises(HesError):
        hes.open_management(1, 1)
    assert bench.device.open_cnt() == 0
    assert hes.sap_list()[0][0] == 1


@_LIBRARIES
def test_a_replayed_request_is_refused(library: type[Hes], general: bool, bench: Any) -> None:
    hes = _open(library, general, bench)
    hes.set(1, _NAME, 2, Typed(UINT16, 9))
    request = hes.wire.sent[-1]
    bench.settings.value = 0
    assert bench.ask(request, sap=1)[:3] == b"\xd8\x01\x06"
    assert bench.settings.value == 0
    assert bytes(hes.get(1, "0.0.42.0.0.255", 2)) == b"GWY0000000000001"


@_LIBRARIES
def test_a_stale_counter_is_an_error_and_the_right_one_works(library: type[Hes], general: bool, bench: Any) -> None:
    _open(library, general, bench, 50).release()
    hes = library(DirectWire(bench), general)
    with pytest.raises(HesError):
        hes.open_management(1, 10)
    assert hes.wire.received[-1][:3] == b"\xd8\x01\x06"
    bench.now += 60000
    hes.open_management(1, int.from_bytes(hes.wire.received[-1][3:], "big"))
    assert bytes(hes.get(1, "0.0.42.0.0.255", 2)) == b"GWY0000000000001"


@pytest.mark.parametrize(("library", "general"), [way for way in _WAYS if way[0] is not CosemHes])
def test_a_long_text_is_set_in_blocks(library: type[Hes], general: bool, bench: Any) -> None:
    hes = _open(library, general, bench)
    text = bytes(range(256)) * 5
    hes.set(1, _NAME, 3, Typed(OCTET_STRING, text))
    assert bench.settings.text == text


def test_pydlms_by_general_block_transfer(bench: Any) -> None:
    bench.saps.node_cnt = 100
    for window in (1, 3):
        bench.settings.text = b""
        hes = PydlmsHes(DirectWire(bench), propose_gbt=True, gbt_window=window)
        hes.open_management(1, 100 * window)
        assert isinstance(hes._client, DlmsClient)
        text = bytes(range(256)) * 5
        hes.set(1, _NAME, 3, Typed(OCTET_STRING, text))
        assert bench.settings.text == text
        assert bytes(hes.get(1, _NAME, 3)) == text
        assert len(hes.get(17, "0.0.41.0.0.255", 2)) == 101
        hes.release()


@pytest.mark.parametrize("general", [False, True])
def test_gurux_makes_its_own_objects_of_the_list_with_their_rights(general: bool, bench: Any) -> None:
    hes = _open(GuruxHes, general, bench)
    assert isinstance(hes, GuruxHes) and hes._client is not None
    client = hes._client
    objects = client.parseObjects(hes._ask(client, client.getObjectsRequest()).data, True)
    found = {one.logicalName: one for one in objects}
    assert {"0.0.40.0.%d.255" % e_group for e_group in range(6)} <= set(found)
    settings = found[_NAME]
    assert [int(settings.getAccess3(index)) & 3 for index in (1, 2, 3, 4)] == [1, 3, 3, 1]
    assert [int(settings.getMethodAccess3(index)) & 1 for index in range(1, 6)] == [1, 1, 1, 1, 0]


def test_gurux_reads_a_list_of_attributes_in_one_ciphered_request(bench: Any) -> None:
    hes = _open(GuruxHes, False, bench)
    assert isinstance(hes, GuruxHes) and hes._client is not None
    client = hes._client
    wanted = [(_Generic(1, "0.0.42.0.0.255"), 2), (_Generic(1, _NAME), 2)]
    reply = hes._ask(client, [wpdu for wpdus in client.readList(wanted) for wpdu in wpdus])
    assert _plain(list(reply.value)) == [b"GWY0000000000001", 7]


_CIPHERINGS = [(aad, KeyInfo(kind)) for aad in GeneralAad for kind in ("identified", "none")]


@pytest.mark.parametrize("ciphering", _CIPHERINGS, ids=lambda one: f"{one[0].value}-{one[1].kind}")
def test_pydlms_by_general_ciphering(bench: Any, ciphering: tuple[GeneralAad, KeyInfo]) -> None:
    bench.saps.node_cnt = 100
    hes = PydlmsHes(DirectWire(bench), ciphering=ciphering)
    hes.open_management(1, 1)
    hes.set(1, _NAME, 2, Typed(UINT16, 4711))
    assert bench.settings.value == 4711 and hes.get(1, _NAME, 2) == 4711
    hes.action(1, _NAME, 2)
    assert bench.settings.calls == [0]
    with pytest.raises(HesRefused):
        hes.set(1, _NAME, 4, Typed(UINT16, 1))
    text = bytes(range(256)) * 5  # in blocks, there and back
    hes.set(1, _NAME, 3, Typed(OCTET_STRING, text))
    assert bytes(hes.get(1, _NAME, 3)) == text and len(hes.get(17, "0.0.41.0.0.255", 2)) == 101
    assert {apdu[0] for apdu in hes.wire.sent[2:]} == {apdu[0] for apdu in hes.wire.received[2:]} == {0xDD}
    hes.set(1, _NAME, 2, Typed(UINT16, 9))
    request, bench.settings.value = hes.wire.sent[-1], 0
    assert bench.ask(request, sap=1)[:3] == b"\xd8\x01\x06" and bench.settings.value == 0
    hes.release()
    assert bench.device.open_cnt() == 0


def test_pydlms_acknowledges_a_window_at_once_when_there_are_no_other_blocks(bench: Any) -> None:
    bench.settings.text = bytes(range(256)) * 5
    asked = []
    for window in (1, 3, 8):
        hes = PydlmsHes(DirectWire(bench), propose_gbt=True, gbt_window=window)
        hes._gbt.update(conformance=Conformance.GET | Conformance.SET | Conformance.ACTION, max_receive_pdu_size=200)
        hes.open_management(1, 100 * window)
        before = len(hes.wire.sent)
        assert bytes(hes.get(1, _NAME, 3)) == bench.settings.text
        asked.append(len(hes.wire.sent) - before)
        hes.release()
    assert asked == [7, 3, 2], "of seven blocks: the request for the first, then each window by one acknowledgement"


def test_gurux_by_general_block_transfer_numbers_its_acknowledgements(bench: Any) -> None:
    bench.settings.text = bytes(range(256)) * 5
    asked = []
    for window in (1, 3, 8):
        hes = GuruxHes(DirectWire(bench), gbt_window=window)
        hes.open_management(1, 100 * window)
        before = len(hes.wire.sent)
        assert bytes(hes.get(1, _NAME, 3)) == bench.settings.text
        asked.append(len(hes.wire.sent) - before)
        hes.release()
    assert asked == [7, 3, 2]
