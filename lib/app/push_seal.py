# SPDX-License-Identifier: MIT
"""Own notifications in general-glo (DB), with the keys of this gateway's management client (`push.cipher`).

The same keys, counters and records as answers of SAP 1 use (dlms.security). Law: what is to be
ciphered never goes out in the clear; without keys nothing of our own is pushed. What meters send
is not touched.
"""

from micropython import const

from app.replies import HEADROOM
from dlms.security.ciphering import CipheringError
from dlms.security.envelope import FORM_GENERAL_GLO, SC_BOTH
from dlms.security.protection import Protection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.security.device_security import DeviceSecurity

FRONT_LEN = const(24)  # octets the plain APDU leaves free in front: title 10, length 3, control and counter 5
BACK_LEN = const(12)  # and behind: the tag
_MANAGEMENT_ROW = const(0)  # of dlms.security.key_store.CLIENTS


class Seal:
    """One per gateway; nothing is kept between two notifications but the counter."""

    def __init__(self, security: "DeviceSecurity") -> None:
        self._security = security
        self._protection = Protection()

    def can_seal(self) -> bool:
        """The management client has keys, and the counters they go with are sound."""
        keys = self._security.keys
        return not keys.error and keys.clients[_MANAGEMENT_ROW].is_provisioned

    def seal(self, view: memoryview, length: int) -> int:
        """Cipher the APDU at view[HEADROOM + FRONT_LEN:]; it begins at HEADROOM then. Its length, 0 = refused."""
        security = self._security
        if not self.can_seal():
            return 0
        protection = self._protection
        protection.open(security.keys.clients[_MANAGEMENT_ROW], b"")
        protection.form, protection.control = FORM_GENERAL_GLO, SC_BOTH
        try:
            return security.ciphering.wrap(view, HEADROOM, HEADROOM + FRONT_LEN, length, protection)
        except CipheringError:  # no counter could be reserved: flash
            return 0
        finally:
            protection.close()
