# SPDX-License-Identifier: MIT
"""Image transfer (class 18, version 0), 0-0:44.0.0.255: takes an image in blocks, hashes it, says what it has.

Steps and codes: Blue Book 4.4.6. Law: a block counts as transferred after a restart only if it is on flash: the
image is flushed before the record that names its blocks. Installing is not here: activation answers
other-reason and leaves status 7, whatever the image.
"""

from binascii import crc32
from struct import pack, unpack_from

from micropython import const

from base import events
from base.log import NOTICE, WARNING
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE, TYPE_UNMATCHED
from dlms.axdr import BIT_STRING, INT8, OCTET_STRING, STRUCTURE, UINT32
from dlms.cosem.object import ROLE_KEYED
from dlms.cosem.rows import objects
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from base.log import Log
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value

    class ImageStore(Protocol):
        """Where an image is kept. False = the flash refused."""

        def begin(self) -> bool:
            """Empty it."""

        def put(self, off: int, octets: bytes) -> bool:
            """Write octets anywhere; on flash after `flush`."""

        def flush(self) -> bool: ...
        def hash_step(self, size: int) -> "bytes | None":
            """A bounded part of the SHA-256 over `size` octets: b"" = go on, 32 octets = done, None = failed."""

        def load(self) -> "bytes | None":
            """The record kept beside it."""

        def save(self, octets: bytes) -> bool: ...


# 2 image_block_size, 3 image_transferred_blocks_status, 4 image_first_not_transferred_block_number,
# 5 image_transfer_enabled, 6 image_transfer_status, 7 image_to_activate_info (size, identification, signature);
# methods initiate, block_transfer, verify, activate
_ROWS = ((0, 18, 0, b"\x00\x00\x2c\x00\x00\xff", "ffff", "I *t I ?:f e [Ioo"),)
_BLOCK_SIZE, _BLOCKS, _FIRST_MISSING, _ENABLED, _STATUS, _INFO = (
    const(2), const(3), const(4), const(5), const(6), const(7),
)  # fmt: skip
_INITIATE, _TRANSFER, _VERIFY = const(1), const(2), const(3)
# image_transfer_status
NOT_INITIATED, INITIATED, VERIFYING, VERIFIED, FAILED, NOT_ACTIVATED = (
    const(0), const(1), const(2), const(3), const(4), const(7),
)  # fmt: skip
_MOST_IDENTIFIER = const(32)
# Record: version, enabled, status, octets of identifier; size (4), block size (2), identifier (32), SHA-256 (32),
# a bit for each block; CRC-32.
_VERSION = const(1)
_HEAD = ">BBBBIH"
_HEAD_LEN = const(10)
_BITS_OFF = const(74)
_HASH_LEN = const(32)
# Blocks between two records: so many are sent again after a power cut. A record each would wear the flash and a
# flush of the image costs littlefs a copy of its last sector.
_SAVE_EVERY = const(64)


def record_len(block_size: int, most: int) -> int:
    """Octets of the record kept of an image of at most `most` octets."""
    return _BITS_OFF + (most // block_size + 8) // 8 + 4


class ImageTransfer:
    """State and RowSource. `most` octets of image, `block_size` octets of each block but the last."""

    def __init__(self, store: "ImageStore", block_size: int, most: int, log: "Log") -> None:
        self._store = store
        self._block_size = block_size
        self._most = most
        self._log = log
        self._bits = bytearray((most // block_size + 8) // 8)
        self._unsaved = 0
        self._reset()
        self._restore()

    def _reset(self) -> None:
        self.status = NOT_INITIATED
        self.is_enabled = False
        self.size = 0
        self.identifier = b""
        self.signature = b""

    def objects(self) -> "list[CosemObject]":
        """The instance 0-0:44.0.0.255: read by who has authenticated, used by firmware client and management."""
        return objects(_ROWS, self, ROLE_KEYED)

    @property
    def block_cnt(self) -> int:
        """Blocks of the image that was initiated."""
        return (self.size + self._block_size - 1) // self._block_size

    def first_missing(self) -> int:
        """Number of the first block that is not here; `block_cnt` when all are."""
        number = 0
        while number < self.block_cnt and self._has(number):
            number += 8 if not number & 7 and self._bits[number >> 3] == 0xFF else 1
        return min(number, self.block_cnt)

    # --- RowSource ---

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """Attributes 2, 4 to 7."""
        if attribute == _INFO:
            return (self.size, self.identifier, self.signature)[field]
        if attribute == _BLOCK_SIZE:
            return self._block_size
        if attribute == _FIRST_MISSING:
            return self.first_missing()
        return int(self.is_enabled) if attribute == _ENABLED else self.status

    def count(self, key: int, attribute: int) -> int:
        """One image, when it has been verified."""
        return 1 if self.signature else 0

    def generation(self, key: int, attribute: int) -> int:
        """Changes when there is another image, or none."""
        return int(crc32(self.signature))

    def special(self, key: int, attribute: int) -> "Value":
        """image_transferred_blocks_status, first bit = block 0."""
        return Encoded(self._encode_blocks)

    def _encode_blocks(self, writer: "Writer") -> None:
        writer.octet(BIT_STRING)
        writer.count(self.block_cnt)
        writer.raw(self._bits, 0, (self.block_cnt + 7) // 8)

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """image_transfer_enabled. What has been transferred stays when it is turned off."""
        before, self.is_enabled = self.is_enabled, bool(fields[0])
        if before != self.is_enabled and not self._save():
            self.is_enabled = before
            return HARDWARE_FAULT
        return SUCCESS

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """The four methods; nothing but refusals while image_transfer_enabled is false."""
        if reader is None:
            return TYPE_UNMATCHED
        if method == _INITIATE:
            reader.elements(STRUCTURE, 2, 2)
            identifier = reader.string(OCTET_STRING, _MOST_IDENTIFIER)
            size = reader.number(UINT32)
            return self._initiate(identifier, size) if self.is_enabled else OTHER_REASON
        if method == _TRANSFER:
            reader.elements(STRUCTURE, 2, 2)
            number = reader.number(UINT32)
            octets = reader.string(OCTET_STRING, self._block_size)
            return self._take(number, octets) if self.is_enabled else OTHER_REASON
        reader.number(INT8)
        if not self.is_enabled:
            return OTHER_REASON
        return self._verify() if method == _VERIFY else self._activate()

    # --- the methods ---

    def _initiate(self, identifier: bytes, size: int) -> int:
        if not 0 < size <= self._most:
            return OTHER_REASON
        self.identifier, self.size, self.signature = identifier, size, b""
        self.status = INITIATED
        self._unsaved = 0
        for i in range(len(self._bits)):
            self._bits[i] = 0
        # NOTE: the record first: cut off behind it, an old image is not taken for a verified one.
        if not self._save() or not self._store.begin():
            self.status = NOT_INITIATED
            return HARDWARE_FAULT
        self._log.add(NOTICE, events.IMAGE_INITIATED, a=size, b=self.block_cnt)
        return SUCCESS

    def _take(self, number: int, octets: bytes) -> int:
        if self.status != INITIATED or number >= self.block_cnt:
            return OTHER_REASON
        off = number * self._block_size
        if len(octets) != min(self._block_size, self.size - off):
            return OTHER_REASON
        if self._has(number):  # sent again: its answer was lost
            return SUCCESS
        if not self._store.put(off, octets):
            return HARDWARE_FAULT
        self._bits[number >> 3] |= 0x80 >> (number & 7)
        self._unsaved += 1
        is_due = self._unsaved >= _SAVE_EVERY or number + 1 == self.block_cnt or self.first_missing() == self.block_cnt
        if is_due and not self._save_blocks():
            self._bits[number >> 3] &= ~(0x80 >> (number & 7))
            return HARDWARE_FAULT
        return SUCCESS

    def _verify(self) -> int:
        if self.status == VERIFIED:
            return SUCCESS
        if self.status == NOT_INITIATED or self.first_missing() < self.block_cnt:
            return OTHER_REASON
        self.status = VERIFYING
        self.on_deadline(0)
        if self.status == VERIFYING:  # the client asks again (facts dlms 5)
            return TEMPORARY_FAILURE
        return SUCCESS if self.status == VERIFIED else OTHER_REASON

    def _activate(self) -> int:
        if self.status == VERIFIED:
            self.status = NOT_ACTIVATED
            self._save()
            self._log.add(WARNING, events.IMAGE_NOT_INSTALLED, a=self.size)
        return OTHER_REASON

    def on_deadline(self, now: int) -> None:
        """A step of the verification, if one is going on."""
        if self.status != VERIFYING:
            return
        step = self._store.hash_step(self.size)
        if step == b"":
            return
        self.signature = step or b""
        self.status = VERIFIED if step and self._is_saved_as(VERIFIED) else FAILED
        if self.status == VERIFIED:
            self._log.add(NOTICE, events.IMAGE_VERIFIED, a=self.size)
        else:
            self.signature = b""
            self._log.add(WARNING, events.IMAGE_FAILED, a=self.size)

    # --- the record ---

    def _has(self, number: int) -> bool:
        return bool(self._bits[number >> 3] & 0x80 >> (number & 7))

    def _is_saved_as(self, status: int) -> bool:
        self.status = status
        return self._save()

    def _save_blocks(self) -> bool:
        if not self._store.flush() or not self._save():
            return False
        self._unsaved = 0
        return True

    def _save(self) -> bool:
        head = pack(_HEAD, _VERSION, self.is_enabled, self.status, len(self.identifier), self.size, self._block_size)
        octets = head + self.identifier + bytes(_MOST_IDENTIFIER - len(self.identifier))
        octets += self.signature + bytes(_HASH_LEN - len(self.signature)) + self._bits
        return self._store.save(octets + pack(">I", crc32(octets)))

    def _restore(self) -> None:
        octets = self._store.load()
        if octets is None or len(octets) != _BITS_OFF + len(self._bits) + 4:
            return
        if unpack_from(">I", octets, len(octets) - 4)[0] != crc32(memoryview(octets)[:-4]):
            return
        version, is_enabled, status, length, size, block_size = unpack_from(_HEAD, octets, 0)
        if version != _VERSION or block_size != self._block_size or size > self._most:
            return
        self.is_enabled, self.status, self.size = bool(is_enabled), status, size
        self.identifier = octets[_HEAD_LEN : _HEAD_LEN + length]
        self._bits[:] = octets[_BITS_OFF:-4]
        if status in (VERIFIED, NOT_ACTIVATED):
            self.signature = octets[_BITS_OFF - _HASH_LEN : _BITS_OFF]
        elif status != NOT_INITIATED:
            self.status = INITIATED
