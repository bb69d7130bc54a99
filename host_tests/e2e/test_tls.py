# SPDX-License-Identifier: MIT
"""TLS beside plain DLMS on the real interpreter's mbedTLS; the peer is OpenSSL, by Python's ssl.

Libraries read meters over it, certificates are demanded and checked, and what fails in a handshake
leaves nothing behind.
"""

import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from host_tests.e2e.stack import RUNTIME, Stack
from host_tests.e2e.test_sap1 import manager
from host_tests.e2e.tls_site import TIMEOUT_S, Site
from host_tests.peers.cosem_hes import CosemHes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import OCTET_STRING, Typed
from host_tests.peers.pydlms_meter import PydlmsMeter
from tools.certificates import own_file
from tools.hes.errors import HesRefused

STATE, CERTIFICATE, CA = ((1, "0.0.128.5.%d.255" % number) for number in range(3))
CHECKING = 5
TITLE = bytes.fromhex("5059440000000001")
# NOTE: the shim has no TLS; there is nothing of it to test on CPython.
pytestmark = pytest.mark.skipif(RUNTIME == "cpython", reason="TLS is the interpreter's")


def read_to_the_end(raw):
    """The gateway hangs up, after an alert at most; a reset says so too. A time-out fails the test."""
    raw.settimeout(TIMEOUT_S)
    with contextlib.suppress(ConnectionResetError):
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with contextlib.closing(Site(tmp_path_factory.mktemp("certificates"))) as found:
        with Stack([PydlmsMeter(TITLE)], config=found.config, files=found.files) as found.stack:
            yield found


@pytest.fixture
def stack(site):
    return site.stack


@pytest.mark.parametrize("kind", [GuruxHes, CosemHes])
def test_a_library_reads_a_meter_over_tls_while_another_does_without(site, kind):
    with site.connect() as secured, site.stack.wire() as plain:
        for wire in (secured, plain):
            hes = kind(wire)
            (_, _), (sap, name) = hes.sap_list()
            assert name.decode() == TITLE.hex().upper()
            hes.open(sap)
            assert len(hes.read_profile()) == 96
            hes.release()
    assert site.stack.complaints() == []


def test_only_tls_1_2_and_later_is_spoken(site):
    with site.connect() as wire:
        assert wire._sock.version() in ("TLSv1.2", "TLSv1.3")
    old = site.context(site.authority, site.authority.issue("old"))
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    assert site.is_refused(old)


def test_strangers_and_those_without_a_certificate_are_refused_and_the_next_is_served(site):
    mark = len(site.stack.console.lines)
    assert site.is_refused(site.context(site.authority, None))
    assert site.is_refused(site.context(site.authority, site.stranger.issue("hes")))
    assert site.is_refused(site.context(site.stranger, site.authority.issue("hes")))  # the gateway is not trusted
    site.stack.until(lambda: len(site.stack.console.records("wan-closed", mark)) >= 3, TIMEOUT_S, "three closed")
    causes = {record.fields["cause"] for record in site.stack.console.records("wan-closed", mark)}
    assert "11" in causes  # closed-tls-failed
    with site.connect() as wire:
        assert GuruxHes(wire).sap_list()
    assert site.stack.complaints() == []


def test_plain_octets_and_garbage_on_the_tls_port_end_the_connection(site):
    wpdu = bytes.fromhex("0001001000010007c001c100080000")
    for octets in (wpdu, bytes(64), b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff"):
        with socket.create_connection(("127.0.0.1", site.port), TIMEOUT_S) as raw:
            raw.sendall(octets)
            read_to_the_end(raw)
    with site.connect() as wire:
        assert GuruxHes(wire).sap_list()


def test_many_broken_handshakes_leave_no_session_and_no_descriptor(site):
    def descriptors():
        return len(list(Path("/proc/%d/fd" % site.stack.gateway_pid).iterdir()))

    before = descriptors()
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", site.port), TIMEOUT_S) as raw:
            raw.sendall(b"\x16\x03\x01\x00\x05hello")
            read_to_the_end(raw)
    site.stack.until(lambda: descriptors() <= before, TIMEOUT_S, "descriptors given back")
    with site.connect() as wire:
        assert GuruxHes(wire).sap_list()


def test_forwarding_goes_on_while_others_shake_hands(site):
    with site.stack.wire() as plain:
        hes = GuruxHes(plain)
        sap = hes.sap_list()[1][0]
        hes.open(sap)
        for _ in range(5):
            with site.connect():
                assert hes.get(3, "1.0.1.8.0.255", 2)
        hes.release()


def test_certificate_and_ca_are_changed_over_dlms_and_bad_ones_change_nothing(site):
    """Last in the file: the authority of the tests above is not trusted any more afterwards."""
    stack = site.stack
    with stack.wire() as wire:
        hes = manager(GuruxHes, wire)
        before = bytes(hes.get(*CERTIFICATE, 2))
        stranger = own_file(site.stranger.issue("gateway"))
        other_key = own_file(site.stranger.issue("another"))
        for wrong in (b"\x30\x01a", stranger[: bytes_of(stranger)] + other_key[bytes_of(other_key) :]):
            with contextlib.suppress(HesRefused):
                hes.set(*CERTIFICATE, 2, Typed(OCTET_STRING, wrong))
            stack.until(lambda: hes.get(*STATE, 2)[0] != CHECKING, TIMEOUT_S, "checked")
            assert bytes(hes.get(*CERTIFICATE, 2)) == before
        with site.connect() as secured:
            assert GuruxHes(secured).sap_list()
        hes.set(*CERTIFICATE, 2, Typed(OCTET_STRING, stranger))
        stack.until(lambda: bytes(hes.get(*CERTIFICATE, 2)) != before, TIMEOUT_S, "the new certificate")
        hes.set(*CA, 2, Typed(OCTET_STRING, site.stranger.der))
        stack.until(lambda: bytes(hes.get(*CA, 2)) == site.stranger.der, TIMEOUT_S, "the new CA")
        assert hes.get(*STATE, 2)[:2] == [6, "on trial"]
        assert site.is_refused(site.good)  # a refused handshake proves nothing
        assert hes.get(*STATE, 2)[:2] == [6, "on trial"]
        assert (stack.state_dir / "tls-own.der").read_bytes() != stranger
        with site.connect(site.context(site.stranger, site.stranger.issue("hes"))) as secured:
            assert GuruxHes(secured).sap_list()
        stack.until(lambda: hes.get(*STATE, 2)[:2] == [0, "good"], TIMEOUT_S, "kept")
        hes.release()
    assert (stack.state_dir / "tls-own.der").read_bytes() == stranger
    assert (stack.state_dir / "tls-ca.der").read_bytes() == site.stranger.der
    assert site.is_refused(site.good)


def bytes_of(own):
    """Octets of the certificate in front of its key."""
    return 4 + int.from_bytes(own[2:4], "big")
