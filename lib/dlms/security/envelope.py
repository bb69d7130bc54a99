# SPDX-License-Identifier: MIT
"""The outside of a ciphered APDU: which form, whose, what protects it, where the octets are.

Green Book 9.2.7, 9.5: service-specific global (21, C8…) and dedicated (D0…), general-glo DB,
general-ded DC, general-ciphering DD. Law: every length is checked against what is there, and
nothing of what an envelope says is to be believed before its tag was.
"""

from micropython import const

from base.errors import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Reader

FORM_NONE = const(0)
FORM_GLO = const(1)
FORM_DED = const(2)
FORM_GENERAL_GLO = const(3)
FORM_GENERAL_DED = const(4)
FORM_GENERAL = const(5)
# general-ciphering whose tag covers the fields of its header too. The standard's way; in suite 0
# peers were measured to leave them out (vectors: hls5.pydlms), so both are taken and answered alike.
FORM_GENERAL_BOUND = const(6)

TAG_GENERAL_GLO = const(0xDB)
TAG_GENERAL_DED = const(0xDC)
TAG_GENERAL = const(0xDD)

# Security control octet.
SC_SUITE = const(0x0F)
SC_AUTHENTICATED = const(0x10)
SC_ENCRYPTED = const(0x20)
SC_BOTH = const(0x30)
SC_BROADCAST = const(0x40)
SC_COMPRESSED = const(0x80)

TITLE_LEN = const(8)
HEADER_LEN = const(5)  # security control and invocation counter
TAG_LEN = const(12)
MAX_TRANSACTION = const(16)  # longest transaction-id echoed; peers use 0 or 8 octets

# key-info of general-ciphering.
_KEY_IDENTIFIED = const(0)
_KEY_BROADCAST = const(1)

# Tags of initiate services and what they become: the only ones outside C0..C7.
_INITIATE = {0x01: 0x21, 0x08: 0x28, 0x0E: 0x2E}


class Envelope:
    """One ciphered APDU as read; reused.

    `title` b"" = none given; `text_off`, `text_len` without the tag, which is at `tag_off` when
    `control` says authenticated; `bound_off`, `bound_len` = header fields of general-ciphering.
    """

    def __init__(self) -> None:
        self.form = FORM_NONE
        self.tag = 0
        self.title = b""
        self.recipient = b""
        self.transaction = b""
        self.has_key_info = False
        self.uses_broadcast = False
        self.has_foreign_key = False
        self.has_extras = False  # date-time or other-information is there
        self.bound_off = self.bound_len = 0
        self.control_off = self.control = self.counter = 0
        self.text_off = self.text_len = self.tag_off = 0

    def read(self, reader: "Reader") -> None:
        """Read a whole APDU, tag included. RemoteError when it is malformed or not a ciphered one."""
        tag = reader.octet()
        self.tag = tag
        self.form = form_of(tag)
        self.title = self.recipient = self.transaction = b""
        self.has_key_info = self.uses_broadcast = self.has_foreign_key = self.has_extras = False
        self.bound_len = 0
        if self.form == FORM_GENERAL:
            self._read_general(reader)
        elif self.form in (FORM_GENERAL_GLO, FORM_GENERAL_DED):
            self.title = _title(reader)
        elif self.form == FORM_NONE:
            raise RemoteError("APDU %02x is not ciphered" % tag)
        if not self.has_foreign_key:
            self._read_text(reader)

    def _read_general(self, reader: "Reader") -> None:
        self.bound_off = reader.off
        self.transaction = _string(reader, MAX_TRANSACTION)
        self.title = _title(reader)
        self.recipient = _title(reader)
        date_time_len = reader.count()
        reader.skip(date_time_len)
        other_len = reader.count()
        reader.skip(other_len)
        self.has_extras = date_time_len + other_len > 0
        self.bound_len = reader.off - self.bound_off
        self.has_key_info = reader.is_present()
        if self.has_key_info:
            # A wrapped or an agreed key is recognised, to be refused by name; what follows is not read.
            self.has_foreign_key = reader.octet() != _KEY_IDENTIFIED
            if not self.has_foreign_key:
                self._read_key_id(reader)

    def _read_key_id(self, reader: "Reader") -> None:
        key_id = reader.octet()
        if key_id > _KEY_BROADCAST:
            raise RemoteError("general-ciphering: key %d" % key_id)
        self.uses_broadcast = key_id == _KEY_BROADCAST

    def _read_text(self, reader: "Reader") -> None:
        if reader.count() != reader.left:
            raise RemoteError("ciphered APDU: length")
        self.control_off = reader.off
        self.control = reader.octet()
        self.counter = reader.unsigned(4)
        self.text_off = reader.off
        self.text_len = reader.left - (TAG_LEN if self.control & SC_AUTHENTICATED else 0)
        if self.text_len <= 0:
            raise RemoteError("ciphered APDU: nothing in it")
        self.tag_off = self.text_off + self.text_len


def form_of(tag: int) -> int:
    """The form of an APDU by its first octet; FORM_NONE = not ciphered."""
    if tag & 0xF8 == 0xC8 or tag in (0x21, 0x28, 0x2E):
        return FORM_GLO
    if tag & 0xF8 == 0xD0:
        return FORM_DED
    if tag == TAG_GENERAL_GLO:
        return FORM_GENERAL_GLO
    if tag == TAG_GENERAL_DED:
        return FORM_GENERAL_DED
    return FORM_GENERAL if tag == TAG_GENERAL else FORM_NONE


def is_dedicated(form: int) -> bool:
    """The dedicated key of the association protects it."""
    return form == FORM_DED or form == FORM_GENERAL_DED


def service_tag(form: int, plain_tag: int) -> int:
    """Tag of the ciphered APDU around one with `plain_tag`, in a service-specific form; 0 = there is none."""
    if plain_tag in _INITIATE:
        return _INITIATE[plain_tag]
    if plain_tag & 0xF8 != 0xC0:
        return 0
    return plain_tag | 0x08 if form == FORM_GLO else plain_tag & 0x07 | 0xD0


def length_len(length: int) -> int:
    """Octets that the A-XDR encoding of `length` takes."""
    return 1 if length < 0x80 else 2 if length < 0x100 else 3


def _string(reader: "Reader", most: int) -> bytes:
    length = reader.count()
    if length > most:
        raise RemoteError("ciphered APDU: field of %d octets" % length)
    return reader.octets(length)


def _title(reader: "Reader") -> bytes:
    title = _string(reader, TITLE_LEN)
    if title and len(title) != TITLE_LEN:
        raise RemoteError("ciphered APDU: title of %d octets" % len(title))
    return title
