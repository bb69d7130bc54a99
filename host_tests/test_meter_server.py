# SPDX-License-Identifier: MIT
"""What the built-in meter refuses, and that it counts why: it must be the meter that stops an attack, not luck."""

import random

import pytest
from cryptography.exceptions import InvalidTag

from host_tests.peers.raw_hes import (
    GENERAL_GLO,
    Direct,
    RawHes,
    action_request,
    get_request,
    public_aarq,
    set_request,
)
from tools.sim.meter import Meter
from tools.sim.meter.axdr import Malformed, Reader, decode
from tools.sim.meter.cipher import Suite0

TITLE = bytes.fromhex("4D4D4D0000000001")
ENERGY, CLOCK, COUNTER = (3, "1.0.1.8.0.255"), (8, "0.0.1.0.0.255"), (1, "0.0.43.1.0.255")
PROFILE = (7, "1.0.99.1.0.255")
DISCONNECTOR = (70, "0.0.96.3.10.255")
DENIED, UNDEFINED = 3, 4
NOT_ALLOWED, DECIPHERING = "d80101", "d80105"


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


def test_gcm_is_the_green_books():
    # Green Book 9.2.4.8.2: get-request of the clock's time, client title 4D4D4D0000BC614E.
    keys = Suite0(bytes.fromhex("4D4D4D0000BC614E"), bytes(range(16)), bytes(range(0xD0, 0xE0)))
    keys._own_ic = 0x01234566
    sealed = keys.seal(bytes.fromhex("C0010000080000010000FF0200"))
    assert sealed.hex().upper() == "3001234567" "411312FF935A47566827C467BC" "7D825C3BE4A77C3FCC056B6B"


@pytest.mark.parametrize("general", [False, True])
def test_answer_comes_in_the_envelope_of_the_question(hes, general):
    answer = hes.ask(hes.protect(get_request(*ENERGY, 2), general))
    assert answer[0] == (GENERAL_GLO if general else 0xCC)
    assert hes.unprotect(answer)[:5] == bytes.fromhex("C401C10006")


def test_without_an_association_nothing_but_the_public_client_is_answered(meter):
    hes = RawHes(Direct(meter), 1)
    assert hes.ask(get_request(*ENERGY, 2)).hex() == NOT_ALLOWED
    assert hes.ask(get_request(*COUNTER, 2), 16).hex() == "c401c10006" "00000000"
    assert meter.counters["refused-no-association"] == 1


@pytest.mark.parametrize("with_aarq", [False, True])
def test_public_client_may_read_a_few_attributes_and_nothing_else(meter, with_aarq):
    hes = RawHes(Direct(meter), 1)
    if with_aarq:
        assert hes.ask(public_aarq(), 16)[0] == 0x61
    assert hes.ask(get_request(*CLOCK, 2), 16)[3] == 0
    assert hes.ask(get_request(*ENERGY, 2), 16)[3:] == bytes((1, DENIED))
    assert hes.ask(set_request(*CLOCK, 2, b"\x09\x00"), 16)[3] == DENIED
    assert hes.ask(action_request(*DISCONNECTOR, 1), 16)[3] == DENIED
    assert meter.model.disconnector.is_connected
    assert meter.counters["refused-denied"] == 3


def test_plain_action_into_a_ciphered_association_is_refused(meter, hes):
    assert hes.ask(action_request(*DISCONNECTOR, 1)).hex() == NOT_ALLOWED
    assert meter.model.disconnector.is_connected
    assert meter.counters["refused-plain"] == 1


def test_replayed_action_is_refused_and_the_meter_tells_its_counter(meter, hes):
    off, on = (hes.protect(action_request(*DISCONNECTOR, method)) for method in (1, 2))
    hes.ask(off)
    hes.ask(on)
    assert hes.ask(off).hex() == "d80106" + (hes.counter - 1).to_bytes(4, "big").hex()
    assert meter.model.disconnector.is_connected
    assert meter.counters["refused-replay"] == 1


def test_no_single_bit_of_a_ciphered_action_can_be_changed(meter, hes):
    whole = hes.protect(action_request(*DISCONNECTOR, 1), general=True)
    for bit in range(len(whole) * 8):
        bad = bytearray(whole)
        bad[bit >> 3] ^= 0x80 >> (bit & 7)
        assert hes.wire.ask(1, 1, bytes(bad))[0] == 0xD8
    assert meter.model.disconnector.is_connected
    assert meter.counters["refused-tag"] > 100
    assert hes.unprotect(hes.ask(whole))[3] == 0  # and the untouched one still works
    assert not meter.model.disconnector.is_connected


def test_replayed_association_is_refused_and_the_open_one_survives(meter):
    hes = RawHes(Direct(meter), 1)
    first = hes.aarq()
    hes.ask(first)
    hes.open()
    assert hes.ask(first)[:3].hex() == "d80106"
    assert hes.unprotect(hes.ask(hes.protect(get_request(*ENERGY, 2))))[3] == 0


def test_nothing_is_served_between_aare_and_the_hls_passes(meter):
    hes = RawHes(Direct(meter), 1)
    hes.ask(hes.aarq())
    assert hes.ask(hes.protect(action_request(*DISCONNECTOR, 1))).hex() == NOT_ALLOWED
    assert meter.model.disconnector.is_connected
    assert meter.counters["refused-hls-pending"] == 1


def test_wrong_hls_token_ends_the_association(meter):
    hes = RawHes(Direct(meter), 1)
    hes.meter_title = TITLE
    hes.ask(hes.aarq())
    token = b"\x09\x11\x10" + bytes(16)
    assert hes.unprotect(hes.ask(hes.protect(action_request(15, "0.0.40.0.0.255", 1, token))))[3] == 250
    assert hes.ask(hes.protect(get_request(*ENERGY, 2))).hex() == NOT_ALLOWED
    assert meter.counters["refused-hls"] == 1


def test_wrong_key_is_refused_at_the_aarq(meter):
    hes = RawHes(Direct(meter), 1)
    aarq = bytearray(hes.aarq())
    aarq[-1] ^= 1
    assert hes.ask(bytes(aarq)).hex() == DECIPHERING
    assert meter.counters["refused-tag"] == 1


@pytest.mark.parametrize("client_sap", [1, 2, 102])
def test_association_without_security_is_rejected_for_all_but_the_public_client(meter, client_sap):
    assert b"\xa2\x03\x02\x01\x01" in meter.handle(client_sap, 1, public_aarq())[0]
    assert meter.counters["refused-aarq"] == 1


def test_released_association_is_gone(meter, hes):
    assert hes.ask(b"\x62\x03\x80\x01\x00").hex() == "6303800100"
    assert hes.ask(hes.protect(get_request(*ENERGY, 2))).hex() == NOT_ALLOWED


def test_reset_ends_associations_but_keeps_the_invocation_counter(meter, hes):
    meter.reset()
    assert hes.ask(hes.protect(get_request(*ENERGY, 2))).hex() == NOT_ALLOWED
    assert RawHes(Direct(meter), 1).ask(RawHes(Direct(meter), 1).aarq())[:3].hex() == "d80106"


def test_another_clients_title_in_general_glo_is_refused(meter, hes):
    apdu = bytearray(hes.protect(get_request(*ENERGY, 2), general=True))
    apdu[2] ^= 1
    assert hes.ask(bytes(apdu)).hex() == DECIPHERING
    assert meter.counters["refused-title"] == 1


def test_authenticated_only_service_is_refused(meter, hes):
    apdu = bytearray(hes.protect(get_request(*ENERGY, 2)))
    apdu[2] = 0x10
    assert hes.ask(bytes(apdu)).hex() == NOT_ALLOWED
    assert meter.counters["refused-policy"] == 1


def test_other_logical_devices_and_broadcast_are_met_with_silence(meter):
    assert meter.handle(16, 2, get_request(*COUNTER, 2)) == []
    assert meter.handle(16, 0x7F, get_request(*COUNTER, 2)) == []
    assert meter.counters["refused-server-sap"] == 1


def test_unconfirmed_action_is_executed_without_an_answer(meter, hes):
    quiet = bytearray(action_request(*DISCONNECTOR, 1))
    quiet[2] = 0x81
    assert meter.handle(1, 1, hes.protect(bytes(quiet))) == []
    assert not meter.model.disconnector.is_connected


def test_push_is_a_data_notification_that_opens_with_the_meters_title(meter):
    hes = RawHes(Direct(meter), 1)
    hes.meter_title = TITLE
    pushed = meter.push()
    assert pushed[:10] == bytes((GENERAL_GLO, 8)) + TITLE
    assert hes.unprotect(pushed)[:6] == b"\x0f\x00\x00\x00\x01\x0c"
    assert meter.push(is_ciphered=False)[:6] == b"\x0f\x00\x00\x00\x02\x0c"
    with pytest.raises(InvalidTag):
        hes.unprotect(pushed[:-1] + bytes((pushed[-1] ^ 1,)))


def test_same_title_seed_and_clock_give_the_same_meter():
    one, two, other = (Meter(TITLE, clock=lambda: 1.7e9, seed=seed) for seed in (1, 1, 2))
    assert one.push(is_ciphered=False) == two.push(is_ciphered=False) != other.push(is_ciphered=False)


def test_garbage_is_answered_or_ignored_but_never_raises(meter, hes):
    chance = random.Random(20260101)
    for _ in range(20_000):
        head = chance.choice((b"", b"\x60", b"\x62", b"\xc0\x01", b"\xc0\x03", b"\xc1\x01", b"\xc3\x01", b"\xdb\x08"))
        for apdu in meter.handle(chance.choice((1, 16)), 1, head + chance.randbytes(chance.randrange(60))):
            assert 3 <= len(apdu) <= 220


def test_every_truncated_service_is_answered_with_an_error(meter, hes):
    for whole in (get_request(*ENERGY, 2), set_request(*CLOCK, 2, b"\x09\x02ab"), action_request(*DISCONNECTOR, 1)):
        for cut in range(1, len(whole)):
            assert hes.ask(hes.protect(whole[:cut]))[0] == 0xD8
    assert meter.model.disconnector.is_connected


def test_garbage_inside_a_good_envelope_never_raises(meter, hes):
    chance = random.Random(20260102)
    for _ in range(3_000):
        head = chance.choice((b"\xc0\x01\xc1", b"\xc1\x01\xc1", b"\xc3\x01\xc1", b""))
        target = get_request(*chance.choice((ENERGY, CLOCK, PROFILE, DISCONNECTOR, (18, "0.0.44.0.0.255"))), 2)[3:-1]
        plain = (head + target + chance.randbytes(chance.randrange(30))) if head else chance.randbytes(20)
        assert len(meter.handle(1, 1, hes.protect(plain, general=True))) <= 1


@pytest.mark.parametrize("octets", ["", "09", "0905aa", "0101", "02ff", "80", "0985ffffffffff", "01" * 40])
def test_data_that_is_not_whole_is_malformed(octets):
    with pytest.raises(Malformed):
        decode(Reader(bytes.fromhex(octets)))
