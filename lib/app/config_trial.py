# SPDX-License-Identifier: MIT
"""A configuration that every check passes and the gateway still does not start with: tried twice, then given up.

What fits the schema may be too much for the heap; then each start would end while the objects are made, and nobody
could change it back over the WAN. A mark on flash, config.trial = CRC-32 of config.json (4) and starts begun with it
(1), goes away when a start has made everything. Law: a file that has once worked is never given up.
"""

from binascii import crc32
from struct import pack, unpack

from micropython import const

from app.config import FILE, FROM_FILE, GOOD_FILE, fall_back, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from hal.store import FileStore

MARK = "config.trial"
_MARK_LEN = const(5)
_TRIES = const(2)
# Making everything takes a few seconds; the hardware's longest watchdog ends a start that has failed.
BUILD_MS = const(32000)


def begin(store: "FileStore") -> "Config":
    """The configuration to start with; `end` must follow when all has been made."""
    config = load(store)
    if config.source != FROM_FILE:
        return config
    try:
        crc = _crc(store, FILE)
        if crc == _crc(store, GOOD_FILE):
            return config
        tries = _tries(store, crc)
        if tries >= _TRIES:
            return fall_back(store, ["%s: the gateway did not start with it" % FILE])
        store.begin(MARK)
        store.write(pack("<IB", crc, tries + 1))
        store.commit()
    except (OSError, ValueError):  # flash that refuses: it is tried without a mark
        pass
    return config


def end(store: "FileStore", config: "Config") -> None:
    """Everything has been made with `config`: it may stay."""
    # NOTE: not when it is another than config.json, or that one would be tried again at every other start.
    if config.source == FROM_FILE and MARK in store.names():
        store.remove(MARK)


def _crc(store: "FileStore", name: str) -> int:
    text = store.read_text(name)
    return -1 if text is None else crc32(text.encode())


def _tries(store: "FileStore", crc: int) -> int:
    """Starts begun with the file of this CRC that never got to `end`."""
    mark = bytearray(_MARK_LEN)
    if store.load(MARK, memoryview(mark), 0) != _MARK_LEN:
        return 0
    of, tries = unpack("<IB", mark)
    return int(tries) if of == crc else 0
