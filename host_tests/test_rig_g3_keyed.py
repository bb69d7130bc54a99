# SPDX-License-Identifier: MIT
"""Class 20002 as head-ends use it: over an authenticated and encrypted association, the PSK wrapped besides."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from gurux_dlms import GXByteBuffer
from gurux_dlms.enums import DataType
from pydlms.cosem.data import DlmsData

from base import events
from dlms.cosem import g3_network as net
from host_tests.peers.gurux_hes import GuruxHes, _Generic
from host_tests.peers.hes import OCTET_STRING, Hes, Typed
from host_tests.peers.pydlms_hes import PydlmsHes
from host_tests.rig_support.g3 import DIALECTS, g3_rig
from host_tests.test_rig_g3_network import records
from host_tests.test_rig_management import RigWire
from tools import provision
from tools.hes.errors import HesError, HesRefused
from tools.hes.managing import Desk
from tools.hes.session import Keys as HesKeys
from tools.hes.session import Session
from tools.rig import Rig
from tools.sim.gateway_config import TEST_KEYS

KEYS = provision.octets_of(provision.parse(TEST_KEYS))
MASTER = bytes.fromhex(TEST_KEYS["master"])
NETWORK = (20002, "0.0.128.0.2.255")


def managing(rig: Rig, library: type[Hes]) -> Hes:
    """An association of the management client."""
    hes = library(RigWire(rig))
    hes.open_gateway()
    return hes


def provide(hes: Hes, eui64: bytes, wrapped: bytes) -> None:
    """Method 9 with its structure, by the library's own means."""
    with hes._translated() as client:
        if isinstance(hes, GuruxHes):
            value = GXByteBuffer(b"\x02\x02\x09\x08" + eui64 + b"\x09\x18" + wrapped)
            hes._ask(client, client.method(_Generic(*NETWORK), net.PROVIDE_PSK, value, DataType.ARRAY))
        else:
            parts = [DlmsData.octet_string(eui64), DlmsData.octet_string(wrapped)]
            client.action(NETWORK[1], NETWORK[0], net.PROVIDE_PSK, DlmsData.structure(parts))


@pytest.mark.parametrize("library", (GuruxHes, PydlmsHes))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_head_end_hears_of_strangers_provides_their_psks_wrapped_and_they_join(dialect, library):
    rig = g3_rig(3, dialect, psk="demand", keys=KEYS)
    rig.run(120)
    assert rig.online() == 0
    hes = managing(rig, library)
    strangers = {bytes(row[0]): row[1] for row in hes.get(*NETWORK, net.STRANGERS)}
    assert set(strangers.values()) == {events.JOIN_UNKNOWN} and strangers
    for eui64, node in rig.sim.nodes.items():
        provide(hes, eui64, aes_key_wrap(MASTER, node.psk))
        assert not any(node.psk in apdu for apdu in hes.wire.sent)  # type: ignore[attr-defined]
    rig.run_until_registered(3)
    rig.run(90)
    rows = {bytes(row[0]): row for row in hes.get(*NETWORK, net.NODE_LIST)}
    assert {eui64: row[12] for eui64, row in rows.items()} == {t: node.hops for t, node in rig.sim.nodes.items()}
    assert len(records(rig, events.PSK_PROVIDED)) == 3
    hes.release()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tools_hes_provides_a_psk_wrapped_by_the_master_key_and_the_node_joins(dialect, monkeypatch):
    rig = g3_rig(1, dialect, psk="demand", keys=KEYS)
    rig.run(60)
    eui64, node = next(iter(rig.sim.nodes.items()))
    client = TEST_KEYS["clients"]["1"]
    unicast = bytes.fromhex(client["guek"]), bytes.fromhex(client["gak"]), b"HES\0\0\0\0\1"
    words = f"{eui64.hex()} {node.psk.hex()}"
    for master, complaint in ((b"", "master key is needed"), (bytes(16), "another master key")):
        with pytest.raises(HesError, match=complaint):
            Desk(Session(RigWire(rig)), HesKeys(*unicast, master)).run("psk", words)
    wire = RigWire(rig)
    desk = Desk(Session(wire), HesKeys(*unicast, MASTER))
    for wrong in ("zz " + node.psk.hex(), eui64.hex() + " 00"):
        with pytest.raises(HesError, match="hex digits"):
            desk.run("psk", wrong)
    monkeypatch.setattr("sys.stdin", io.StringIO(node.psk.hex() + "\n"))
    assert eui64.hex().upper() in desk.run("psk", eui64.hex() + " -")
    assert not any(node.psk in apdu for apdu in wire.sent)
    rig.run_until_registered(1)
    assert len(records(rig, events.PSK_PROVIDED)) == 1


@pytest.mark.parametrize("library", (GuruxHes, PydlmsHes))
def test_ping_path_and_rekey_through_the_server(library):
    rig = g3_rig(4, keys=KEYS)
    rig.run_until_registered(4)
    rig.run(5)
    eui64 = rig.table.title(2)
    hes = managing(rig, library)
    for method in (net.PING, net.PATH_REQUEST):
        hes.action(*NETWORK, method, Typed(OCTET_STRING, eui64))
    rig.run(60)
    results = hes.get(*NETWORK, net.RESULTS)
    assert [(bytes(row[1]), row[2]) for row in results] == [(eui64, 2), (b"", 0), (eui64, 2)]
    with pytest.raises(HesRefused):
        hes.action(*NETWORK, net.PING, Typed(OCTET_STRING, b"\xee" * 8))
    hes.action(*NETWORK, net.BEGIN_REKEY)
    rig.run_until(lambda: not rig.segment.rekey.is_on, 300)
    assert sum(hes.get(*NETWORK, net.REKEY)[2:4]) == 4  # who has not been heard since only *has* the new key
    for row in range(4):
        hes.action(*NETWORK, net.PING, Typed(OCTET_STRING, rig.table.title(row)))
        rig.run(30)
    assert list(hes.get(*NETWORK, net.REKEY)) == [0, 0, 0, 4, 0, 1]
    hes.release()


def test_the_public_client_and_others_get_nothing_of_it():
    rig = g3_rig(1, keys=KEYS)
    rig.run_until_registered(1)
    hes = GuruxHes(RigWire(rig))
    hes.open_public(1)
    for attribute in (net.NODE_LIST, net.STRANGERS):
        with pytest.raises(HesRefused):
            hes.get(*NETWORK, attribute)
    with pytest.raises(HesError):
        hes.action(*NETWORK, net.DETACH, Typed(OCTET_STRING, rig.table.title(0)))
    rig.run(30)
    assert rig.online() == 1


def test_a_psk_wrapped_by_another_key_is_refused():
    rig = g3_rig(1, psk="demand", keys=KEYS)
    rig.run(60)
    eui64, node = next(iter(rig.sim.nodes.items()))
    hes = managing(rig, GuruxHes)
    with pytest.raises(HesRefused):
        provide(hes, eui64, aes_key_wrap(bytes(16), node.psk))
    rig.run(200)
    assert rig.online() == 0
