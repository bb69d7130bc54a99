# SPDX-License-Identifier: MIT
"""A small certificate authority for trying TLS (docs/tls.md): `python -m tools.certificates DIR [--gateway NAME]`.

Makes an authority, signs one certificate for a gateway and one for a head-end (P-256), and writes

    tls-own.der, tls-ca.der    for the gateway: DIR is, or goes into, its state folder
    ca.pem, hes.pem            for tools.hes: --tls DIR/ca.pem --tls-cert DIR/hes.pem

The authority's key is kept nowhere: nobody can sign more in its name. For trials, not for the field.
"""

import argparse
import datetime
import ipaddress
import os
import ssl
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]
_DAY = datetime.timedelta(days=1)
_LOOPBACK = ("127.0.0.1", "localhost")


class Authority:
    """Signs certificates that are good for `days`; `name` tells two authorities apart."""

    def __init__(self, name: str, days: int = 30) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._days = days
        self.certificate = self._sign(self._name, self._key, None)

    def issue(self, name: str) -> Pair:
        """A certificate for this PC and for `name`, a host name or address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [_general_name(one) for one in dict.fromkeys((*_LOOPBACK, name))]
        return self._sign(_name(name), key, x509.SubjectAlternativeName(names)), key

    @property
    def der(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: "x509.SubjectAlternativeName | None"
    ) -> x509.Certificate:
        """Of the authority itself when there are no `names`."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _DAY)
        builder = builder.not_valid_after(now + self._days * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def own_file(pair: Pair) -> bytes:
    """The gateway's tls-own.der: certificate, then key."""
    certificate, key = pair
    private = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return certificate.public_bytes(Encoding.DER) + private


def pem_file(pair: Pair) -> bytes:
    """Key and certificate, as OpenSSL and the ssl module take them from one file."""
    certificate, key = pair
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def client_context(folder: Path, trusted: Authority, pair: "Pair | None") -> ssl.SSLContext:
    """A head-end's context: trusts `trusted`, shows `pair`. Files for the ssl module go to `folder`."""
    context = ssl.create_default_context(cadata=trusted.certificate.public_bytes(Encoding.PEM).decode())
    if pair is not None:
        pem = folder / ("%x.pem" % pair[0].serial_number)
        pem.write_bytes(pem_file(pair))
        context.load_cert_chain(pem)
    return context


def files(gateway: str, days: int) -> "dict[str, bytes]":
    """Everything of one site, by file name; new keys each time."""
    authority = Authority("DLMS gateway trial authority", days)
    return {
        "ca.pem": authority.certificate.public_bytes(Encoding.PEM),
        "hes.pem": pem_file(authority.issue("head-end")),
        "tls-ca.der": authority.der,
        "tls-own.der": own_file(authority.issue(gateway)),
    }


def write(folder: Path, contents: "dict[str, bytes]") -> None:
    """The files, for their owner only; each is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, octets in contents.items():
        new = folder / (name + ".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(octets)
        os.replace(new, folder / name)


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36500:
        raise argparse.ArgumentTypeError("days: a whole number from 1 to 36500")
    return int(text)


def main(arguments: "list[str] | None" = None) -> int:
    """Do it; the exit code."""
    about, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="tools.certificates", description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to; the gateway's state folder, say")
    parser.add_argument("--gateway", default="gateway", metavar="NAME",
                        help="host name or address of the gateway, beside this PC's own (default %(default)s)")
    parser.add_argument("--days", type=_days, default=365, help="how long they are good (default %(default)s)")
    parser.add_argument("--replace", action="store_true", help="replace what is there")
    options = parser.parse_args(arguments)
    try:
        contents = files(options.gateway, options.days)
        there = [name for name in contents if (options.folder / name).exists()]
        if there and not options.replace:
            raise ValueError("%s has %s; --replace to replace" % (options.folder, ", ".join(there)))
        write(options.folder, contents)
    except (OSError, ValueError) as error:
        print("certificates: %s" % error, file=sys.stderr)
        return 2
    print("%s: %s" % (options.folder, ", ".join(contents)))
    print("used from the next start of the gateway on, when tls.port is set; good for %d days" % options.days)
    return 0


if __name__ == "__main__":
    sys.exit(main())
