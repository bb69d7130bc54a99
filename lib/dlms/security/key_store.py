# SPDX-License-Identifier: MIT
"""Keys of this device's own clients, and the master key that wraps new ones (Blue Book class 64).

One record of fixed length, kept whole on flash and in RAM; a client without keys is a row of
zeros. Law: no key is ever shown, logged or defaulted; a record that is missing or damaged is an
unprovisioned device. Keys of meters never come here.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from base.constant_time import is_equal_at
from base.errors import LocalError
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, READ_WRITE_DENIED, SUCCESS, TYPE_UNMATCHED
from dlms.security import keywrap
from dlms.security.client_keys import MAX_KEY, POLICY_KNOWN, POLICY_LEAST, ROW_HEAD, ClientKeys, key_len_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from dlms.security.gcm import MakeAes, Octets

    class Record(Protocol):
        """One record, replaced as a whole."""

        def load(self) -> "bytes | None":
            """None when there is none; anything but a whole record when it cannot be read."""

        def save(self, octets: "Octets") -> bool:
            """False when it is not on flash; then the old one is."""


# The keyed clients, one row each: management, read-write, firmware, read-only.
CLIENTS = (1, 32, 64, 127)

# key-id of global_key_transfer.
KEY_UNICAST = const(0)
KEY_BROADCAST = const(1)
KEY_AUTHENTICATION = const(2)
KEY_MASTER = const(3)

# Record: "GWKY", version, flags, suite of the device-wide keys, 0, first send counter (4), master key (32),
# broadcast key (32), rows, CRC-32. Row: SAP, suite, policy, is provisioned, GUEK (32), GAK (32).
_MAGIC = b"GWKY"
_VERSION = const(1)
_HEAD_LEN = const(12)
_ROWS_OFF = const(76)
_ROW_LEN = const(68)
RECORD_LEN = const(352)
_FLAG_BEGUN = const(1)
_FLAG_MASTER = const(2)
_FLAG_BROADCAST = const(4)
_FLAGS_OFF = const(5)
_SUITE_OFF = const(6)
_FIRST_SEND_OFF = const(8)


class KeyStore:
    """`error` says why nothing is provisioned; "" when all is well."""

    def __init__(self, record: "Record", make_aes: "MakeAes") -> None:
        self._record = record
        self._make_aes = make_aes
        self._octets = bytearray(RECORD_LEN)
        self._staged: "bytearray | None" = None
        self._changed_rows = 0
        self.clients = [ClientKeys(row, CLIENTS[row]) for row in range(len(CLIENTS))]
        self.error = self._load()

    def find(self, client_sap: int) -> "ClientKeys | None":
        """The keys of a client SAP, provisioned or not; None when it is none of ours."""
        for keys in self.clients:
            if keys.sap == client_sap:
                return keys
        return None

    def is_provisioned(self, client_sap: int) -> bool:
        """This client has keys."""
        keys = self.find(client_sap)
        return keys is not None and keys.is_provisioned

    @property
    def has_master(self) -> bool:
        """Keys can be replaced over DLMS."""
        return bool(self._octets[_FLAGS_OFF] & _FLAG_MASTER)

    # --- first use: which counters go with these keys ---

    @property
    def first_send(self) -> "int | None":
        """Where the send counter starts, while these keys were never used; None ever after."""
        if self.error or self._octets[_FLAGS_OFF] & _FLAG_BEGUN:
            return None
        first: int = unpack_from(">I", self._octets, _FIRST_SEND_OFF)[0]
        return first

    def begin(self) -> bool:
        """The counters of these keys are on flash: from now on they may not be missing. False = not written."""
        octets = bytearray(self._octets)
        octets[_FLAGS_OFF] |= _FLAG_BEGUN
        return self._keep(octets)

    def stop(self, error: str) -> None:
        """Nobody is provisioned any more, because of `error`; until the next start."""
        self.error = error
        for keys in self.clients:
            keys.is_provisioned = False

    # --- new keys ---

    def replace(self, client_sap: int, transfers: "Sequence[tuple[int, Octets]]") -> int:
        """global_key_transfer: all of the (key-id, key wrapped by the master key), or none. An Action-Result.

        On flash when SUCCESS; in use after `activate`, so that the response still has the old protection.
        """
        keys = self.find(client_sap)
        if keys is None or not keys.is_provisioned or not self.has_master or not transfers:
            return READ_WRITE_DENIED
        octets = bytearray(self._staged or self._octets)
        result = self._put_keys(octets, keys, transfers)
        if result == SUCCESS and not self._record.save(_sealed(octets)):
            result = HARDWARE_FAULT
        if result != SUCCESS:
            _wipe(octets)
            return result
        _wipe(self._staged)
        self._staged = octets
        self._note_change(keys, transfers)
        return SUCCESS

    def _put_keys(self, octets: bytearray, keys: ClientKeys, transfers: "Sequence[tuple[int, Octets]]") -> int:
        master = _master_of(octets)
        result = SUCCESS
        for key_id, wrapped in transfers:
            key = keywrap.unwrap(self._make_aes, master, wrapped)
            if result == SUCCESS:
                result = OTHER_REASON if key is None else _put_key(octets, keys, key_id, key)
            _wipe(key)
        _wipe(master)
        return result

    def unwrap(self, wrapped: "Octets") -> "bytearray | None":
        """A key wrapped by the master key (RFC 3394); None: it is not, or there is no master key. Wipe it after use."""
        if not self.has_master or self.error:
            return None
        master = _master_of(self._octets)
        key = keywrap.unwrap(self._make_aes, master, wrapped)
        _wipe(master)
        return key

    def _note_change(self, keys: ClientKeys, transfers: "Sequence[tuple[int, Octets]]") -> None:
        for key_id, _ in transfers:
            if key_id == KEY_UNICAST:
                self._changed_rows |= 1 << keys.row

    def activate(self) -> int:
        """Use what `replace` put on flash and wipe what was there; rows with a new unicast key, one bit each.

        For each of them `InvocationCounters.restart` follows. 0 and no work when nothing is waiting.
        """
        if self._staged is None:
            return 0
        changed = 0
        for keys in self.clients:
            off = _row_off(keys.row) + ROW_HEAD
            is_waiting = self._changed_rows & 1 << keys.row
            if is_waiting and not is_equal_at(self._staged, off, self._octets, off, MAX_KEY):
                changed |= 1 << keys.row
        self._take(self._staged)
        self._staged = None
        self._changed_rows = 0
        return changed

    def strengthen(self, client_sap: int, policy: int) -> int:
        """security_activate: a policy with every bit of the old one. An Action-Result."""
        keys = self.find(client_sap)
        if keys is None or not keys.is_provisioned:
            return READ_WRITE_DENIED
        if policy & ~POLICY_KNOWN or policy & keys.policy != keys.policy:
            return OTHER_REASON
        octets = bytearray(self._octets)
        octets[_row_off(keys.row) + 2] = policy
        return SUCCESS if self._keep(octets) else HARDWARE_FAULT

    # --- the record ---

    def _load(self) -> str:
        octets = self._record.load()
        if octets is None:
            return "no keys: not provisioned"
        error = _what_is_wrong(octets)
        if not error:
            self._take(bytearray(octets))
        return error

    def _keep(self, octets: bytearray) -> bool:
        if self.error:
            return False
        if self._staged is not None:
            raise LocalError("key store: activate first")
        is_kept = self._record.save(_sealed(octets))
        if is_kept:
            self._take(octets)
        else:
            _wipe(octets)
        return is_kept

    def _take(self, octets: bytearray) -> None:
        """Copy into the record in use, so that every view sees it, and wipe the source."""
        for i in range(RECORD_LEN):
            self._octets[i] = octets[i]
        _wipe(octets)
        for keys in self.clients:
            keys.look_at(self._octets, _row_off(keys.row))


def _master_of(octets: bytearray) -> bytearray:
    """A copy of the master key: wipe it."""
    return bytearray(octets[_HEAD_LEN : _HEAD_LEN + key_len_of(octets[_SUITE_OFF])])


def _row_off(row: int) -> int:
    return _ROWS_OFF + _ROW_LEN * row


def _put_key(octets: bytearray, keys: ClientKeys, key_id: int, key: bytearray) -> int:
    """Put a key that came unwrapped where it belongs; an Action-Result."""
    is_of_client = key_id in (KEY_UNICAST, KEY_AUTHENTICATION)
    suite = keys.suite if is_of_client else octets[_SUITE_OFF]
    if len(key) != key_len_of(suite):
        return TYPE_UNMATCHED
    row = _row_off(keys.row) + ROW_HEAD
    if key_id == KEY_UNICAST:
        off = row
    elif key_id == KEY_AUTHENTICATION:
        off = row + MAX_KEY
    elif key_id == KEY_MASTER:
        off = _HEAD_LEN
    elif key_id == KEY_BROADCAST:
        off = _HEAD_LEN + MAX_KEY
        octets[_FLAGS_OFF] |= _FLAG_BROADCAST
    else:
        return TYPE_UNMATCHED
    octets[off : off + len(key)] = key
    return SUCCESS


def _what_is_wrong(octets: bytes) -> str:
    if len(octets) != RECORD_LEN or octets[:4] != _MAGIC:
        return "keys damaged: no key record"
    if octets[4] != _VERSION:
        return "keys of version %d not known" % octets[4]
    if unpack_from(">I", octets, RECORD_LEN - 4)[0] != crc32(memoryview(octets)[: RECORD_LEN - 4]):
        return "keys damaged: checksum"
    for row in range(len(CLIENTS)):
        off = _row_off(row)
        if octets[off] != CLIENTS[row] or octets[off + 1] > 2 or octets[off + 3] > 1:
            return "keys damaged: row %d" % row
        if octets[off + 3] and (octets[off + 2] & POLICY_LEAST != POLICY_LEAST or octets[off + 2] & ~POLICY_KNOWN):
            return "keys damaged: policy of row %d" % row
    return ""


def _sealed(octets: bytearray) -> bytearray:
    """The record with its checksum made right."""
    octets[RECORD_LEN - 4 :] = pack(">I", crc32(memoryview(octets)[: RECORD_LEN - 4]))
    return octets


def _wipe(octets: "bytearray | None") -> None:
    if octets is not None:
        for i in range(len(octets)):
            octets[i] = 0
