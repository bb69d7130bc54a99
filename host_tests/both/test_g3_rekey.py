# SPDX-License-Identifier: MIT
"""Rekeying with the bootstrapping server in the modem: phases, retries, power cuts, joins meanwhile."""

from g3_bench import EUI, EUI_2, PSK, G3Bench, Store, octets, payloads
from plc_fakes import at

from plc.g3 import rekey, shared
from plc.g3.psks import PskCache

# Complete frames of facts/g3.md 6.6.
JOIN_REQUEST = octets("7E0265470011223344556677823E7E")
SET_PSK = octets("7E06253C00000002000010AB10341145111BC3C12DE8FF11142204D1617E")
ASSIGN_FFFF = octets("7E02E5420011223344556677FFFFC6607E")
PHASE_1 = octets("7E00A54001A54E7E")
REKEY_DISTRIBUTE = octets("7E03253F000100112233445566770175727E")
REKEY_ACTIVATE = octets("7E03253F000100112233445566770075737E")
ACTIVATE_NEW_KEY = octets("7E00654165417E")


def up(euis=(), **changes):
    return G3Bench(euis, **changes).bring_up()


def kinds(bench):
    return [event[0] for event in bench.events]


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
    # Into the coordinator's own table (facts/g3.md 3.6) before anybody uses it, and not before the first pass is over.
    preloaded = bench.sent.index(octets("16 00000071 0001 10") + new_key)
    assert [i for i, request in enumerate(bench.sent) if request[0] == 0x3F] == [preloaded - 1, preloaded + 1]
    # A slot of the modem is free again (two times of it, 3.5) before the node's 30 s are over; then as before.
    times = [request[8:] for request in bench.sent if request[:5] == octets("3C 00000006")]
    assert times == [b"\x00\x0e", b"\x00\x3c"]
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
    assert bench.segment.rekey.nodes.progress() == (0, 0, 38, 2) and bench.segment.rekey.missed_cnt == 2
    assert [event[1] for event in bench.events if event[0] == shared.REKEY_MISSED] == deaf
    assert bench.events[-1][0] == shared.REKEY_DONE and bench.ms - begun < 400000
    tries = [request for request in bench.sent if request[0] == 0x3F and request[3:11] == deaf[0]]
    assert len(tries) == 3
    first_pass = [request[3:11] for request in bench.sent if request[0] == 0x3F][:40]
    assert first_pass == euis  # a retry waits until everybody has had a turn


def set_hops(bench, hops):
    for row in range(len(hops)):
        path = b"\x00" + (row + 1).to_bytes(2, "big") + b"\x00\x00\x0f" + bytes([hops[row], 0])
        hop = (row + 1).to_bytes(2, "big") + bytes(5)
        bench.segment.links.take_path(row, path + hop * hops[row], 0, len(path) + 7 * hops[row])


def test_the_farthest_get_the_new_key_first_and_are_told_to_use_it_first():
    euis = [bytes([0, i]) * 4 for i in range(1, 7)]
    bench = up(euis, rekey__parallel=1)
    set_hops(bench, (1, 3, 2, 14, 1, 3))
    assert [bench.segment.links.hops(row) for row in range(6)] == [1, 3, 2, 14, 1, 3]
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench)
    asked = [euis.index(request[3:11]) for request in bench.sent if request[0] == 0x3F]
    assert asked == [3, 1, 5, 2, 0, 4] * 2


def test_a_frame_that_has_left_the_modem_gets_its_time_on_the_way_before_the_next_one():
    bench = up((EUI, EUI_2), rekey__parallel=1)
    set_hops(bench, (5, 1))
    times = []

    def note(request):
        if request[0] == 0x3F:
            times.append(bench.ms)
            return b"\x48" + request[3:11] + b"\xaa\xaa"
        return bench.answer(request)

    bench.segment.rekey.begin(at(bench.ms))
    bench.serve(3000000, lambda: not bench.segment.rekey.is_on, note)
    assert len(times) == 4  # far, near, far, near
    assert times[1] - times[0] >= 2800 <= times[3] - times[2] and times[2] - times[1] < 2000


def test_a_rekey_that_would_leave_most_behind_is_given_up_and_the_key_in_use_stays():
    cache = PskCache(4, 3600)
    euis = [bytes([0, i]) * 4 for i in range(1, 6)]
    for known in (0, 2, 3):  # of five
        bench = up(euis, psks=cache)
        for eui64 in euis[:known]:
            cache.provide(at(bench.ms), eui64, PSK)
        old_key = bytes(bench.segment.record.key(0))
        assert bench.segment.rekey.begin(at(bench.ms))
        new_key = bench.random.drawn[-1]
        answer_all(bench)
        record = bench.segment.record
        is_given_up = known < 3
        assert (record.active == 0) is is_given_up and bench.named("rekeys") == (not is_given_up)
        assert bench.events[-1] == (shared.REKEY_DONE, b"", 5 - known)
        if not is_given_up:
            continue
        bench.serve(limit_ms=40000)
        assert octets("40 00") in bench.sent and octets("41") not in bench.sent  # the coordinator did not switch
        assert bytes(record.key(0)) == old_key and not record.has_key(1) and not record.is_rekeying
        assert new_key not in bench.store.octets
        last = [request for request in bench.sent if request[:8] == octets("16 00000071 0001 10")][-1]
        assert last[8:] != new_key  # what was preloaded is overwritten
        assert bench.segment.rekey.begin(at(bench.ms)) and bench.segment.rekey.is_on


def test_a_node_uses_the_new_key_for_certain_when_it_has_been_heard_after_the_coordinator_has_switched():
    bench = up((EUI, EUI_2))
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench)
    assert bench.segment.rekey.nodes.progress() == (0, 0, 2, 0)
    assert bench.segment.rekey.progress() == (0, 2, 0, 0)
    bench.wait(2000)
    bench.uplink(b"\xdb\x00", src=2)
    assert bench.segment.rekey.progress() == (0, 1, 1, 0)
    bench.uplink(b"\xdb\x00", src=2).uplink(b"\xdb\x00", src=1)
    assert bench.segment.rekey.progress() == (0, 0, 2, 0)


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
    assert bench.segment.rekey.nodes.progress() == (0, 0, 2, 0)


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


def test_a_join_begun_before_a_rekey_that_ends_in_it_gets_the_new_key():
    bench = up((EUI_2,))
    bench.feed(JOIN_REQUEST)
    assert bench.taken()[-1] == octets("42 0011223344556677 0002")
    bench.segment.rekey.begin(at(bench.ms))
    bench.says(b"\x48" + EUI + b"\x00\x02")
    assert bench.named("joined") == 1
    answer_all(bench)
    assert bench.segment.rekey.nodes.progress() == (0, 0, 2, 0) and bench.segment.rekey.missed_cnt == 0


def test_a_node_that_comes_back_when_the_new_key_is_in_use_already_is_told_as_missed():
    bench = up((EUI, EUI_2))
    bench.nodes.set_state(1, 3, 0)  # lost
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench, until=lambda: bench.segment.rekey.phase == rekey.ACTIVATE)
    bench.segment.watch.alive(at(bench.ms), 1)
    answer_all(bench)
    assert (shared.REKEY_MISSED, EUI_2, 1) in bench.events
    assert bench.segment.rekey.nodes.progress() == (0, 0, 1, 1) and bench.events[-1] == (shared.REKEY_DONE, b"", 1)


def test_a_rekey_that_does_not_begin_keeps_the_end_of_the_old_key():
    bench = up((EUI,), rekey__grace_s=600)
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench)
    bench.store.is_broken = True
    assert not bench.segment.rekey.begin(at(bench.ms))
    bench.store.is_broken = False
    bench.taken()
    bench.sent = []
    bench.serve(limit_ms=620000)
    assert [request[:8] for request in bench.sent] == [octets("16 00000071 0000 10")]


def answer_in_200_ms(bench):
    """What the modem has been asked by now, it answers after a while."""
    answers = [bench.answer(request) for request in bench.taken()]
    bench.wait(200)
    for answer in answers:
        if answer:
            bench.says(answer)


def test_a_rekey_of_nobody_tells_the_modem_one_thing_after_the_other():
    bench = up(())
    bench.sent = []
    bench.segment.rekey.begin(at(bench.ms))
    begun = bench.ms
    while bench.segment.rekey.is_on and bench.ms - begun < 20000:
        answer_in_200_ms(bench)
    assert not bench.segment.rekey.is_on
    new_key = bench.random.drawn[-1]
    sets = [request for request in bench.sent if request[0] in (0x16, 0x3C)]
    assert sets[-1] == octets("3C 00000003 0001 10") + new_key and octets("16 00000071 0001 10") + new_key in sets
    assert [request[8:] for request in sets if request[:5] == octets("3C 00000006")] == [b"\x00\x0e", b"\x00\x3c"]
    assert bench.named("confirm_lost") == 0 and bench.segment.record.key(1) == new_key


def test_who_answers_a_rekey_just_after_it_was_given_up_is_not_expelled():
    euis = [bytes([0, i]) * 4 for i in range(1, 6)]
    bench = up(euis)
    bench.segment.rekey.begin(at(bench.ms))
    answer_all(bench, euis)
    assert bench.events[-1] == (shared.REKEY_DONE, b"", 5) and not bench.segment.rekey.is_on
    bench.taken()
    bench.says(b"\x48" + euis[2] + b"\xff\xff")
    assert [request for request in bench.taken() if request[0] == 0x3E] == [] and bench.named("join_mismatch") == 0


def test_a_rekey_given_up_at_once_leaves_the_modem_its_usual_slot_time():
    bench = up((EUI,), psks=PskCache(4, 3600), rekey__tries=1)
    bench.sent = []
    bench.segment.rekey.begin(at(bench.ms))
    for _ in range(40):
        answer_in_200_ms(bench)
    assert not bench.segment.rekey.is_on
    assert [request[8:] for request in bench.sent if request[:5] == octets("3C 00000006")] == [b"\x00\x0e", b"\x00\x3c"]
