# SPDX-License-Identifier: MIT
"""What protects one association: whose keys, the client's title, and how the last request came.

One per association slot. Law: the dedicated key lives as long as its association, no longer.
"""

from micropython import const

from base.errors import RemoteError
from dlms.security.envelope import (
    FORM_DED,
    FORM_GENERAL_DED,
    FORM_GENERAL_GLO,
    FORM_GLO,
    FORM_NONE,
    HEADER_LEN,
    TAG_LEN,
    length_len,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.security.client_keys import ClientKeys

_SERVICE_HEAD = const(1)
_GENERAL_GLO_HEAD = const(10)  # tag, title with its length
_GENERAL_HEAD = const(23)  # tag, two titles, date-time, other-information and the lengths of all five, key-info flag


class Protection:
    """`form` and `control` are those of the last request; an answer goes out in the same."""

    def __init__(self) -> None:
        self.keys: "ClientKeys | None" = None
        self.title = b""
        self.form = FORM_NONE
        self.control = 0
        self.transaction = b""
        self.has_key_info = False
        self.dedicated = bytearray(0)
        self.last_dedicated = -1

    def open(self, keys: "ClientKeys", title: bytes) -> None:
        """A client with these keys and this system title; nothing is left of the one before."""
        self.close()
        self.keys = keys
        self.title = title

    def close(self) -> None:
        """Forget the client and wipe its dedicated key."""
        for i in range(len(self.dedicated)):
            self.dedicated[i] = 0
        self.dedicated = bytearray(0)
        self.last_dedicated = -1
        self.keys = None
        self.title = b""
        self.form = FORM_NONE
        self.control = 0
        self.transaction = b""
        self.has_key_info = False

    def dedicate(self, key: "bytes | bytearray | memoryview") -> None:
        """The dedicated key of the InitiateRequest. RemoteError when its length is not that of the suite."""
        if self.keys is None or len(key) != self.keys.key_len:
            raise RemoteError("dedicated key of %d octets" % len(key))
        self.dedicated = bytearray(key)
        self.last_dedicated = -1

    def header_len(self, plain_len: int) -> int:
        """Octets in front of an answer of `plain_len` octets in this form; 0 = not ciphered."""
        if self.form == FORM_NONE:
            return 0
        if self.form in (FORM_GLO, FORM_DED):
            head = _SERVICE_HEAD
        elif self.form in (FORM_GENERAL_GLO, FORM_GENERAL_DED):
            head = _GENERAL_GLO_HEAD
        else:
            head = _GENERAL_HEAD + len(self.transaction) + (2 if self.has_key_info else 0)
        return head + length_len(HEADER_LEN + plain_len + TAG_LEN) + HEADER_LEN

    def room(self, limit: int) -> int:
        """Longest answer whose ciphered APDU takes at most `limit` octets; below 0 = not even an empty one."""
        if self.form == FORM_NONE:
            return limit
        return limit - TAG_LEN - self.header_len(limit)
