# SPDX-License-Identifier: MIT
"""A small certificate authority for tests (cryptography): P-256, DER, made anew in every run."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates; `name` tells two authorities apart."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.certificate = self._sign(self._name, self._key, is_ca=True)

    def issue(self, name: str) -> "tuple[x509.Certificate, ec.EllipticCurvePrivateKey]":
        """A certificate for 127.0.0.1 and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(_name(name), key, is_ca=False), key

    @property
    def der(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, is_ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY)
        builder = builder.not_valid_after(now + 30 * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        if not is_ca:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def own_file(pair: "tuple[x509.Certificate, ec.EllipticCurvePrivateKey]") -> bytes:
    """The gateway's tls-own.der: certificate, then key."""
    certificate, key = pair
    private = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate.public_bytes(Encoding.DER) + private


def client_context(
    folder: Path, trusted: Authority, pair: "tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None"
) -> ssl.SSLContext:
    """A head-end's context: trusts `trusted`, shows `pair`. Files for the ssl module go to `folder`."""
    context = ssl.create_default_context(cadata=trusted.certificate.public_bytes(Encoding.PEM).decode())
    if pair is not None:
        certificate, key = pair
        pem = folder / ("%x.pem" % certificate.serial_number)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(pem)
    return context
