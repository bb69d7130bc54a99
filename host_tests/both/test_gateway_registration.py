# SPDX-License-Identifier: MIT
"""Registration table: identity by arithmetic, SAP permanence, quarantine, live values."""

from fakes import RamStore, make_table, raises, title

from base.errors import LocalError
from gateway import quarantine
from gateway.sap import row_of, sap_of
from plc.medium import (
    NODE_ASSIGNED,
    NODE_LOST,
    NODE_ONLINE,
    NODE_QUARANTINED,
    STAT_LATE,
    STAT_RX,
    STAT_TIMEOUT,
    STAT_TX,
)

_NOON = 1750000000  # a wall clock that is set


def test_saps_begin_at_16_skip_the_broadcast_sap_and_never_meet_a_reserved_one():
    saps = [sap_of(row) for row in range(1792)]
    assert saps[:3] == [0x10, 0x11, 0x12]
    assert saps[0x6E:0x70] == [0x7E, 0x80]
    assert saps[-1] == 0x10 + 1792
    assert len(set(saps)) == 1792 and 0x7F not in saps
    assert [row_of(sap) for sap in saps] == list(range(1792))


def test_a_sap_nobody_has_names_no_row():
    table, _ = make_table(RamStore())
    row = table.add(title(1))
    assert table.row_of_sap(0x10) == row == 0
    for sap in (0, 1, 0x0F, 0x11, 0x7F, 0x80, 0xFFFF):
        assert table.row_of_sap(sap) == -1
    for addr in (0, 2, 1792, 0xFFF):
        assert table.row_of_addr(addr) == -1
    assert (table.row_of_addr(1), table.addr(0), table.sap(0)) == (0, 1, 0x10)


def test_a_known_title_keeps_its_row_and_writes_nothing():
    store = RamStore()
    table, _ = make_table(store)
    rows = [table.add(title(n)) for n in range(5)]
    assert rows == [0, 1, 2, 3, 4]
    writes = store.writes
    assert [table.add(title(n)) for n in range(5)] == rows
    assert store.writes == writes
    assert [table.find(title(n)) for n in range(6)] == [0, 1, 2, 3, 4, -1]
    assert (table.count(), table.end()) == (5, 5)


def test_titles_of_six_octets():
    table, _ = make_table(RamStore(), title_len=6)
    row = table.add(b"ABCDEF")
    out = bytearray(8)
    assert table.title_into(row, out, 1) == 6
    assert bytes(out) == b"\x00ABCDEF\x00" and table.title(row) == b"ABCDEF"
    assert table.find(b"ABCDEF") == row
    assert table.find(b"ABCDEF\x00\x00") == -1  # another length is another meter
    assert raises(LocalError, table.add, b"ABCDEFGH")


def test_a_title_that_also_stands_across_two_fields_is_found_where_it_is_a_title():
    table, _ = make_table(RamStore())
    zeros = bytes(8)
    table.add(b"ABCDEFG\x01")
    assert table.find(zeros) == -1  # the live values are full of zeros
    row = table.add(zeros)
    assert table.find(zeros) == row
    # state 1, credit 2, then zeros: the octets behind the title of row 0
    assert table.find(b"G\x01\x01\x02\x00\x00\x00\x00") == -1
    table.addressed(0, 5)  # where the state would stand if a row began there
    assert table.find(b"G\x01\x01\x02\x00\x00\x00\x00") == -1


def test_the_row_beyond_the_last_is_refused_and_no_other_is_disturbed():
    table, _ = make_table(RamStore(), 3)
    assert [table.add(title(n)) for n in range(4)] == [0, 1, 2, -1]
    assert [table.find(title(n)) for n in range(4)] == [0, 1, 2, -1]
    assert table.add(title(1)) == 1


def test_the_largest_table_holds_1792():
    table, _ = make_table(RamStore(), 1792)
    for row in range(1792):  # as replay does: the journal is not what is tested here
        table.put_assigned(row, title(row))
    assert table.count() == 1792 and table.add(title(1792)) == -1
    assert table.find(title(1791)) == 1791 == table.row_of_sap(0x10 + 1792)
    assert raises(LocalError, make_table, RamStore(), 1793)
    assert raises(LocalError, make_table, RamStore(), 0)
    assert raises(LocalError, make_table, RamStore(), 4, 7)


def test_a_removed_meters_row_rests_and_the_same_meter_may_have_it_back():
    table, _ = make_table(RamStore(), 2)
    table.wall_s = _NOON
    table.add(title(0))
    table.add(title(1))
    assert table.remove(0)
    assert table.find(title(0)) == -1 and table.row_of_sap(0x10) == -1
    assert table.state(0) == NODE_QUARANTINED and table.count() == 1
    assert table.add(title(2)) == -1  # full: row 0 rests
    assert table.add(title(0)) == 0 and table.state(0) == NODE_ASSIGNED
    assert table.count() == 2


def test_another_meter_gets_the_row_when_the_quarantine_is_over_and_not_a_second_before():
    table, _ = make_table(RamStore(), 1)
    table.wall_s = _NOON
    table.add(title(0))
    table.remove(0)
    table.wall_s = _NOON + 999
    assert table.add(title(1)) == -1
    table.wall_s = _NOON + 1000
    assert table.add(title(1)) == 0
    assert table.find(title(0)) == -1


def test_a_quarantine_without_a_clock_begins_when_the_clock_is_set():
    table, _ = make_table(RamStore(), 1)
    table.wall_s = 4000  # never set
    table.add(title(0))
    table.remove(0)
    table.wall_s = 90000
    quarantine.settle(table)
    assert table.until(0) == 0 and table.add(title(1)) == -1
    table.wall_s = _NOON
    assert table.add(title(1)) == -1
    quarantine.settle(table)
    assert table.until(0) == _NOON + 1000
    table.wall_s = 4000  # lost again: nothing ends by a clock that is not set
    assert table.add(title(1)) == -1
    table.wall_s = _NOON + 1001
    assert table.add(title(1)) == 0


def test_a_row_whose_node_never_came_is_handed_over_and_stays_so_after_a_restart():
    store = RamStore()
    table, _ = make_table(store)
    for n in range(3):
        table.add(title(n))
    table.set_state(0, NODE_ONLINE, 0)
    generation = table.generation
    assert table.hand_over(1, title(7)) == 1
    assert (table.find(title(7)), table.find(title(1)), table.count(), table.end()) == (1, -1, 3, 3)
    assert table.state(1) == NODE_ASSIGNED and table.generation != generation
    again, _ = make_table(store)
    assert [again.find(title(n)) for n in (0, 1, 2, 7)] == [0, -1, 2, 1] and again.count() == 3
    assert raises(LocalError, table.hand_over, 0, title(8))  # has been there
    assert raises(LocalError, table.hand_over, 3, title(8))  # nobody's
    store.fail_after = 0
    assert table.hand_over(2, title(8)) == -1 and table.find(title(2)) == 2 and table.find(title(8)) == -1


def test_who_was_removed_and_comes_back_gets_his_own_row_and_nobody_elses():
    # Two rows with one title: it was found in the quarantined one, that is nowhere, and expelled after every join.
    store = RamStore()
    table, _ = make_table(store)
    for n in range(3):
        table.add(title(n))
    table.set_state(0, NODE_ONLINE, 0)
    assert table.remove(0)
    assert table.hand_over(1, title(0)) == 0
    assert [table.find(title(n)) for n in range(3)] == [0, 1, 2]
    again, _ = make_table(store)
    assert [again.find(title(n)) for n in range(3)] == [0, 1, 2]


def test_a_row_without_a_node_cannot_be_removed_or_set():
    table, _ = make_table(RamStore())
    table.add(title(0))
    for row in (-1, 1, 99):
        assert raises(LocalError, table.remove, row)
        assert raises(LocalError, table.set_state, row, NODE_ONLINE, 1)
    table.remove(0)
    assert raises(LocalError, table.remove, 0)


def test_the_generation_tells_that_the_list_changed_and_only_then():
    table, _ = make_table(RamStore())
    before = table.generation
    row = table.add(title(0))
    after = table.generation
    assert after != before and not table.is_published(row) and table.published_cnt == 0
    table.set_state(row, NODE_ONLINE, 4)  # it has answered: from now on it is in the list, lost or not
    assert table.generation != after and table.is_published(row) and table.published_cnt == 1
    after = table.generation
    table.set_state(row, NODE_LOST, 5)
    table.heard(row, 6)
    assert table.generation == after
    table.remove(row)
    assert table.generation != after


def test_think_time_rises_at_once_and_falls_by_an_eighth():
    table, _ = make_table(RamStore())
    row = table.add(title(0))
    assert table.think_ms(row) == 0
    for measured, think in ((800, 800), (1600, 1600), (800, 1500), (0, 1313), (70000, 65535)):
        table.note_think(row, measured)
        assert table.think_ms(row) == think
    other = table.add(title(1))
    table.note_think(other, 0)
    assert table.think_ms(other) == 1  # measured, if only just


def test_statistics_stay_at_their_end_and_are_each_their_own():
    table, _ = make_table(RamStore(), 2)
    row = table.add(title(0))
    for _ in range(300):
        table.note(row, STAT_RX)
    table.note(row, STAT_LATE)
    counts = [table.stat(row, what) for what in (STAT_TX, STAT_RX, STAT_TIMEOUT, STAT_LATE)]
    assert counts == [0, 300, 0, 1]
    for _ in range(0x10000):
        table.note(row, STAT_TIMEOUT)
    assert table.stat(row, STAT_TIMEOUT) == 0xFFFF
    assert table.until(row) == 0 and table.think_ms(row) == 0


def test_live_values_of_a_row_do_not_touch_each_other():
    table, _ = make_table(RamStore(), 3)
    for n in range(3):
        table.add(title(n))
    big = 0xFFFFFFFE
    table.heard(1, big)
    table.addressed(1, big - 1)
    table.set_credit(1, 7)
    table.set_state(1, NODE_LOST, 9)
    assert (table.last_heard_s(1), table.addressed_s(1)) == (big, big - 1)
    assert (table.credit(1), table.state(1), table.title(1)) == (7, NODE_LOST, title(1))
    for row in (0, 2):
        assert (table.last_heard_s(row), table.addressed_s(row), table.credit(row)) == (0, 0, 2)
        assert (table.state(row), table.title(row)) == (NODE_ASSIGNED, title(row))


def test_airtime_of_a_node_that_was_removed_on_the_air_does_not_move_the_end_of_its_quarantine():
    table, _ = make_table(RamStore(), 1)
    table.add(title(0))
    table.remove(0)  # no clock yet: the quarantine has no end
    table.note_air(0, 1, 400)
    assert table.until(0) == 0
    table.wall_s = _NOON
    quarantine.settle(table)
    assert table.until(0) == _NOON + 1000
    for wasted in (0, 1):
        table.note_air(0, wasted, 7)
    assert table.until(0) == _NOON + 1000 and table.add(title(1)) == -1
