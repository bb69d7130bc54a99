# SPDX-License-Identifier: MIT
"""Head-end libraries manage the gateway itself (SAP 1) on the real interpreter, over TCP and over TLS.

The list with its rights, every readable attribute the way the library's own tools read all, SET,
ACTION, profiles by range and entry, an image; wrong keys and replayed APDUs get nothing.
"""

import contextlib
import datetime

import pytest
from gurux_dlms.objects import GXDLMSProfileGeneric

from host_tests.e2e.stack import RUNTIME, Stack
from host_tests.e2e.tls_site import Site
from host_tests.peers import cosem_hes, gurux_hes
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import BOOLEAN, GATEWAY_SAP, IMAGE, MANAGEMENT, OCTET_STRING, Typed
from tools.hes.errors import HesError, HesRefused

LIBRARIES = [GuruxHes, CosemHes]
TRANSPORTS = ["tcp"] if RUNTIME == "cpython" else ["tcp", "tls"]  # the shim has no TLS
SETTINGS, WRONG_SETTINGS = (1, "0.0.128.10.0.255"), (1, "0.0.128.10.2.255")
LOG, SECURITY_LOG = "0.0.99.98.0.255", "0.0.99.98.1.255"
WRONG_KEY = bytes.fromhex("FFEEDDCCBBAA99887766554433221100")
EXCEPTION = 0xD8


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A gateway with two meters and TLS, its clients provisioned with the test keys; failures lock nobody out."""
    locks = {"security": {"lock_first_s": 1, "lock_longest_s": 1, "lock_slow_s": 0}}
    with contextlib.closing(Site(tmp_path_factory.mktemp("certificates"))) as found:
        with Stack(built_in=2, config={**found.config, **locks}, files=found.files) as found.stack:
            yield found


@pytest.fixture
def stack(site):
    return site.stack


@pytest.fixture
def connect(site):
    return lambda transport: site.connect() if transport == "tls" else site.stack.wire()


def manager(kind, wire):
    """The library as management client, one above the counter the public client reads."""
    hes = kind(wire)
    hes.open_gateway()
    return hes


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_gurux_reads_all_there_is_by_its_own_association_view(connect, stack, transport):
    with connect(transport) as wire:
        hes = manager(GuruxHes, wire)
        objects = view(hes)
        assert len(objects) >= 60
        read = 0
        for item in objects:
            if isinstance(item, GXDLMSProfileGeneric):  # as its own tools do: the columns first
                fetch(hes, item, 3)
            for index in item.getAttributeIndexToRead(True):
                if item.getAccess3(index) & 1:
                    fetch(hes, item, index)
                    read += 1
        assert read >= 250
        hes.release()
    assert stack.complaints() == []


def view(hes):
    with hes._translated() as client:
        return list(client.parseObjects(hes._ask(client, client.getObjectsRequest()).data, True))


def fetch(hes, item, index):
    with hes._translated() as client:
        client.updateValue(item, index, hes._ask(client, client.read(item, index)).value)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_setting_is_changed_and_a_bad_one_is_refused_with_the_reason(connect, kind, transport):
    with connect(transport) as wire:
        hes = manager(kind, wire)
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 901}}'))
        assert b'"idle_s": 901' in bytes(hes.get(*SETTINGS, 2)).replace(b":9", b": 9")
        with pytest.raises(HesRefused):
            hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 1}}'))
        assert b"wan.idle_s" in bytes(hes.get(*WRONG_SETTINGS, 2))
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": null}}'))
        hes.release()


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_log_is_reset_by_its_method_and_says_so(stack, kind):
    with stack.wire() as wire:
        hes = manager(kind, wire)
        line = len(stack.console.lines)
        hes.action(7, LOG, 1)
        assert hes.get(7, LOG, 7) <= 2  # what came since: nothing, or the modem had trouble
        stack.await_record("log-cleared", line, 5)
        hes.release()


def test_gurux_reads_profiles_by_entry_and_by_range(stack):
    with stack.wire() as wire:
        hes = manager(GuruxHes, wire)
        log = next(item for item in view(hes) if item.logicalName == SECURITY_LOG)
        fetch(hes, log, 3)
        fetch(hes, log, 2)
        rows = [list(row) for row in log.buffer]
        assert len(rows) >= 2
        with hes._translated() as client:
            assert [row[1:] for row in by_entry(hes, client, log, 2, 1)] == [rows[1][1:]]
            now = datetime.datetime.now()
            day = datetime.timedelta(days=1)
            ranged = hes._ask(client, client.readRowsByRange(log, now - day, now + day))
            client.updateValue(log, 2, ranged.value)
            assert len(log.buffer) >= len(rows)
            ranged = hes._ask(client, client.readRowsByRange(log, now + day, now + 2 * day))
            client.updateValue(log, 2, ranged.value)
            assert not log.buffer
        hes.release()


def by_entry(hes, client, log, first, count):
    reply = hes._ask(client, client.readRowsByEntry(log, first, count))
    client.updateValue(log, 2, reply.value)
    return [list(row) for row in log.buffer]


@pytest.mark.parametrize("kind", LIBRARIES)
def test_an_image_goes_through_the_whole_state_machine(stack, kind):
    """Installation comes with the over-the-air update: the last step is refused, everything before it is done."""
    image = kind.__name__.encode() * 100
    with stack.wire() as wire:
        hes = manager(kind, wire)
        hes.set(*IMAGE, 5, Typed(BOOLEAN, 1))
        with pytest.raises(HesError):
            hes.image(b"IMG", image)
        assert hes.get(*IMAGE, 6) == 7  # verified, activation failed
        assert hes.get(*IMAGE, 4) * hes.get(*IMAGE, 2) >= len(image)  # nothing is missing
        hes.release()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind, module", [(GuruxHes, gurux_hes), (CosemHes, cosem_hes)])
@pytest.mark.parametrize("name", ["EK", "AK"])
def test_a_wrong_key_gets_nothing_and_the_right_one_gets_in_afterwards(
    connect, stack, monkeypatch, kind, module, name, transport
):
    mark = len(stack.console.lines)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, WRONG_KEY)
        with connect(transport) as wire, pytest.raises(HesError):
            manager(kind, wire)
    stack.until(lambda: stack.console.records("own-authentication-failed", mark), 5, "own-authentication-failed")
    stack.until(lambda: can_manage(connect, kind, transport), 10, "the right key")


def can_manage(connect, kind, transport):
    try:
        with connect(transport) as wire:
            manager(kind, wire).release()
    except HesError:  # still locked
        return False
    return True


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_replayed_apdu_is_refused_and_changes_nothing(stack, kind):
    with stack.wire() as wire:
        hes = manager(kind, wire)
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 902}}'))
        change = wire.sent[-1]
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": null}}'))
        answer = wire.ask(MANAGEMENT, GATEWAY_SAP, change)
        assert answer[0] == EXCEPTION
        assert b"902" not in bytes(hes.get(*SETTINGS, 2))
        hes.release()


def test_without_an_association_nothing_but_the_public_list_answers(stack):
    with stack.wire() as wire:
        for client_sap in (1, 32, 64, 127):
            answer = wire.ask(client_sap, GATEWAY_SAP, bytes.fromhex("C001C1000100002A0000FF0200"))
            assert answer[0] == EXCEPTION
        assert wire.ask(16, GATEWAY_SAP, bytes.fromhex("C001C1000100002A0000FF0200"))[:4] == b"\xc4\x01\xc1\x00"
        settings = wire.ask(16, GATEWAY_SAP, bytes.fromhex("C001C100010000800A00FF0200"))
        assert settings[:4] == b"\xc4\x01\xc1\x01"
