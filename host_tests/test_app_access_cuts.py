# SPDX-License-Identifier: MIT
"""Power cuts while whitelist and blacklist change: each title is as before or as asked, the others untouched."""

from app.access_list import AccessList
from base.log import Log
from dlms.apdu import SUCCESS
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut
from plc.access import ALLOWED, BLOCKED, FREE, Access

_A, _B, _C = (b"MMM\x00\x00\x00\x00" + bytes([i]) for i in range(3))


def _lists_on(fs):
    device.fs = fs
    return AccessList(FileStore("/state"), Access(8), Log(8))


def _with_history():
    fs = FileSystem()
    kept = _lists_on(fs)
    assert kept.change(_A, BLOCKED) == SUCCESS
    for i in range(69):  # the next change writes the file anew
        assert kept.change(_B, BLOCKED if i % 2 else ALLOWED) == SUCCESS
    return fs


def _act(fs):
    kept = _lists_on(fs)
    assert kept.change(_C, ALLOWED) == SUCCESS
    assert kept.change(_A, FREE) == SUCCESS


def test_a_cut_anywhere_costs_at_most_the_change_that_was_not_answered():
    seen = set()
    for fs, _ in every_cut(_with_history, _act):
        kept = _lists_on(fs)
        marks = tuple(kept.access.mark(title) for title in (_A, _B, _C))
        assert kept.damaged == 0
        seen.add(marks)
        assert kept.change(_B, FREE) == SUCCESS
        assert _lists_on(fs).access.mark(_B) == FREE
    assert seen == {(BLOCKED, ALLOWED, FREE), (BLOCKED, ALLOWED, ALLOWED), (FREE, ALLOWED, ALLOWED)}
