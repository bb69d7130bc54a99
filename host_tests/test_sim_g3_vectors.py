# SPDX-License-Identifier: MIT
"""The twin against the golden vectors of g3.md 6: CRCs, USI frames, CMAC, EAX, both LBP transcripts."""

import json
from pathlib import Path

import pytest

from host_tests.sim_g3_driver import Host, ready
from tools.sim.g3 import crypto, lbp, usi
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.g3.segment import G3Segment
from tools.sim.server import EchoServer

VECTORS = json.loads((Path(__file__).parent / "vectors" / "sim_g3.json").read_text(encoding="utf-8"))
USI = VECTORS["usi"]
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CMAC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
PSK = bytes.fromhex("AB10341145111BC3C12DE8FF11142204")
EUI = bytes.fromhex("0011223344556677")
GMK = bytes.fromhex("AF4D6DCCF14DE7C1C4235E6FEF6C151F")
NEW_GMK = bytes.fromhex("01020304050607080910111213141516")


def test_the_crc_is_the_plain_remainder_and_not_xmodem():
    assert usi.crc16(b"123456789") == 0xBEEF


def test_the_other_protocols_checks():
    assert usi.crc32(b"123456789") == 0x89A1897F  # CRC-32/POSIX without length and final inversion
    assert usi.crc8(b"\x01\x02\x04\x07") == 0
    for protocol, size in ((0x00, 4), (0x27, 1), (0x25, 2)):
        frame = usi.build(protocol, b"\x31\x32")
        assert len(usi.checksum(protocol, frame)) == size
        assert usi.UsiReader().feed(frame) == [usi.Message(protocol, b"\x31\x32")]


@pytest.mark.parametrize("name", USI)
def test_a_frame_of_the_sheet_is_read_and_built_again(name):
    octets = bytes.fromhex(USI[name])
    dialect = "L" if name.startswith("legacy") else "H"
    (message,) = usi.UsiReader(dialect).feed(octets)
    assert usi.build(message.protocol, message.payload, dialect) == octets


@pytest.mark.parametrize("name", list(USI)[::7])
def test_a_frame_with_any_octet_spoilt_is_dropped(name):
    octets = bytes.fromhex(USI[name])
    for at in range(1, len(octets) - 1):
        spoilt = octets[:at] + bytes((octets[at] ^ 0x01,)) + octets[at + 1 :]
        assert usi.UsiReader().feed(spoilt + b"\x7e") == []


def test_the_extra_length_bit_is_for_frames_above_1023_octets_in_dialect_h_only():
    frame = usi.build(usi.ADP, b"\x0b" + bytes(1099))
    assert frame[1:3] == bytes.fromhex("1325") and frame[3] == 0x8B
    assert usi.UsiReader("H", 4096).feed(frame)[0].payload == b"\x0b" + bytes(1099)
    with pytest.raises(ValueError):
        usi.build(usi.ADP, b"\x0b" + bytes(1099), "L")


def test_dialects_differ_in_what_may_follow_the_escape():
    body = bytes.fromhex("00650B")  # DATA_REQUEST without anything, its 0B escaped needlessly
    check = usi.checksum(usi.ADP, body)
    odd = b"\x7e" + body[:2] + b"\x7d\x2b" + check + b"\x7e"
    assert usi.UsiReader("L").feed(odd) == [usi.Message(usi.ADP, b"\x0b")]
    assert usi.UsiReader("H").feed(odd) == []


@pytest.mark.parametrize(("size", "tag"), VECTORS["cmac"])
def test_cmac_of_rfc_4493(size, tag):
    assert crypto.cmac(CMAC_KEY, MESSAGE[:size]).hex() == tag


@pytest.mark.parametrize("row", VECTORS["eax"])
def test_eax_of_its_paper(row):
    key, nonce, header, message, sealed = map(bytes.fromhex, row)
    ciphertext, tag = crypto.eax_seal(key, nonce, header, message)
    assert ciphertext + tag == sealed
    assert crypto.eax_open(key, nonce, header, ciphertext, tag) == message
    with pytest.raises(crypto.CryptoError):
        crypto.eax_open(key, nonce, header + b"\x00", ciphertext, tag)


def test_the_key_schedule():
    ak, kdk = crypto.ak_kdk(PSK)
    assert ak.hex().upper() == "62C726977737D61587DF88E48C42A681"
    assert kdk.hex().upper() == "97405263D14CD0990CC652B97745F2DB"
    rand_p = bytes(range(0xA0, 0xB0))
    assert crypto.tek(kdk, rand_p).hex().upper() == "7F86E23DB547FEC09A99CA2D9791DCC3"


# --- transcripts ---

RAND_S = bytes.fromhex("11848D16BC7676F635659012082B3A97")
REKEY_RAND_S = bytes.fromhex("2122232425262728292A2B2C2D2E2F30")


class Wiretap:
    """A host with the one node of the sheet; every LBP frame as the node sends or gets it, in order."""

    def __init__(self) -> None:
        line = G3LineOptions(time_scale=0)
        self.host = Host(G3Segment(G3Options(modem=G3ModemOptions(), line=line)))
        self.host.set_up(GMK)
        self.host.next_addr = 1
        segment = self.host.segment
        self.node = segment.add(EUI, EchoServer(), G3NodeOptions(psk=PSK, depth=0))
        self.lbs = segment.chip.lbs
        self.frames: list[str] = []
        segment.line.on_lbp = lambda direction, nsdu: self.frames.append(nsdu.hex().upper())

    def fix(self, rand_s, rand_p):
        """The random numbers of the sheet."""
        self.lbs.random_bytes = lambda size: rand_s
        self.node.joining.supplicant.random_bytes = lambda size: rand_p


def joined() -> Wiretap:
    tap = Wiretap()
    tap.fix(RAND_S, bytes(range(0xA0, 0xB0)))
    tap.host.run_until_joined(1, 60)
    return tap


def test_a_join_is_the_transcript_octet_for_octet():
    tap = joined()
    assert tap.frames == [octets for _, octets in VECTORS["join"][:6]]
    assert (tap.node.short_addr, tap.node.keys, tap.node.active_key) == (1, {0: GMK}, 0)
    assert tap.host.joined == {EUI: 1}


def test_a_rekey_is_the_transcript_octet_for_octet():
    tap = joined()
    tap.frames.clear()
    tap.fix(REKEY_RAND_S, bytes(range(0xB0, 0xC0)))
    host = tap.host
    for name in ("LBP_SET REKEY_GMK", "LBP SET_REKEY_PHASE 1"):
        host.chip.host_write(bytes.fromhex(USI[name]))
    for name in ("LBP REKEY distribute", "LBP REKEY activate"):
        host.messages.clear()
        host.chip.host_write(bytes.fromhex(USI[name]))
        assert host.wait(0x48)[:8] == EUI
        host.run(5)
    expected = [octets for name, octets in VECTORS["rekey"] if "plaintext" not in name]
    assert tap.frames == expected
    assert (tap.node.keys, tap.node.active_key) == ({0: GMK, 1: NEW_GMK}, 1)


def test_a_device_that_misses_the_activation_refuses_as_in_the_sheet():
    who = lbp.Identities(bytes.fromhex("8172635445362718"), EUI, RAND_S, bytes(range(0xA0, 0xB0)))
    ak, kdk = crypto.ak_kdk(PSK)
    tek = crypto.tek(kdk, who.rand_p)
    tap = Wiretap()
    supplicant = tap.node.joining.supplicant
    supplicant.random_bytes = lambda size: who.rand_p
    supplicant.respond(lbp.message_1(0, RAND_S, who.id_s))
    parameters = lbp.parameter(lbp.PARAM_SHORT_ADDR, b"\x00\x01") + lbp.parameter(lbp.PARAM_GMK, b"\x00" + GMK)
    plaintext = lbp.channel_text(lbp.DONE_SUCCESS, parameters)
    answer = supplicant.respond(lbp.message_3(1, who, (ak, tek), 0, plaintext))
    refusal = next(octets for name, octets in VECTORS["join"] if name.startswith("5b"))
    assert lbp.build(lbp.JOINING, EUI, answer).hex().upper() == refusal
    assert supplicant.respond(bytes.fromhex("0C020004")) is None
    assert not tap.node.is_member


# --- the modem answers with the frames of the sheet ---

CONVERSATION = (
    ("INITIALIZE CEN-A coordinator", "STATUS ok for INITIALIZE"),
    ("MAC_SET extended address", "MAC_SET_CFM ok"),
    ("SET adpMaxHops=10", "SET_CFM ok"),
    ("LBP_SET PSK", "LBP_SET_CFM ok"),
    ("DISCOVERY 15 s", "DISCOVERY_CFM no beacon"),
    ("NETWORK_START PAN 781D", "NETWORK_START_CFM ok"),
    ("RESET", "RESET_CFM"),
)


def test_the_modem_answers_requests_with_the_frames_of_the_sheet():
    host = Host(G3Segment())
    for request, answer in CONVERSATION:
        assert host.ask_frame(bytes.fromhex(USI[request]), 20) == [bytes.fromhex(USI[answer])], request


OTHERS = [name for name in USI if name.startswith(("SET adp", "LBP_SET", "MAC_SET s"))]


@pytest.mark.parametrize("name", [name for name in OTHERS if "CFM" not in name])
def test_the_settings_of_the_sheet_are_taken(name):
    host = ready()
    (answer,) = host.ask_frame(bytes.fromhex(USI[name]), 1)
    (message,) = usi.UsiReader().feed(answer)
    assert message.payload[0] in (0x27, 0x2D, 0x46) and message.payload[1] == 0


def test_join_frames_leave_and_counter_frames_are_those_of_the_sheet():
    tap = joined()
    host = tap.host
    host.chip.mac.frame_counter = 4660
    got = host.ask_frame(bytes.fromhex(USI["MAC_GET macFrameCounter"]), 1)
    assert got == [bytes.fromhex(USI["MAC_GET_CFM macFrameCounter=4660"])]
    host.frames.clear()
    tap.node.sign_off()
    host.run(5)
    assert bytes.fromhex(USI["LBP LEAVE_IND"]) in host.frames


def test_join_request_and_completion_are_the_frames_of_the_sheet():
    tap = joined()
    for name in ("LBP JOIN_REQUEST_IND", "LBP JOIN_COMPLETE_IND"):
        assert bytes.fromhex(USI[name]) in tap.host.frames


def test_a_path_of_one_hop_is_the_frame_of_the_sheet():
    tap = joined()
    mac = tap.host.chip.mac
    tap.host.segment.line.link(tap.node, mac, 60)
    got = tap.host.ask_frame(bytes.fromhex(USI["PATH_DISCOVERY 0001 metric 0F"]), 5)
    (message,) = usi.UsiReader().feed(got[0])
    (expected,) = usi.UsiReader().feed(bytes.fromhex(USI["PATH_DISCOVERY_CFM 1+1 hops"]))
    assert message.payload[:9] == expected.payload[:9]
    assert len(message.payload) == len(expected.payload)
    assert [message.payload[at : at + 2] for at in (9, 16)] == [expected.payload[at : at + 2] for at in (9, 16)]


def test_the_data_request_of_the_sheet_is_carried_and_answered():
    tap = joined()
    tap.host.frames.clear()
    name = next(name for name in USI if name.startswith("DATA_REQUEST handle 1"))
    tap.host.chip.host_write(bytes.fromhex(USI[name]))
    tap.host.run(5)
    assert bytes.fromhex(USI["DATA_CFM ok handle 1"]) in tap.host.frames
    indication = tap.host.wait(0x1F)
    expected = bytes.fromhex("0001000100010 00DC401C100080000010000FF0200".replace(" ", ""))  # the echo of the GET
    assert indication.endswith(expected)


def test_buffer_indications_are_the_frames_of_the_sheet():
    tap = joined()
    data_path, faults = tap.host.chip.data_path, tap.host.chip.faults
    for is_hidden, name in ((True, "BUFFER_IND none"), (False, "BUFFER_IND all")):
        faults.hide_buffers = is_hidden
        tap.host.frames.clear()
        data_path.tell_buffers()
        tap.host.run(1)
        assert tap.host.frames == [bytes.fromhex(USI[name])]
