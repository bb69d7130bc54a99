# SPDX-License-Identifier: MIT
"""The gateway holds no key and no plaintext: not on its flash, not in its log, not in its memory.

Looked for in the interpreter's whole memory after authenticated and encrypted sessions of which
the plaintext is known. That the search finds what is there is shown with a ciphertext. The keys are
not the usual test keys: runs like 00 01 02 ... stand in the tables of every interpreter.
"""

import re
from pathlib import Path

import pytest
from pydlms.cosem.data import DlmsData

from base import events
from host_tests.e2e.stack import Stack
from host_tests.peers import gurux_hes, pydlms_hes, pydlms_meter
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import OCTET_STRING, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.peers.pydlms_meter import PydlmsMeter

TITLE = bytes.fromhex("50594400000000B1")
SECRET_OBJECT = (1, "0.0.96.1.9.255")
SETTINGS = (1, "0.0.128.10.0.255")
SECRET_READ = b"the-consumption-of-a-household-nobody-else-may-know"
SECRET_WRITTEN = b"the-new-tariff-that-only-the-meter-is-to-learn"
KEYS = {
    "EK": bytes.fromhex("7A1D5EC90B84F3263FD8A6109C4BE257"),
    "AK": bytes.fromhex("C46E02B7915FD83A2DE0714C8AF693B5"),
}
OWN_KEYS = {"EK": gurux_hes.EK, "AK": gurux_hes.AK}  # of SAP 1: they protect the gateway itself
_MAP = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)$")
_NOT_MEMORY = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


@pytest.fixture(scope="module")
def keys():
    """Meters and head-ends use KEYS."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (gurux_hes, pydlms_hes, pydlms_meter):
            for name, key in KEYS.items():
                patch.setattr(module, name, key)
        yield


@pytest.fixture(scope="module", params=("sfsk", "g3"))
def stack(request, keys):
    """One meter that knows a secret, after two head-ends have talked to it."""
    meter = PydlmsMeter(TITLE)
    meter.simulator.add_object(*SECRET_OBJECT, {2: DlmsData.octet_string(SECRET_READ)})
    with Stack([meter], options={"--medium": request.param, "--dialect": "L"}) as running:
        for kind, general in ((GuruxHes, False), (PydlmsHes, True)):
            with running.wire() as wire:
                hes = kind(wire, general)
                hes.open(running.saps()[TITLE.hex().upper()])
                assert bytes(hes.get(*SECRET_OBJECT, 2)) == SECRET_READ
                hes.set(*SECRET_OBJECT, 2, Typed(OCTET_STRING, SECRET_WRITTEN))
                assert bytes(hes.get(*SECRET_OBJECT, 2)) == SECRET_WRITTEN
                hes.set(*SECRET_OBJECT, 2, Typed(OCTET_STRING, SECRET_READ))
                hes.release()
        with running.wire() as wire:  # the last thing it carried is still in a buffer
            hes = PydlmsHes(wire)
            hes.open(running.saps()[TITLE.hex().upper()])
            assert bytes(hes.get(*SECRET_OBJECT, 2)) == SECRET_READ
            tag = wire.received[-1][-12:]
            running.holds_last_tag = any(tag in piece for piece in memory(running.gateway_pid))
        running.told = what_sap_1_tells(running)
        yield running


def what_sap_1_tells(running):
    """Counters, logs, node and airtime lists of the gateway, as its management client reads them: plaintext APDUs."""
    with pytest.MonkeyPatch.context() as patch, running.wire() as wire:
        for name, key in OWN_KEYS.items():
            patch.setattr(gurux_hes, name, key)
        hes = GuruxHes(wire)
        hes.open_gateway()
        told = {}
        for class_id, obis in hes.object_names():
            if obis.startswith("0.0.128.") or class_id == 7:
                told[obis] = repr(hes.get(class_id, obis, 2)).encode()
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 903}}'))  # what comes with it goes to flash
        hes.release()
    return told


def memory(pid):
    """All readable memory of a process, a piece per mapping."""
    maps = Path("/proc/%d/maps" % pid).read_text().splitlines()
    with open("/proc/%d/mem" % pid, "rb") as file:
        for line in maps:
            match = _MAP.match(line)
            if match and match[3] not in _NOT_MEMORY:
                start, end = int(match[1], 16), int(match[2], 16)
                file.seek(start)
                yield file.read(end - start)


def forms(octets):
    """The octets as such and as text of hex digits."""
    return (octets, octets.hex().encode(), octets.hex().upper().encode())


def found_in_memory(pid, octets):
    return any(form in piece for piece in memory(pid) for form in forms(octets))


def test_the_search_finds_what_the_gateway_does_hold(stack):
    assert found_in_memory(stack.gateway_pid, TITLE)
    assert stack.holds_last_tag


@pytest.mark.parametrize("name", KEYS)
def test_no_meter_key_is_in_the_gateways_memory(stack, name):
    assert not found_in_memory(stack.gateway_pid, KEYS[name])


@pytest.mark.parametrize("secret", [SECRET_READ, SECRET_WRITTEN], ids=["read", "written"])
def test_no_plaintext_of_a_meter_is_in_the_gateways_memory(stack, secret):
    assert not found_in_memory(stack.gateway_pid, secret[4:20])


def test_neither_flash_nor_console_holds_key_or_plaintext(stack):
    stack.until(lambda: events.OWN_SET in stack.kept_events(), 30, "the logs on flash")
    places = {path.name: path.read_bytes() for path in stack.state_dir.rglob("*") if path.is_file()}
    assert "events.log" in places
    places["console"] = "\n".join(stack.console.lines).encode()
    for name, octets in places.items():
        for secret in (*KEYS.values(), SECRET_READ[4:20], SECRET_WRITTEN[4:20]):
            assert not any(form in octets for form in forms(secret)), name


def test_nothing_the_gateway_tells_about_itself_holds_key_or_plaintext(stack):
    assert len(stack.told) >= 20 and all(stack.told.values())
    for obis, text in stack.told.items():
        for secret in (*KEYS.values(), SECRET_READ[4:20], SECRET_WRITTEN[4:20]):
            assert not any(form in text for form in (*forms(secret), repr(secret).encode()[2:-1])), obis


def test_the_keys_of_sap_1_are_no_meters_keys(stack):
    kept = (stack.state_dir / "keys.bin").read_bytes()
    assert any(key in kept for key in OWN_KEYS.values())  # the gateway's own, which it has to have
    assert not any(key in kept for key in KEYS.values())
