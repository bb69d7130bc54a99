# SPDX-License-Identifier: MIT
"""One short record on one file, replaced as a whole: what keys, counters and networks are kept in.

Law: `load` never takes a file that cannot be read for one that is not there.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hal.store import FileStore

_UNREADABLE = b"?"  # no whole record: whoever asked knows that something is wrong


class RecordFile:
    """A record of at most `most` octets in the file `name`."""

    def __init__(self, store: "FileStore", name: str, most: int) -> None:
        self._store = store
        self._name = name
        self._most = most

    def load(self) -> "bytes | None":
        """The record, None when there is none yet; one octet when the file cannot be read or is longer."""
        octets = bytearray(self._most + 1)
        try:
            n = self._store.load(self._name, memoryview(octets), 0)
        except OSError:
            return _UNREADABLE
        if n > self._most:
            return _UNREADABLE
        return bytes(octets[:n]) if n else None

    def save(self, octets: "bytes | bytearray | memoryview") -> bool:
        """False when it is not on flash; then the old one is."""
        try:
            self._store.begin(self._name)
            self._store.write(octets)
            self._store.commit()
        except OSError:
            return False
        return True
