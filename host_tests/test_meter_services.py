# SPDX-License-Identifier: MIT
"""What the built-in meter serves: blocks, selective access, lists, object list, image; and recorded requests."""

import json
import pathlib

import pytest

from host_tests.peers.raw_hes import Direct, RawHes, action_request, get_request
from tools.sim.meter import Meter, acse, service
from tools.sim.meter.axdr import decode_whole, length
from tools.sim.meter.cipher import Suite0
from tools.sim.meter.envelope import unwrap

TITLE = bytes.fromhex("4D4D4D0000000001")
ENERGY, PROFILE = (3, "1.0.1.8.0.255"), (7, "1.0.99.1.0.255")
UNDEFINED = 4
# Requests of three libraries, recorded on loopback; see "about" in the file.
RECORDED = json.loads((pathlib.Path(__file__).parent / "vectors" / "dlms_sessions.json").read_text())
SESSIONS = [s for s in RECORDED["sessions"] if s["name"].startswith(("public", "hls5")) and "suite" not in s["name"]]


@pytest.fixture
def meter():
    """A meter whose clock stands still."""
    return Meter(TITLE, clock=lambda: 1_700_000_000.0)


@pytest.fixture
def hes(meter):
    """A head-end with an open management association."""
    raw = RawHes(Direct(meter), 1)
    raw.open()
    return raw


def recorded_requests(session):
    """The APDUs from client to server."""
    return [bytes.fromhex(frame["frame"])[8:] for frame in session["frames"] if frame["dir"] == "C->S"]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["name"])
def test_recorded_associations_are_understood(session):
    keys = Suite0(TITLE, bytes.fromhex(RECORDED["ek"]), bytes.fromhex(RECORDED["ak"]))
    aarqs = [acse.parse_aarq(apdu) for apdu in recorded_requests(session) if apdu[0] == acse.TAG_AARQ]
    assert aarqs
    for aarq in aarqs:
        initiate = aarq.user_info
        if aarq.context == acse.CONTEXT_LN_CIPHERED:
            assert (aarq.mechanism, len(aarq.title)) == (acse.MECHANISM_GMAC, 8) and len(aarq.challenge) >= 8
            initiate = unwrap(keys, aarq.title, initiate, 0x21)[0]
        assert acse.parse_initiate(initiate).dlms_version == 6


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session["name"])
def test_recorded_services_are_deciphered_and_understood(session):
    keys = Suite0(TITLE, bytes.fromhex(RECORDED["ek"]), bytes.fromhex(RECORDED["ak"]))
    understood, title = 0, b""
    for apdu in recorded_requests(session):
        if apdu[0] == acse.TAG_AARQ:
            title = acse.parse_aarq(apdu).title
        plain = unwrap(keys, title, apdu)[0] if apdu[0] in (0xC8, 0xC9, 0xCB, 0xDB) else apdu
        is_normal = plain[0] in (0xC0, 0xC1, 0xC3) and (plain[1] == 1 or plain[:2] == b"\xc0\x02")
        if is_normal:
            assert service.parse(plain).invoke == plain[2]
            understood += 1
    assert understood >= 3


@pytest.mark.parametrize("max_pdu", [64, 128, 135, 136, 137, 220, 239, 512])
@pytest.mark.parametrize("general", [False, True])
def test_no_response_is_longer_than_max_pdu_and_blocks_join_up(max_pdu, general):
    meter = Meter(TITLE, clock=lambda: 1_700_000_000.0, max_pdu=max_pdu)
    hes = RawHes(Direct(meter), 1)
    hes.open()
    answer = hes.ask(hes.protect(get_request(*PROFILE, 2), general))
    joined, longest, is_last = b"", 0, False
    for number in range(1, 400):
        longest = max(longest, len(answer))
        plain = hes.unprotect(answer)
        assert plain[:3] == b"\xc4\x02\xc1" and plain[4:9] == number.to_bytes(4, "big") + b"\x00"
        joined += plain[10 if plain[9] < 0x80 else 10 + (plain[9] & 0x7F):]
        is_last = plain[3] == 1
        if is_last:
            break
        answer = hes.ask(hes.protect(b"\xc0\x02\xc1" + number.to_bytes(4, "big"), general))
    assert is_last and max_pdu - 3 <= longest <= max_pdu
    assert len(decode_whole(joined).value) == 200


def test_long_get_out_of_step_is_answered_with_the_block_number_error(hes):
    hes.ask(hes.protect(get_request(*PROFILE, 2)))
    wrong = hes.unprotect(hes.ask(hes.protect(bytes.fromhex("C002C100000005"))))
    assert wrong.hex() == "c402c101000000050113"
    gone = hes.unprotect(hes.ask(hes.protect(bytes.fromhex("C002C100000001"))))
    assert gone.hex() == "c402c101000000010110"


@pytest.mark.parametrize("selection,expected", [
    ("02 0204 06 00000003 06 00000004 12 0001 12 0000", (2, 3, 2)),  # rows 3 and 4, all columns
    ("02 0204 06 000000C8 06 00000000 12 0002 12 0002", (199, 199, 1)),  # the last row, second column
    ("01 0204 0204 12 0008 0906 0000010000FF 0F 02 12 0000"
     " 090C 07E70B0EFF150000FF800000 090C 07E70B0EFF151E00FF800000 0100", (195, 197, 2)),  # 21:00 to 21:30
])
def test_profile_is_cut_by_entry_and_by_time(meter, hes, selection, expected):
    request = get_request(*PROFILE, 2)[:-1] + b"\x01" + bytes.fromhex(selection)
    plain = hes.unprotect(hes.ask(hes.protect(request)))
    rows = decode_whole(plain[4:]).value
    first, last, columns = expected
    wanted = [energy for _, energy in meter.model.profile.rows()[first:last + 1]]
    assert [row.value[-1].value for row in rows] == wanted
    assert {len(row.value) for row in rows} == {columns}


def test_get_with_list_answers_each_attribute_on_its_own(meter, hes):
    items = [get_request(*ENERGY, 2)[3:], get_request(1, "1.1.1.1.1.1", 2)[3:]]
    plain = hes.unprotect(hes.ask(hes.protect(b"\xc0\x03\xc1\x02" + b"".join(items))))
    assert plain.hex() == "c403c102" + "0006%08x" % meter.model.energy_wh() + "01%02x" % UNDEFINED


def test_object_list_names_every_object_and_the_public_view_only_public_ones(meter, hes):
    whole, number = b"", 0
    answer = hes.ask(hes.protect(get_request(15, "0.0.40.0.0.255", 2)))
    while True:
        plain, number = hes.unprotect(answer), number + 1
        whole += plain[10 if plain[9] < 0x80 else 10 + (plain[9] & 0x7F):]
        if plain[3]:
            break
        answer = hes.ask(hes.protect(b"\xc0\x02\xc1" + number.to_bytes(4, "big")))
    classes = [entry.value[0].value for entry in decode_whole(whole).value]
    assert sorted(classes) == [1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 7, 8, 15, 17, 18, 70]


def test_image_with_a_missing_block_is_not_verified(meter, hes):
    image = (18, "0.0.44.0.0.255")
    size = 300
    start = b"\x02\x02\x09\x01A\x06" + size.to_bytes(4, "big")

    def invoke(method, parameter=b"\x0f\x00"):
        return hes.unprotect(hes.ask(hes.protect(action_request(*image, method, parameter))))[3]

    assert invoke(1, start) == 0
    for number in (0, 2):
        part = bytes(min(128, size - number * 128))
        block = b"\x02\x02\x06" + number.to_bytes(4, "big") + b"\x09" + length(len(part)) + part
        assert invoke(2, block) == 0
    assert hes.unprotect(hes.ask(hes.protect(get_request(*image, 3))))[4:].hex() == "0403a0"  # blocks 0 and 2 of 3
    assert invoke(3) != 0
    assert invoke(4) != 0
    assert meter.model.image.running == b"SIM-1.0"
