# SPDX-License-Identifier: MIT
"""A-XDR (IEC 61334-6 as used by DLMS): a writer through a window, a reader with limits.

The writer produces a value octet by octet but keeps only what falls into a window of it:
octets before the window are skipped, octets behind it counted. So a value of any length
is sent in blocks by encoding the same item again with the window moved on, and nothing
long is ever built in RAM. Law: the reader never reads past its end and never recurses
deeper than its limit, whatever the octets say.
"""

from micropython import const

from base.errors import RemoteError

NULL = const(0)
ARRAY = const(1)
STRUCTURE = const(2)
BOOLEAN = const(3)
BIT_STRING = const(4)
INT32 = const(5)
UINT32 = const(6)
OCTET_STRING = const(9)
VISIBLE_STRING = const(10)
INT8 = const(15)
INT16 = const(16)
UINT8 = const(17)
UINT16 = const(18)
INT64 = const(20)
UINT64 = const(21)
ENUM = const(22)

# Octets after the tag of the types whose length is fixed (Blue Book 4.1.5).
_FIXED_LEN = {
    NULL: 0, BOOLEAN: 1, INT32: 4, UINT32: 4, 13: 1, INT8: 1, INT16: 2, UINT8: 1, UINT16: 2,
    INT64: 8, UINT64: 8, ENUM: 1, 23: 4, 24: 8, 25: 12, 26: 5, 27: 4,
}  # fmt: skip
_SIGNED = (INT8, INT16, INT32, INT64)
_STRINGS = (OCTET_STRING, VISIBLE_STRING, 12)  # 12 = utf8-string

# Deepest nesting taken from a peer. Selective access by range, the deepest thing a client
# sends to a server of this kind, needs 4; the rest is margin, and 8 frames fit any stack.
MAX_DEPTH = const(8)


class Writer:
    """Encodes into `dst[off:end]`, after skipping the first `skip` octets.

    One per device, reopened for every APDU; writing allocates nothing. `off` is the place
    of the next octet; `lost_cnt` counts octets that did not fit. Numbers are cut to their
    type's width, so a wrong getter can give a wrong number but never a broken encoding.
    """

    def __init__(self) -> None:
        self.dst = memoryview(bytearray(0))
        self._scratch = bytearray(10)
        self.off = 0
        self.end = 0
        self.skip = 0
        self.lost_cnt = 0

    def open(self, dst: memoryview, off: int, end: int) -> None:
        """Aim at `dst[off:end]`; nothing skipped, nothing lost."""
        self.dst = dst
        self.off = off
        self.end = end
        self.skip = 0
        self.lost_cnt = 0

    def rewind(self, off: int) -> None:
        """Forget everything from `dst[off]` on."""
        self.off = off
        self.skip = 0
        self.lost_cnt = 0

    def poke(self, off: int, octet: int) -> None:
        """Overwrite one octet written before (a length that is known only now)."""
        self.dst[off] = octet

    def set_length(self, length_off: int, reserved: int) -> None:
        """Write the length of all after `dst[length_off + reserved]` in front of it.

        `reserved` octets were left out for it; those it does not need are closed up.
        """
        dst = self.dst
        start = length_off + reserved
        length = self.off - start
        self.off = length_off
        self.count(length)
        if self.off != start:
            for i in range(length):
                dst[self.off + i] = dst[start + i]
        self.off += length

    def octet(self, value: int) -> None:
        """One octet as it is, without a tag."""
        if self.skip:
            self.skip -= 1
        elif self.off < self.end:
            self.dst[self.off] = value & 0xFF
            self.off += 1
        else:
            self.lost_cnt += 1

    def raw(self, octets: "bytes | bytearray | memoryview", off: int, length: int) -> None:
        """`octets[off : off + length]` as they are."""
        if self.off >= self.end and not self.skip:
            self.lost_cnt += length
            return
        if self.skip or self.off + length > self.end:
            for i in range(off, off + length):
                self.octet(octets[i])
            return
        dst = self.dst
        at = self.off - off
        for i in range(off, off + length):
            dst[at + i] = octets[i]
        self.off += length

    def unsigned(self, value: int, width: int) -> None:
        """`value` in `width` (1..8) octets, big-endian, without a tag."""
        scratch = self._scratch
        for i in range(width - 1, -1, -1):
            scratch[i] = value & 0xFF
            value >>= 8
        self.raw(scratch, 0, width)

    def count(self, count: int) -> None:
        """Length or number of elements: one octet below 128, else 81 nn, 82 nnnn or 84 …."""
        if count < 0x80:
            self.octet(count)
            return
        width = 1 if count < 0x100 else 2 if count < 0x10000 else 4
        self.octet(0x80 | width)
        self.unsigned(count, width)

    # --- Data, each with its tag ---

    def null(self) -> None:
        """null-data."""
        self.octet(NULL)

    def array(self, count: int) -> None:
        """Head of an array; `count` elements must follow."""
        self.octet(ARRAY)
        self.count(count)

    def structure(self, count: int) -> None:
        """Head of a structure; `count` elements must follow."""
        self.octet(STRUCTURE)
        self.count(count)

    def number(self, tag: int, value: int) -> None:
        """Any fixed-length integer type, enum or boolean; two's complement if negative."""
        scratch = self._scratch
        width = _FIXED_LEN[tag]
        if tag == BOOLEAN:
            value = 0xFF if value else 0
        scratch[0] = tag
        for i in range(width, 0, -1):
            scratch[i] = value & 0xFF
            value >>= 8
        self.raw(scratch, 0, width + 1)

    def octets(self, value: "bytes | bytearray | memoryview") -> None:
        """octet-string."""
        self.string(OCTET_STRING, value)

    def string(self, tag: int, value: "bytes | bytearray | memoryview") -> None:
        """octet-string, visible-string or utf8-string of the octets given."""
        self.octet(tag)
        self.count(len(value))
        self.raw(value, 0, len(value))

    def bit_string(self, value: int, bit_cnt: int) -> None:
        """bit-string of `bit_cnt` (a multiple of 8, <= 64) bits, first bit = highest of `value`."""
        self.octet(BIT_STRING)
        self.count(bit_cnt)
        self.unsigned(value, bit_cnt // 8)


class Reader:
    """Reads `mv[off:end]` from the front; RemoteError when the octets end too early.

    One per device, reopened for every APDU; allocates only what `octets` returns.
    """

    def __init__(self) -> None:
        self.mv = memoryview(b"")
        self.off = 0
        self.end = 0

    def open(self, mv: memoryview, off: int, length: int) -> None:
        """Read `mv[off : off + length]`, borrowed until the next `open`."""
        self.mv = mv
        self.off = off
        self.end = off + length

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return self.end - self.off

    def skip(self, length: int) -> int:
        """Pass over `length` octets; the offset of the first of them."""
        off = self.off
        if length > self.end - off:
            raise RemoteError("A-XDR: cut off")
        self.off = off + length
        return off

    def octet(self) -> int:
        """One octet."""
        return self.mv[self.skip(1)]

    def unsigned(self, width: int) -> int:
        """`width` octets, big-endian."""
        off = self.skip(width)
        value = 0
        for i in range(off, off + width):
            value = value << 8 | self.mv[i]
        return value

    def octets(self, length: int) -> bytes:
        """A copy of the next `length` octets."""
        off = self.skip(length)
        return bytes(self.mv[off : off + length])

    def count(self) -> int:
        """Length or number of elements; RemoteError for more than 4 octets of it."""
        first = self.octet()
        if first < 0x80:
            return first
        if first == 0x80 or first > 0x84:
            raise RemoteError("A-XDR: length of %d octets" % (first & 0x7F))
        return self.unsigned(first & 0x7F)

    def is_present(self) -> bool:
        """Presence flag of an OPTIONAL or DEFAULT component: 00 or 01, nothing else."""
        flag = self.octet()
        if flag > 1:
            raise RemoteError("A-XDR: presence flag %d" % flag)
        return flag == 1

    # --- Data of a type that is expected ---

    def number(self, tag: int) -> int:
        """A fixed-length integer, enum or boolean of type `tag`; RemoteError for any other type."""
        if self.octet() != tag:
            raise RemoteError("A-XDR: type %d expected" % tag)
        width = _FIXED_LEN[tag]
        value = self.unsigned(width)
        if tag in _SIGNED and value >> 8 * width - 1:
            value -= 1 << 8 * width
        return value

    def string(self, tag: int, most: int, least: int = 0) -> bytes:
        """A copy of an octet-, visible- or utf8-string of `least` to `most` octets; RemoteError for anything else."""
        if self.octet() != tag:
            raise RemoteError("A-XDR: type %d expected" % tag)
        length = self.count()
        if not least <= length <= most:
            raise RemoteError("A-XDR: string of %d octets" % length)
        return self.octets(length)

    def elements(self, tag: int, most: int, least: int = 0) -> int:
        """Number of elements, `least` to `most`, behind the head of an ARRAY or STRUCTURE."""
        if self.octet() != tag:
            raise RemoteError("A-XDR: type %d expected" % tag)
        count = self.count()
        if not least <= count <= most or count > self.left:
            raise RemoteError("A-XDR: %d elements" % count)
        return count

    def skip_value(self, depth: int = MAX_DEPTH) -> None:
        """Pass over one Data value. RemoteError when malformed, deeper than `depth` or compact."""
        tag = self.octet()
        if tag in _FIXED_LEN:
            self.skip(_FIXED_LEN[tag])
        elif tag in _STRINGS:
            self.skip(self.count())
        elif tag == BIT_STRING:
            self.skip((self.count() + 7) // 8)
        elif tag == ARRAY or tag == STRUCTURE:
            self._skip_elements(depth - 1)
        else:
            raise RemoteError("A-XDR: type %d" % tag)

    def _skip_elements(self, depth: int) -> None:
        count = self.count()
        # Every element has at least its tag: a lying count is refused before the loop.
        if not depth or count > self.left:
            raise RemoteError("A-XDR: nesting or count")
        for _ in range(count):
            self.skip_value(depth)
