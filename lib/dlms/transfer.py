# SPDX-License-Identifier: MIT
"""Resumable encoding of what one GET asked for: a list of values, cut into blocks.

A value is a list of chunks (a scalar has one, an array its head and one per element); the
cursor is (value, chunk, octets of it already sent). Blocks end between chunks, so nothing
is torn between two of them unless a single chunk is longer than a block. Law: memory does
not depend on the length of what is read, and every element is encoded at most twice.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value

    # A value, or (object, attribute) whose value is made when its turn comes.
    Entry = Value | tuple[CosemObject, int]

FILL_MORE = const(0)  # the window is full, octets are left
FILL_DONE = const(1)  # all is written
FILL_ABORTED = const(2)  # a value changed under the transfer


class Transfer:
    """What one association is sending; at most one long GET at a time."""

    def __init__(self) -> None:
        # NOTE: not lists of their own: most slots never read anything long, and an empty list takes 32 octets.
        self._values: "list[Entry] | tuple[()]" = ()
        self._marks: "list[int] | tuple[()]" = ()
        self._made: "Value | None" = None  # of the entry `_made_at`
        self._made_at = 0
        self._at = 0
        self._chunk = 0
        self._skip = 0
        self.block_number = 0
        self.is_open = False

    def begin(self, values: "list[Entry]") -> None:
        """Start on `values` (owned from now on), remembering the state each of them is in."""
        self._values = values
        self._made = None
        self._marks = [self._value(at).begin() for at in range(len(values))]
        self.block_number = 0
        self.rewind()

    def rewind(self) -> None:
        """Back to the first octet."""
        self._at = 0
        self._chunk = 0
        self._skip = 0

    def close(self) -> None:
        """Drop what is left."""
        self._values = self._marks = ()
        self._made = None
        self.is_open = False

    def fill(self, writer: "Writer") -> int:
        """Write on from the cursor until the window is full or all is written; FILL_*."""
        window_off = writer.off
        resumed = True
        while self._at < len(self._values):
            value = self._value(self._at)
            mark = self._marks[self._at]
            if (resumed or not self._chunk) and not value.is_intact(mark, self._chunk):
                return FILL_ABORTED
            resumed = False
            outcome = self._write_chunk(writer, window_off)
            if outcome != FILL_DONE:
                return outcome
            self._chunk += 1
            if self._chunk >= value.chunk_cnt(mark):
                self._at += 1
                self._chunk = 0
        return FILL_DONE

    def _value(self, at: int) -> "Value":
        entry = self._values[at]
        if not isinstance(entry, tuple):
            return entry
        # NOTE: not kept for all: a list of whole objects that a stranger never finishes would hold on to 30 kB.
        if self._made is None or self._made_at != at:
            self._made, self._made_at = entry[0].value(entry[1]), at
        return self._made

    def _write_chunk(self, writer: "Writer", window_off: int) -> int:
        start = writer.off
        writer.skip = self._skip
        self._value(self._at).encode_chunk(self._chunk, writer, self._marks[self._at])
        if writer.skip:  # it is shorter now than when its first part was sent
            return FILL_ABORTED
        if not writer.lost_cnt:
            self._skip = 0
            return FILL_DONE
        if start == window_off:
            self._skip += writer.off - start
        else:
            writer.rewind(start)
        return FILL_MORE
