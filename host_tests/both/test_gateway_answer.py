# SPDX-License-Identifier: MIT
"""Which uplink APDU can answer which request: all tags of facts/dlms.md 4, and real frames."""

from fakes import sessions_of_vectors

from gateway import answer

# request: its own response (facts/dlms.md 4; Green Book COSEMpdu)
_PAIRS = {
    0x05: 0x0C, 0x06: 0x0D, 0x25: 0x2C, 0x26: 0x2D, 0x45: 0x4C, 0x46: 0x4D,
    0x60: 0x61, 0x62: 0x63, 0xC0: 0xC4, 0xC1: 0xC5, 0xC3: 0xC7, 0xC8: 0xCC, 0xC9: 0xCD, 0xCB: 0xCF,
    0xD0: 0xD4, 0xD1: 0xD5, 0xD3: 0xD7, 0xD9: 0xDA,
}  # fmt: skip
_OPAQUE = (0xDB, 0xDC, 0xDD, 0xDF, 0xE0)
_ERRORS = (0x0E, 0xD8)
_NOTIFICATIONS = (0x0F, 0x18, 0x38, 0x58, 0xC2, 0xCA, 0xD2)
_NEVER_ANSWERED = (0x16, 0x36, 0x56)


def _fits(asked, reply, asked_id=0xC1, reply_id=0xC1):
    request = memoryview(bytes((9, asked, 1, asked_id)))
    return answer.fits(request, 1, 3, memoryview(bytes((reply, 1, reply_id))))


def _mv(*octets):
    return memoryview(bytes((9,) + octets))


def test_every_pair_of_tags():
    tags = list(_PAIRS) + list(_PAIRS.values()) + list(_OPAQUE + _ERRORS + _NOTIFICATIONS + _NEVER_ANSWERED)
    for asked in list(_PAIRS) + list(_OPAQUE):
        for reply in tags:
            if reply in _NOTIFICATIONS or reply in _PAIRS:
                expected = False
            elif asked in _PAIRS and reply in _PAIRS.values():
                expected = _PAIRS[asked] == reply
            else:
                expected = True
            assert _fits(asked, reply) == expected, (hex(asked), hex(reply))


def test_the_invoke_id_of_a_plain_service_must_come_back_and_its_flags_need_not():
    for asked in (0xC0, 0xC1, 0xC3):
        for asked_id in range(16):
            for reply_id in range(16):
                same = asked_id == reply_id
                assert _fits(asked, _PAIRS[asked], 0xC0 | asked_id, reply_id) == same
    assert _fits(0xC8, 0xCC, 0xC1, 0xC2)  # ciphered: that octet is a length
    assert _fits(0xD9, 0xDA, 0xC1, 0xC2)


def test_answers_too_short_for_an_invoke_id_are_not_judged_by_it():
    request = memoryview(b"\xc0\x01\xc1")
    for length in (1, 2):
        assert answer.fits(request, 0, 3, memoryview(b"\xc4\x01\xc2")[:length])
        assert answer.fits(request, 0, length, memoryview(b"\xc4\x01\xc2"))


def test_notifications_and_what_may_be_one():
    for tag in range(256):
        assert answer.is_unsolicited(tag) == (tag in _NOTIFICATIONS)
        assert answer.may_be_push(tag) == (tag in (0xDB, 0xDC, 0xDD, 0xDF))


def test_a_streamed_block_has_followers_and_the_last_of_a_window_has_none():
    # block-control: last-block 80, streaming 40, window 3F
    for control, more in ((0x40, True), (0x41, True), (0x00, False), (0x3F, False), (0x80, False), (0xC0, False)):
        assert answer.is_more_coming(_mv(0xE0, control, 0, 1)[1:]) == more
        assert answer.needs_no_reply(_mv(0xE0, control, 0, 1), 1, 4) == more
    assert not answer.is_more_coming(_mv(0xE0)[1:])
    assert not answer.is_more_coming(_mv(0xC4, 0x40)[1:])


def test_requests_nobody_answers():
    for tag in (0xC1, 0xC3):
        assert answer.needs_no_reply(_mv(tag, 1, 0x81), 1, 3)
        assert not answer.needs_no_reply(_mv(tag, 1, 0xC1), 1, 3)
        assert not answer.needs_no_reply(_mv(tag, 1), 1, 2)
    assert not answer.needs_no_reply(_mv(0xC0, 1, 0x81), 1, 3)  # GET is always confirmed
    for tag in _NEVER_ANSWERED:
        assert answer.needs_no_reply(_mv(tag), 1, 1)
    for tag in (0x60, 0x62, 0xC8, 0xC9, 0xDB, 0xD9):
        assert not answer.needs_no_reply(_mv(tag, 0, 0), 1, 3)


def _ends(asked, reply):
    return answer.ends_association(asked, memoryview(reply))


def test_real_associations_open_and_end_where_they_do():
    opened, released = 0, 0
    for _, frames in sessions_of_vectors():
        asked = 0
        for is_request, frame in frames:
            apdu = frame[8:]
            if is_request:
                asked = apdu[0]
                opened += answer.opens_association(asked)
            elif asked == 0x62:
                assert _ends(asked, apdu)
                released += 1
            elif asked == 0x60 and apdu[0] == 0x61:
                rejected = b"\xa2\x03\x02\x01\x00" not in apdu
                assert _ends(asked, apdu) == rejected
            elif asked == 0x60:
                assert _ends(asked, apdu)
            else:
                assert not _ends(asked, apdu)
    assert opened >= 12 and released >= 6


def test_an_association_that_was_refused_ends():
    accepted = bytes.fromhex("6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400401e5d02000007")
    assert not _ends(0x60, accepted)
    for result in (1, 2):
        refused = accepted.replace(b"\xa2\x03\x02\x01\x00", b"\xa2\x03\x02\x01" + bytes([result]))
        assert _ends(0x60, refused)
        assert _ends(0x60, b"\x61\x81" + refused[1:])  # length in two octets
    assert not _ends(0x60, b"\x61\x81" + accepted[1:])
    assert _ends(0x60, b"\xd8\x01\x01")
    assert _ends(0x60, b"\x0e\x01\x06\x00")


def test_an_aare_cut_anywhere_is_survived():
    accepted = bytes.fromhex("6129a109060760857405080101a203020100a305a103020100")
    for length in range(1, len(accepted)):
        _ends(0x60, accepted[:length])
        _ends(0x60, (b"\x61\x81" + accepted[1:])[:length])
