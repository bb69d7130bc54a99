# SPDX-License-Identifier: MIT
"""gurux-dlms, dlms-cosem and pydlms as public clients of SAP 1, over an in-memory wire.

What each library makes of every readable attribute is compared with what its owner put in;
nothing of lib/ takes part in the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dlms_cosem.client import DlmsClient as CosemClient
from dlms_cosem.connection import DlmsConnection
from dlms_cosem.protocol.xdlms import Conformance
from dlms_cosem.security import NoSecurityAuthentication
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.secure import GXDLMSSecureClient
from pydlms.association import AssociationSettings, AssociationState
from pydlms.client import DlmsClient as PydlmsClient

from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes, _Generic, _plain
from host_tests.peers.hes import PUBLIC, Hes
from host_tests.peers.pydlms_hes import PydlmsHes, _Link
from host_tests.shim import both, guard
from tools.hes.errors import HesError, HesRefused
from tools.hes.session import _Transport
from tools.hes.wire import Wire, WireTimeout

_DEVICE = guard.load(both.BOTH / "dlms_device.py", "dlms_device", both.RULES)
_LIBRARIES = pytest.mark.parametrize("library", [GuruxHes, CosemHes, PydlmsHes])
# What a head-end can read, and what must come out of it, given the sources of dlms_device.
_EXPECTED: tuple[tuple[int, str, int, Any], ...] = (
    (1, "0.0.42.0.0.255", 2, b"GWY0000000000001"),
    (1, "0.0.96.1.0.255", 2, b"GW-000001"),
    (1, "1.0.0.2.0.255", 2, b"gateway 0.1.0"),
    (8, "0.0.1.0.0.255", 2, bytes.fromhex("07ea0301070102030 0ffc400".replace(" ", ""))),
    (8, "0.0.1.0.0.255", 3, -60),
    (8, "0.0.1.0.0.255", 4, 0),
    (8, "0.0.1.0.0.255", 8, False),
    (8, "0.0.1.0.0.255", 9, 1),
    (15, "0.0.40.0.0.255", 3, [16, 1]),
    (15, "0.0.40.0.0.255", 4, [2, 16, 756, 5, 8, 1, 1]),
    (15, "0.0.40.0.0.255", 6, [2, 16, 756, 5, 8, 2, 0]),
    (15, "0.0.40.0.0.255", 8, 2),
    (50, "0.0.26.0.0.255", 7, [63300, 74000]),
    (50, "0.0.26.0.0.255", 9, [90, 93]),
    (50, "0.0.26.0.0.255", 11, True),
    (51, "0.0.26.1.0.255", 2, [b"GWY\x00\x00\x00\x00\x01", 21, 22]),
    (53, "0.0.26.3.0.255", 2, [[20, 21], [23, 24]]),
    (53, "0.0.26.3.0.255", 3, [30, 31, 32, 33, 34]),
    (55, "0.0.26.5.0.255", 2, 20),
    (55, "0.0.26.5.0.255", 3, [[30, 31], [33, 34]]),
    (56, "0.0.26.6.0.255", 2, [b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\x00\x00\x02"]),
    (7, "0.0.99.98.2.255", 7, 1),
)


class DirectWire(Wire):
    """A wire whose other end is the device itself."""

    def __init__(self, bench: Any) -> None:
        self.timeout_s = 1.0
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.skipped = 0
        self._bench = bench
        self._waiting: list[bytes] = []

    def send(self, client_sap: int, server_sap: int, apdu: bytes) -> None:
        """Let the device answer at once."""
        assert server_sap == 1
        self.sent.append(bytes(apdu))
        bench = self._bench
        bench.device.stream(8)
        answer = bench.ask(apdu, sap=client_sap)
        if answer:
            self._waiting.append(answer)
        while bench.device.more_cnt():
            length = bench.device.more(memoryview(bench.out), 8, 640)
            self._waiting.append(bytes(bench.out[8 : 8 + length]))

    def receive(self, client_sap: int, server_sap: int, timeout_s: float | None = None) -> bytes:
        """What the device answered."""
        if not self._waiting:
            raise WireTimeout("no answer")
        self.received.append(self._waiting.pop(0))
        return self.received[-1]

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def bench() -> Iterator[Any]:
    """A device with one record in its log."""
    made = _DEVICE.Bench()
    made.log.now_s = 3600
    made.log.add(2, 13, 5, -7, 8)
    yield made
    assert made.device.counters.named("dlms-malformed") == 0


def _open(library: type[Hes], bench: Any) -> Hes:
    hes = library(DirectWire(bench))
    hes.open_public(1)
    return hes


@_LIBRARIES
def test_the_list_of_1200_meters_is_read_completely(library: type[Hes], bench: Any) -> None:
    bench.saps.node_cnt = 1199
    rows = library(DirectWire(bench)).sap_list()
    assert rows == [bench.saps.row(i) for i in range(1200)]
    assert rows[0][0] == 1
    assert bench.device.counters.named("dlms-long-gets") == 1
    assert bench.device.open_cnt() == 0


@_LIBRARIES
def test_attributes_come_out_as_they_were_put_in(library: type[Hes], bench: Any) -> None:
    hes = _open(library, bench)
    for class_id, obis, attribute, expected in _EXPECTED:
        got = _value(hes.get(class_id, obis, attribute))
        assert got == expected, (class_id, obis, attribute)
    hes.release()


@_LIBRARIES
def test_the_object_list_is_understood_and_all_it_names_can_be_read(library: type[Hes], bench: Any) -> None:
    hes = _open(library, bench)
    view = _value(hes.get(15, "0.0.40.0.0.255", 2))
    assert len(view) == 18
    read_cnt = 0
    for class_id, _, name, (attributes, _methods) in view:
        for index, mode, *_ in attributes:
            if library is CosemHes and (class_id, index) == (15, 5):
                continue  # NOTE: it takes a bit-string's length for octets (dlms_data.BitStringData)
            if mode == 1:
                hes.get(class_id, ".".join(str(octet) for octet in name), index)
                read_cnt += 1
            else:
                with pytest.raises(HesRefused):
                    hes.get(class_id, ".".join(str(octet) for octet in name), index)
    assert read_cnt == (97 if library is CosemHes else 98)
    hes.release()


@_LIBRARIES
def test_the_log_is_read_with_the_columns_it_announces(library: type[Hes], bench: Any) -> None:
    hes = _open(library, bench)
    columns = _value(hes.get(7, "0.0.99.98.2.255", 3))
    assert [column[3] for column in columns] == [0, 1, 2, 3, 4, 5, 6, 7]
    rows = _value(hes.get(7, "0.0.99.98.2.255", 2))
    stamp = bytes.fromhex("07ea03010701000000ffc400")
    assert rows == [[stamp, 3600, 2, 13, 0x15, -7, 8, 0]]


@_LIBRARIES
def test_counters_are_read_with_their_names(library: type[Hes], bench: Any) -> None:
    bench.some_counters.inc(0, 3)
    rows = _value(_open(library, bench).get(1, "0.0.128.1.0.255", 2))
    assert [[_text(name), count] for name, count in rows] == [["wan-refused", 3], ["wan-late", 0]]


@_LIBRARIES
def test_what_is_not_there_is_a_refusal_and_the_next_read_works(library: type[Hes], bench: Any) -> None:
    hes = _open(library, bench)
    for what in ((1, "0.0.42.0.9.255", 2), (3, "0.0.41.0.0.255", 2), (8, "0.0.1.0.0.255", 10)):
        with pytest.raises(HesRefused):
            hes.get(*what)
        assert hes.get(1, "0.0.42.0.0.255", 2) == b"GWY0000000000001"


@_LIBRARIES
def test_a_table_that_changes_under_the_read_is_an_error_and_reading_again_works(
    library: type[Hes], bench: Any
) -> None:
    bench.saps.node_cnt = 100
    hes = _open(library, bench)
    saps = bench.saps
    plain_encode = saps.encode_item

    def change_late(index: int, writer: Any) -> None:
        plain_encode(index, writer)
        if index == 60 and not saps.generation:
            saps.generation += 1

    saps.encode_item = change_late
    with pytest.raises(Exception) as refusal:
        hes.get(17, "0.0.41.0.0.255", 2)
    assert not isinstance(refusal.value, AssertionError)
    assert bench.device.counters.named("dlms-long-get-broken") == 1
    again = _open(library, bench)
    assert len(again.get(17, "0.0.41.0.0.255", 2)) == 101


@_LIBRARIES
def test_a_client_nobody_knows_is_told_so(library: type[Hes], bench: Any) -> None:
    hes = library(DirectWire(bench))
    with pytest.raises(HesError):
        hes.open_management(1, 1)
    assert hes.wire.received[-1][0] == 0x61
    assert bench.device.open_cnt() == 0
    assert len(hes.sap_list()) == 3


def _gurux_unassociated(bench: Any) -> Hes:
    hes = GuruxHes(DirectWire(bench))
    hes._client = GXDLMSSecureClient(True, PUBLIC, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    return hes


def _cosem_unassociated(bench: Any) -> Hes:
    hes = CosemHes(DirectWire(bench))
    conformance = Conformance(get=True, block_transfer_with_get_or_read=True)
    connection = DlmsConnection.with_pre_established_association(conformance)
    hes._session._client = CosemClient(
        transport=_Transport(hes.wire, PUBLIC, 1), authentication=NoSecurityAuthentication(), dlms_connection=connection
    )
    return hes


def _pydlms_unassociated(bench: Any) -> Hes:
    hes = PydlmsHes(DirectWire(bench))
    hes._client = PydlmsClient(_Link(hes.wire, PUBLIC, 1), AssociationSettings())
    hes._client.association.state = AssociationState.ASSOCIATED
    return hes


@pytest.mark.parametrize("unassociated", [_gurux_unassociated, _cosem_unassociated, _pydlms_unassociated])
def test_each_library_reads_without_an_aarq_too(unassociated: Callable[[Any], Hes], bench: Any) -> None:
    bench.saps.node_cnt = 1199
    hes = unassociated(bench)
    assert hes.get(1, "0.0.42.0.0.255", 2) == b"GWY0000000000001"
    rows = hes.get(17, "0.0.41.0.0.255", 2)
    assert [(sap, bytes(ldn)) for sap, ldn in rows] == [bench.saps.row(i) for i in range(1200)]
    assert hes.wire.sent[0][0] == 0xC0
    assert max(len(apdu) for apdu in hes.wire.received) <= 512


def test_gurux_association_view_has_every_object_with_its_version_and_rights(bench: Any) -> None:
    hes = _open(GuruxHes, bench)
    assert isinstance(hes, GuruxHes) and hes._client is not None
    client = hes._client
    objects = client.parseObjects(hes._ask(client, client.getObjectsRequest()).data, True)
    found = {(int(o.objectType), o.logicalName, o.version) for o in objects}
    known = [o for o in bench.objects if o.class_id < 50]  # the library has no class for S-FSK's 50 to 56
    assert found == {(o.class_id, ".".join(map(str, o.logical_name)), o.version) for o in known} | {
        (15, "0.0.40.0.0.255", 3)
    }
    clock = next(o for o in objects if int(o.objectType) == 8)
    assert [int(clock.getAccess3(i)) for i in range(1, 10)] == [1] * 9


def test_gurux_reads_a_list_of_attributes_in_one_request(bench: Any) -> None:
    hes = _open(GuruxHes, bench)
    assert isinstance(hes, GuruxHes) and hes._client is not None
    client = hes._client
    wanted = [(_Generic(1, "0.0.42.0.0.255"), 2), (_Generic(8, "0.0.1.0.0.255"), 3)]
    reply = hes._ask(client, [wpdu for wpdus in client.readList(wanted) for wpdu in wpdus])
    assert _plain(list(reply.value)) == [b"GWY0000000000001", -60]


def _value(value: Any) -> Any:
    """The library's own containers and numbers as plain Python."""
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, (bytes, bytearray)) else str(value)
