# SPDX-License-Identifier: MIT
"""Rekeying by the bootstrapping server on the host (dialect L): facts/g3.md 6.5, the unreachable, strangers."""

from g3_bench import EUI, octets
from g3_lbs_bench import LbsBench
from plc_fakes import at

from plc.g3 import lbs_session, rekey

JOINING = "10000011223344556677"
MESSAGE_2 = (
    "100000112233445566770800003E2F4011848D16BC7676F635659012082B3A97A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
    "84E31676AB77613CB285B7E7A2692C850011223344556677"
)


def test_a_rekey_is_the_transcript_of_the_sheet():
    bench = LbsBench((EUI,))
    record, joins = bench.segment.record, bench.segment.joins
    joins._random = lambda n: octets("2122232425262728292A2B2C2D2E2F30")
    joins.ident = 3
    record._random = lambda n: octets("F1020304050607080910111213141516")
    assert bench.segment.rekey.begin(at(bench.ms))
    record._keys[16:] = octets("01020304050607080910111213141516")  # the sheet's key: drawn it would be refused
    joins.carrier.parameters = b"\x27\x11\x01" + bytes(record.key(1))
    bench.serve(until=lambda: bool([1 for request in bench.sent if request[0] == 0x13]))
    sent = [request for request in bench.sent if request[0] == 0x13]
    assert sent[-1][11:] == octets(
        "A00000112233445566770403001E2F002122232425262728292A2B2C2D2E2F308172635445362718"
    )
    bench.hears(
        "100000112233445566770803003E2F402122232425262728292A2B2C2D2E2F30B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF"
        "B8557B85587A411E2C6A077C710FBB770011223344556677",
        src=1,
    )
    assert bench.said() == [(1, octets(
        "A0000011223344556677" "0404004F2F802122232425262728292A2B2C2D2E2F30CB1FD5962685B41A4052F942B96432B3"
        "00000000902C64F8327DBB1E6081AECF222988EDCC8D6D82C5E7AFFD00809052C9A49B605B1020FC90"
    ))]  # fmt: skip
    bench.hears(
        "10000011223344556677080400302FC02122232425262728292A2B2C2D2E2F3000000001FC3EB926C5410361AE2F1A39"
        "C076D264CD3235D0E06A",
        src=1,
    )
    assert bench.said() == [(1, octets("900000112233445566770C050004"))]
    bench.on_air().wait(1100)
    assert bench.segment.rekey.phase == rekey.ACTIVATE
    bench.wait(1100)
    assert bench.said() == [(1, octets("900000112233445566772B0101"))]
    bench.hears("1000001122334455667731020000", src=1)
    bench.serve(until=lambda: not bench.segment.rekey.is_on)
    assert bench.sent[-1] == octets("11 00000022 0000 01 01") and record.active == 1
    assert bench.segment.rekey.nodes.progress() == (0, 0, 1, 0) and bench.named("joined") == 0


def test_an_unreachable_member_does_not_stall_a_rekey_and_joins_are_declined_meanwhile():
    bench = LbsBench((EUI,), rekey__timeout_s=10)
    bench.segment.rekey.begin(at(bench.ms))
    bench.serve(limit_ms=3000)
    bench.hears("10000011223344556688")
    assert [nsdu[0] for _, nsdu in bench.said()] == [0xB0] and bench.named("join_refused_rekey") == 1
    bench.serve(limit_ms=400000, until=lambda: not bench.segment.rekey.is_on)
    assert not bench.segment.rekey.is_on and bench.segment.rekey.missed_cnt == 1
    assert bench.segment.joins.next_deadline() is None or bench.segment.joins.sessions.of(memoryview(EUI))


def test_a_stranger_cannot_break_a_members_rekey():
    bench = LbsBench((EUI,))
    bench.segment.rekey.begin(at(bench.ms))
    bench.serve(limit_ms=3000)
    session = bench.segment.joins.sessions.of(memoryview(EUI))
    assert session.state == lbs_session.WAIT_2
    bench.hears(JOINING).hears(MESSAGE_2)
    assert session.state == lbs_session.WAIT_2 and bench.named("auth_bad_mac_p") == 0


def test_who_answers_after_a_rekey_was_given_up_is_sent_no_empty_parameters():
    bench = LbsBench((EUI,), rekey__timeout_s=10)
    bench.segment.rekey.begin(at(bench.ms))
    bench.serve(limit_ms=400000, until=lambda: not bench.segment.rekey.is_on)
    assert bench.segment.rekey.missed_cnt == 1 and bench.segment.record.active == 0
    bench.said()
    bench.hears(MESSAGE_2, src=1)
    assert bench.said() == [] and bench.named("lbp_replay") == 1
