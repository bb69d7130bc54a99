# SPDX-License-Identifier: MIT
"""Whitelist and blacklist: what they allow, and that a change binds only when it is on flash."""

from fakes import RamStore, raises

from app.access_list import FILE, AccessList
from base import events
from base.errors import LocalError
from base.log import Log
from dlms.apdu import HARDWARE_FAULT, OBJECT_UNAVAILABLE, SUCCESS
from plc.access import ALLOWED, BLOCKED, FREE, Access

A, B, C = b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\x00\x00\x02", b"MMM\x00\x00\x03"


def lists(store, capacity=4):
    log = Log(8)
    return AccessList(store, Access(capacity), log), log


def test_titles_of_six_octets_are_their_own():
    access = Access(4)
    assert access.block(C) and not access.may_join(C)
    assert access.mark(C + bytes(2)) == BLOCKED  # on one segment all titles have one length
    assert access.may_join(b"MMM\x00\x00\x04")
    assert raises(LocalError, access.put, b"1234567", BLOCKED)


def test_entries_are_listed_and_the_list_changes_its_generation():
    access = Access(4)
    generations = {access.generation}
    for title, mark in ((A, ALLOWED), (B, BLOCKED), (A, FREE), (A, BLOCKED)):
        assert access.put(title, mark)
        generations.add(access.generation)
    assert len(generations) == 5
    assert [access.entry(i) for i in range(access.count())] == [(A, BLOCKED), (B, BLOCKED)]
    assert raises(LocalError, access.entry, 2)


def test_what_was_allowed_and_blocked_survives_a_restart():
    store = RamStore()
    first, log = lists(store)
    for title, mark in ((A, ALLOWED), (B, BLOCKED), (C, BLOCKED), (C, FREE)):
        assert first.change(title, mark) == SUCCESS
        assert log.record()[2] == events.ACCESS_CHANGED
    again, log = lists(store)
    assert [again.access.mark(title) for title in (A, B, C)] == [ALLOWED, BLOCKED, FREE]
    assert len(log) == 0 and again.access.count() == 2


def test_a_change_that_changes_nothing_writes_nothing():
    store = RamStore()
    kept, _ = lists(store)
    assert kept.change(A, FREE) == SUCCESS and store.writes == 0
    assert kept.change(A, BLOCKED) == kept.change(A, BLOCKED) == SUCCESS and store.writes == 1


def test_full_lists_refuse_and_still_let_go():
    kept, _ = lists(RamStore(), 2)
    assert kept.change(A, BLOCKED) == kept.change(B, BLOCKED) == SUCCESS
    assert kept.change(C, BLOCKED) == OBJECT_UNAVAILABLE
    assert kept.change(A, ALLOWED) == SUCCESS and kept.change(B, FREE) == SUCCESS
    assert kept.change(C, BLOCKED) == SUCCESS
    none, _ = lists(RamStore(), 0)
    assert none.change(A, BLOCKED) == OBJECT_UNAVAILABLE and none.access.may_join(A)


def test_flash_that_refuses_leaves_the_lists_as_they_were():
    for torn in range(13):
        store = RamStore()
        kept, _ = lists(store)
        assert kept.change(A, BLOCKED) == SUCCESS
        store.fail_after, store.torn = 0, torn
        assert kept.change(B, BLOCKED) == HARDWARE_FAULT and kept.access.may_join(B)
        store.fail_after = -1
        assert kept.change(C, BLOCKED) == SUCCESS  # behind the torn record it would be lost
        again, log = lists(store)
        assert [again.access.mark(title) for title in (A, B, C)] == [BLOCKED, FREE, BLOCKED] and len(log) == 0


def test_a_torn_tail_is_nothing_and_a_damaged_record_costs_itself_and_is_said():
    store = RamStore()
    kept, _ = lists(store)
    for title in (A, B, C):
        assert kept.change(title, BLOCKED) == SUCCESS
    whole = bytes(store.files[FILE])
    store.files[FILE] = whole[:-1]
    again, log = lists(store)
    assert again.access.mark(B) == BLOCKED and again.access.mark(C) == FREE and len(log) == 0
    for bit in range(8 * 13):
        octets = bytearray(whole)
        octets[13 + bit // 8] ^= 1 << bit % 8
        store.files[FILE] = bytes(octets)
        again, log = lists(store)
        assert [again.access.mark(title) for title in (A, B, C)] == [BLOCKED, FREE, BLOCKED]
        record = log.record()
        assert (record[2], record[4]) == (events.ACCESS_DAMAGED, 1)


def test_the_file_stays_small_however_often_it_changes():
    store = RamStore()
    kept, _ = lists(store)
    for i in range(1000):
        assert kept.change(A, BLOCKED if i % 2 else ALLOWED) == SUCCESS
        assert len(store.files[FILE]) <= 13 * (2 + 64 + 2)
    again, _ = lists(store)
    assert again.access.mark(A) == BLOCKED
