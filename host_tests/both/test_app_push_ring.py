# SPDX-License-Identifier: MIT
"""The ring of notifications on flash: order, restart, overflow, damage, flash that refuses."""

from fakes import RamStore

from app.push import KIND_EVENTS, KIND_WPDU
from app.push_ring import ACK_EVERY, BACK_LEN, FRONT_LEN, SEGMENTS, PushRing

ROOM = 100
PAYLOAD_LEN = 6
RECORD_LEN = FRONT_LEN + PAYLOAD_LEN + BACK_LEN
PER_SEGMENT = 3
SEGMENT_LEN = 12 + PER_SEGMENT * RECORD_LEN


def start(store, segment_len=SEGMENT_LEN):
    """The ring as after a start on `store`."""
    ring = PushRing(store, segment_len, ROOM)
    while not ring.is_ready:
        ring.step()
    return ring


def payload(n):
    return b"N%05d" % n


def put(ring, *numbers, kind=KIND_WPDU, count=1, is_last=True):
    """Put notifications; True when all were taken."""
    view = memoryview(bytearray(FRONT_LEN + ROOM + BACK_LEN))
    for n in numbers:
        view[FRONT_LEN : FRONT_LEN + PAYLOAD_LEN] = payload(n)
        if not ring.put(view, FRONT_LEN, PAYLOAD_LEN, (kind, count, 1000 + n), is_last):
            return False
    return True


def peek(ring):
    """Number of the oldest one, None when there is none."""
    view = memoryview(bytearray(FRONT_LEN + ROOM + BACK_LEN))
    length = ring.peek_into(view, FRONT_LEN)
    return int(bytes(view[FRONT_LEN + 1 : FRONT_LEN + length])) if length else None


def take(ring, most=1000):
    """Take out up to `most`; their numbers."""
    found = []
    while len(found) < most:
        n = peek(ring)
        if n is None:
            break
        found.append(n)
        ring.drop()
    return found


def test_what_goes_in_comes_out_in_order_across_segments():
    ring = start(RamStore())
    assert peek(ring) is None and len(ring) == 0
    assert put(ring, *range(10))
    assert len(ring) == 10 and peek(ring) == 0 and peek(ring) == 0
    assert take(ring, 4) == [0, 1, 2, 3]
    assert put(ring, 10, 11)
    assert take(ring) == list(range(4, 12)) and len(ring) == 0


def test_a_record_keeps_what_it_was_put_with():
    store = RamStore()
    put(start(store), 7, kind=KIND_EVENTS, count=5)
    ring = start(store)
    assert len(ring) == 5
    assert peek(ring) == 7 and (ring.kind, ring.count, ring.wall) == (KIND_EVENTS, 5, 1007)
    ring.drop()
    assert len(ring) == 0


def test_the_segment_on_flash_is_as_documented():
    store = RamStore()
    put(start(store), 1)
    # made by hand: magic, sequence number 1, CRC-32; length 6, kind 1, count 1, second 1001, payload, CRC-32
    import struct
    from binascii import crc32

    head = b"PSH1\x01\x00\x00\x00"
    record = b"\x06\x00\x01\x01\xe9\x03\x00\x00N00001"
    whole = head + struct.pack("<I", crc32(head)) + record + struct.pack("<I", crc32(record))
    assert bytes(store.files["push.1"]) == whole


def test_a_restart_finds_all_and_goes_on_behind_them():
    store = RamStore()
    for n in range(PER_SEGMENT * SEGMENTS):
        ring = start(store)
        assert put(ring, n) and len(ring) == n + 1
    assert take(start(store)) == list(range(PER_SEGMENT * SEGMENTS))


def test_what_was_acknowledged_does_not_come_again():
    store = RamStore()
    ring = start(store)
    put(ring, *range(8))
    assert take(ring, 5) == [0, 1, 2, 3, 4]
    assert take(start(store)) == list(range(8))  # nobody acknowledged
    ring = start(store)
    take(ring, 5)
    ring.ack()
    assert take(start(store)) == [5, 6, 7]
    ring = start(store)
    take(ring)
    ring.ack()
    ring = start(store)
    assert len(ring) == 0 and put(ring, 8) and take(start(store)) == [8]


def test_at_most_so_many_come_again_after_a_cut_during_delivery():
    store = RamStore()
    ring = start(store, 4096)
    put(ring, *range(40))
    for taken in range(1, 40):
        take(ring, 1)
        again = taken - take(start(store, 4096), 1)[0]
        assert 0 <= again < ACK_EVERY, taken


def test_an_acknowledgement_of_nothing_writes_nothing():
    store = RamStore()
    ring = start(store)
    put(ring, 1)
    writes = store.writes
    ring.ack()
    assert store.writes == writes
    take(ring)
    ring.ack()
    ring.ack()
    assert store.writes == writes + 2  # begin and write, once


def test_a_full_ring_gives_up_its_oldest_segment_and_counts_it():
    store = RamStore()
    ring = start(store)
    most = PER_SEGMENT * SEGMENTS
    assert put(ring, *range(most)) and ring.lost == 0 and len(ring) == most
    assert put(ring, most) and ring.lost == PER_SEGMENT and len(ring) == most + 1 - PER_SEGMENT
    assert take(ring) == list(range(PER_SEGMENT, most + 1))
    assert sorted(store.files) == ["push.%d" % slot for slot in range(SEGMENTS)] + ["push.ack"]


def test_one_being_delivered_may_be_overwritten_and_is_counted_once():
    ring = start(RamStore())
    put(ring, *range(PER_SEGMENT * SEGMENTS))
    assert peek(ring) == 0
    put(ring, 99)
    ring.drop()  # the delivery of 0 ended well, but it had been given up
    assert ring.lost == PER_SEGMENT
    assert take(ring)[0] == PER_SEGMENT


def test_a_damaged_record_costs_the_rest_of_its_segment_only():
    for at in (0, 5, 8, 12, 14, 20, 27, 12 + RECORD_LEN, 12 + 2 * RECORD_LEN - 1):
        store = RamStore()
        put(start(store), *range(9))
        octets = bytearray(store.files["push.2"])
        octets[at] ^= 0x10
        store.files["push.2"] = bytes(octets)
        ring = start(store)
        assert ring.damaged == 1, at
        kept = 0 if at < 12 + RECORD_LEN else 1
        assert take(ring) == [0, 1, 2] + [3][:kept] + [6, 7, 8], at
        assert put(ring, 9) and take(ring) == [9]


def test_damage_while_running_is_counted_and_passed_over():
    store = RamStore()
    ring = start(store)
    put(ring, *range(6))
    store.files["push.1"] = store.files["push.1"][:-1]
    assert take(ring) == [0, 1, 3, 4, 5]
    assert ring.damaged == 1 and ring.lost == 1 and len(ring) == 0
    put(ring, 6)
    assert take(ring) == [6]


def test_every_torn_tail_is_cut_off_and_nothing_is_written_behind_it():
    for kept in range(RECORD_LEN):
        store = RamStore()
        put(start(store), 0, 1)
        octets = store.files["push.1"]
        store.files["push.1"] = octets[: len(octets) - RECORD_LEN + kept]
        ring = start(store)
        assert len(ring) == 1 and put(ring, 2)
        assert take(start(store)) == [0, 2], kept


def test_flash_that_refuses_is_counted_and_tried_again_in_another_segment():
    for torn in range(RECORD_LEN):
        store = RamStore()
        ring = start(store)
        put(ring, 0)
        store.fail_after, store.torn = 0, torn
        assert not put(ring, 1) and ring.failures == 1 and len(ring) == 1
        store.fail_after = -1
        assert put(ring, 1)
        assert take(start(store)) == [0, 1], torn


def test_an_acknowledgement_the_flash_refuses_is_no_more_than_a_repetition():
    store = RamStore()
    ring = start(store)
    put(ring, *range(3))
    store.fail_after = 0
    assert take(ring) == [0, 1, 2]
    ring.ack()
    assert ring.failures == 1
    store.fail_after = -1
    assert take(start(store)) == [0, 1, 2]


def test_finding_out_goes_in_small_steps():
    store = RamStore()
    ring = start(store, 4096)
    put(ring, *range(100))
    ring = PushRing(store, 4096, ROOM)
    loads = []
    load = store.load
    store.load = lambda *args: loads.append(args) or load(*args)
    most = 0
    while not ring.is_ready:
        before = len(loads)
        ring.step()
        most = max(most, len(loads) - before)
    assert len(ring) == 100 and 0 < most <= 40  # 8 records of 4 reads, or 8 headers


class _FullStore(RamStore):
    """A flash with room for a few octets more, as littlefs has for small files: heads go in, records do not."""

    is_full = False

    def append(self, name, mv, is_last=True):
        if self.is_full:
            RamStore.append(self, name, mv[:5])  # and some of them half
            raise OSError(28)
        RamStore.append(self, name, mv, is_last)


def test_a_full_flash_that_still_takes_heads_costs_none_of_what_waits():
    store = _FullStore()
    ring = start(store)
    assert put(ring, *range(12))
    store.is_full = True
    for _ in range(50):
        assert not put(ring, 99)
    assert len(ring) == 12 and ring.lost == 0
    store.is_full = False
    assert put(ring, 12) and take(start(store)) == list(range(13))
    assert take(ring) == list(range(13)) and ring.lost == 0


def test_a_segment_begun_again_is_read_from_its_beginning_after_all_before_was_delivered():
    store = _FullStore()
    ring = start(store)
    assert put(ring, 0, 1, 2) and take(ring) == [0, 1, 2]
    ring.ack()
    store.is_full = True
    assert not put(ring, 99) and not put(ring, 99)
    store.is_full = False
    assert put(ring, 3, 4) and take(start(store)) == [3, 4] and take(ring) == [3, 4]


def test_what_was_put_before_a_record_that_failed_is_put_again_and_comes_once():
    store = _FullStore()
    ring = start(store)
    assert put(ring, *range(12))
    for _ in range(50):  # the second of two in one turn fails: neither is promised
        assert put(ring, 12, is_last=False)
        store.is_full = True
        assert not put(ring, 13)
        store.is_full = False
    assert len(ring) == 12 and ring.lost == 0
    assert put(ring, 12, is_last=False) and put(ring, 13)
    assert take(start(store)) == list(range(14))
    assert take(ring) == list(range(14)) and ring.lost == 0


def test_a_record_longer_than_the_room_of_this_start_costs_no_other():
    """`wan.max_apdu` was lowered meanwhile."""
    store = RamStore()
    big = PushRing(store, 2000, 4 * ROOM)
    while not big.is_ready:
        big.step()
    view = memoryview(bytearray(FRONT_LEN + 4 * ROOM + BACK_LEN))
    for length in (PAYLOAD_LEN, ROOM + 1, PAYLOAD_LEN, 3 * ROOM, ROOM):
        view[FRONT_LEN : FRONT_LEN + PAYLOAD_LEN] = payload(length)
        assert big.put(view, FRONT_LEN, length, (KIND_WPDU, 1, 0), True)
    ring = start(store, 2000)
    assert len(ring) == 5
    lengths = []
    view = memoryview(bytearray(FRONT_LEN + ROOM + BACK_LEN))
    while len(ring):
        lengths.append(ring.peek_into(view, FRONT_LEN))
        ring.drop()
    assert lengths == [PAYLOAD_LEN, PAYLOAD_LEN, ROOM]
    assert (ring.too_long, ring.lost, ring.damaged) == (2, 0, 0)
    ring.ack()
    assert len(start(store, 2000)) == 0


def test_a_damaged_length_is_damage():
    store = RamStore()
    put(start(store), 0, 1, 2, 3)
    octets = bytearray(store.files["push.1"])
    octets[12] = ROOM + 1
    ring = start(store)
    store.files["push.1"] = bytes(octets)
    assert take(ring) == [3] and (ring.too_long, ring.lost, ring.damaged) == (0, 3, 1)
