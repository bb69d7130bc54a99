# SPDX-License-Identifier: MIT
"""Bootstrapping in the modem (dialect H): who may join, the join race, leave, kick, rekeying."""

from g3_bench import EUI, EUI_2, PSK, G3Bench, Store, octets, payloads
from plc_fakes import at

from plc.g3 import rekey, shared
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
    assert kinds(bench) == [shared.JOIN_FAILED]
    bench.says("48 0011223344556677 0001").says("47 0011223344556688").says("48 0011223344556688 0002")
    assert bench.sink.take() == [("node", 0, NODE_UP_EVENT), ("node", 1, NODE_UP_EVENT)]


def test_who_is_not_welcome_is_declined_at_once_and_gets_no_row():
    def declined(bench, counter, kind):
        bench.feed(JOIN_REQUEST)
        assert bench.pins.octets() == ASSIGN_FFFF
        assert bench.named(counter) == 1 and bench.events == [(kind, EUI, bench.counters.names.index(counter))]
        assert bench.nodes.count() == 0

    declined(up(psks=LocalPsks({EUI_2: PSK})), "join_unknown", shared.JOIN_UNKNOWN)
    bench = up()
    bench.segment.joins.gate._access = access(block=EUI)
    declined(bench, "join_refused_list", shared.JOIN_REFUSED)
    bench = up()
    bench.segment.joins.gate._access = access(allow=EUI_2)
    declined(bench, "join_refused_list", shared.JOIN_REFUSED)
    declined(up(capacity=0), "join_refused_full", shared.JOIN_REFUSED)
    declined(up(unverified_max=0), "join_refused_full", shared.JOIN_REFUSED)


def access(allow=None, block=None):
    from plc.g3.access import Access

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


# --- rekeying ---


def answer_all(bench, deaf=(), until=None, limit_ms=3000000):
    """Serve requests; nodes not in `deaf` do what a rekey asks of them."""

    def reply(request):
        if request[0] == 0x3F:
            return b"" if request[3:11] in deaf else b"\x48" + request[3:11] + b"\xaa\xaa"
        return bench.answer(request)

    return bench.serve(limit_ms, until or (lambda: not bench.segment.rekey.is_on), reply)


def test_a_rekey_is_the_frames_of_the_sheet_in_their_order():
    bench = up((EUI,))
    bench.sent = []
    assert bench.segment.rekey.begin(at(bench.ms))
    wire = b""
    for _ in range(60):
        bench.wait(500, lambda: bool(bench.pins.log))
        new = bench.pins.octets()
        wire += new
        for request in payloads(new):
            bench.sent.append(request)
            if request[0] == 0x3F:
                bench.says(b"\x48" + request[3:11] + b"\xff\xff")
            else:
                bench.says(bench.answer(request) or b"\x31")
    places = [wire.find(f) for f in (PHASE_1, SET_PSK, REKEY_DISTRIBUTE, REKEY_ACTIVATE, ACTIVATE_NEW_KEY)]
    assert places == sorted(places) and -1 not in places
    new_key = bench.random.drawn[-1]
    assert bench.sent[0] == octets("3C 00000004 0000 10") + new_key
    assert octets("16 00000071 0001 10") + new_key in bench.sent[:3]  # own table first (facts/g3.md 3.6)
    assert bench.sent[-1] == octets("3C 00000003 0001 10") + new_key
    record = bench.segment.record
    assert (record.active, record.is_rekeying) == (1, False) and record.key(1) == new_key
    assert bench.named("rekeys") == 1 and bench.segment.rekey.phase == rekey.IDLE
    assert bench.named("join_mismatch") == 0


def test_unreachable_nodes_do_not_stall_a_rekey_and_are_told():
    euis = [bytes([0, i]) * 4 for i in range(1, 41)]
    deaf = euis[3:5]
    bench = up(euis, capacity=40, rekey__parallel=3)
    bench.segment.rekey.begin(at(bench.ms))
    begun = bench.ms
    answer_all(bench, deaf)
    assert not bench.segment.rekey.is_on
    assert bench.segment.rekey.progress() == (0, 0, 38, 2) and bench.segment.rekey.missed_cnt == 2
    assert [event[1] for event in bench.events if event[0] == shared.REKEY_MISSED] == deaf
    assert bench.events[-1][0] == shared.REKEY_DONE and bench.ms - begun < 400000
    tries = [request for request in bench.sent if request[0] == 0x3F and request[3:11] == deaf[0]]
    assert len(tries) == 3
    first_pass = [request[3:11] for request in bench.sent if request[0] == 0x3F][:40]
    assert first_pass == euis  # a retry waits until everybody has had a turn


def test_joins_during_a_rekey_are_refused_and_let_in_afterwards():
    bench = up((EUI_2,))
    bench.segment.rekey.begin(at(bench.ms))
    bench.feed(JOIN_REQUEST)
    assert ASSIGN_FFFF in bench.pins.octets() and bench.named("join_refused_rekey") == 1
    bench.segment.modem.desk.fail_all(at(bench.ms))
    answer_all(bench)
    assert not bench.segment.rekey.is_on
    bench.taken()
    bench.feed(JOIN_REQUEST)
    assert bench.taken()[-1] == octets("42 0011223344556677 0002")


def test_a_rekey_goes_on_with_the_same_key_after_a_power_cut():
    store = Store()
    bench = up((EUI, EUI_2), store=store)
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench, until=lambda: bench.segment.rekey.phase == rekey.ACTIVATE)
    new_key = bytes(bench.segment.record.key(1))
    again = G3Bench((EUI, EUI_2), store=store)
    again.start()
    answer_all(again, until=lambda: again.segment.is_up and not again.segment.rekey.is_on)
    assert again.named("rekeys") == 1 and bytes(again.segment.record.key(1)) == new_key
    assert again.segment.record.active == 1
    started = [request[0] for request in again.sent].index(0x0D)
    assert octets("16 00000071 0001 10") + new_key in again.sent[:started]  # who uses it already is understood


def test_a_rekey_asks_for_psks_it_does_not_have_and_uses_them_when_they_come():
    cache = PskCache(4, 3600)
    bench = up((EUI, EUI_2), psks=cache, rekey__tries=3)
    cache.provide(at(bench.ms), EUI, PSK)
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench, until=lambda: shared.REKEY_WANTS_PSK in kinds(bench))
    assert bench.events[-1] == (shared.REKEY_WANTS_PSK, EUI_2, 1)
    cache.provide(at(bench.ms), EUI_2, PSK)
    answer_all(bench)
    assert bench.segment.rekey.progress() == (0, 0, 2, 0)


def test_a_refused_new_key_is_offered_again_and_nobody_gets_it_meanwhile():
    bench = up((EUI,))
    refusals = []

    def refuse_once(request):
        if request[:5] == octets("3C 00000004") and not refusals:
            refusals.append(request)
            return octets("46 05 00000004 0000")
        return bench.answer(request)

    bench.segment.rekey.begin(at(bench.ms))
    bench.serve(until=lambda: bool(refusals), answer=refuse_once)
    bench.serve(limit_ms=5000, answer=refuse_once)
    assert not [request for request in bench.sent if request[0] in (0x3F, 0x40)]
    bench.serve(limit_ms=60000, until=lambda: bench.segment.rekey.phase == rekey.DISTRIBUTE, answer=refuse_once)
    assert bench.segment.rekey.phase == rekey.DISTRIBUTE


def test_a_rekey_that_cannot_be_kept_does_not_begin():
    bench = up((EUI,))
    bench.store.is_broken = True
    assert not bench.segment.rekey.begin(at(bench.ms)) and not bench.segment.rekey.is_on
    assert bench.named("record_refused") == 1


def test_every_phase_takes_every_event():
    for phase in range(5):
        for event in range(6):
            bench = up((EUI,))
            machine = bench.segment.rekey
            machine.begin(at(bench.ms))
            machine.phase = phase
            now = at(bench.ms)
            if event < 2:
                machine.ready(now, bool(event))
            elif event < 4:
                machine.ended(now, event == 2)
            elif event == 4:
                machine.completed(now, 0)
            else:
                machine.on_deadline(now)
            answer_all(bench, limit_ms=400000)
            assert machine.phase in (rekey.IDLE, rekey.DISTRIBUTE, phase)
            assert not machine.is_on or bench.segment.next_deadline() is not None


def test_the_old_key_is_overwritten_when_the_grace_is_over_and_not_before():
    store = Store()
    bench = up((EUI,), rekey__grace_s=600, store=store)
    old_key = bytes(bench.segment.record.key(0))
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench)
    bench.taken()
    bench.sent = []
    bench.serve(limit_ms=590000)
    assert bench.segment.record.has_key(0) and bench.sent == []
    bench.serve(limit_ms=20000)
    assert len(bench.sent) == 1 and bench.sent[0][:8] == octets("16 00000071 0000 10")
    assert bench.sent[0][8:] != old_key and not bench.segment.record.has_key(0) and old_key not in store.octets
    again = G3Bench((EUI,), store=store)
    sent = again.start().serve(until=lambda: again.segment.is_up).sent
    at_0 = [request for request in sent if request[:8] == octets("16 00000071 0000 10")]
    assert len(at_0) == 1  # index 0 would hold the published key of INITIALIZE


def test_the_way_to_a_new_node_is_looked_up_once():
    bench = up(first_path_ms=1000)
    bench.feed(JOIN_REQUEST).feed(JOIN_COMPLETE)
    bench.taken()
    bench.wait(1100)
    assert octets("15 0001 0F") in bench.taken()
    bench.says("2C 00 0001 0000 0F 01 00 0001 01 12 00 3C 3A").wait(5000)
    assert octets("15 0001 0F") not in bench.taken() and bench.segment.links.hops(0) == 1
