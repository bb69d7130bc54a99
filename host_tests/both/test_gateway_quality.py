# SPDX-License-Identifier: MIT
"""Marks of a node by time of day: hours apart, nodes apart, new nodes new; within four bits whatever happens."""

from fakes import RamStore, make_table, title

from gateway.quality import BEST, MARKS, NEVER, Quality

_DAY = 1_800_000_000 - 1_800_000_000 % 86400


def _row(quality, row):
    return [quality.mark(row, span) for span in range(MARKS)]


def test_hours_and_nodes_have_marks_of_their_own():
    quality = Quality(3)
    quality.note(1, _DAY + 3 * 3600 - 1, True)
    quality.note(1, _DAY + 3 * 3600, False)
    quality.note(2, _DAY + 86399, True)
    assert _row(quality, 0) == [NEVER] * 8
    assert _row(quality, 1) == [BEST, 0] + [NEVER] * 6
    assert _row(quality, 2) == [NEVER] * 7 + [BEST]


def test_a_mark_goes_a_quarter_of_the_way_and_reaches_both_ends():
    quality = Quality(1)
    quality.note(0, _DAY, True)
    marks = []
    for answered in (False,) * 12 + (True,) * 12:
        quality.note(0, _DAY, answered)
        marks.append(quality.mark(0, 0))
    assert marks[:4] == [10, 7, 5, 3] and marks[11] == 0
    assert marks[12:16] == [4, 7, 9, 11] and marks[23] == BEST
    assert NEVER not in marks


def test_a_node_that_answers_half_the_time_stays_in_the_middle():
    quality = Quality(1)
    for turn in range(200):
        quality.note(0, _DAY, turn % 2 == 0)
        assert turn < 20 or 4 <= quality.mark(0, 0) <= 10


def test_without_a_clock_or_without_rows_nothing_is_kept():
    quality = Quality(1)
    quality.note(0, 0, True)
    quality.note(1, _DAY, True)
    assert _row(quality, 0) == [NEVER] * 8
    none = Quality(0)
    none.note(0, _DAY, False)
    none.forget(0)
    assert _row(none, 0) == [NEVER] * 8


def test_a_row_given_to_another_node_begins_anew():
    table = make_table(RamStore())[0]
    table.quality = Quality(table.capacity)
    row = table.add(title(1))
    table.quality.note(row, _DAY, False)
    table.quality.note(row + 1, _DAY, True)
    table.wall_s = _DAY
    table.remove(row)
    table.add(title(1))
    assert _row(table.quality, row) == [NEVER] * 8 and table.quality.mark(row + 1, 0) == BEST
