# SPDX-License-Identifier: MIT
"""Factory reset: everything this gateway has been told and has learned leaves its flash.

A mark is put on flash first; the next start finds it before it reads anything else, removes
every other file of the state folder and the mark last. Law: a power cut at any step ends in
the old gateway or, after one more start, in a new one; never in half of one.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hal.store import FileStore

MARK = "factory-reset"


def begin(store: "FileStore") -> None:
    """Decide it: from here on the next start wipes. OSError: the flash refused, nothing is decided."""
    store.begin(MARK)
    store.write(b"\x01")
    store.commit()


def finish(store: "FileStore") -> int:
    """Files removed by this start; 0 = none was to be. What the flash does not let go is tried at the next."""
    names = store.names()
    if MARK not in names:
        return 0
    left = 0
    for name in names:
        if name != MARK:
            left += not store.remove(name)
    if not left:
        store.remove(MARK)
    return len(names) - left
