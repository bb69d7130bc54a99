# SPDX-License-Identifier: MIT
"""MAC_Frame, LLC and CIASE: vectors of facts/sfsk.md 6.2 and 6.3, bounds, corruption."""

from binascii import unhexlify

from base.errors import LocalError, RemoteError
from plc.sfsk import airtime, ciase, llc
from plc.sfsk.llc import Indication


def octets(text):
    return unhexlify(text.replace(" ", ""))


GURUX_INITIATOR = octets("475558000001")
GURUX_METER = octets("495343123456")
# Middle parts (credits..APDU, pad length 0) of frames made by gurux.dlms.java commit a01dbc8, facts/sfsk.md 6.3.
GURUX = {
    "discover": octets("FC C0 0F FF 00 90 00 01 1D 64 00 0A 00 00"),
    "register": octets("FC C0 0F FF 00 90 00 01 1C 47 55 58 00 00 01 01 49 53 43 12 34 56 00 01"),
    "ping": octets("00 C0 00 01 00 90 01 10 19 49 53 43 12 34 56"),
    "repeater call": octets("FC C0 0F FF 00 90 01 10 1F 00 63 00 00"),
}
GURUX_AARQ = octets(
    "90 C0 00 01 1E 90 01 10 60 1D A1 09 06 07 60 85 74 05 08 01 01 BE 10 04 0E 01 00 00 00"
    "06 5F 1F 04 00 62 1E 5D FF FF"
)
GURUX_REPORT_NEW = octets("00 FF EC 00 0F 90 FD 00 1E 01 49 53 43 12 34 56 01 01")
GURUX_REPORT_KNOWN = octets("00 00 1C 00 0F 90 FD 00 1E 01 49 53 43 12 34 56 01 82")
# Computed by the authors of the fact sheet from the datasheet's tables, 6.2.
REGISTER_8 = octets("FC C0 0F FF 00 90 00 01 1C 47 55 58 00 00 00 00 01 01 49 53 43 00 12 34 56 78 00 01")
REPORT_8 = octets("00 FF EF FF 0B 90 FD 00 1E 01 49 53 43 00 12 34 56 78 01 01")
GET_IC1 = octets("24 C0 00 01 00 90 01 10 C0 01 C1 00 01 00 00 2A 00 00 FF 02 00")


def framed(write, credit, addresses, saps, msb_first=True):
    """What `write(mv, off)` puts behind the headers, with them."""
    mv = memoryview(bytearray(64))
    length = write(mv, llc.HEADROOM)
    llc.put_header(mv, llc.HEADROOM, credit, addresses, saps, msb_first)
    return bytes(mv[llc.LOCAL_LEN : llc.HEADROOM + length])


def parsed(frame, msb_first=True):
    ind = Indication(msb_first)
    ind.parse_mac(frame, 0, len(frame))
    ind.parse_llc(frame)
    return ind


def refuses(call, *args):
    try:
        call(*args)
    except RemoteError:
        return True
    return False


def test_discover_as_gurux_writes_it():
    frame = framed(lambda mv, off: ciase.put_discover(mv, off, 100, 10, 0, 0), 7, 0xC00FFF, 0x0001)
    assert frame == GURUX["discover"]


def test_discover_counts_slots_in_two_octets():
    mv = bytearray(6)
    ciase.put_discover(mv, 0, 1, 0x1234, 7, 1)
    assert bytes(mv) == octets("1D 01 12 34 07 01")


def register(mv, off, initiator, systems):
    length = ciase.put_register_head(mv, off, initiator)
    for title, mac_addr in systems:
        mv[off + length : off + length + len(title)] = title
        length = ciase.put_register_system(mv, off, length, len(title), mac_addr)
    return length


def test_register_with_titles_of_6_octets_as_gurux_writes_it():
    frame = framed(lambda mv, off: register(mv, off, GURUX_INITIATOR, [(GURUX_METER, 1)]), 7, 0xC00FFF, 0x0001)
    assert frame == GURUX["register"]


def test_register_with_titles_of_8_octets():
    systems = [(octets("4953430012345678"), 1)]
    frame = framed(lambda mv, off: register(mv, off, octets("4755580000000001"), systems), 7, 0xC00FFF, 0x0001)
    assert frame == REGISTER_8


def test_register_of_several_systems_counts_them():
    mv = bytearray(80)
    length = register(mv, 3, b"IIIIIIII", [(b"AAAAAAAA", 0x123), (b"BBBBBBBB", 0xABC)])
    assert bytes(mv[3 : 3 + length]) == b"\x1cIIIIIIII\x02AAAAAAAA\x01\x23BBBBBBBB\x0a\xbc"


def test_systems_per_pdu_is_12_in_the_default_frame_and_1_in_one_slot():
    assert ciase.systems_per_pdu(8, 131) == 12  # facts/sfsk.md 3.5
    assert ciase.systems_per_pdu(8, 23) == 1
    assert ciase.systems_per_pdu(8, 239) == 22


def ping(mv, off):
    head = ciase.put_ping_head(mv, off)
    mv[off + head : off + head + 6] = GURUX_METER
    return head + 6


def test_ping_as_gurux_writes_it():
    assert framed(ping, 0, 0xC00001, 0x0110) == GURUX["ping"]


def test_repeater_call_as_gurux_writes_it():
    frame = framed(lambda mv, off: ciase.put_repeater_call(mv, off, 0x63, 0, 0), 7, 0xC00FFF, 0x0110)
    assert frame == GURUX["repeater call"]


def test_repeater_call_of_99_addresses_takes_5_slots():
    assert ciase.repeater_call_slots(99, 0) == 5  # facts/sfsk.md 3.6
    assert ciase.repeater_call_slots(20, 0) == 1
    assert ciase.repeater_call_slots(21, 2) == 4


def test_headers_of_a_get_with_credit_1():
    apdu = GET_IC1[8:]

    def write(mv, off):
        mv[off : off + len(apdu)] = apdu
        return len(apdu)

    assert framed(write, 1, 0xC00001, 0x0110) == GET_IC1


def test_addresses_least_significant_first_when_so_configured():
    frame = framed(lambda mv, off: ciase.put_discover(mv, off, 100, 10, 0, 0), 7, 0xC01FFE, 0x0001, False)
    assert frame[1:4] == octets("FE 1F C0")
    ind = parsed(frame, False)
    assert (ind.sa, ind.da) == (0xC01, 0xFFE)


def test_indication_of_an_aarq_written_by_gurux():
    ind = parsed(GURUX_AARQ)
    assert (ind.sa, ind.da, ind.dsap, ind.ssap) == (0xC00, 1, 1, 0x10)
    assert (ind.initial_credit, ind.current_credit, ind.repetitions) == (4, 4, 0)
    assert GURUX_AARQ[ind.apdu_off] == 0x60 and ind.apdu_len == 31


def test_report_of_a_new_meter():
    for frame, title_len in ((GURUX_REPORT_NEW, 6), (REPORT_8, 8)):
        ind = parsed(frame)
        assert ind.sa == 0xFFE and ind.dsap == 0xFD and ind.ssap == 0
        assert ciase.check_report(frame, ind.apdu_off, ind.apdu_len, title_len) == 1
        assert ciase.inferred_title_len(frame, ind.apdu_off, ind.apdu_len) == title_len
        pos = ciase.first_system(ind.apdu_off)
        assert frame[pos : pos + 3] == b"ISC"
        assert ciase.next_system(frame, pos, title_len) == len(frame)
    assert parsed(GURUX_REPORT_KNOWN).sa == 1


def test_report_without_alarm_descriptor():
    report = b"\x1e\x01" + b"T" * 8 + b"\x00"
    assert ciase.check_report(report, 0, len(report), 8) == 1
    assert ciase.inferred_title_len(report, 0, len(report)) == 8
    report = b"\x1e\x01" + b"T" * 6 + b"\x00"
    assert ciase.inferred_title_len(report, 0, len(report)) == 6


def test_report_of_several_systems():
    report = b"\x1e\x03" + b"A" * 8 + b"\x00" + b"B" * 8 + b"\x01\x82" + b"C" * 8 + b"\x00"
    assert ciase.check_report(report, 0, len(report), 8) == 3
    pos = ciase.next_system(report, ciase.next_system(report, 2, 8), 8)
    assert report[pos : pos + 8] == b"C" * 8


def test_every_truncated_or_longer_report_is_refused():
    report = b"\x1e\x02" + b"A" * 8 + b"\x00" + b"B" * 8 + b"\x01\x82"
    for cut in range(len(report)):
        assert refuses(ciase.check_report, report[:cut], 0, cut, 8), cut
    assert refuses(ciase.check_report, report + b"\x00", 0, len(report) + 1, 8)
    assert refuses(ciase.check_report, b"\x1e\x00", 0, 2, 8)
    assert refuses(ciase.check_report, report, 0, len(report), 6)


def test_ping_response():
    response = b"\x1a" + b"T" * 8
    assert ciase.is_ping_rsp(response, 0, 9, 8)
    assert not ciase.is_ping_rsp(b"\x19" + b"T" * 8, 0, 9, 8)
    assert not ciase.is_ping_rsp(b"", 0, 0, 8)
    assert refuses(ciase.is_ping_rsp, response, 0, 8, 8)
    assert refuses(ciase.is_ping_rsp, response, 0, 9, 6)


def test_pad_is_stripped_only_when_it_can_be_there():
    body = b"\x90\x01\x10" + b"A" * 10
    without = b"\x00\x00\x1c\x00" + bytes([13]) + body  # 10 + 13 octets: 13 of pad were cut off already
    assert parsed(without).apdu_len == 10
    with_pad = without + bytes(13)  # 10 + 26 = 36: the pad is still in it
    assert parsed(with_pad).apdu_len == 10
    assert airtime.pad_len(13) == 13


def test_a_pad_longer_than_the_frame_is_refused():
    frame = b"\x00\x00\x1c\x00\xff" + bytes(26)
    ind = Indication(True)
    assert refuses(ind.parse_mac, frame, 0, len(frame))


def test_every_truncated_indication_is_refused_or_has_its_octets():
    whole = GURUX_AARQ[:4] + b"\x00" + GURUX_AARQ[5:]
    for cut in range(len(whole)):
        frame = whole[:cut]
        ind = Indication(True)
        try:
            ind.parse_mac(frame, 0, cut)
            ind.parse_llc(frame)
        except RemoteError:
            assert cut <= 8
        else:
            assert ind.apdu_off + ind.apdu_len == cut


def test_only_dl_data_passes():
    for control in (0x00, 0x91, 0xE6):
        frame = b"\x00\x00\x1c\x00\x00" + bytes([control]) + b"\x10\x01\xc4"
        ind = Indication(True)
        ind.parse_mac(frame, 0, len(frame))
        assert refuses(ind.parse_llc, frame)


def test_airtime_of_the_fact_sheet():
    air = airtime.Airtime(2400, 1)
    assert air.slot_us == 150000
    assert [airtime.subframes(n) for n in (1, 26, 27, 62, 98, 134, 170, 206, 242)] == [1, 1, 2, 2, 3, 4, 5, 6, 7]
    assert air.tx_ms(16, 0) == 150 and air.tx_ms(16, 7) == 1200  # GET, 1.5
    assert air.tx_ms(34, 4) == 1500  # AARQ
    assert air.tx_ms(242, 0) == 1050 and air.tx_ms(242, 7) == 8400
    assert airtime.Airtime(300, 1).tx_ms(242, 7) == 67200
    assert airtime.Airtime(2880, 1).slot_us == 125000
    assert airtime.Airtime(2400, 50).tx_ms(242, 0) == 21
    assert airtime.Airtime(2400, 0).tx_ms(242, 7) == 0


def test_a_frame_of_243_octets_is_our_own_mistake():
    try:
        airtime.subframes(243)
    except LocalError:
        return
    raise AssertionError("243 octets were taken")
