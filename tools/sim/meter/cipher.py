# SPDX-License-Identifier: MIT
"""Security suite 0 of the built-in meter: AES-GCM-128 (IEC 62056-5-3 5.7).

IV = system title (8) | invocation counter (4); additional data = SC | AK, and
for a GMAC also the challenge; the tag is cut to 12 octets.  The law: a counter
of ours is used once, and a counter of the peer's counts as seen only after its
tag was found good.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SC_AUTHENTICATED = 0x10
SC_AUTHENTICATED_ENCRYPTED = 0x30
TAG_LEN = 12
HEADER_LEN = 5  # SC and invocation counter


def _gcm(key: bytes, iv: bytes, tag: "bytes | None" = None) -> Cipher:
    return Cipher(algorithms.AES(key), modes.GCM(iv, tag, min_tag_length=TAG_LEN))


class Suite0:
    """The keys of a meter and the two invocation counters that go with them."""

    def __init__(self, title: bytes, encryption_key: bytes, authentication_key: bytes) -> None:
        self.title = title
        self._ek = encryption_key
        self._ak = authentication_key
        self._own_ic = 0
        self._least_ic = 0  # the smallest counter still accepted from clients

    @property
    def last_client_ic(self) -> int:
        """The highest counter accepted from a client, 0 when none was."""
        return max(self._least_ic - 1, 0)

    def is_stale(self, ic: int) -> bool:
        """Has this counter, or a higher one, been used by a client already?"""
        return ic < self._least_ic

    def seal(self, plain: bytes) -> bytes:
        """SC | IC | ciphertext | tag under the meter's own title and next counter."""
        self._own_ic += 1
        counter = self._own_ic.to_bytes(4, "big")
        engine = _gcm(self._ek, self.title + counter).encryptor()
        engine.authenticate_additional_data(bytes((SC_AUTHENTICATED_ENCRYPTED,)) + self._ak)
        sealed = engine.update(plain) + engine.finalize()
        return bytes((SC_AUTHENTICATED_ENCRYPTED,)) + counter + sealed + engine.tag[:TAG_LEN]

    def unseal(self, title: bytes, protected: bytes) -> "bytes | None":
        """The plain octets of SC | IC | ciphertext | tag, or None when the tag is wrong; notes the counter."""
        header, sealed = protected[:HEADER_LEN], protected[HEADER_LEN:-TAG_LEN]
        engine = _gcm(self._ek, title + header[1:], protected[-TAG_LEN:]).decryptor()
        engine.authenticate_additional_data(header[:1] + self._ak)
        try:
            plain = engine.update(sealed) + engine.finalize()
        except InvalidTag:
            return None
        self._least_ic = int.from_bytes(header[1:], "big") + 1
        return plain

    def sign(self, challenge: bytes) -> bytes:
        """SC | IC | GMAC over a challenge of the client, under our title and next counter."""
        self._own_ic += 1
        header = bytes((SC_AUTHENTICATED,)) + self._own_ic.to_bytes(4, "big")
        return header + self._gmac(self.title, header, challenge)

    def is_signed(self, title: bytes, token: bytes, challenge: bytes) -> bool:
        """Is `token` what a client of this title with our keys answers to `challenge`?"""
        header = token[:HEADER_LEN]
        if len(token) != HEADER_LEN + TAG_LEN or header[0] != SC_AUTHENTICATED:
            return False
        return token[HEADER_LEN:] == self._gmac(title, header, challenge)

    def _gmac(self, title: bytes, header: bytes, challenge: bytes) -> bytes:
        engine = _gcm(self._ek, title + header[1:]).encryptor()
        engine.authenticate_additional_data(header[:1] + self._ak + challenge)
        engine.finalize()
        return engine.tag[:TAG_LEN]
