# SPDX-License-Identifier: MIT
"""The bootstrapping server on the host (dialect L): transcripts of facts/g3.md 6.4-6.6, intruders, losses."""

from g3_aes import encrypt_block
from g3_bench import EUI, EUI_2, PSK, G3Bench, octets
from g3_lbs_bench import LbsBench
from plc_fakes import at

from base.errors import LocalError
from plc.g3 import lbs, lbs_session, shared
from plc.g3.psks import LocalPsks, PskCache
from plc.medium import NODE_ASSIGNED, NODE_LOST_EVENT, NODE_QUARANTINED, NODE_UP_EVENT

JOINING = "10000011223344556677"
MESSAGE_1 = "A00000112233445566770400001E2F0011848D16BC7676F635659012082B3A978172635445362718"
MESSAGE_2 = (
    "100000112233445566770800003E2F4011848D16BC7676F635659012082B3A97A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"
    "84E31676AB77613CB285B7E7A2692C850011223344556677"
)
MESSAGE_3 = (
    "A0000011223344556677040100562F8011848D16BC7676F635659012082B3A97F264620A58FCC8B77947865691F4F6D6"
    "0000000052497B4D100B0A630040DC4423734B3EE5E761F0A543A24D4BD807E126D8B5C4FE975CB91CC3302650FD8499"
)
MESSAGE_4 = (
    "10000011223344556677080100302FC011848D16BC7676F635659012082B3A9700000001C72B5A1CB58F3881DE2D93FC"
    "2E0680E95740A45AC1C0"
)
MESSAGE_4_REFUSING = (
    "10000011223344556677080100302FC011848D16BC7676F635659012082B3A970000000111C8DE4C7A338393266ED20A"
    "B728CEEA1740A45AC0EB"
)
SUCCESS = "900000112233445566770C020004"
# Complete frames of facts/g3.md 6.6.
JOINING_FRAME = octets("7E04652AFFFF000A100000112233445566773C0038CA7E")
MESSAGE_1_FRAME = octets(
    "7E0E6513010A0100000800280011223344556677A00000112233445566770400001E2F0011848D16BC7676F635659012082B3A97"
    "8172635445362718EE027E"
)
CONFIRM_FRAME = octets("7E00E52900015A0D7E")


def direct(text):
    return [(0xFFFF, octets(text))]


def kinds(bench):
    return [event[0] for event in bench.events]


def test_bring_up_of_dialect_l_sets_the_key_by_the_mac_and_its_index_by_the_adp():
    bench = G3Bench(dialect="L", encrypt=encrypt_block)

    def silent_on_initialize(request):
        return b"" if request[0] == 0x0A else bench.answer(request)

    bench.start().serve(until=lambda: bench.segment.is_up, answer=silent_on_initialize)
    assert bench.segment.is_up
    assert bench.sent[0] == b"\x0a\x00"
    assert octets("16 00000071 0000 10") + bench.random.drawn[0] in bench.sent
    assert octets("11 00000022 0000 01 00") in bench.sent
    assert not [request for request in bench.sent if request[0] == 0x3C]


def test_dialect_l_needs_aes():
    try:
        G3Bench(dialect="L")
        raise AssertionError
    except LocalError:
        pass


def test_a_direct_join_is_the_transcript_of_the_sheet():
    bench = LbsBench()
    bench.feed(JOINING_FRAME)
    assert bench.pins.octets() == MESSAGE_1_FRAME
    bench.feed(CONFIRM_FRAME)
    assert bench.nodes.count() == 0  # a row only for who has proved to know the PSK
    bench.hears(MESSAGE_2)
    assert bench.said() == direct(MESSAGE_3)
    assert bench.nodes.state(0) == NODE_ASSIGNED
    bench.on_air().hears(MESSAGE_4)
    assert bench.said() == direct(SUCCESS) and bench.sink.take() == []
    bench.on_air()
    assert bench.sink.take() == [("node", 0, NODE_UP_EVENT)]
    assert bench.events == [(shared.JOIN_DONE, EUI, 0)] and bench.named("joined") == 1
    assert bench.segment.joins.next_deadline() is None


def test_a_relayed_join_goes_through_the_agent_secured():
    bench = LbsBench((EUI_2,))
    bench.hears(JOINING, src=1)
    assert [via for via, _ in bench.said()] == [1]
    bench.hears(MESSAGE_2, src=1)
    assert [via for via, _ in bench.said()] == [1]


def test_hybrid_bits_are_copied_back():
    bench = LbsBench()
    bench.hears("1C000011223344556677")
    assert bench.said() == direct("AC" + MESSAGE_1[2:])


def test_every_message_lost_once_is_repeated_and_the_join_finishes():
    bench = LbsBench(lbs__timeout_ms=5000)
    bench.hears(JOINING)
    assert bench.said() == direct(MESSAGE_1)
    bench.wait(5001)  # our message 1 was lost
    assert bench.said() == direct(MESSAGE_1)
    bench.hears(MESSAGE_2)
    assert bench.said() == direct(MESSAGE_3)
    bench.hears(MESSAGE_2)  # the device did not hear message 3
    assert bench.said() == direct(MESSAGE_3)
    bench.hears(MESSAGE_4)
    assert bench.said() == direct(SUCCESS)
    bench.hears(MESSAGE_4)
    assert bench.said() == direct(SUCCESS)
    bench.on_air()
    assert kinds(bench) == [shared.JOIN_DONE]


def test_a_device_that_falls_silent_is_given_up_and_told():
    bench = LbsBench(lbs__timeout_ms=5000)
    bench.hears(JOINING)
    bench.wait(5001)
    assert len(bench.said()) == 2
    bench.wait(5001)
    assert bench.said() == [] and kinds(bench) == [shared.JOIN_FAILED] and bench.named("lbp_timeout") == 1
    assert bench.nodes.count() == 0


def test_a_busy_modem_gets_the_frame_again_soon():
    bench = LbsBench()
    bench.hears(JOINING)
    assert bench.said() == direct(MESSAGE_1)
    bench.on_air(0xB3).wait(1001)
    assert bench.said() == direct(MESSAGE_1)


def test_a_wrong_psk_ends_the_run_without_an_answer_and_without_a_row():
    bench = LbsBench(psks=LocalPsks(b"", bytes(16)))
    bench.hears(JOINING)
    bench.said()
    bench.hears(MESSAGE_2)
    assert bench.said() == [] and bench.named("auth_bad_mac_p") == 1 and bench.nodes.count() == 0
    assert kinds(bench) == [shared.AUTH_FAILED, shared.JOIN_FAILED]


def test_replayed_frames_are_counted_and_change_nothing():
    bench = LbsBench()
    for replay in (MESSAGE_2, MESSAGE_4, JOINING + "31020000"):
        bench.hears(replay)
    assert bench.named("lbp_replay") == 3 and bench.said() == []
    bench.segment.joins._random = lambda n: bytes(range(16))  # a new session, a new RAND_S
    bench.hears(JOINING)
    bench.said()
    bench.hears(MESSAGE_2)
    assert bench.named("lbp_replay") == 4 and bench.said() == [] and bench.nodes.count() == 0
    bench.hears(MESSAGE_4)
    assert bench.named("lbp_replay") == 5
    assert bench.segment.joins.sessions.of(memoryview(EUI)).state == lbs_session.WAIT_2


def test_a_forged_message_4_is_refused_and_the_true_one_still_taken():
    bench = LbsBench()
    bench.hears(JOINING).hears(MESSAGE_2)
    bench.said()
    forged = bytearray(octets(MESSAGE_4))
    forged[-1] ^= 1
    bench.hears(bytes(forged))
    assert bench.said() == [] and bench.named("auth_bad_tag") == 1 and kinds(bench) == [shared.AUTH_FAILED]
    bench.hears(MESSAGE_4)
    assert bench.said() == direct(SUCCESS)


def test_a_device_that_refuses_its_configuration_is_not_accepted():
    bench = LbsBench()
    bench.hears(JOINING).hears(MESSAGE_2)
    bench.said()
    bench.hears(MESSAGE_4_REFUSING)
    assert bench.said() == [] and bench.named("auth_refused") == 1 and kinds(bench) == [shared.JOIN_FAILED]


def test_who_is_not_welcome_is_declined():
    bench = LbsBench(psks=PskCache(2, 60))
    bench.hears(JOINING)
    assert bench.said() == direct("B000001122334455667710000004") and kinds(bench) == [shared.JOIN_UNKNOWN]
    bench.segment.joins.gate._psks.provide(at(bench.ms), EUI, PSK)
    bench.hears(JOINING)
    assert [nsdu[0] for _, nsdu in bench.said()] == [0xA0]
    full = LbsBench(capacity=0)
    full.hears(JOINING).hears(MESSAGE_2)
    assert [nsdu[0] for _, nsdu in full.said()] == [0xA0, 0xB0] and full.named("join_refused_full") == 1


def test_frames_that_cannot_be_what_they_say_are_refused():
    bench = LbsBench((EUI,))
    for nsdu, src, is_secured, counter in (
        (JOINING, 0xFFFF, True, "lbp_refused"),
        (JOINING, 1, False, "lbp_refused"),
        (JOINING, 0x8001, True, "lbp_refused"),
        ("40000011223344556677", 0xFFFF, False, "lbp_refused"),
        ("40000011223344556677", 5, True, "lbp_refused"),
        ("40000011223344556688", 1, True, "lbp_refused"),
        ("90000011223344556677", 1, True, "lbp_malformed"),
        ("10", 1, True, "lbp_malformed"),
    ):
        before = bench.named(counter)
        bench.hears(nsdu, src, is_secured)
        assert bench.named(counter) == before + 1 and bench.said() == [], (nsdu, src)
    for text in ("2A FFFF 000A 1000", "2A FFFF", "29 00"):
        bench.says(text)
    assert bench.named("message_short") == 3 and bench.sink.take() == []


def test_a_member_that_leaves_is_lost_and_an_expelled_one_is_told():
    bench = LbsBench((EUI,))
    bench.hears("40000011223344556677", src=1)
    assert bench.sink.take() == [("node", 0, NODE_LOST_EVENT)] and kinds(bench) == [shared.NODE_LEFT]
    bench = LbsBench((EUI,))
    assert bench.segment.kick(at(bench.ms), 0)
    assert bench.said() == [(1, octets("C0000011223344556677"))]


def test_five_joins_run_at_once_and_the_sixth_waits():
    bench = LbsBench()
    for i in range(6):
        bench.hears(b"\x10\x00" + bytes([i]) * 8)
    assert len(bench.said()) == 5 and bench.named("lbp_no_slot") == 1


def test_every_cell_of_the_table_is_survived():
    for state in range(len(lbs._TABLE)):
        for event in range(len(lbs._TABLE[0])):
            for text in (JOINING, MESSAGE_2, MESSAGE_4, JOINING + "31020000"):
                bench = LbsBench()
                bench.hears(JOINING).hears(MESSAGE_2)
                session = bench.segment.joins.sessions.of(memoryview(EUI))
                session.state = state
                bench.segment.joins._frame.parse(memoryview(octets(text)))
                bench.segment.joins._fire(at(bench.ms), session, event)
                assert 0 <= session.state <= lbs_session.WAIT_RESULT
                if session.state:
                    assert bench.segment.joins.next_deadline() is not None


def test_who_is_blocked_while_he_joins_gets_no_key_or_is_expelled():
    from plc.access import Access

    bench = LbsBench()
    lists = bench.segment.joins.gate._access = Access(2)
    bench.hears(JOINING)
    bench.said()
    assert lists.block(EUI)
    bench.hears(MESSAGE_2)
    assert [nsdu[0] for _, nsdu in bench.said()] == [0xB0] and bench.nodes.count() == 0
    lists.forget(EUI)
    bench.hears(JOINING).hears(MESSAGE_2)
    bench.said()
    bench.on_air().hears(MESSAGE_4)
    assert lists.block(EUI)
    bench.said()
    bench.on_air()
    assert [nsdu[0] for _, nsdu in bench.said()] == [0xC0] and bench.named("kicked") == 1
    assert bench.named("joined") == 0 and bench.nodes.state(0) == NODE_ASSIGNED


def test_who_is_removed_while_he_joins_is_expelled_and_breaks_nothing():
    bench = LbsBench()
    bench.hears(JOINING).hears(MESSAGE_2)
    bench.said()
    bench.on_air().hears(MESSAGE_4)
    bench.said()
    bench.nodes.find = lambda title: -1
    bench.nodes.rows[0]["state"] = NODE_QUARANTINED
    bench.on_air()
    assert [nsdu[0] for _, nsdu in bench.said()] == [0xC0] and bench.named("joined") == 0


def test_the_row_of_a_node_that_is_joining_is_not_handed_over_to_the_next():
    bench = LbsBench(unverified_max=1, lost_after=1)
    bench.hears(JOINING).hears(MESSAGE_2)
    assert bench.nodes.find(EUI) == 0 and bench.nodes.state(0) == NODE_ASSIGNED
    bench.segment.links.failed(0)
    gate = bench.segment.joins.gate
    assert gate.row_for(at(bench.ms), EUI_2) == -1 and bench.nodes.find(EUI) == 0
    bench.segment.joins.sessions.clear()
    assert gate.row_for(at(bench.ms), EUI_2) == 0 and bench.nodes.find(EUI) == -1
