# SPDX-License-Identifier: MIT
"""tools/certificates.py makes what the gateway, tools.hes and OpenSSL take; and it overwrites nothing unasked."""

import socket
import ssl
import stat
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tools import certificates
from tools.hes import command
from tools.hes.errors import HesError
from tools.hes.session import connect
from tools.sim.meter.server import MeterServer

FILES = ["ca.pem", "hes.pem", "tls-ca.der", "tls-own.der"]


def der_len(octets):
    """Octets of the first DER value."""
    count = octets[1] & 0x7F if octets[1] & 0x80 else 0
    return 2 + count + (int.from_bytes(octets[2 : 2 + count], "big") if count else octets[1])


@pytest.fixture
def folder(tmp_path):
    assert certificates.main([str(tmp_path), "--gateway", "10.1.2.3"]) == 0
    return tmp_path


def test_the_gateways_file_is_a_certificate_signed_by_the_authority_and_the_key_of_it(folder):
    own = (folder / "tls-own.der").read_bytes()
    at = der_len(own)
    certificate = x509.load_der_x509_certificate(own[:at])
    key = load_der_private_key(own[at:], None)
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate((folder / "tls-ca.der").read_bytes()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["127.0.0.1", "10.1.2.3"] and names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_every_file_is_for_its_owner_only(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in FILES} == {0o600}


def test_what_is_there_stays_unless_told_otherwise(folder, capsys):
    before = (folder / "hes.pem").read_bytes()
    (folder / "ca.pem").unlink()
    assert certificates.main([str(folder)]) == 2
    assert "--replace" in capsys.readouterr().err and (folder / "hes.pem").read_bytes() == before
    assert not (folder / "ca.pem").exists()
    assert certificates.main([str(folder), "--replace"]) == 0
    assert (folder / "hes.pem").read_bytes() != before


class TlsServer:
    """Shakes hands with whoever comes, asking for a certificate, and hangs up; `port`."""

    def __init__(self, folder):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(folder / "hes.pem")  # good for 127.0.0.1 as well
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.peers = []
        self._context = context
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        plain, _ = self._sock.accept()
        with self._sock, plain:
            try:
                with self._context.wrap_socket(plain, server_side=True) as secured:
                    self.peers.append(secured.getpeercert()["subject"])
                    secured.recv(100)
            except OSError:
                self.peers.append(None)


def test_tools_hes_shows_its_certificate_and_sees_a_connection_that_ends(folder, capsys):
    server = TlsServer(folder)
    arguments = ["--tls", str(folder / "ca.pem"), "--tls-cert", str(folder / "hes.pem")]
    assert command.main(["list", "--port", str(server.port), "--timeout", "5", *arguments]) == command.NO_GATEWAY
    assert "connection closed by the gateway" in capsys.readouterr().err
    assert server.peers == [((("commonName", "head-end"),),)]


def test_a_gateway_of_another_authority_is_refused_in_words(folder, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("other")
    certificates.main([str(other)])
    server = TlsServer(folder)
    assert command.main(["list", "--port", str(server.port), "--tls", str(other / "ca.pem")]) == command.NO_GATEWAY
    assert "its certificate is refused" in capsys.readouterr().err


def test_a_port_that_speaks_no_tls_is_told_from_a_bad_certificate(folder):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    with MeterServer(lambda *_: []) as server, pytest.raises(HesError, match="no TLS with"):
        connect("127.0.0.1", server.port, 1, context)


@pytest.mark.parametrize("arguments", [
    ["list", "--tls-cert", "hes.pem"], ["list", "--tls", "missing.pem"], ["listen", "--tls", "missing.pem"],
    ["list", "--tls", "empty.pem"],
])
def test_files_that_cannot_be_used_are_named(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pem").touch()
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == command.NO_GATEWAY
    said = capsys.readouterr().err
    assert f"{arguments[-1]}: " in said or "--tls-cert goes with --tls" in said


@pytest.mark.parametrize("days", ["0", "x", "99999"])
def test_a_senseless_time_is_refused(tmp_path, days):
    with pytest.raises(SystemExit):
        certificates.main([str(tmp_path), "--days", days])
