# SPDX-License-Identifier: MIT
"""Bootstrapping in the modem (dialect H): who may join, the join race, leave, kick, rekeying."""

from g3_bench import EUI, EUI_2, PSK, G3Bench, octets
from plc_fakes import at

from plc.g3 import shared
from plc.g3.psks import LocalPsks, PskCache
from plc.medium import NODE_ASSIGNED, NODE_BACK_EVENT, NODE_LOST, NODE_LOST_EVENT, NODE_ONLINE, NODE_UP_EVENT

# Complete frames of facts/g3.md 6.6.
JOIN_REQUEST = octets("7E0265470011223344556677823E7E")
SET_PSK = octets("7E06253C00000002000010AB10341145111BC3C12DE8FF11142204D1617E")
ASSIGN_1 = octets("7E02E54200112233445566770001399E7E")
ASSIGN_FFFF = octets("7E02E5420011223344556677FFFFC6607E")
JOIN_COMPLETE = octets("7E02E54800112233445566770001D6067E")
LEAVE = octets("7E00E549000136AB7E")
KICK = octets("7E02E53E00010011223344556677B7037E")
PHASE_1 = octets("7E00A54001A54E7E")
REKEY_DISTRIBUTE = octets("7E03253F000100112233445566770175727E")
REKEY_ACTIVATE = octets("7E03253F000100112233445566770075737E")
ACTIVATE_NEW_KEY = octets("7E00654165417E")


def up(euis=(), **changes):
    return G3Bench(euis, **changes).bring_up()


def kinds(bench):
    return [event[0] for event in bench.events]


def test_a_joiner_is_answered_within_the_call_with_psk_then_address():
    bench = up()
    bench.feed(JOIN_REQUEST)
    assert bench.pins.octets() == SET_PSK + ASSIGN_1
    assert bench.nodes.state(0) == NODE_ASSIGNED and bench.sink.take() == []
    bench.feed(JOIN_COMPLETE)
    assert bench.sink.take() == [("node", 0, NODE_UP_EVENT)] and bench.nodes.state(0) == NODE_ONLINE
    assert bench.events == [(shared.JOIN_DONE, EUI, 0)]
    assert bytes(bench.segment.joins.gate.psk) == bytes(16)  # not kept


def test_an_address_belongs_to_the_eui_for_good():
    bench = up((EUI_2, EUI))
    bench.feed(JOIN_REQUEST)
    assert bench.taken()[-1] == octets("42 0011223344556677 0002")
    bench.says("48 0011223344556677 0002")
    assert bench.sink.take() == [("node", 1, NODE_BACK_EVENT)]


def test_the_join_race_is_noticed_and_the_wrong_one_expelled():
    # A's and B's first JOINING: B overwrote A's slot, our answer for A was sent to B (facts/g3.md 2.10).
    bench = up()
    bench.feed(JOIN_REQUEST)
    bench.says("47 0011223344556688")
    assert [request for request in bench.taken() if request[0] == 0x42] == [
        octets("42 0011223344556677 0001"), octets("42 0011223344556688 0002")
    ]  # fmt: skip
    bench.says("48 0011223344556688 0001")
    assert bench.taken() == [octets("3E 0001 0011223344556688")]
    assert bench.named("join_mismatch") == 1 and bench.sink.take() == []
    assert kinds(bench) == [shared.JOIN_MISMATCH]
    bench.says("48 0011223344556677 0001").says("47 0011223344556688").says("48 0011223344556688 0002")
    assert bench.sink.take() == [("node", 0, NODE_UP_EVENT), ("node", 1, NODE_UP_EVENT)]


def test_who_is_not_welcome_is_declined_at_once_and_gets_no_row():
    def declined(bench, counter, kind):
        bench.feed(JOIN_REQUEST)
        assert bench.pins.octets() == ASSIGN_FFFF
        assert bench.named(counter) == 1 and bench.events == [(kind, EUI, bench.counters.names.index(counter))]
        assert bench.nodes.count() == 0

    declined(up(psks=LocalPsks(EUI_2 + PSK)), "join_unknown", shared.JOIN_UNKNOWN)
    bench = up()
    bench.segment.joins.gate._access = access(block=EUI)
    declined(bench, "join_refused_list", shared.JOIN_REFUSED)
    bench = up()
    bench.segment.joins.gate._access = access(allow=EUI_2)
    declined(bench, "join_refused_list", shared.JOIN_REFUSED)
    declined(up(capacity=0), "join_refused_full", shared.JOIN_REFUSED)
    declined(up(unverified_max=0), "join_refused_full", shared.JOIN_REFUSED)


def access(allow=None, block=None):
    from plc.access import Access

    made = Access(4)
    if allow:
        assert made.allow(allow)
    if block:
        assert made.block(block)
    return made


def test_a_list_keeps_what_was_put_on_it_until_it_is_full():
    lists = access()
    euis = [bytes([i]) * 8 for i in range(5)]
    assert all([lists.may_join(eui) for eui in euis])
    assert lists.block(euis[0]) and not lists.may_join(euis[0]) and lists.may_join(euis[1])
    assert lists.allow(euis[1]) and not lists.may_join(euis[2])
    assert lists.allow(euis[2]) and lists.allow(euis[3])
    assert not lists.allow(euis[4])
    assert lists.allow(euis[0]) and lists.may_join(euis[0])  # off one list, onto the other
    for eui in euis:
        lists.forget(eui)
    assert all([lists.may_join(eui) for eui in euis])


def test_a_psk_from_the_head_end_lets_the_next_attempt_in_and_lives_in_ram_for_its_time():
    cache = PskCache(2, 60)
    bench = up(psks=cache)
    bench.feed(JOIN_REQUEST)
    assert bench.pins.octets() == ASSIGN_FFFF and kinds(bench) == [shared.JOIN_UNKNOWN]
    cache.provide(at(bench.ms), EUI, PSK)
    bench.feed(JOIN_REQUEST)
    assert bench.pins.octets() == SET_PSK + ASSIGN_1
    cache.at(at(bench.ms + 59000))
    assert cache.psk_into(EUI, bytearray(16))
    cache.at(at(bench.ms + 60001))
    assert not cache.psk_into(EUI, bytearray(16)) and bytes(cache._rows) == bytes(48)
    assert PSK not in (bench.store.octets or b"")


def test_the_oldest_psk_gives_way_to_a_new_one():
    cache = PskCache(2, 60)
    cache.provide(at(0), EUI, PSK)
    cache.provide(at(1000), EUI_2, PSK)
    cache.provide(at(2000), b"12345678", bytes(16))
    assert not cache.psk_into(EUI, bytearray(16)) and cache.psk_into(EUI_2, bytearray(16))
    cache.wipe(EUI_2)
    assert not cache.psk_into(EUI_2, bytearray(16))


def test_a_join_that_does_not_finish_is_told():
    bench = up(join_timeout_s=30)
    bench.feed(JOIN_REQUEST).wait(29000)
    assert bench.events == []
    bench.wait(2000)
    assert kinds(bench) == [shared.JOIN_FAILED] and bench.named("join_timeout") == 1


def test_a_device_that_leaves_is_lost_and_an_expelled_one_too():
    bench = up((EUI,))
    bench.feed(LEAVE)
    assert bench.sink.take() == [("node", 0, NODE_LOST_EVENT)] and bench.events == [(shared.NODE_LEFT, EUI, 0)]
    bench = up((EUI,))
    assert bench.segment.kick(at(bench.ms), 0)
    assert bench.pins.octets() == KICK
    assert bench.sink.take() == [("node", 0, NODE_LOST_EVENT)] and bench.nodes.state(0) == NODE_LOST
    assert not bench.segment.kick(at(bench.ms), 5)
    bench.says("49 0009")
    assert bench.named("rx_unknown_src") == 1


def test_join_messages_cut_short_are_counted():
    bench = up()
    bench.says("47 00112233445566").says("48 00112233445566 77 00")
    assert bench.named("message_short") == 2 and bench.taken() == []


def answer_all(bench, deaf=(), until=None, limit_ms=3000000):
    """Serve requests; nodes not in `deaf` do what a rekey asks of them."""

    def reply(request):
        if request[0] == 0x3F:
            return b"" if request[3:11] in deaf else b"\x48" + request[3:11] + b"\xaa\xaa"
        return bench.answer(request)

    return bench.serve(limit_ms, until or (lambda: not bench.segment.rekey.is_on), reply)


def test_the_way_to_a_new_node_is_looked_up_once():
    bench = up(first_path_ms=1000)
    bench.feed(JOIN_REQUEST).feed(JOIN_COMPLETE)
    bench.taken()
    bench.wait(1100)
    assert octets("15 0001 0F") in bench.taken()
    bench.says("2C 00 0001 0000 0F 01 00 0001 01 12 00 3C 3A").wait(5000)
    assert octets("15 0001 0F") not in bench.taken() and bench.segment.links.hops(0) == 1


def test_who_is_blocked_while_he_joins_is_expelled_when_he_is_through():
    bench = up()
    lists = bench.segment.joins.gate._access = access()
    bench.feed(JOIN_REQUEST)
    assert lists.block(EUI)
    bench.segment.kick(at(bench.ms), 0)  # too early: he is not in the network yet
    bench.taken()
    bench.sink.take()
    bench.feed(JOIN_COMPLETE)
    assert bench.pins.octets() == KICK and bench.named("join_refused_list") == 1
    assert bench.named("joined") == 0 and bench.nodes.state(0) != NODE_ONLINE and bench.sink.take() == []


def test_the_row_of_a_node_that_is_being_looked_for_is_not_handed_over_until_nobody_was_found():
    # Found then, it made the other one be there: what it answers would have gone out under the other's name.
    bench = up(unverified_max=1, lost_after=1, join_timeout_s=30)
    bench.feed(JOIN_REQUEST).wait(31000)
    bench.segment.links.failed(0)
    assert bench.segment.watch.request_path(at(bench.ms), 0)
    bench.wait(300)
    assert bench.taken()[-1] == octets("15 0001 0F")
    bench.says("47 0011223344556688")
    assert bench.taken() == [octets("42 0011223344556688 FFFF")]
    bench.says("2C A6 0001 0000 0F 00 00").says("47 0011223344556688")
    assert bench.taken()[-1] == octets("42 0011223344556688 0001") and bench.nodes.find(EUI_2) == 0


def test_the_row_of_a_node_that_is_joining_is_not_handed_over_to_the_next():
    # Sought in vain, it tries anew; the next one asks before it is through.
    bench = up(unverified_max=1, lost_after=1, join_timeout_s=30)
    bench.feed(JOIN_REQUEST)
    bench.segment.links.failed(0)
    bench.feed(JOIN_REQUEST)
    bench.taken()
    bench.says("47 0011223344556688")
    assert bench.taken() == [octets("42 0011223344556688 FFFF")] and bench.nodes.find(EUI) == 0
    bench.wait(31000)
    bench.taken()
    bench.says("47 0011223344556688")
    assert bench.taken()[-1] == octets("42 0011223344556688 0001") and bench.nodes.find(EUI_2) == 0
