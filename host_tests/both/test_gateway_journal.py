# SPDX-License-Identifier: MIT
"""Journal of the registration table: replay, torn tail, damage, refused writes, schemas."""

import struct
from binascii import crc32

from fakes import RamStore, make_table, raises, title

from app.upkeep import Upkeep
from base.errors import LocalError
from base.log import Log
from gateway import quarantine
from gateway.journal import Journal
from gateway.registration import Table
from plc.medium import NODE_ASSIGNED, NODE_LOST, NODE_ONLINE, NODE_QUARANTINED

_FILE = "nodes.jnl"
_LEN = 20
_NOON = 1750000000


def _rows(table):
    """What must survive: title, state kind and end of quarantine per used row."""
    found = []
    for row in range(table.end()):
        state = table.state(row)
        rests = state == NODE_QUARANTINED
        found.append((table.title(row), rests, table.until(row) if rests else 0, state != 0))
    return found


def _history(store):
    """Five meters, one removed, one removed and back, one row given to another meter."""
    table, _ = make_table(store)
    table.wall_s = _NOON
    for n in range(5):
        table.add(title(n))
    for n in (1, 2, 3):
        table.remove(n)
    table.add(title(2))
    table.wall_s += 2000
    table.add(title(9))
    return table


def _record(kind, row, name=b"", until=0):
    """A record by the book (head of gateway/journal.py), without its encoder."""
    octets = struct.pack("<BH8sIB", ord(kind), row, name, until, 0)
    return octets + struct.pack("<I", crc32(octets))


def _header(schema=2, title_len=8):
    return _record("H", schema | _LEN << 8, bytes([title_len]))


def test_the_file_is_as_its_head_says():
    store = RamStore()
    table, _ = make_table(store)
    table.wall_s = _NOON
    table.add(title(7))
    table.set_state(0, NODE_ONLINE, 1)
    table.remove(0)
    expected = _header() + _record("A", 0, title(7)) + _record("V", 0, title(7))
    assert store.files[_FILE] == expected + _record("Q", 0, title(7), _NOON + 1000)


def _states(table):
    return [table.state(row) for row in range(table.end())]


def test_after_a_start_who_has_been_there_is_online_and_who_never_was_is_not():
    store = RamStore()
    table, book = make_table(store)
    for n in range(5):
        table.add(title(n))
    for row in (1, 2, 3):
        table.set_state(row, NODE_ONLINE, 1)
    table.set_state(2, NODE_LOST, 2)
    table.remove(3)
    expected = [NODE_ASSIGNED, NODE_ONLINE, NODE_ONLINE, NODE_QUARANTINED, NODE_ASSIGNED]
    again, _ = make_table(store)
    assert _states(again) == expected and again.published_cnt == 2 and again.count() == 4
    assert book.compact(table)
    again, _ = make_table(store)
    assert _states(again) == expected and again.published_cnt == 2
    again.add(title(3))  # back from its quarantine: to be verified as at first
    assert _states(make_table(store)[0])[3] == NODE_ASSIGNED


def test_who_has_been_there_is_written_down_once_and_a_flash_that_refuses_costs_a_verification():
    store = RamStore()
    table, book = make_table(store)
    for n in range(2):
        table.add(title(n))
    writes = store.writes
    for state in (NODE_ONLINE, NODE_LOST, NODE_ONLINE, NODE_ONLINE):
        table.set_state(0, state, 1)
    assert store.writes == writes + 1
    store.fail_after = 0
    table.set_state(1, NODE_ONLINE, 1)
    assert table.state(1) == NODE_ONLINE and book.failures == 1
    store.fail_after = -1
    assert _states(make_table(store)[0]) == [NODE_ONLINE, NODE_ASSIGNED]


def test_the_nodes_of_a_journal_from_before_that_was_told_have_all_been_there():
    store = RamStore()
    store.files[_FILE] = _header(1) + _record("A", 0, title(0)) + _record("Q", 1, title(1), _NOON)
    assert _states(make_table(store)[0]) == [NODE_ONLINE, NODE_QUARANTINED]
    assert store.files[_FILE] == _header() + _record("V", 0, title(0)) + _record("Q", 1, title(1), _NOON)


def test_a_restart_finds_every_row_as_it_was():
    store = RamStore()
    table = _history(store)
    again, book = make_table(store)
    assert _rows(again) == _rows(table)
    assert again.count() == table.count() and again.end() == table.end()
    assert (book.torn_at, book.mended, book.damaged) == (-1, 0, 0)
    assert [again.find(title(n)) for n in (0, 1, 2, 3, 4, 9)] == [0, -1, 2, -1, 4, 1]


def test_a_tail_torn_at_any_octet_loses_only_the_record_that_was_never_acknowledged():
    store = RamStore()
    table, _ = make_table(store)
    for n in range(3):
        table.add(title(n))
    whole = store.files[_FILE]
    for cut in range(len(whole) - _LEN, len(whole)):
        store.files[_FILE] = whole[:cut]
        again, book = make_table(store)
        assert [again.find(title(n)) for n in range(3)] == [0, 1, -1]
        is_torn = cut % _LEN != 0
        assert book.torn_at == (len(whole) - _LEN if is_torn else -1)
        assert store.files[_FILE] == whole[:-_LEN]  # whole again
        assert again.add(title(3)) == 2
        assert make_table(store)[0].find(title(3)) == 2


def test_any_single_flipped_bit_costs_nothing():
    store = RamStore()
    rows = _rows(_history(store))
    whole = store.files[_FILE]
    for bit in range(0, 8 * len(whole), 3):  # a third of them: every octet, all positions
        octets = bytearray(whole)
        octets[bit >> 3] ^= 1 << (bit & 7)
        store.files[_FILE] = bytes(octets)
        again, book = make_table(store)
        assert _rows(again) == rows
        assert (book.mended, book.damaged) == (1, 0)
        repaired, book = make_table(store)
        assert _rows(repaired) == rows and book.mended == 0


def test_a_destroyed_record_costs_no_other_and_its_row_rests():
    store = RamStore()
    table, _ = make_table(store)
    for n in range(5):
        table.add(title(n))
    whole = store.files[_FILE]
    for lost in range(5):
        at = _LEN * (lost + 1)
        store.files[_FILE] = whole[:at] + bytes(b ^ 0x5A for b in whole[at : at + _LEN]) + whole[at + _LEN :]
        again, book = make_table(store)
        assert book.damaged == 1
        assert [again.find(title(n)) for n in range(5)] == [-1 if n == lost else n for n in range(5)]
        assert again.state(lost) == NODE_QUARANTINED  # its SAP may be a meter's
        assert again.add(title(8)) == 5
        final, book = make_table(store)
        assert (book.damaged, final.state(lost), final.find(title(8))) == (0, NODE_QUARANTINED, 5)


def test_a_destroyed_header_costs_no_record():
    store = RamStore()
    rows = _rows(_history(store))
    store.files[_FILE] = b"\xff" * _LEN + store.files[_FILE][_LEN:]
    again, book = make_table(store)
    assert _rows(again) == rows and book.damaged == 1
    assert store.files[_FILE][:_LEN] == _header()


def test_rows_that_rest_after_damage_come_free_like_any_other():
    store = RamStore()
    table, _ = make_table(store, 2)
    table.add(title(0))
    table.add(title(1))
    octets = store.files[_FILE]
    store.files[_FILE] = octets[:_LEN] + bytes(_LEN) + octets[2 * _LEN :]
    table, _ = make_table(store, 2)
    table.wall_s = _NOON
    quarantine.settle(table)
    assert table.add(title(2)) == -1
    table.wall_s = _NOON + 1000
    assert table.add(title(2)) == 0


def test_an_append_the_flash_refuses_gives_no_row_and_the_next_one_is_safe():
    for torn in range(_LEN + 1):
        store = RamStore()
        table, book = make_table(store)
        table.add(title(0))
        store.fail_after, store.torn = 0, torn
        accepted = table.add(title(1))
        assert accepted == (1 if torn == _LEN else -1)  # all octets written is no failure
        store.fail_after = -1
        assert table.add(title(2)) == (2 if torn == _LEN else 1)
        again, book = make_table(store)
        assert again.find(title(0)) == 0
        assert again.find(title(2)) == table.find(title(2))
        assert again.find(title(1)) == accepted
        assert book.torn_at == -1


def test_flash_that_goes_on_refusing_changes_nothing():
    store = RamStore()
    table, book = make_table(store)
    table.wall_s = _NOON
    table.add(title(0))
    store.fail_after = 0
    for n in range(1, 6):
        assert table.add(title(n)) == -1
        assert not table.remove(0) and table.state(0) == NODE_ASSIGNED
    assert book.failures == 10
    assert (table.count(), table.end()) == (1, 1)
    assert make_table(store)[0].find(title(0)) == 0


def test_flash_that_can_be_read_only_still_gives_the_table():
    store = RamStore()
    rows = _rows(_history(store))
    store.files[_FILE] += b"torn"
    store.fail_after = 0
    again, book = make_table(store)
    assert _rows(again) == rows and book.failures == 1
    store.fail_after = -1
    row = again.add(title(20))
    assert make_table(store)[0].find(title(20)) == row


def test_a_file_that_cannot_be_read_is_not_taken_for_none():
    class Unreadable(RamStore):
        def load(self, name, mv, off):
            raise OSError(5)

    store = Unreadable()
    store.files[_FILE] = b"precious"
    assert raises(OSError, make_table, store)
    assert store.files == {_FILE: b"precious"}


def test_a_newer_schema_is_refused_and_the_file_left_alone():
    store = RamStore()
    store.files[_FILE] = octets = _header(3) + b"whatever schema 3 has"
    assert raises(LocalError, make_table, store)
    assert store.files == {_FILE: octets} and store.writes == 0


def test_after_a_refusal_nobody_is_registered_into_a_file_of_others():
    store = RamStore()
    store.files[_FILE] = octets = _header(3) + b"whatever schema 3 has"
    book = Journal(store)
    table = Table(4, 8, book, 0, 0)
    assert raises(LocalError, book.replay, table)
    assert table.add(title(0)) == -1 and not book.compact(table)
    assert table.add(title(0)) == -1 and book.failures == 3
    assert store.files == {_FILE: octets} and store.writes == 0


def test_titles_of_another_length_are_refused_and_the_file_left_alone():
    store = RamStore()
    _history(store)
    octets = store.files[_FILE]
    assert raises(LocalError, make_table, store, 16, 6)
    assert store.files[_FILE] == octets
    assert make_table(store)[0].find(title(0)) == 0


def test_a_table_smaller_than_the_journal_is_refused_and_the_file_left_alone():
    store = RamStore()
    _history(store)
    octets = store.files[_FILE]
    assert raises(LocalError, make_table, store, 4)
    assert store.files[_FILE] == octets


def test_older_schemas_are_upgraded_one_step_after_the_other():
    def from_1(kind, row, name, until):
        return kind, row + 1, name, until

    def from_2(kind, row, name, until):
        return kind, row * 2, name, until

    store = RamStore()
    store.files[_FILE] = _header(1) + _record("A", 0, title(0)) + _record("A", 1, title(1))
    upgrades = {1: from_1, 2: from_2}
    table, _ = make_table(store, schema=3, upgrades=upgrades)
    assert [table.find(title(n)) for n in range(2)] == [2, 4]
    assert store.files[_FILE][:_LEN] == _header(3)
    table, _ = make_table(store, schema=3, upgrades=upgrades)
    assert [table.find(title(n)) for n in range(2)] == [2, 4]  # not twice
    assert raises(LocalError, make_table, store)  # and back to the old firmware: refused


def test_history_is_dropped_when_it_outgrows_the_living_and_all_else_stays():
    store = RamStore()
    table, book = make_table(store)
    table.wall_s = _NOON
    while not book.is_stale(table):
        table.remove(table.add(title(0)))
    row = table.add(title(1))
    before = len(store.files[_FILE])
    store.fail_after = 0
    assert not book.compact(table) and not book.is_stale(table)  # not again every second
    store.fail_after = -1
    assert book.compact(table) and not book.is_stale(table)
    assert len(store.files[_FILE]) == 3 * _LEN < before
    again, book = make_table(store)
    assert again.find(title(1)) == row and again.add(title(0)) == 0


def test_compacting_that_fails_leaves_the_old_file():
    store = RamStore()
    table = _history(store)
    book = Journal(store)
    table = Table(16, 8, book, 0, 0)
    book.replay(table)
    octets = store.files[_FILE]
    for writes in range(6):
        store.fail_after, store.torn = writes, writes
        assert not book.compact(table)
        assert store.files[_FILE] == octets
    store.fail_after = -1
    assert book.compact(table)
    assert _rows(make_table(store)[0]) == _rows(table)


class _Clock:
    """Ticks and a wall clock that the test sets."""

    def __init__(self):
        self.ticks, self.wall = 1000, _NOON

    def ticks_ms(self):
        return self.ticks

    def wall_s(self):
        return self.wall


def _upkeep():
    """(pass_s, clock, table, store): `pass_s(s, jump)` lets a second's work be done after both."""
    store, clock, log = RamStore(), _Clock(), Log(16)
    table, book = make_table(store)
    upkeep = Upkeep(table, book, log, clock)

    def pass_s(seconds, jump=0):
        clock.ticks += 1000 * seconds
        clock.wall += seconds + jump
        upkeep.turn(clock.ticks)

    pass_s(1)
    for n in range(3):
        table.add(title(n))
    return pass_s, clock, table, store


def test_a_clock_set_to_another_year_neither_ends_quarantines_nor_keeps_them_for_ever():
    for jump in (50 * 365 * 86400, -86401, 86401):
        pass_s, clock, table, store = _upkeep()
        table.remove(0)
        pass_s(999)
        pass_s(0, jump)
        assert table.until(0) == _NOON + 1 + 1000 + jump and table.add(title(7)) == 3
        assert _rows(make_table(store)[0]) == _rows(table)
        table.remove(1)
        pass_s(0, -jump)
        assert table.until(1) == _NOON + 1000 + 1000 and table.until(0) == _NOON + 1 + 1000
        pass_s(1)
        assert table.add(title(8)) == 0 and table.add(title(9)) == 4


def test_a_clock_that_is_corrected_writes_nothing():
    pass_s, _, table, store = _upkeep()
    table.remove(0)
    writes = store.writes
    for jump in (1, -60, 3600, 86400 - 3541):
        pass_s(1, jump)
    assert store.writes == writes and table.until(0) == _NOON + 1001
    pass_s(1, 1)  # all of them together are more than a day
    assert store.writes == writes + 1 and table.until(0) == _NOON + 1001 + 86401
    pass_s(2000)
    pass_s(1, 2 * 86400)  # nothing rests any more
    assert store.writes == writes + 1


class Flushes(RamStore):
    """Counts them."""

    flushes = 0

    def append(self, name, mv, is_last=True):
        super().append(name, mv, is_last)
        self.flushes += is_last


def test_a_clock_that_jumps_costs_one_flush_whatever_number_of_rows_rest():
    store = Flushes()
    table, _ = make_table(store, capacity=300)
    for number in range(300):
        table.add(title(number))
        table.remove(number)
    for wall_s, jump_s, until in ((1750000000, 0, 1750001000), (1850000000, 100000000, 1850001000)):
        before, table.wall_s = store.flushes, wall_s
        quarantine.settle(table, jump_s)
        assert store.flushes == before + 1
        again, _ = make_table(store, capacity=300)
        assert [again.until(row) for row in range(300)] == [until] * 300
