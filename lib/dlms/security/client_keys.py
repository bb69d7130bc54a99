# SPDX-License-Identifier: MIT
"""What one keyed client of this device authenticates and is answered with (Blue Book class 64, version 1).

A view of its row of the key record: SAP, suite, policy, is provisioned, GUEK (32), GAK (32). Law: keys
are borrowed where they lie, never copied, never shown.
"""

from micropython import const

# Security policy of class 64 version 1: what must protect a request and a response.
POLICY_REQUEST_AUTHENTICATED = const(0x04)
POLICY_RESPONSE_AUTHENTICATED = const(0x20)
POLICY_KNOWN = const(0x6C)  # authenticated and encrypted, both ways; signatures are not offered
POLICY_LEAST = const(0x24)  # authenticated both ways: without a tag nothing is believed

ROW_HEAD = const(4)
MAX_KEY = const(32)


def key_len_of(suite: int) -> int:
    """Octets of a key in a security suite."""
    return 32 if suite == 2 else 16


class ClientKeys:
    """What one client authenticates and is answered with; a view of its row of the record.

    `encryption_key`, `authentication_key` are borrowed views of 16 octets, 32 in suite 2.
    """

    def __init__(self, row: int, sap: int) -> None:
        self.row = row
        self.sap = sap
        self.is_provisioned = False
        self.suite = 0
        self.policy = 0
        self.encryption_key = memoryview(b"")
        self.authentication_key = memoryview(b"")

    @property
    def key_len(self) -> int:
        """Octets of each key."""
        return key_len_of(self.suite)

    @property
    def needed_of_request(self) -> int:
        """Bits 4 and 5 of the security control octet that every request must have."""
        return self.policy << 2 & 0x30

    @property
    def needed_of_response(self) -> int:
        """The same for what this device sends."""
        return self.policy >> 1 & 0x30

    def look_at(self, record: bytearray, off: int) -> None:
        """Take over the row at `off`."""
        self.is_provisioned = record[off + 3] == 1
        self.suite = record[off + 1]
        self.policy = record[off + 2]
        keys = memoryview(record)
        at = off + ROW_HEAD
        self.encryption_key = keys[at : at + self.key_len]
        self.authentication_key = keys[at + MAX_KEY : at + MAX_KEY + self.key_len]
