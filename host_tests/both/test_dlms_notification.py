# SPDX-License-Identifier: MIT
"""DataNotification and EventNotification octet by octet, and the origin header around a meter's.

Octets written by hand from COSEMpdu ASN.1 and facts/dlms.md 6, not by the encoder.
"""

from dlms.axdr import UINT8, Writer
from dlms.data_notification import body_off, write_event_head, write_head, write_moment, write_with_origin

NOON = (2026, 11, 26, 12, 30, 45, 3)  # a Thursday; weekday 0 = Monday
NOON_OCTETS = "07EA 0B 1A 04 0C 1E 2D 00 0000 00"
BODY = "02 02 06 00000007 09 01 41"
PLAIN = "0F 40000001 00 " + BODY
TIMED = "0F 40000001 0C " + NOON_OCTETS + BODY
ORIGIN = (b"SERIAL", 0x0018, b"METER00000000001")
ORIGIN_OCTETS = "02 03 09 06 53455249414C 12 0018 02 02 09 10 4D455445523030303030303030303031 "


def octets(text):
    return bytes.fromhex(text.replace(" ", ""))


def written(write, *args):
    """What `write(writer, *args)` writes."""
    dst = bytearray(400)
    writer = Writer()
    writer.open(dst, 3, 400)
    write(writer, *args)
    assert writer.lost_cnt == 0
    return bytes(dst[3 : writer.off])


def test_a_head_with_and_without_a_time():
    assert written(write_head, 0x12345678, None) == octets("0F 00345678 00")
    assert written(write_head, 1, NOON) == octets("0F 00000001 0C " + NOON_OCTETS)


def test_a_time_nobody_knows_is_not_specified():
    assert written(write_moment, None) == octets("FFFF FF FF FF FF FF FF FF 8000 01")


def test_an_event_notification_has_no_time():
    assert written(write_event_head, 20012, octets("000080000CFF"), 3) == octets("C2 00 4E2C 000080000CFF 03")


def test_where_the_body_of_a_plain_notification_begins():
    assert body_off(memoryview(octets(PLAIN))) == 6
    assert body_off(memoryview(octets(TIMED))) == 18


def test_what_is_no_single_value_is_not_looked_into():
    for text in (
        "", "0F", "0F 40000001", "0F 40000001 00", "0F 40000001 01 00 00", PLAIN + "00", PLAIN[:-3], "C2 00 11 00",
        "DB 08 4D4D4D0000000001 05 30 00000001 AA", "0F 40000001 0C " + BODY, "0F 40000001 00 02 FF",
        "0F 40000001 00 13 00",
    ):  # fmt: skip
        assert body_off(memoryview(octets(text))) == -1, text


def test_a_plain_notification_keeps_its_id_its_time_and_its_body():
    for apdu in (PLAIN, TIMED):
        head = apdu[: apdu.index(BODY)]
        expected = octets(head + ORIGIN_OCTETS + BODY)
        assert written(write_with_origin, ORIGIN, memoryview(octets(apdu)), 9, NOON) == expected


def test_a_ciphered_one_is_carried_whole_in_an_octet_string():
    apdu = octets("DB 08 4D4D4D0000000001 05 30 00000001 AA")
    expected = octets("0F 00000009 0C " + NOON_OCTETS + ORIGIN_OCTETS + "09 11") + apdu
    assert written(write_with_origin, ORIGIN, memoryview(apdu), 9, NOON) == expected
    long = apdu + bytes(200)
    assert written(write_with_origin, ORIGIN, memoryview(long), 9, None) == (
        octets("0F 00000009 00" + ORIGIN_OCTETS + "09 81 D9") + long
    )


def test_an_event_notification_of_a_meter_is_carried_whole_too():
    apdu = octets("C2 00 0001 0000616200FF 02") + bytes([UINT8, 1])
    assert written(write_with_origin, ORIGIN, memoryview(apdu), 9, None).endswith(bytes([9, len(apdu)]) + apdu)


def test_no_octets_a_meter_may_send_are_an_error():
    seed = 20261126
    for _ in range(2000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        apdu = bytearray(octets(TIMED if seed & 64 else PLAIN))
        apdu[(seed >> 8) % len(apdu)] ^= 1 << ((seed >> 4) & 7)
        cut = memoryview(apdu)[: (seed >> 16) % len(apdu) + 1]
        got = written(write_with_origin, ORIGIN, cut, 1, None)
        assert got.endswith(bytes(cut)) or got.endswith(bytes(cut)[body_off(cut) :]), seed
