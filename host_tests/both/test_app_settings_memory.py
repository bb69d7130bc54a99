# SPDX-License-Identifier: MIT
"""A change of settings needs no memory once the file has it: then nothing can stop it halfway."""

import micropython
from fakes import RamStore
from live_settings import CHANGE, NOW, Live

from dlms.apdu import SUCCESS


class Locking(RamStore):
    """The heap is closed from the moment the file is on flash: any allocation raises MemoryError."""

    def commit(self):
        super().commit()
        if self._name == "config.json":
            micropython.heap_lock()


def test_once_the_file_has_a_change_nothing_is_allocated_for_it():
    live = Live(Locking())
    before = live.state()
    result = live.settings.change_text(NOW, CHANGE)
    micropython.heap_unlock()
    assert result == SUCCESS, live.settings.complaint
    after = live.state()
    changed = [before[i] != after[i] for i in range(len(after))]
    assert changed.count(False) == 4  # zone's begin, the window's end, is_relaying, kinds
    assert live.settings.waiting() == ["wan.idle_s"] and live.log.level == 0
    assert live.log.total == 11
