# SPDX-License-Identifier: MIT
"""The airtime ledger: every millisecond once, in its minute, its node, its head-end, its hour."""

from fakes import ALMOST_WRAPPED, RamStore, Rig, make_table, title

from base.ticks import ticks_add
from gateway import ledger as books
from gateway.exchange import Exchange
from gateway.ledger import Ledger
from plc.medium import DONE_NO_REPLY, DONE_NOT_SENT, DONE_REPLIED

_GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
_GOT = b"\xc4" + _GET[1:]
_DAY = 86400
_SET = 1800000000 // _DAY * _DAY  # midnight of a clock that is set


class Book:
    """A ledger of `minutes`, with a table of two nodes; `at` is seconds since its begin."""

    def __init__(self, minutes=5, shares=3):
        self.table, _ = make_table(RamStore(), 4)
        for n in range(2):
            self.table.add(title(n))
        self.ledger = Ledger(self.table, minutes, shares)
        self.at(0, books.USED, 0)

    def at(self, second, column, air_ms, node=0, client=16, share=0):
        exchange = Exchange()
        exchange.node, exchange.client_sap, exchange.share = node, client, share
        exchange.confirm_ms = 100
        self.ledger.enter(self.now(second), exchange, column, air_ms)

    def now(self, second):
        now = ALMOST_WRAPPED
        while second > 100000:
            now = ticks_add(now, 100000000)
            second -= 100000
        return ticks_add(now, 1000 * second)

    def minute(self, ago):
        return [self.ledger.in_minute(ago, column) for column in range(books.COLUMNS)]


def test_a_minute_holds_what_ended_in_it_and_the_rest_is_idle():
    book = Book()
    book.at(1, books.USED, 600)
    book.at(59, books.LOST, 2500)
    book.at(59, books.ORPHANED, 700)
    book.at(60, books.USED, 900)
    assert book.minute(1) == [600, 2500, 0, 700, 0] and book.minute(0) == [900, 0, 0, 0, 0]
    assert book.ledger.idle_ms(1) == 60000 - 3800 and book.ledger.kept() == 1
    assert book.ledger.channel_permille() == 63


def test_the_ring_forgets_the_oldest_and_a_pause_is_empty_minutes():
    book = Book()
    for minute in range(7):
        book.at(60 * minute + 30, books.USED, 1000 + minute)
    assert book.ledger.minute == 6 and book.ledger.kept() == 4
    assert [book.minute(ago)[0] for ago in range(5)] == [1006, 1005, 1004, 1003, 1002]
    book.at(60 * 9 + 1, books.USED, 5)
    assert [book.minute(ago)[0] for ago in range(5)] == [5, 0, 0, 1006, 1005]
    book.at(60 * 5000 + 59, books.USED, 7)
    assert [book.minute(ago)[0] for ago in range(5)] == [7, 0, 0, 0, 0]
    book.at(60 * 5001 + 1, books.USED, 8)  # minutes begin where they did
    assert [book.minute(ago)[0] for ago in range(2)] == [8, 7]


def test_more_than_a_minute_in_a_minute_stays_at_the_top_and_leaves_no_idle():
    book = Book()
    for _ in range(4):
        book.at(30, books.USED, 20000)
    assert book.minute(0)[0] == 65535
    book.at(60, books.USED, 0)
    assert book.ledger.idle_ms(1) == 0 and book.ledger.channel_permille() == 1000


def test_a_late_answer_moves_its_exchange_from_lost_to_late():
    book = Book()
    book.at(1, books.LOST, 2500)
    book.ledger.came_late(book.now(3), 2500)
    assert book.minute(0) == [0, 0, 2500, 0, 0]
    book.at(59, books.LOST, 2500)
    book.ledger.came_late(book.now(61), 2500)  # the minute it was lost in is closed
    assert book.minute(0) == [0, 0, 2500, 0, 0] and book.minute(1) == [0, 2500, 2500, 0, 0]


def test_own_traffic_is_what_the_segment_has_used_since_it_was_asked_last():
    book = Book()
    for second, total in ((1, 500), (2, 500), (61, 900), (62, (1 << 30) - 100), (63, 50)):
        book.ledger.on_own_air(book.now(second), total)
    assert book.minute(1)[books.OWN] == 500
    assert book.minute(0)[books.OWN] == 65535  # 400 and then very much, with a wrap of 150 in the end
    fresh = Book()
    fresh.ledger.on_own_air(fresh.now(1), (1 << 30) - 100)
    fresh.ledger.on_own_air(fresh.now(61), 50)
    assert fresh.minute(0)[books.OWN] == 150


def test_nodes_head_ends_and_clients_have_their_sums():
    book = Book()
    book.at(1, books.USED, 649, node=0, client=16, share=0)
    book.at(2, books.USED, 650, node=0, client=16, share=1)
    book.at(3, books.LOST, 2500, node=1, client=1, share=1)
    book.at(4, books.ORPHANED, 1000, node=1, client=1, share=-1)
    table, ledger = book.table, book.ledger
    assert [table.air_ds(row, wasted) for row in (0, 1) for wasted in (0, 1)] == [6 + 7, 0, 0, 35]
    assert list(ledger.share_ds) == [6, 0, 7, 25, 0, 0]
    assert list(ledger.clients[:3]) == [16, 1, 0] and list(ledger.client_ds[:4]) == [13, 0, 0, 35]
    ledger.new_share(1, b"\x0a\x00\x00\x07")
    assert list(ledger.share_ds) == [6, 0, 0, 0, 0, 0] and bytes(ledger.peers[4:8]) == b"\x0a\x00\x00\x07"
    book.at(60, books.USED, 0)
    assert list(ledger.totals) == [13, 25, 0, 10, 0]


def test_a_nodes_sums_stay_at_the_top_and_begin_anew_with_another_node():
    book = Book()
    for _ in range(3):
        book.table.note_air(0, 0, 40000)
        book.table.note_air(0, 1, 3)
    assert (book.table.air_ds(0, 0), book.table.air_ds(0, 1)) == (65535, 9)
    book.table.wall_s = _SET
    book.table.remove(0)
    assert book.table.until(0) == _SET + 1000  # the end of the quarantine stands where the sums stood
    book.table.add(title(0))
    assert (book.table.air_ds(0, 0), book.table.air_ds(0, 1)) == (0, 0)


def test_client_saps_beyond_the_eighth_share_a_row():
    book = Book()
    for client in range(1, 12):
        book.at(client, books.USED, 100 * client, client=client)
    assert list(book.ledger.clients) == [16, 1, 2, 3, 4, 5, 6, 7, 0]  # 16 from the begin
    assert [book.ledger.client_ds[2 * row] for row in range(9)] == [0, 1, 2, 3, 4, 5, 6, 7, 8 + 9 + 10 + 11]


def test_quality_by_hour_needs_a_clock_and_older_days_count_half_each():
    book = Book()
    ledger = book.ledger
    book.at(1, books.USED, 1)
    assert sum([ledger.in_hour(hour, False) for hour in range(24)]) == 0
    for day in range(3):
        book.table.wall_s = _SET + day * _DAY + 5 * 3600
        for n in range(8):
            book.at(2, books.LOST if n < 2 else books.USED, 1)
        book.table.wall_s += 3600
        book.at(2, books.USED, 1)
    assert ledger.in_hour(5, False) == 8 + 8 // 2 + 8 // 4 and ledger.in_hour(5, True) == 6 + (6 + 3) // 2
    assert ledger.in_hour(6, False) == 1 and ledger.in_hour(7, False) == 0


def test_the_forwarder_enters_each_exchange_once_where_it_belongs():
    rig = Rig()
    ledger = rig.forwarder.ledger
    session, leaver = rig.session(), rig.session()
    rig.ask(session, _GET, 0x10)
    rig.pass_ms(700)
    rig.answer(_GOT)
    assert [ledger.in_minute(0, column) for column in range(5)] == [700, 0, 0, 0, 0]
    rig.ask(session, _GET, 0x11)
    rig.confirm()
    rig.pass_ms(1500)
    rig.done(DONE_NO_REPLY)
    assert [ledger.in_minute(0, column) for column in range(5)] == [700, 1500, 0, 0, 0]
    for _ in range(2):  # the second copy is not entered again
        rig.uplink(_GOT, 1)
        assert [ledger.in_minute(0, column) for column in range(5)] == [700, 0, 1500, 0, 0]
    rig.pass_ms(3000)
    rig.ask(leaver, _GET, 0x12)
    rig.confirm()
    rig.forwarder.on_session_end(rig.now, leaver)
    rig.pass_ms(400)
    rig.uplink(_GOT, 2)
    rig.done(DONE_REPLIED)
    assert [ledger.in_minute(0, column) for column in range(5)] == [700, 0, 1500, 400, 0]
    unconfirmed = b"\xc3\x01\x81" + _GET[3:]
    rig.ask(session, unconfirmed, 0x13)
    rig.pass_ms(300)
    rig.finish()
    assert ledger.in_minute(0, books.USED) == 1000 and rig.is_at_rest()
    assert [rig.table.air_ds(row, 0) for row in range(4)] == [7, 0, 0, 3]
    assert [rig.table.air_ds(row, 1) for row in range(4)] == [0, 15, 4, 0]


def test_an_orphan_counts_as_answered_only_when_its_meter_answered():
    rig = Rig(2)
    rig.table.wall_s = _SET
    for answer in (b"", _GOT):
        session = rig.session()
        rig.ask(session, _GET, 0x10)
        rig.confirm()
        rig.forwarder.on_session_end(rig.now, session)
        if answer:
            rig.uplink(answer)
        rig.done(DONE_REPLIED if answer else DONE_NO_REPLY)
        rig.pass_ms(10000)
    assert (rig.forwarder.ledger.in_hour(0, False), rig.forwarder.ledger.in_hour(0, True)) == (2, 1)


def test_what_the_modem_never_sent_says_nothing_of_the_meter():
    rig = Rig(2, keeps_quality=True)
    rig.table.wall_s = _SET
    session = rig.session()
    assert rig.ask(session, _GET)
    for _ in range(3):
        rig.done(DONE_NOT_SENT)
    assert rig.forwarder.ledger.in_hour(0, False) == 0 and rig.table.quality.mark(0, 0) == 15
    assert rig.ask(session, _GET, sap=0x11)
    rig.answer(_GOT)
    assert rig.forwarder.ledger.in_hour(0, True) == 1 and rig.table.quality.mark(1, 0) == 14
