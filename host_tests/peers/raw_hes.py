# SPDX-License-Identifier: MIT
"""A head-end that sends exactly what a test wants: for tampering, replays and plain services.

No library inside: APDUs are put together here from the fact sheet, ciphered with
`cryptography`, so that neither a library's nor the meter's own reading of the
standard decides what an attack looks like.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from host_tests.peers.hes import AK, EK, MANAGEMENT, PUBLIC
from tools.hes.wire import Wire

TAG_LEN = 12
GENERAL_GLO = 0xDB
_ENCRYPTED, _AUTHENTICATED = 0x30, 0x10
_INITIATE = bytes.fromhex("01000000065F1F0400") + bytes.fromhex("40121D") + b"\xff\xff"
_CHALLENGE = b"raw-challenge-16"


def get_request(class_id: int, obis: str, attribute: int) -> bytes:
    """A plain get-request-normal."""
    name = bytes(int(part) for part in obis.split("."))
    return b"\xc0\x01\xc1" + class_id.to_bytes(2, "big") + name + bytes((attribute, 0))


def set_request(class_id: int, obis: str, attribute: int, encoded: bytes) -> bytes:
    """A plain set-request-normal."""
    return b"\xc1\x01\xc1" + get_request(class_id, obis, attribute)[3:] + encoded


def action_request(class_id: int, obis: str, method: int, encoded: bytes = b"\x0f\x00") -> bytes:
    """A plain action-request-normal with a parameter."""
    return b"\xc3\x01\xc1" + get_request(class_id, obis, method)[3:-1] + b"\x01" + encoded


def public_aarq() -> bytes:
    """An AARQ without security."""
    context = bytes.fromhex("A109060760857405080101")
    return _sized(0x60, context + _sized(0xBE, _sized(0x04, _INITIATE)))


class RawHes:
    """One management association, octet by octet. `counter` is the next invocation counter used."""

    title = b"RAW\x00\x00\x00\x00\x04"

    def __init__(self, wire: Wire, server_sap: int, counter: int = 1) -> None:
        self.wire = wire
        self.server_sap = server_sap
        self.counter = counter
        self.meter_title = b""

    def ask(self, apdu: bytes, client_sap: int = MANAGEMENT) -> bytes:
        """Send any octets, wait for the answer."""
        return self.wire.ask(client_sap, self.server_sap, apdu)

    def read_counter(self) -> int:
        """The meter's invocation counter, read by the public client without an association."""
        return int.from_bytes(self.ask(get_request(1, "0.0.43.1.0.255", 2), PUBLIC)[-4:], "big")

    def open(self) -> None:
        """AARQ and the HLS passes 3 and 4; an AssertionError when the meter does not accept."""
        aare = self.ask(self.aarq())
        assert aare[0] == 0x61 and b"\xa2\x03\x02\x01\x00" in aare, aare.hex()
        at = aare.index(b"\xa4\x0a\x04\x08") + 4
        self.meter_title = aare[at:at + 8]
        at = aare.index(b"\xaa") + 4
        stoc = aare[at:at + aare[at - 1]]
        header = bytes((_AUTHENTICATED,)) + self.counter.to_bytes(4, "big")
        token = header + self._gcm(header, b"", stoc)
        self.counter += 1
        reply = self.unprotect(self.ask(self.protect(action_request(15, "0.0.40.0.0.255", 1, _sized(9, token)))))
        assert reply[:4] == b"\xc7\x01\xc1\x00", reply.hex()

    def aarq(self) -> bytes:
        """An AARQ for HLS-GMAC with ciphered initiate-request; takes one counter."""
        body = bytes.fromhex("A109060760857405080103") + _sized(0xA6, _sized(0x04, self.title))
        body += bytes.fromhex("8A0207808B0760857405080205") + _sized(0xAC, _sized(0x80, _CHALLENGE))
        return _sized(0x60, body + _sized(0xBE, _sized(0x04, _sized(0x21, self._seal(_INITIATE)))))

    def protect(self, plain: bytes, general: bool = False) -> bytes:
        """A service APDU, authenticated and encrypted; takes one counter."""
        sealed = self._seal(plain)
        if general:
            return bytes((GENERAL_GLO, 8)) + self.title + _length(len(sealed)) + sealed
        return _sized(plain[0] | 0x08, sealed)

    def unprotect(self, apdu: bytes) -> bytes:
        """The plain octets of a ciphered answer (its tag checked), or the answer itself when it is not ciphered."""
        if apdu[0] not in (0xCC, 0xCD, 0xCF, GENERAL_GLO):
            return apdu
        at = 10 if apdu[0] == GENERAL_GLO else 1
        at += 1 if apdu[at] < 0x80 else 1 + (apdu[at] & 0x7F)
        header, sealed = apdu[at:at + 5], apdu[at + 5:-TAG_LEN]
        mode = modes.GCM(self.meter_title + header[1:], apdu[-TAG_LEN:], TAG_LEN)
        engine = Cipher(algorithms.AES(EK), mode).decryptor()
        engine.authenticate_additional_data(header[:1] + AK)
        return engine.update(sealed) + engine.finalize()

    def _seal(self, plain: bytes) -> bytes:
        header = bytes((_ENCRYPTED,)) + self.counter.to_bytes(4, "big")
        self.counter += 1
        return header + self._gcm(header, plain, b"")

    def _gcm(self, header: bytes, plain: bytes, extra: bytes) -> bytes:
        engine = Cipher(algorithms.AES(EK), modes.GCM(self.title + header[1:])).encryptor()
        engine.authenticate_additional_data(header[:1] + AK + extra)
        sealed = engine.update(plain) + engine.finalize()
        return sealed + engine.tag[:TAG_LEN]


class Direct:
    """A `Wire` without a wire: the meter is called."""

    def __init__(self, meter: object) -> None:
        self.meter = meter

    def ask(self, client_sap: int, server_sap: int, apdu: bytes) -> bytes:
        """The first answer."""
        return self.meter.handle(client_sap, server_sap, apdu)[0]  # type: ignore[attr-defined]


def _length(count: int) -> bytes:
    return bytes((count,)) if count < 0x80 else bytes((0x81, count))


def _sized(tag: int, octets: bytes) -> bytes:
    return bytes((tag,)) + _length(len(octets)) + octets
