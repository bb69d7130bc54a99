# SPDX-License-Identifier: MIT
"""The 53 complete USI frames of facts/g3.md 6.6, each taken apart and made again octet by octet."""

from g3_bench import octets, usi

from base.counters import Counters
from plc.g3 import counts, pib
from plc.g3.settings import Settings
from plc.g3.usi_link import UsiLink

# (what, complete frame); source: facts/g3.md 6.6, CRC checked there against the vendor's table.
FRAMES = (
    ("INITIALIZE CEN-A coordinator", "7E00E50A00014E0C7E"),
    ("STATUS ok for INITIALIZE", "7E00E500000AEF4D7E"),
    ("MAC_SET extended address", "7E042516080000010000080011223344550000312A7E"),
    ("MAC_SET_CFM ok", "7E02252D00080000010000765E7E"),
    ("MAC_SET short address 0000", "7E02A516000000530000020000C2D27E"),
    ("SET adpMaxHops=10", "7E0265110000000F0000010AA1407E"),
    ("SET_CFM ok", "7E022527000000000F000094517E"),
    (
        "SET adpContextInformationTable[0] (link-local+PAN, 80 bit)",
        "7E05A5110000000700000EFFFF0150FE80000000000000781D162E7E",
    ),
    ("SET adpRoutingTableEntryTTL=180", "7E02A5110000001200000200B41D567E"),
    ("SET adpMaxJoinWaitTime=90", "7E02A51100000020000002005ADC397E"),
    ("SET adpSecurityLevel=5", "7E02651100000000000001058D7D5E7E"),
    ("DISCOVERY 15 s", "7E00A50C0FE9407E"),
    ("DISCOVERY_IND (PAN 1234, LQI 60, LBA 0001, RC 0010, media 0)", "7E02653012343C00010010000E2A7E"),
    ("DISCOVERY_CFM no beacon", "7E00A521A9C4E67E"),
    ("NETWORK_START PAN 781D", "7E00E50D781D46F77E"),
    ("NETWORK_START_CFM ok", "7E00A52200C74F7E"),
    (
        "SET adpPrefixTable[0] FD00:0:2:781D::/64",
        "7E08E5110000000100001B4001017FFFFFFF7FFFFFFFFD0000000002781D0000000000000000CDAB7E",
    ),
    ("LBP_SET GMK index 0", "7E06253C00000003000010AF4D6DCCF14DE7C1C4235E6FEF6C151F21EC7E"),
    ("LBP_SET PSK", "7E06253C00000002000010AB10341145111BC3C12DE8FF11142204D1617E"),
    ("LBP_SET MSG_TIMEOUT 60 s", "7E02A53C00000006000002003CE1847E"),
    ("LBP_SET_CFM ok", "7E022546000000000200005F447E"),
    ("LBP JOIN_REQUEST_IND", "7E0265470011223344556677823E7E"),
    ("LBP SHORT_ADDRESS_ASSIGN 0001", "7E02E54200112233445566770001399E7E"),
    ("LBP SHORT_ADDRESS_ASSIGN FFFF (decline)", "7E02E5420011223344556677FFFFC6607E"),
    ("LBP JOIN_COMPLETE_IND", "7E02E54800112233445566770001D6067E"),
    ("LBP LEAVE_IND", "7E00E549000136AB7E"),
    ("LBP KICK", "7E02E53E00010011223344556677B7037E"),
    ("LBP_SET REKEY_GMK", "7E06253C0000000400001001020304050607080910111213141516D7DD7E"),
    ("LBP SET_REKEY_PHASE 1", "7E00A54001A54E7E"),
    ("LBP REKEY distribute", "7E03253F000100112233445566770175727E"),
    ("LBP REKEY activate", "7E03253F000100112233445566770075737E"),
    ("LBP ACTIVATE_NEW_KEY", "7E00654165417E"),
    (
        "DATA_REQUEST handle 1, discover, qos 0 (DLMS GET clock over UDP/IPv6)",
        "7E12E50B010100004560000000001D1140FE80000000000000781D00FFFE000000FE80000000000000781D00FFFE0000"
        "010FDB0FDB001D6CAA000100010001000DC001C100080000010000FF0200814E7E",
    ),
    ("DATA_CFM ok handle 1", "7E00E51E00011CB97E"),
    (
        "DATA_IND LQI 60 (DLMS GET response)",
        "7E13A51F3C004A6000000000221140FE80000000000000781D00FFFE000001FE80000000000000781D00FFFE0000000F"
        "DB0FDB00225D170001000100010012C401C100090C07EA0105010C0000FF8000009BBB7E",
    ),
    ("BUFFER_IND none", "7E00A52F00CA4F7E"),
    ("BUFFER_IND all", "7E00A52F07CA487E"),
    ("ROUTE_DISCOVERY 0001 8 hops", "7E012514000108D53D7E"),
    ("ROUTE_DISCOVERY_CFM failed route", "7E00A52BA5CEEA7E"),
    ("PATH_DISCOVERY 0001 metric 0F", "7E01251500010FE60B7E"),
    ("PATH_DISCOVERY_CFM 1+1 hops", "7E05E52C00000100000F010100010112003C3A00000114003A3C582C7E"),
    ("NETWORK_STATUS_IND alternate PAN", "7E036520123402000102FFFF80000000EBB27E"),
    ("PREQ_IND", "7E00653165317E"),
    ("RESET", "7E00651065107E"),
    ("RESET_CFM", "7E00A52600C34F7E"),
    ("MAC_GET macFrameCounter", "7E01E5170000007700001DA67E"),
    ("MAC_GET_CFM macFrameCounter=4660", "7E03652E000000007700000400001234C8CD7E"),
    ("escape demo: PATH_DISCOVERY dst 7E7D", "7E0125157D5E7D5D0F05527E"),
    ("legacy INITIALIZE CEN-A", "7E00A50A00EF4F7E"),
    ("legacy LBP_IND direct L0", "7E04652AFFFF000A100000112233445566773C0038CA7E"),
    (
        "legacy LBP_REQUEST to EUI-64 (L1)",
        "7E0E6513010A0100000800280011223344556677A00000112233445566770400001E2F0011848D16BC7676F635659012"
        "082B3A978172635445362718EE027E",
    ),
    ("legacy LBP_CFM", "7E00E52900015A0D7E"),
    ("legacy COORD JOIN_IND", "7E02E6080011223344556677000138107E"),
)
ALL = b"".join([octets(frame) for _, frame in FRAMES])


class Recorder:
    """Port and frame owner in one."""

    def __init__(self):
        self.wire = b""
        self.frames = []

    def write(self, mv):
        self.wire += bytes(mv)

    def on_frame(self, now, protocol, frame, off, end):
        self.frames.append((protocol, bytes(frame[off:end])))


def make(**settings):
    recorder = Recorder()
    counters = Counters(counts.NAMES)
    return UsiLink(recorder, Settings(settings), counters, recorder), recorder, counters


def payloads():
    link, recorder, _ = make()
    link.feed(0, memoryview(ALL), len(ALL))
    return recorder.frames


def test_there_are_53_and_all_are_taken():
    link, recorder, counters = make()
    link.feed(0, memoryview(ALL), len(ALL))
    assert len(recorder.frames) == len(FRAMES) == 53
    assert counters.named("rx_frames") == 53 and sum([counters.get(i) for i in range(len(counters))]) == 53


def test_each_is_made_again_as_it_was():
    taken = payloads()
    for i in range(len(FRAMES)):
        (what, frame), (protocol, payload) = FRAMES[i], taken[i]
        link, recorder, _ = make()
        assert link.send(protocol, memoryview(payload), len(payload))
        assert recorder.wire == octets(frame), what


def test_any_split_gives_the_same_frames():
    whole = payloads()
    for size in (1, 2, 3, 5, 7, 11, 64, 500):
        link, recorder, _ = make()
        for at in range(0, len(ALL), size):
            piece = ALL[at : at + size]
            link.feed(0, memoryview(piece), len(piece))
        assert recorder.frames == whole, size


def test_two_frames_split_at_every_octet():
    stream = octets(FRAMES[3][1]) + octets(FRAMES[-1][1])
    link, whole, _ = make()
    link.feed(0, memoryview(stream), len(stream))
    for cut in range(len(stream) + 1):
        link, recorder, _ = make()
        link.feed(0, memoryview(stream[:cut]), cut)
        link.feed(0, memoryview(stream[cut:]), len(stream) - cut)
        assert recorder.frames == whole.frames, cut


def test_every_truncation_costs_that_frame_and_no_other():
    last = octets(FRAMES[1][1])
    for what, frame in FRAMES:
        frame = octets(frame)
        for n in range(1, len(frame) - 1):
            link, recorder, _ = make()
            stream = frame[:n] + b"\x7e" + last
            link.feed(0, memoryview(stream), len(stream))
            assert recorder.frames == [(0x25, b"\x00\x00\x0a")], (what, n)


def test_every_changed_octet_costs_that_frame_and_no_other():
    last = octets(FRAMES[1][1])
    for what, frame in FRAMES[:12] + FRAMES[-4:]:
        frame = octets(frame)
        for i in range(1, len(frame) - 1):
            for flip in (0x01, 0x80):
                link, recorder, _ = make()
                stream = frame[:i] + bytes([frame[i] ^ flip]) + frame[i + 1 :] + last
                link.feed(0, memoryview(stream), len(stream))
                assert recorder.frames[-1:] == [(0x25, b"\x00\x00\x0a")], (what, i)
                assert len(recorder.frames) == 1, (what, i)


def test_attribute_requests_are_those_of_the_sheet():
    named = dict(FRAMES)
    mv = memoryview(bytearray(64))
    for what, space, attribute, value in (
        ("MAC_SET extended address", pib.SPACE_MAC, pib.MAC_EUI64, octets("0011223344550000")),
        ("SET adpMaxHops=10", pib.SPACE_ADP, pib.MAX_HOPS, b"\x0a"),
        ("SET adpSecurityLevel=5", pib.SPACE_ADP, pib.SECURITY_LEVEL, b"\x05"),
        ("LBP_SET PSK", pib.SPACE_LBP, pib.LBP_PSK, octets("AB10341145111BC3C12DE8FF11142204")),
        ("LBP_SET GMK index 0", pib.SPACE_LBP, pib.LBP_GMK, octets("AF4D6DCCF14DE7C1C4235E6FEF6C151F")),
    ):
        n = pib.put_set(mv, space, attribute, 0, value)
        assert usi(bytes(mv[:n])) == octets(named[what]), what
    n = pib.put_get(mv, pib.SPACE_MAC, pib.MAC_FRAME_COUNTER, 0)
    assert usi(bytes(mv[:n])) == octets(named["MAC_GET macFrameCounter"])


def test_a_frame_longer_than_the_modems_buffer_is_not_written():
    for size, is_sent in ((1017, True), (1018, True), (1019, False)):
        link, recorder, counters = make()
        payload = b"\x0b" + bytes(size - 1)
        assert link.send(0x25, memoryview(payload), size) is is_sent
        assert (counters.named("tx_oversized") == 0) is is_sent and bool(recorder.wire) is is_sent


def test_dialect_l_has_no_eleventh_bit():
    link, recorder, counters = make(dialect="L", modem_buffer=4096, max_packet=1280)
    assert link.send(0x25, memoryview(b"\x0b" + bytes(1022)), 1023)
    assert not link.send(0x25, memoryview(b"\x0b" + bytes(1023)), 1024)
