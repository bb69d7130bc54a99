# SPDX-License-Identifier: MIT
"""Keyed clients of SAP 1: HLS mechanism 5, ciphered services, what is refused and what that costs.

Layouts: Green Book 9.4.2, facts dlms 5; AARE fields in the order of recorded sessions (hls5.*).
"""

from dlms_device import get, get_next, name
from dlms_keyed import CTOS, FIRST_MS, LONGEST_MS, PEER, Hes, KeyedBench
from dlms_settings import NAME, action_request, set_request
from security_fakes import EK, key_record

from base import events

_NOT_ALLOWED = b"\xd8\x01\x01"
_DECIPHERING = b"\xd8\x01\x05"
_GET_LDN = get(1, "0.0.42.0.0.255", 2)
_STATUS = get(15, "0.0.40.0.0.255", 8)


def _refused(answer):
    """(result, diagnostic) of an AARE that refuses."""
    assert answer[0] == 0x61 and answer[2:13] == b"\xa1\x09\x06\x07\x60\x85\x74\x05\x08\x01\x03", answer
    return answer[17], answer[24]


def test_a_client_that_has_the_keys_gets_in_and_is_served():
    for form in ("glo", "general", "dedicated"):
        for sap in (1, 32, 64, 127):
            bench = KeyedBench(max_pdu=1024)
            hes = Hes(bench, sap, form)
            if form == "dedicated":
                hes.dedicated = bytes(range(16))
            initiate = hes.begin()
            assert initiate == b"\x08\x00\x06\x5f\x1f\x04\x00\x60\x3e\x1d\x04\x00\x00\x07"
            assert hes.reply()[:8] == b"\xc7\x01\xc1\x00\x01\x00\x09\x11"
            assert hes.ask(_GET_LDN) == b"\xc4\x01\xc1\x00\x09\x10GWY0000000000001"
            assert (events.OWN_ASSOCIATED, sap, 0x0A000007) in bench.notices


def test_set_and_action_are_served_to_those_who_may():
    bench = KeyedBench()
    management = Hes(bench).associate()
    assert management.ask(set_request(b"\x12\x01\x02")) == b"\xc5\x01\xc1\x00"
    assert management.ask(action_request(1, b"\x12\x00\x15")) == b"\xc7\x01\xc1\x00\x01\x00\x12\x00\x2a"
    read_only = Hes(bench, 127).associate()
    assert read_only.ask(set_request(b"\x12\x01\x03")) == b"\xc5\x01\xc1\x03"
    assert read_only.ask(get(9000, NAME, 2)) == b"\xc4\x01\xc1\x00\x12\x01\x02"
    assert bench.records == [
        (1, 0xC3, 15, 1, 0),
        (1, 0xC1, 9000, 2, 0),
        (1, 0xC3, 9000, 1, 0),
        (127, 0xC3, 15, 1, 0),
        (127, 0xC1, 9000, 2, 3),
    ]


def test_until_it_has_answered_the_challenge_a_client_can_do_nothing_else():
    bench = KeyedBench()
    hes = Hes(bench)
    hes.begin()
    assert hes.ask_plain(hes.seal(_GET_LDN)) == _NOT_ALLOWED
    assert hes.ask_plain(hes.seal(set_request(b"\x12\x01\x02"))) == _NOT_ALLOWED
    assert hes.ask_plain(hes.seal(action_request(2))) == _NOT_ALLOWED
    assert hes.reply()[3] == 0
    assert hes.ask(_STATUS) == b"\xc4\x01\xc1\x00\x16\x02"


def test_a_wrong_answer_to_the_challenge_ends_it_and_the_client_waits():
    bench = KeyedBench()
    for wrong in (
        lambda hes: hes.token(CTOS),
        lambda hes: hes.token(hes.stoc)[:-1] + b"\x00",
        lambda hes: b"",
        lambda hes: bytes(17),
        lambda hes: hes.token(hes.stoc) + b"\x00",
    ):
        hes = Hes(bench, counter=bench.now)
        hes.begin()
        assert hes.reply(wrong(hes)) == b"\xc7\x01\xc1\xfa\x00"
        assert bench.device.open_cnt() == 0
        assert hes.ask_plain(hes.seal(_GET_LDN)) == _NOT_ALLOWED
        assert _refused(hes.ask_plain(hes.aarq())) == (2, 13)
        bench.now += LONGEST_MS
    assert [n[0] for n in bench.notices].count(events.OWN_AUTHENTICATION_FAILED) == 5
    Hes(bench, counter=bench.now).associate()


def _string(octets):
    return bytes([len(octets)]) + octets


def test_without_its_keys_nobody_gets_a_slot_and_nothing_is_written():
    bench = KeyedBench()
    wrong_key = bytes(16)
    for hes in (Hes(bench, ek=wrong_key), Hes(bench, ak=wrong_key), Hes(bench, 64, "general", ek=wrong_key)):
        assert _refused(hes.ask_plain(hes.aarq())) == (1, 13)
        bench.now += LONGEST_MS
    hes = Hes(bench)
    plain = b"\x01\x00\x00\x00\x06\x5f\x1f\x04\x00\xff\xff\xff\x04\x00"
    assert _refused(hes.ask_plain(hes.aarq(plain))) == (1, 13)
    wrong = (b"\x21", b"\x21\x00", b"", b"\xdb\x08" + bytes(8) + b"\x00", b"\xc8\x05\x30" + bytes(4))
    for initiate in wrong + (hes.seal(plain)[:-1],):
        assert _refused(hes.ask_plain(hes.aarq(initiate))) in ((1, 13), (2, 13))
        bench.now += LONGEST_MS
    assert bench.device.open_cnt() == 0
    assert bench.writes() == bench.write_cnt


def test_mechanisms_and_contexts_other_than_ours_are_refused_by_name():
    bench = KeyedBench()
    hes = Hes(bench)
    for proposal, diagnostic in (
        ({"context": 1}, 2),
        ({"context": 2}, 2),
        ({"context": 4}, 2),
        ({"mechanism": 0}, 11),
        ({"mechanism": 1}, 11),
        ({"mechanism": 2}, 11),
        ({"mechanism": 6}, 11),
        ({"mechanism": 7}, 11),
        ({"challenge": b"7 short"}, 13),
        ({"challenge": b"x" * 65}, 13),
        ({"challenge": b""}, 13),
    ):
        assert _refused(hes.ask_plain(hes.aarq(**proposal))) == (1, diagnostic), proposal
    hes.title = b"7 octet"
    assert _refused(hes.ask_plain(hes.aarq(b"\x21\x00"))) == (1, 3)
    lls = b"\xa1\x09\x06\x07\x60\x85\x74\x05\x08\x01\x01\x8a\x02\x07\x80\x8b\x07\x60\x85\x74\x05\x08\x02\x01"
    lls += b"\xac\x0a\x80\x0812345678\xbe\x10\x04\x0e\x01\x00\x00\x00\x06\x5f\x1f\x04\x00\x40\x32\x1d\xff\xff"
    assert _refused(bench.ask(b"\x60" + _string(lls), sap=1)) == (1, 2)
    none = lls[:10] + b"\x03" + lls[-18:]
    assert _refused(bench.ask(b"\x60" + _string(none), sap=1)) == (1, 14)
    assert bench.device.open_cnt() == 0 and bench.notices == []
    for length in (8, 64):
        Hes(bench, counter=100 * length).associate(challenge=b"x" * length)


def test_what_is_in_clear_is_not_served_in_a_ciphered_association():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    for request in (_GET_LDN, set_request(b"\x12\x00\x09"), action_request(2)):
        assert hes.ask_plain(request) == _NOT_ALLOWED
    assert bench.settings.value == 7 and bench.settings.calls == []
    assert bench.device.counters.named("dlms-refused-plain") == 3
    for control in (0x00, 0x10, 0x20):
        assert hes.ask_plain(hes.seal(_GET_LDN, control)) == _DECIPHERING
    assert hes.ask(_GET_LDN)[:2] == b"\xc4\x01"


def test_a_copy_and_a_changed_apdu_are_refused_and_the_association_goes_on():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    request = hes.seal(set_request(b"\x12\x00\x09"))
    assert hes.open(hes.ask_plain(request)) == b"\xc5\x01\xc1\x00"
    bench.settings.value = 0
    assert hes.ask_plain(request) == b"\xd8\x01\x06" + (hes.counter + 1).to_bytes(4, "big")
    request = hes.seal(set_request(b"\x12\x00\x09"))
    for at in range(3, len(request)):
        changed = request[:at] + bytes([request[at] ^ 1]) + request[at + 1 :]
        assert hes.ask_plain(changed)[:2] == b"\xd8\x01", at
    assert bench.settings.value == 0
    assert hes.open(hes.ask_plain(request)) == b"\xc5\x01\xc1\x00"


def test_a_recorded_aarq_opens_nothing_and_disturbs_nobody():
    bench = KeyedBench()
    hes = Hes(bench)
    aarq = hes.aarq()
    hes.ask_plain(aarq)
    hes.associate()
    assert bench.ask(aarq, sap=1, connection=5, peer=b"\x0a\x00\x00\x63") == (
        b"\xd8\x01\x06" + (hes.counter + 1).to_bytes(4, "big")
    )
    assert bench.ask(aarq, sap=1, peer=PEER)[:3] == b"\xd8\x01\x06"
    assert bench.device.open_cnt() == 1
    assert (events.OWN_REPLAY, 1, 0x0A000063) in bench.notices
    assert hes.ask(_GET_LDN)[:2] == b"\xc4\x01"


def test_keys_of_one_client_open_no_other():
    keys = {1: (0, 0x6C, EK, bytes(16)), 127: (0, 0x6C, bytes(range(16, 32)), bytes(16))}
    bench = KeyedBench(key_record(keys))
    Hes(bench, 1, ak=bytes(16)).associate()
    assert _refused(Hes(bench, 127, ak=bytes(16)).ask_plain(Hes(bench, 127, ak=bytes(16)).aarq())) == (1, 13)
    bench.now += LONGEST_MS
    Hes(bench, 127, ek=bytes(range(16, 32)), ak=bytes(16)).associate()
    hes = Hes(bench, 32)
    assert _refused(hes.ask_plain(hes.aarq())) == (1, 13)
    assert bench.device.counters.named("dlms-refused-unprovisioned") == 1


def test_an_unprovisioned_device_opens_the_public_client_alone():
    for keys in (b"", b"GWKY" + bytes(348)):
        bench = KeyedBench(keys or None)
        if not keys:
            bench.key_record.octets = None
            bench.restart()
        for sap in (1, 32, 64, 127):
            hes = Hes(bench, sap)
            assert _refused(hes.ask_plain(hes.aarq())) == (1, 13)
            assert hes.ask_plain(_GET_LDN) == _NOT_ALLOWED
            assert hes.ask_plain(hes.seal(_GET_LDN)) == _NOT_ALLOWED
        assert bench.ask(_GET_LDN)[:2] == b"\xc4\x01"
        assert bench.writes() == bench.write_cnt


def test_who_fails_waits_twice_as_long_each_time_and_others_do_not():
    bench = KeyedBench()
    stranger = Hes(bench, ek=bytes(16), counter=1 << 30, peer=b"\x0a\x00\x00\x63")
    Hes(bench, connection=1).associate()
    wait = FIRST_MS
    for _ in range(4):
        assert _refused(stranger.ask_plain(stranger.aarq())) == (1, 13)
        assert bench.notices[-1] == (events.OWN_LOCKED, 1, wait // 1000)
        bench.now += wait - 1
        assert _refused(stranger.ask_plain(stranger.aarq())) == (2, 13)
        Hes(bench, connection=1, counter=bench.now).associate()
        bench.now += 1
        wait *= 2
    assert bench.security.counters.named("security-locked") == 4


def test_an_aarq_again_starts_the_association_afresh():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    hes.begin()
    assert bench.device.open_cnt() == 1
    assert hes.ask_plain(hes.seal(_GET_LDN)) == _NOT_ALLOWED
    assert hes.reply()[3] == 0
    assert hes.ask(_GET_LDN)[:2] == b"\xc4\x01"


def test_a_pending_association_is_closed_soon():
    bench = KeyedBench()
    Hes(bench, 1).begin()
    Hes(bench, 32).associate()
    bench.device.on_deadline(bench.now + 39999)
    assert bench.device.open_cnt() == 2
    bench.device.on_deadline(bench.now + 40000)
    assert bench.device.open_cnt() == 1
    bench.device.on_deadline(bench.now + 600000)
    assert bench.device.open_cnt() == 0


def test_release_with_and_without_ciphered_user_information():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    assert hes.ask_plain(b"\x62\x03\x80\x01\x00") == b"\x63\x03\x80\x01\x00"
    assert bench.device.open_cnt() == 0
    hes.associate()
    initiate = hes.seal(b"\x01\x00\x00\x00\x06\x5f\x1f\x04\x00\xff\xff\xff\x04\x00", form="glo")
    user = b"\x80\x01\x00\xbe" + bytes([2 + len(initiate)]) + b"\x04" + bytes([len(initiate)]) + initiate
    broken = user[:-1] + bytes([user[-1] ^ 1])
    assert hes.ask_plain(b"\x62" + _string(broken)) == _DECIPHERING
    assert bench.device.open_cnt() == 1
    answer = hes.ask_plain(b"\x62" + _string(user))
    assert answer[:2] == b"\x63" + bytes([len(answer) - 2]) and answer[2:6] == b"\x80\x01\x00\xbe"
    assert hes.open(answer[9:])[:1] == b"\x08"
    assert bench.device.open_cnt() == 0
    assert hes.ask_plain(b"\x62\x03\x80\x01\x00") == b"\x63\x03\x80\x01\x00"


def test_a_long_list_is_read_in_ciphered_blocks_no_longer_than_agreed():
    for form in ("glo", "general"):
        for max_pdu in (128, 129, 200, 512):
            bench = KeyedBench()
            bench.saps.node_cnt = 60
            hes = Hes(bench, form=form).associate(max_pdu=max_pdu)
            raw, number = b"", 0
            answer = hes.ask_plain(hes.seal(get(17, "0.0.41.0.0.255", 2)))
            while True:
                assert len(answer) <= max_pdu
                plain = hes.open(answer)
                number += 1
                length_len = 1 if plain[9] < 0x80 else 1 + (plain[9] & 0x7F)
                raw += plain[9 + length_len :]
                if plain[3]:
                    break
                answer = hes.ask_plain(hes.seal(get_next(number)))
            assert raw == bench.read(17, "0.0.41.0.0.255", 2)


def test_counters_of_both_sides_go_on_after_a_restart():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    hes.ask(_GET_LDN)
    old = hes.counter
    bench.restart()
    hes.counter = 0
    assert hes.ask_plain(hes.aarq())[:3] == b"\xd8\x01\x06"
    bench.now += LONGEST_MS
    hes.counter = old + 1000
    hes.associate()
    assert hes.ask(_GET_LDN)[:2] == b"\xc4\x01"


def test_management_sees_the_association_of_every_client():
    bench = KeyedBench()
    hes = Hes(bench).associate()
    Hes(bench, 64).associate()
    bench.ask(_GET_LDN)
    assert hes.ask(get(15, "0.0.40.0.0.255", 3)) == b"\xc4\x01\xc1\x00\x02\x02\x0f\x01\x12\x00\x01"
    for e_group, sap, arc, status in ((1, 1, 3, 2), (2, 32, 3, 0), (3, 64, 3, 2), (4, 127, 3, 0), (5, 16, 1, 2)):
        ln = "0.0.40.0.%d.255" % e_group
        assert hes.ask(get(15, ln, 3)) == b"\xc4\x01\xc1\x00\x02\x02\x0f" + bytes([sap]) + b"\x12\x00\x01"
        assert hes.ask(get(15, ln, 4))[-1] == arc
        assert hes.ask(get(15, ln, 8)) == b"\xc4\x01\xc1\x00\x16" + bytes([status])
        assert hes.ask(get(15, ln, 7)) == b"\xc4\x01\xc1\x01\x03"
        assert bench.ask(get(15, ln, 3)) == b"\xc4\x01\xc1\x01\x04"
    assert hes.ask(get(15, "0.0.40.0.0.255", 9)) == b"\xc4\x01\xc1\x00\x09\x06" + name("0.0.43.0.1.255")
    assert hes.ask(get(15, "0.0.40.0.0.255", 6))[-1] == 5


def test_an_association_that_cannot_be_served_says_so_in_its_aare():
    bench = KeyedBench(associations_cnt=1)
    hes = Hes(bench)
    for proposal, initiate in (({"max_pdu": 127}, 3), ({"conformance": 0x00000D}, 2)):
        answer = hes.ask_plain(hes.aarq(**proposal))
        assert _refused(answer) == (1, 1) and answer[-1] == initiate
    Hes(bench, connection=1, counter=10).begin()
    hes.counter = 20
    assert _refused(hes.ask_plain(hes.aarq())) == (2, 1)
    assert bench.device.open_cnt() == 1
