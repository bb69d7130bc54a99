# SPDX-License-Identifier: MIT
"""A power cut at every write of the journal, at every torn length: nothing acknowledged is lost.

The real hal.store.FileStore on the shim's flash with crash points. After each cut the board
starts again; what a call had returned must be there, on the same row, and the next meter
must not get a row somebody has.
"""

import pytest

from gateway.journal import SCHEMA, Journal
from gateway.registration import Table
from hal.store import FileStore
from host_tests.shim import FileSystem, PowerCut, every_cut
from plc.medium import NODE_FREE, NODE_QUARANTINED

NOON = 1750000000


def start(fs, schema=SCHEMA, upgrades=None):
    """The table as after a start on this flash."""
    from host_tests.shim import device

    device.fs = fs
    book = Journal(FileStore("/flash/state"), schema, upgrades)
    table = Table(32, 8, book, 0, 1000)
    book.replay(table)
    table.wall_s = NOON
    return table, book


def title(n):
    return b"METER%03d" % n


class Ledger:
    """What has been acknowledged: title -> row, and rows that rest."""

    def __init__(self):
        self.rows = {}
        self.resting = {}
        self.unsure = b""  # asked for, not acknowledged: either outcome is right

    def add(self, table, n):
        self.unsure = title(n)
        row = table.add(title(n))
        assert row >= 0
        self.resting.pop(row, None)
        self.rows[title(n)] = row

    def remove(self, table, n):
        self.unsure = title(n)
        row = self.rows.pop(title(n))
        assert table.remove(row)
        self.resting[row] = title(n)

    def check(self, table):
        """Every acknowledged registration on its row; no row with two meters."""
        for name, row in self.rows.items():
            assert table.find(name) == row, (name, row)
        for row, name in self.resting.items():
            assert table.title(row) == name
            assert table.state(row) == NODE_QUARANTINED or name == self.unsure
        held = [table.title(row) for row in range(table.end()) if table.state(row) != NODE_FREE]
        assert len(held) == len(set(held))
        newcomer = table.add(b"NEWCOMER")
        assert newcomer not in self.rows.values() and newcomer not in self.resting
        self.still_there(table)

    def still_there(self, table):
        for name, row in self.rows.items():
            assert table.find(name) == row


def story(ledger, fs):
    """Fresh flash, meters come, go, and come back; one compaction in the middle."""
    table, book = start(fs)
    for n in range(4):
        ledger.add(table, n)
    ledger.remove(table, 1)
    ledger.add(table, 4)
    assert book.compact(table)
    ledger.add(table, 1)
    ledger.remove(table, 0)
    ledger.add(table, 5)


def test_a_cut_at_every_write_of_a_life_loses_nothing_acknowledged():
    ledgers = []

    def act(fs):
        ledgers.append(Ledger())
        story(ledgers[-1], fs)

    cuts = 0
    for fs, name in every_cut(FileSystem, act):
        cuts += 1
        table, _ = start(fs)
        try:
            ledgers[-1].check(table)
        except AssertionError as error:
            raise AssertionError(name) from error
        again, _ = start(fs)
        ledgers[-1].still_there(again)
    assert cuts > 300


def torn_flash(octets, meters=5):
    """A flash with `meters` meters whose last record is torn after `octets` of 20."""
    fs = FileSystem()
    table, _ = start(fs)
    for n in range(meters):
        table.add(title(n))
    whole = fs.store.read(fs.resolve("/flash/state/nodes.jnl"))
    fs.store.create(fs.resolve("/flash/state/nodes.jnl"))
    fs.store.patch(fs.resolve("/flash/state/nodes.jnl"), 0, whole[: len(whole) - 20 + octets])
    return fs


@pytest.mark.parametrize("octets", [1, 10, 19])
def test_a_cut_at_every_write_while_a_torn_tail_is_repaired_loses_nothing(octets):
    cuts = 0
    for fs, name in every_cut(lambda: torn_flash(octets), start):
        cuts += 1
        table, _ = start(fs)
        assert [table.find(title(n)) for n in range(5)] == [0, 1, 2, 3, -1], name
    assert cuts > 100


def test_a_cut_at_every_write_of_an_upgrade_leaves_the_old_or_the_new_schema():
    def five_meters():
        fs = FileSystem()
        table, _ = start(fs)
        for n in range(5):
            table.add(title(n))
        return fs

    def upgrade(kind, row, name, until):
        return kind, row + 1, name, until

    def act(fs):
        return start(fs, SCHEMA + 1, {SCHEMA: upgrade})

    for fs, name in every_cut(five_meters, act):
        table, _ = act(fs)
        assert [table.find(title(n)) for n in range(5)] == [1, 2, 3, 4, 5], name


def test_a_cut_during_the_repair_of_a_repair_loses_nothing():
    """Cut, start, cut again at every write of that start: two cuts in a row (the first at every third)."""
    for number, (fs, _) in enumerate(every_cut(lambda: torn_flash(7, 2), start)):
        if number % 3:
            continue
        image = {path: fs.store.read(path) for path in fs.store._files}

        def same(image=image):
            copy = FileSystem()
            for path, octets in image.items():
                copy.store.create(path)
                copy.store.patch(path, 0, octets)
            return copy

        for twice, name in every_cut(same, start):
            table, _ = start(twice)
            assert [table.find(title(n)) for n in range(2)] == [0, -1], name


def test_a_leftover_of_an_unfinished_rewrite_is_never_read():
    fs = FileSystem()
    table, book = start(fs)
    table.add(title(0))
    with fs.open("/flash/state/nodes.jnl.new", "wb") as file:
        file.write(b"half of something")
    table, book = start(fs)
    assert table.find(title(0)) == 0 and book.damaged == 0
    assert book.compact(table)
    assert "nodes.jnl.new" not in fs.listdir("/flash/state")
    assert start(fs)[0].find(title(0)) == 0


def test_the_cut_itself_is_noticed():
    fs = FileSystem()
    table, _ = start(fs)
    fs.cut_at(0)
    with pytest.raises(PowerCut):
        table.add(title(0))
