# SPDX-License-Identifier: MIT
"""A power cut at every write of the event logs' file, at every torn length.

The real hal.store.FileStore on the shim's flash with crash points. After each cut the gateway starts
again: what was on flash is in the log, once and in order, and what follows is kept as well.
"""

import pytest

from app import log_file
from app.log_file import LogFile
from base import events
from base.log import NOTICE, Log
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

STANDARD, SECURITY, FIRMWARE = 0, 1, 3
KINDS = {STANDARD: events.CONFIG_BAD, SECURITY: events.KEYS_CHANGED, FIRMWARE: events.IMAGE_VERIFIED}


@pytest.fixture(autouse=True)
def _short_file(monkeypatch):
    monkeypatch.setattr(log_file, "_FILE_MOST", 5)


class Gateway:
    """The log as after a start on this flash."""

    def __init__(self, fs):
        device.fs = fs
        self.log = Log(64)
        self.file = LogFile(FileStore("/flash/state"), self.log)
        self.file.restore()

    def add(self, *numbers):
        """One of each kind in turn, told by its number."""
        for number in numbers:
            self.log.add(NOTICE, KINDS[(STANDARD, SECURITY, FIRMWARE)[number % 3]], -1, number)
        self.file.save()

    def numbers(self):
        """Of all records kept, in the order they were made."""
        found = []
        for category in KINDS:
            serials = range(self.log.first(category), self.log.end(category))
            rows = [self.log.row(category, serial) for serial in serials]
            found += [(row[-1], row[4]) for row in rows if row[2] == KINDS[category]]
        assert len({order for order, _ in found}) == len(found)
        return [number for _, number in sorted(found)]


class Story:
    """What is on flash for certain, and what was asked for besides."""

    def __init__(self):
        self.durable = []
        self.asked = []

    def add(self, gateway, *numbers):
        self.asked = list(numbers)
        gateway.add(*numbers)
        self.durable += numbers
        self.asked = []

    def run(self, fs):
        """One and several at once, a restart, the file grown to its end."""
        gateway = Gateway(fs)
        self.add(gateway, 0)
        self.add(gateway, 1, 2, 3)
        gateway = Gateway(fs)
        self.add(gateway, 4)
        self.add(gateway, 5, 6)


def test_a_cut_at_every_write_loses_nothing_and_shows_nothing_twice():
    stories = []

    def act(fs):
        stories.append(Story())
        stories[-1].run(fs)

    cuts = 0
    for fs, name in every_cut(FileSystem, act):
        cuts += 1
        story = stories[-1]
        gateway = Gateway(fs)
        found = gateway.numbers()
        every = story.durable + story.asked
        assert set(story.durable) <= set(found) <= set(every), name
        assert found == sorted(found), name  # a kind at a time: in order within what one flush took
        assert gateway.file.damaged == 0, name  # half a record is none
        gateway.add(90, 91)
        assert Gateway(fs).numbers() == found + [90, 91], name
    assert cuts > 500


def test_a_cut_in_a_reset_leaves_the_old_log_or_the_empty_one_with_its_record():
    def before():
        fs = FileSystem()
        Gateway(fs).add(0, 1, 2, 3)
        return fs

    def act(fs):
        gateway = Gateway(fs)
        gateway.log.clear(SECURITY)
        gateway.log.add(NOTICE, events.LOG_CLEARED)
        gateway.file.save()

    seen = set()
    for fs, _ in every_cut(before, act):
        gateway = Gateway(fs)
        cleared = [gateway.log.at(SECURITY, n)[2] for n in range(gateway.log.end(SECURITY))].count(events.LOG_CLEARED)
        seen.add((tuple(gateway.numbers()), cleared))
    assert seen == {((0, 1, 2, 3), 0), ((0, 2, 3), 1)}


def test_a_cut_while_damage_is_mended_costs_nothing_more():
    def damaged():
        fs = FileSystem()
        Gateway(fs).add(0, 1, 2, 3)
        fs.store.patch("/events.log", 30, b"\x00\xff\x00")
        return fs

    found = Gateway(damaged()).numbers()
    assert len(found) == 3
    for fs, name in every_cut(damaged, lambda fs: Gateway(fs).add(9)):
        assert [number for number in Gateway(fs).numbers() if number != 9] == found, name


def test_a_file_that_cannot_be_read_ends_no_start(monkeypatch):
    fs = FileSystem()
    Gateway(fs).add(0, 1, 2)

    def refuse(store, name, mv, off):
        raise OSError(5)

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "load", refuse)
        gateway = Gateway(fs)
    assert gateway.file.damaged == 1 and gateway.numbers() == []
    gateway.add(3)
    assert Gateway(fs).numbers() == [3]
