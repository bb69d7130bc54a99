# SPDX-License-Identifier: MIT
"""CMAC, EAX, EAP-PSK and LBP against facts/g3.md 6.1-6.5, octet by octet."""

from g3_aes import encrypt_block
from g3_bench import octets

from base.errors import RemoteError
from plc.g3 import eap_psk, eax, lbp

# RFC 4493 4.
RFC_KEY = octets("2b7e151628aed2a6abf7158809cf4f3c")
RFC_TEXT = octets(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_TAGS = (
    (0, "bb1d6929e95937287fa37d129b756746"),
    (16, "070a16b46b4d4144f79bdd9dd04a287c"),
    (40, "dfa66747de9ae63030ca32611497c827"),
    (64, "51f0bebf7e3b9d92fc49741779363cfe"),
)
# facts/g3.md 6.2, from the EAX paper: key, nonce, header, message, ciphertext and tag.
EAX = (
    ("233952DEE4D5ED5F9B9C6D6FF80FF478", "62EC67F9C3A4A407FCB2A8C49031A8B3", "6BFB914FD07EAE6B", "",
     "E037830E8389F27B025A2D6527E79D01"),
    ("91945D3F4DCBEE0BF45EF52255F095A4", "BECAF043B0A23D843194BA972C66DEBD", "FA3BFD4806EB53FA", "F7FB",
     "19DD5C4C9331049D0BDAB0277408F67967E5"),
    ("01F74AD64077F2E704C0F60ADA3DD523", "70C3DB4F0D26368400A10ED05D2BFF5E", "234A3463C1264AC6", "1A47CB4933",
     "D851D5BAE03A59F238A23E39199DC9266626C40F80"),
    ("7C77D6E813BED5AC98BAA417477A2E7D", "1A8C98DCD73D38393B2BF1569DEEFC19", "65D2017990D62528",
     "8B0A79306C9CE7ED99DAE4F87F8DD61636", "02083E3979DA014812F59F11D52630DA30137327D10649B0AA6E1C181DB617D7F2"),
    ("8395FCF1E95BEBD697BD010BC766AAC3", "22E7ADD93CFC6393C57EC0B3C17D6B44", "126735FCC320D25A",
     "CA40D7446E545FFAED3BD12A740A659FFBBB3CEAB7",
     "CB8920F87A6C75CFF39627B56E3ED197C552D295A7CFC46AFC253B4652B1AF3795B124AB6E"),
)  # fmt: skip
# facts/g3.md 6.3-6.4.
PSK = octets("AB10341145111BC3C12DE8FF11142204")
EUI = octets("0011223344556677")
ID_S = octets("8172635445362718")
RAND_S = octets("11848D16BC7676F635659012082B3A97")
RAND_P = octets("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF")
GMK = octets("AF4D6DCCF14DE7C1C4235E6FEF6C151F")
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


def eap(text):
    return memoryview(octets(text)[10:])


def fails(call, *args):
    try:
        call(*args)
    except RemoteError as error:
        return error.args[0]
    return None


def begun():
    run = eap_psk.Exchange()
    run.start(encrypt_block, PSK, RAND_S)
    return run


def test_the_tests_own_aes_is_aes():
    key, text = octets("000102030405060708090a0b0c0d0e0f"), octets("00112233445566778899aabbccddeeff")
    assert encrypt_block(key, text) == octets("69c4e0d86a7b0430d8cdb78070b4c55a")  # FIPS 197 C.1


def test_cmac_is_that_of_the_rfc():
    for n, tag in RFC_TAGS:
        assert eax.cmac(encrypt_block, RFC_KEY, RFC_TEXT[:n]) == octets(tag)


def test_eax_is_that_of_the_paper_and_every_changed_octet_shows():
    for key, nonce, header, text, sealed in EAX:
        key, nonce, header, text, sealed = [octets(part) for part in (key, nonce, header, text, sealed)]
        cipher, tag = eax.seal(encrypt_block, key, nonce, header, text)
        assert cipher + tag == sealed
        assert eax.open_sealed(encrypt_block, key, nonce, header, cipher, tag) == text
        for i in range(len(sealed)):
            bad = sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :]
            assert eax.open_sealed(encrypt_block, key, nonce, header, bad[:-16], bad[-16:]) is None
        assert eax.open_sealed(encrypt_block, key, nonce, header + b"\x00", cipher, tag) is None


def test_keys_are_derived_as_in_the_sheet():
    ak, kdk = eap_psk.derive(encrypt_block, PSK)
    assert ak == octets("62C726977737D61587DF88E48C42A681") and kdk == octets("97405263D14CD0990CC652B97745F2DB")
    assert eap_psk.derive_tek(encrypt_block, kdk, RAND_P) == octets("7F86E23DB547FEC09A99CA2D9791DCC3")


def test_the_join_transcript_octet_by_octet():
    run = begun()
    first = eap_psk.message_1(0, RAND_S, ID_S)
    assert lbp.frame(lbp.CHALLENGE, 0, EUI, first) == octets(MESSAGE_1)
    run.take_2(encrypt_block, eap(MESSAGE_2), ID_S)
    parameters = lbp.join_parameters(1, 0, GMK)
    assert lbp.frame(lbp.CHALLENGE, 0, EUI, run.message_3(encrypt_block, 1, ID_S, parameters)) == octets(MESSAGE_3)
    result, told = run.take_4(encrypt_block, eap(MESSAGE_4))
    assert result == 2 and lbp.is_result_ok(told) and not run.nonce_is_odd
    assert lbp.frame(lbp.ACCEPTED, 0, EUI, eap_psk.success(2)) == octets("900000112233445566770C020004")
    result, told = run.take_4(encrypt_block, eap(MESSAGE_4_REFUSING))
    assert result == 3 and told == octets("3102012B") and not lbp.is_result_ok(told)


def test_the_other_frames_of_the_sheet():
    assert lbp.frame(lbp.DECLINE, 0, EUI, eap_psk.failure(0)) == octets("B000001122334455667710000004")
    assert lbp.frame(lbp.KICK_TO_LBD, 0, EUI) == octets("C0000011223344556677")
    assert lbp.frame(lbp.ACCEPTED, 0, EUI, lbp.activation(1)) == octets("900000112233445566772B0101")
    frame = lbp.Frame()
    frame.parse(memoryview(octets("1C000011223344556677")))
    assert (frame.code, frame.hybrid, bytes(frame.eui64)) == (lbp.JOINING, 0x0C, EUI)
    frame.parse(memoryview(octets("1000001122334455667731020000")))
    assert frame.is_parameter and lbp.is_result_ok(frame.body)
    frame.parse(memoryview(octets("40000011223344556677")))
    assert frame.code == lbp.KICK_FROM_LBD and not frame.is_parameter
    for bad in ("", "10", "1000001122334455", "90000011223344556677", "4000001122334455667700"):
        assert fails(frame.parse, memoryview(octets(bad))) == "lbp", bad


def test_the_rekey_transcript_octet_by_octet():
    rand_s = octets("2122232425262728292A2B2C2D2E2F30")
    run = eap_psk.Exchange()
    run.start(encrypt_block, PSK, rand_s)
    first = lbp.frame(lbp.CHALLENGE, 0, EUI, eap_psk.message_1(3, rand_s, ID_S))
    assert first == octets("A00000112233445566770403001E2F002122232425262728292A2B2C2D2E2F308172635445362718")
    second = (
        "100000112233445566770803003E2F402122232425262728292A2B2C2D2E2F30B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF"
        "B8557B85587A411E2C6A077C710FBB770011223344556677"
    )
    run.take_2(encrypt_block, eap(second), ID_S)
    parameters = lbp.key_parameters(1, octets("01020304050607080910111213141516"))
    third = lbp.frame(lbp.CHALLENGE, 0, EUI, run.message_3(encrypt_block, 4, ID_S, parameters))
    assert third == octets(
        "A00000112233445566770404004F2F802122232425262728292A2B2C2D2E2F30CB1FD5962685B41A4052F942B96432B3"
        "00000000902C64F8327DBB1E6081AECF222988EDCC8D6D82C5E7AFFD00809052C9A49B605B1020FC90"
    )
    fourth = (
        "10000011223344556677080400302FC02122232425262728292A2B2C2D2E2F3000000001FC3EB926C5410361AE2F1A39"
        "C076D264CD3235D0E06A"
    )
    result, told = run.take_4(encrypt_block, eap(fourth))
    assert result == 2 and lbp.is_result_ok(told)


def test_a_message_2_changed_anywhere_is_refused_and_by_what_it_is():
    good = bytes(eap(MESSAGE_2))
    for i in range(len(good)):
        why = fails(begun().take_2, encrypt_block, memoryview(good[:i] + bytes([good[i] ^ 4]) + good[i + 1 :]), ID_S)
        if i == 1:
            assert why is None  # the identifier is not checked (facts/g3.md 3.2)
        elif i < 6:
            assert why == eap_psk.MALFORMED
        else:
            assert why == (eap_psk.STALE if i < 22 else eap_psk.BAD_MAC_P), i
    for n in range(len(good)):
        assert fails(begun().take_2, encrypt_block, memoryview(good[:n]), ID_S) == eap_psk.MALFORMED


def test_a_message_4_changed_anywhere_is_refused_and_by_what_it_is():
    run = begun()
    run.take_2(encrypt_block, eap(MESSAGE_2), ID_S)
    good = bytes(eap(MESSAGE_4))
    for i in range(len(good)):
        why = fails(run.take_4, encrypt_block, memoryview(good[:i] + bytes([good[i] ^ 4]) + good[i + 1 :]))
        if i in (0, 2, 3, 4, 5):
            assert why == eap_psk.MALFORMED
        else:
            assert why == (eap_psk.STALE if 6 <= i < 22 else eap_psk.BAD_TAG), i
    for n in range(len(good)):
        assert fails(run.take_4, encrypt_block, memoryview(good[:n])) == eap_psk.MALFORMED
    assert fails(begun().take_4, encrypt_block, memoryview(good)) == eap_psk.MALFORMED  # before message 2


def test_a_wrong_psk_is_noticed_in_message_2():
    run = eap_psk.Exchange()
    run.start(encrypt_block, bytes(16), RAND_S)
    assert fails(run.take_2, encrypt_block, eap(MESSAGE_2), ID_S) == eap_psk.BAD_MAC_P


def test_a_run_that_is_over_keeps_no_key():
    run = begun()
    run.take_2(encrypt_block, eap(MESSAGE_2), ID_S)
    run.wipe()
    assert (run._ak, run._kdk, run._tek) == (b"", b"", b"")
