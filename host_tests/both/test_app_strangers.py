# SPDX-License-Identifier: MIT
"""Who knocks and is not let in: kept, told of, bounded; what the segment tells."""

from app.g3_events import G3Events
from app.strangers import Strangers
from base import events
from base.log import DEBUG, Log
from plc.g3 import counts, shared

_EUI = b"\x00\x11\x22\x33\x44\x55\x66\x77"


def _eui(n):
    return bytes([0xAA, 0, 0, 0, 0, 0, n >> 8, n & 0xFF])


def test_a_stranger_is_told_of_once_in_ten_minutes_and_every_knock_counted():
    strangers = Strangers()
    assert strangers.knock(1, _EUI, events.JOIN_UNKNOWN)
    assert not any([strangers.knock(s, _EUI, events.JOIN_UNKNOWN) for s in range(2, 601)])
    assert strangers.row(0) == (_EUI, events.JOIN_UNKNOWN, 600, 600) and strangers.count() == 1
    assert strangers.knock(601, _EUI, events.JOIN_UNKNOWN)
    assert strangers.knock(602, _EUI, events.JOIN_NOT_LISTED)  # another reason is news


def test_a_flood_of_strangers_fills_neither_log_nor_memory():
    strangers = Strangers()
    told = sum([strangers.knock(1, _eui(n), events.JOIN_UNKNOWN) for n in range(1000)])
    assert told == 20 and strangers.count() == 16
    assert sorted([strangers.row(i)[0] for i in range(16)]) != [_eui(n) for n in range(16)]
    told = sum([strangers.knock(s, _eui(1000 + s), events.JOIN_UNKNOWN) for s in range(1, 3601)])
    assert told == 360  # one in ten seconds


def test_the_longest_silent_gives_way_and_who_joined_is_a_stranger_no_more():
    strangers = Strangers()
    for n in range(17):
        strangers.knock(10 + n, _eui(n), events.JOIN_UNKNOWN)
    held = [strangers.row(i)[0] for i in range(strangers.count())]
    assert _eui(0) not in held and _eui(16) in held and len(held) == 16
    before = strangers.generation
    strangers.forget(_eui(5))
    strangers.forget(_eui(5))
    held = [strangers.row(i)[0] for i in range(strangers.count())]
    assert _eui(5) not in held and len(set(held)) == 15 and strangers.generation == before + 1


class _Table:
    def find(self, title):
        return 3 if title == _EUI else -1


class _Rekey:
    """Its `nodes` are its own here: both have one method that is asked."""

    def __init__(self):
        self.nodes = self

    def progress(self):
        return 0, 0, 190, 10


def test_what_the_segment_tells_becomes_records():
    log = Log(64, DEBUG)
    log.now_s = 5
    told, answers = G3Events(_Table(), log), []
    told.rekey = _Rekey()
    told.answers = lambda now, kind, eui64, number: answers.append((kind, eui64, number))
    high, low = 0x00112233, 0x44556677
    for kind, number, expected in (
        (shared.JOIN_UNKNOWN, counts.JOIN_UNKNOWN, (2, events.JOIN_UNKNOWN, -1, high, low)),
        (shared.JOIN_REFUSED, counts.JOIN_REFUSED_LIST, (2, events.JOIN_NOT_LISTED, -1, high, low)),
        (shared.JOIN_REFUSED, counts.JOIN_REFUSED_REKEY, (2, events.JOIN_IN_REKEY, -1, high, low)),
        (shared.JOIN_REFUSED, counts.JOIN_REFUSED_FULL, (2, events.JOIN_TABLE_FULL, -1, high, low)),
        (shared.JOIN_FAILED, -1, (2, events.JOIN_FAILED, -1, high, low)),
        (shared.JOIN_MISMATCH, 0, (2, events.JOIN_MISMATCH, -1, high, low)),
        (shared.AUTH_FAILED, 3, (2, events.JOIN_FORGED, -1, high, low)),
        (shared.JOIN_DONE, 3, (1, events.JOINED, 3, 0, 0)),
        (shared.NODE_LEFT, 3, (1, events.NODE_LEFT, 3, 0, 0)),
        (shared.NODE_KICKED, 3, (1, events.NODE_KICKED, 3, 0, 0)),
        (shared.REKEY_MISSED, 3, (2, events.REKEY_MISSED, 3, 0, 0)),
        (shared.REKEY_WANTS_PSK, 3, (2, events.REKEY_WANTS_PSK, 3, 0, 0)),
        (shared.PAN_STARTED, 0x781D, (1, events.PAN_STARTED, -1, 0x781D, 0)),
        (shared.PAN_CONFLICT, 0x781D, (2, events.PAN_CONFLICT, -1, 0x781D, 0)),
        (shared.PAN_FOREIGN, 0x1234, (1, events.PAN_FOREIGN, -1, 0x1234, 0)),
        (shared.REKEY_BEGUN, 1, (1, events.REKEY_BEGUN, -1, 1, 0)),
        (shared.REKEY_DONE, 10, (2, events.REKEY_ENDED, -1, 190, 10)),
    ):
        before = log.total
        told(0, kind, _EUI, number)
        assert log.total == before + 1 and log.record()[1:] == expected, kind
    assert told.strangers.count() == 0 and answers == []  # it joined meanwhile
    told(0, shared.PING_DONE, _EUI, 300)
    assert answers == [(shared.PING_DONE, _EUI, 300)]


def test_a_strangers_beacons_do_not_wash_out_the_log():
    log = Log(64, DEBUG)
    log.now_s = 5
    told = G3Events(_Table(), log)
    for _ in range(500):
        told(0, shared.PAN_CONFLICT, b"", 0x781D)
    assert log.total == 1
    log.now_s += 600
    told(0, shared.PAN_CONFLICT, b"", 0x781D)
    told(0, shared.PAN_CONFLICT, b"", 0x781E)  # we have moved, he has followed
    assert log.total == 3
    for n in range(500):
        told(0, shared.PAN_FOREIGN, b"", n)
    assert log.total == 3 + 20
