# SPDX-License-Identifier: MIT
"""Fixed pool of equal buffers with headroom, allocated once at start.

An APDU is read at offset `headroom`, so that every header of the path below it (prefix,
LLC, local frame) is written in front of it without a copy. A buffer is named by its
number; `view(n)` is a memoryview made once, so taking one allocates nothing.
"""

from base.errors import LocalError


class Slab:
    """`count` buffers of `headroom + size + tailroom` octets each.

    `alloc` returns a buffer number or -1 when none is free: the overflow rule is the
    caller's (stop reading that socket, or refuse). `min_free` records the tightest moment.
    """

    def __init__(self, count: int, size: int, headroom: int, tailroom: int) -> None:
        self.headroom = headroom
        self.size = size
        stride = headroom + size + tailroom
        whole = memoryview(bytearray(count * stride))
        self._views = [whole[i * stride : (i + 1) * stride] for i in range(count)]
        self._free = list(range(count))
        self._in_use = bytearray(count)
        self.free_cnt = count
        self.min_free = count

    def alloc(self) -> int:
        """Take a buffer: its number, or -1 when all are in use."""
        if not self.free_cnt:
            return -1
        self.free_cnt -= 1
        if self.free_cnt < self.min_free:
            self.min_free = self.free_cnt
        number = self._free[self.free_cnt]
        self._in_use[number] = 1
        return number

    def view(self, number: int) -> memoryview:
        """The whole buffer, headroom included; borrowed until `free(number)`."""
        return self._views[number]

    def free(self, number: int) -> None:
        """Give a buffer back. Raises LocalError when it is not in use (double free)."""
        if not self._in_use[number]:
            raise LocalError("buffer %d is free already" % number)
        self._in_use[number] = 0
        self._free[self.free_cnt] = number
        self.free_cnt += 1
