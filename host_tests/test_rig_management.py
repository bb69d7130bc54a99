# SPDX-License-Identifier: MIT
"""Management over SAP 1 through the whole core on the twin, with gurux-dlms, dlms-cosem and tools.hes as head-ends.

The management client is unsecured here; that keys guard it is shown elsewhere (e2e). What the
actions do on the line is done by the shipped segment on the simulated one.
"""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import pytest
from dlms_cosem.client import DlmsClient
from dlms_cosem.parsers import AssociationObjectListParser
from dlms_cosem.security import NoSecurityAuthentication
from gurux_dlms import GXByteBuffer
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.objects import GXDLMSActionSchedule, GXDLMSScriptTable
from gurux_dlms.secure import GXDLMSSecureClient

import tools.rig
from app import schema_push
from app.config import load
from app.own_device import own_objects
from app.schema import LIVE
from dlms.apdu import CONF_KEYED
from dlms.association import Client, public_client
from dlms.cosem.object import ROLE_MANAGEMENT
from dlms.server import Limits, LogicalDevice
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import OCTET_STRING, UINT16, Hes, Typed
from host_tests.rig_support.g3 import g3_rig
from host_tests.test_rig_own_device import get as raw_get
from tools.hes import counters, event_log, reading
from tools.hes.errors import HesError, HesRefused
from tools.hes.managing import Desk
from tools.hes.session import Keys, Session, _Transport
from tools.hes.wire import Wire, WireTimeout
from tools.rig import WALL_START_S, Rig
from tools.sim.options import SegmentOptions

_KEYS = Keys(bytes(16), bytes(16), bytes(8))
SETTINGS, PING, PING_RESULT = (1, "0.0.128.10.0.255"), (1, "0.0.128.11.0.255"), (1, "0.0.128.11.1.255")
SCRIPTS, RESTART = (9, "0.0.10.0.128.255"), (9, "0.0.10.0.129.255")


class RigWire(Wire):
    """A connection to the gateway in the rig; waiting lets virtual time pass."""

    def __init__(self, rig: Rig) -> None:
        self.timeout_s = 5.0
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.skipped = 0
        self._rig = rig
        self._hes = rig.connect()

    def send(self, client_sap: int, server_sap: int, apdu: bytes) -> None:
        """One APDU into the forwarder."""
        self.sent.append(bytes(apdu))
        assert self._hes.request(client_sap, server_sap, bytes(apdu))

    def receive(self, client_sap: int, server_sap: int, timeout_s: float | None = None) -> bytes:
        """The next APDU to this client."""
        self._rig.run(0)
        if not self._hes.replies:
            raise WireTimeout("no answer")
        self.received.append(self._hes.replies.pop(0)[2])
        return self.received[-1]


class PlainSession(Session):
    """The management client without security."""

    def open_gateway(self, keys: Keys) -> None:
        """As client 1."""
        self._associate(DlmsClient(transport=_Transport(self._wire, 1, 1), authentication=NoSecurityAuthentication()))


class PlainCosem(CosemHes):
    """dlms-cosem as client 1."""

    def open_public(self, server_sap: int) -> None:
        """As client 1."""
        self._session = PlainSession(self.wire)
        self._session.open_gateway(_KEYS)


class PlainGurux(GuruxHes):
    """gurux-dlms as client 1."""

    def open_public(self, server_sap: int) -> None:
        """As client 1."""
        self._associate(GXDLMSSecureClient(True, 1, server_sap, Authentication.NONE, None, InterfaceType.WRAPPER))


def plain_device(parts: Any) -> LogicalDevice:
    """SAP 1 with a management client that needs no keys."""
    manager = Client(1, ROLE_MANAGEMENT, CONF_KEYED, False, 512)
    return LogicalDevice(own_objects(parts), (public_client(), manager), Limits(max_pdu=640), parts.own)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Three meters registered; the management client needs no keys."""
    monkeypatch.setattr(tools.rig, "own_device", plain_device)
    made = Rig(SegmentOptions(meters=3))
    made.run_until_registered(3)
    made.run_until(lambda: not made.segment.initiator.discovery.is_burst, 600)
    return made


_LIBRARIES = pytest.mark.parametrize("library", [PlainGurux, PlainCosem])


def _open(library: type[Hes], rig: Rig) -> Hes:
    hes = library(RigWire(rig))
    hes.open_public(1)
    return hes


@_LIBRARIES
def test_a_setting_is_changed_and_holds_after_the_restart(library: type[Hes], rig: Rig) -> None:
    hes = _open(library, rig)
    hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 60}, "log_level": "ERROR"}'))
    assert json.loads(bytes(hes.get(*SETTINGS, 2))) == {"schema": 1, "log_level": "ERROR", "wan": {"idle_s": 60}}
    assert rig.log.level == 3
    assert load(rig.store)["wan.idle_s"] == 60
    with pytest.raises(HesRefused):
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"port": 0}}'))


@_LIBRARIES
def test_a_meter_is_pinged_and_the_round_trip_is_read(library: type[Hes], rig: Rig) -> None:
    hes = _open(library, rig)
    hes.set(*PING, 2, Typed(UINT16, 0x11))
    rig.run(20)
    sap, title, state, ms, _ = hes.get(*PING_RESULT, 2)
    assert (sap, bytes(title), state) == (0x11, rig.table.title(1), 2) and 300 <= ms < 5000


@_LIBRARIES
def test_scripts_begin_a_discovery_and_a_restart(library: type[Hes], rig: Rig) -> None:
    hes = _open(library, rig)
    rounds = rig.segment.counters.named("discover_rounds")
    hes.action(*SCRIPTS, 1, Typed(UINT16, 1))
    with pytest.raises(HesRefused):
        hes.action(*SCRIPTS, 1, Typed(UINT16, 1))
    rig.run(60)
    assert rig.segment.counters.named("discover_rounds") > rounds
    hes.action(*RESTART, 1, Typed(UINT16, 1))
    assert rig.restarts == []
    rig.run(4)
    assert len(rig.restarts) >= 1


@_LIBRARIES
def test_the_object_list_is_parsed_and_every_object_of_management_is_read(library: type[Hes], rig: Rig) -> None:
    hes = _open(library, rig)
    objects = [item for item in hes.get(15, "0.0.40.0.0.255", 2) if item[0] < 20000]
    groups = [bytes.fromhex(group) for group in ("800a", "800b", "800c", "800e", "0a00", "0f00")]
    ours = [item for item in objects if bytes(item[2])[2:4] in groups]
    assert len(ours) == 14
    for class_id, _, name, (attributes, _) in ours:
        obis = ".".join(str(octet) for octet in bytes(name))
        for attribute in attributes:
            if attribute[1] & 1:
                hes.get(class_id, obis, attribute[0])


def test_the_parsers_of_both_libraries_take_the_object_list(rig: Rig) -> None:
    device = rig.device
    head = rig.connect()
    rig.run(0)
    assert device is rig.forwarder.device
    result, encoded = raw_get(head, rig, 15, bytes((0, 0, 40, 0, 0, 255)), 2)
    assert result is None
    assert len(AssociationObjectListParser.parse_bytes(encoded)) > 10
    client = GXDLMSSecureClient(True, 16, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    assert len(client.parseObjects(GXByteBuffer(encoded), False)) > 10


def test_gurux_reads_script_tables_and_schedules_as_its_own_objects(rig: Rig) -> None:
    hes = _open(PlainGurux, rig)
    assert isinstance(hes, PlainGurux)
    table = GXDLMSScriptTable("0.0.10.0.128.255")
    schedule = GXDLMSActionSchedule("0.0.15.0.129.255")
    with hes._translated() as client:
        client.updateValue(table, 2, hes._ask(client, client.read(table, 2)).value)
        for attribute in (2, 3, 4):
            client.updateValue(schedule, attribute, hes._ask(client, client.read(schedule, attribute)).value)
    assert [script.id for script in table.scripts] == [1, 2]
    assert (schedule.target.logicalName, schedule.executedScriptSelector) == ("0.0.10.0.129.255", 1)
    assert (int(schedule.type_), list(schedule.executionTime)) == (5, [])


def test_a_long_change_goes_in_blocks(rig: Rig) -> None:
    hes = _open(PlainGurux, rig)
    extras = [{"sap": 0x1000 + n, "title": "4D4D4D00000000%02X" % n, "server_sap": 3, "ldn": "X"} for n in range(16)]
    text = json.dumps({"gateway": {"extra_saps": extras}}).encode()
    assert len(text) > 1100
    hes.set(*SETTINGS, 2, Typed(OCTET_STRING, text))
    assert load(rig.store)["gateway.extra_saps"] == extras
    assert json.loads(hes.get(*SETTINGS, 2))["gateway"]["extra_saps"] == extras


def test_a_schedule_written_over_dlms_is_executed_at_its_time(rig: Rig) -> None:
    session = PlainSession(RigWire(rig))
    session.open_gateway(_KEYS)
    for name, wait_s in (("0.0.15.0.128.255", 60), ("0.0.15.0.129.255", 120)):
        due = time.gmtime(WALL_START_S + rig.kernel.now_us // 1_000_000 + wait_s)  # clock.zone_min is 0
        at = bytes((due.tm_hour, due.tm_min, due.tm_sec, 0xFF))
        date = struct.pack(">HBBB", due.tm_year, due.tm_mon, due.tm_mday, 0xFF)
        session.set(22, name, 4, b"\x01\x01\x02\x02\x09\x04" + at + b"\x09\x05" + date)
    rounds = rig.segment.counters.named("discover_rounds")
    rig.run(58)
    assert rig.segment.counters.named("discover_rounds") == rounds and not rig.restarts
    rig.run(30)
    assert rig.segment.counters.named("discover_rounds") > rounds and not rig.restarts
    rig.run(40)
    assert rig.restarts


# --- tools.hes action ---


@pytest.fixture
def desk(rig: Rig) -> Desk:
    """tools.hes on the rig."""
    return Desk(PlainSession(RigWire(rig)), _KEYS, wait=rig.run)


def test_hes_pings_and_says_when_nobody_is_there(rig: Rig, desk: Desk) -> None:
    assert desk.run("ping", "0x11").startswith(rig.table.title(1).hex().upper() + " answered after ")
    with pytest.raises(HesRefused):
        desk.run("ping", "0x44")
    with pytest.raises(HesError, match="SAP is a number"):
        desk.run("ping", "x")


def test_hes_removes_a_node_and_it_is_off_the_list(rig: Rig, desk: Desk) -> None:
    said = desk.run("remove", "0x11")
    assert "removed" in said and "fallen back to NEW" in said and "time_out_not_addressed" in said
    assert rig.table.row_of_sap(0x11) < 0 and rig.events[-1][1:] == (1, 3)
    with pytest.raises(HesError, match="no meter has SAP"):
        desk.run("remove", "0x11")
    with pytest.raises(HesError, match="no meter has SAP"):
        desk.run("remove", "1")


def test_a_removed_meter_gets_its_sap_back_and_a_blocked_one_does_not(rig: Rig, desk: Desk) -> None:
    titles = rig.table.title(1), rig.table.title(2)
    desk.run("remove", "0x11")
    assert "is blocked" in desk.run("block", titles[1].hex())
    assert desk.run("lists", "") == titles[1].hex().upper() + " blocked"
    for title in titles:
        rig.sim.nodes[title].reset()
    desk.run("discover", "")
    rig.run_until(lambda: rig.table.find(titles[0]) == 1 and rig.table.state(1) == 2, 900)
    rig.run(600)
    assert rig.table.find(titles[1]) < 0 and rig.segment.counters.named("register_not_allowed") > 0
    desk.run("unlist", titles[1].hex())
    desk.run("discover", "")
    rig.run_until(lambda: rig.table.find(titles[1]) == 2, 900)


def test_hes_changes_settings_and_repeats_the_gateways_complaint(rig: Rig, desk: Desk) -> None:
    assert desk.run("set", '{"log_level": "DEBUG"}') == "changed, in effect"
    assert desk.run("set", '{"wan": {"idle_s": 61}}') == "changed; after a restart: wan.idle_s"
    assert desk.run("settings", "").endswith("after a restart: wan.idle_s")
    with pytest.raises(HesError, match=r"wan\.port: must be an integer from 1 to 65535, not 0"):
        desk.run("set", '{"wan": {"port": 0}}')
    assert desk.run("allow", "4D4D4D00000000FF").startswith("4D4D4D00000000FF is allowed; ")
    assert desk.run("repeaters", "") == "repeater call begun"


def test_a_factory_reset_empties_the_next_start(rig: Rig, desk: Desk) -> None:
    with pytest.raises(HesError, match="not its serial number"):
        desk.run("factory-reset", "wrong")
    rig.run(61)
    assert "forgets" in desk.run("factory-reset", tools.rig.SERIAL.decode())
    rig.run(3)
    assert rig.restarts
    after = Rig(fs=rig.power_cut(), sim=rig.sim)
    assert after.wiped >= 2 and after.table.count() == 0


def test_a_serial_number_that_is_no_text_is_given_in_hex(monkeypatch: pytest.MonkeyPatch) -> None:
    serial = bytes.fromhex("0041002F1B5B32334A0A9901")
    monkeypatch.setattr(tools.rig, "own_device", plain_device)
    monkeypatch.setattr(tools.rig, "SERIAL", serial)
    for written in ("0x0041002F1B5B32334A0A9901", "0041002f1b5b32334a0a9901"):
        rig = Rig(SegmentOptions(meters=1))
        desk = Desk(PlainSession(RigWire(rig)), _KEYS, wait=rig.run)
        assert reading.serial(PlainSession(RigWire(rig))) == "0x" + serial.hex().upper()
        assert "forgets" in desk.run("factory-reset", written)


def test_refusals_are_explained_and_keep_the_name_of_the_answer(rig: Rig, desk: Desk) -> None:
    for action, argument, words, name in (
        ("ping", "0x44", "no such node", "object-unavailable"),
        ("factory-reset", "wrong", "not its serial number", "other-reason"),
        ("factory-reset", tools.rig.SERIAL.decode(), "try again", "temporary-failure"),
        ("block", "AA", "the form or the length", "type-unmatched"),
        ("set", "x", "not", ""),
    ):
        with pytest.raises(HesError) as refused:
            desk.run(action, argument)
        assert words in str(refused.value) and name in str(refused.value)


def test_forwarding_goes_on_while_everything_is_asked_for(rig: Rig, desk: Desk) -> None:
    head = rig.connect()
    request = bytes.fromhex("C001C100080000010000FF0200")
    answered = []
    for turn in range(30):
        if turn % 3 == 0:
            for name, argument in (("discover", ""), ("repeaters", ""), ("settings", "")):
                try:
                    desk.run(name, argument)
                except HesRefused:
                    pass
        began = rig.kernel.now_us
        head.replies.clear()
        assert head.request(1, 0x10, request)
        rig.run_until(lambda: head.replies, 30)
        answered.append((rig.kernel.now_us - began) / 1e6)
    assert max(answered) < 12, answered


# --- the same on G3 ---


@pytest.fixture
def pan(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Three nodes joined; the management client needs no keys."""
    monkeypatch.setattr(tools.rig, "own_device", plain_device)
    made = g3_rig(3)
    made.run_until_registered(3)
    made.run(90)
    return made


def test_on_g3_a_node_is_pinged_removed_and_kept_out_and_nothing_is_discovered(pan: Rig) -> None:
    desk = Desk(PlainSession(RigWire(pan)), _KEYS, wait=pan.run)
    title = pan.table.title(1)
    assert desk.run("ping", "0x11").startswith(title.hex().upper() + " answered after ")
    for unknown in ("discover", "repeaters"):
        with pytest.raises(HesRefused):
            desk.run(unknown, "")
    desk.run("block", title.hex())
    assert pan.table.find(title) < 0
    pan.run(600)
    assert pan.table.find(title) < 0 and pan.table.count() == 2
    desk.run("unlist", title.hex())
    pan.run_until(lambda: pan.table.find(title) == 1 and pan.table.state(1) == 2, 1800)
    said = desk.run("remove", "0x10")
    assert "removed" in said and "joins again at once" in said and "NEW" not in said


def test_every_setting_said_to_be_live_is_taken_by_somebody(rig: Rig) -> None:
    elsewhere = {"firewall", *schema_push.LIVE}  # main.py, app.push_side: they need a WAN
    assert set(LIVE) - set(rig.settings._live) == elsewhere


# --- tools.hes log and counters ---


def test_hes_shows_the_gateways_own_records_and_counters_by_name(rig: Rig, desk: Desk) -> None:
    desk.run("set", '{"wan": {"idle_s": 61}}')
    session = PlainSession(RigWire(rig))
    session.open_gateway(_KEYS)
    rows = event_log.rows(session, list(event_log.LOGS))
    assert [row.number for row in rows] == list(range(len(rows)))
    title = rig.table.title(1).hex().upper()
    assert [row.node for row in rows if row.event == "node-up"].count(title) == 1
    assert [row.details for row in rows if row.event == "setting-changed"] == ["wan.idle_s value=61"]
    found = {(one.of, one.name): one.value for one in counters.counts(session)}
    assert found[("power line", "registered")] == 3 and found[("forwarding", "refused-unknown-sap")] == 0
