# SPDX-License-Identifier: MIT
"""Keys, counters, challenges: what is kept, what is refused, what is wiped."""

from binascii import crc32
from struct import pack

from security_fakes import AK, EK, MASTER, SAPS, SERVER_TITLE, MemoryRecord, key_record, make_aes, same_keys

from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, READ_WRITE_DENIED, SUCCESS, TYPE_UNMATCHED
from dlms.security import keywrap, stats
from dlms.security.ciphering import CipheringError
from dlms.security.device_security import DeviceSecurity
from dlms.security.hls import is_challenge
from dlms.security.invocation_counters import EXHAUSTED, LAST, RECEIVE_RESERVE, SEND_RESERVE, InvocationCounters
from dlms.security.key_store import (
    KEY_AUTHENTICATION,
    KEY_BROADCAST,
    KEY_MASTER,
    KEY_UNICAST,
    RECORD_LEN,
    KeyStore,
)
from dlms.security.lockout import Lockout
from dlms.security.protection import Protection

CLIENT = b"HES\x00\x00\x00\x00\x01"
NEW = bytes(range(0x80, 0x90))


def store(**other):
    return KeyStore(MemoryRecord(key_record(same_keys(), **other)), make_aes)


def wrapped(key, master=MASTER):
    return keywrap.wrap(make_aes, master, key)


def random_octets(n):
    return bytes([0xA0 + i & 0xFF for i in range(n)])


def device(keys=None, counters=None, random=random_octets):
    keys = MemoryRecord(key_record(same_keys())) if keys is None else keys
    counters = MemoryRecord() if counters is None else counters
    return DeviceSecurity(keys, counters, make_aes, random, SERVER_TITLE, Lockout(8, 1000, 60000, 2000))


# --- key store ---


def test_keys_are_those_of_the_record():
    keys = store()
    assert not keys.error and keys.has_master
    for row, sap in enumerate(SAPS):
        one = keys.find(sap)
        assert (one.row, one.suite, one.policy) == (row, 0, 0x6C)
        assert one.encryption_key == EK and one.authentication_key == AK and keys.is_provisioned(sap)
    assert keys.find(16) is None and not keys.is_provisioned(16) and not keys.is_provisioned(2)


def test_a_client_without_keys_is_not_provisioned():
    keys = KeyStore(MemoryRecord(key_record({64: (2, 0x24, EK + EK, AK + AK)})), make_aes)
    assert [keys.is_provisioned(sap) for sap in SAPS] == [False, False, True, False]
    assert len(keys.find(64).encryption_key) == 32


def test_no_record_and_every_damaged_record_is_no_key_at_all():
    assert KeyStore(MemoryRecord(), make_aes).error == "no keys: not provisioned"
    good = key_record(same_keys())
    assert len(good) == RECORD_LEN
    bad = [good[:n] for n in range(0, RECORD_LEN, 7)] + [good + b"\x00", b"?", b"", bytes(RECORD_LEN)]
    bad += [good[:i] + bytes((good[i] ^ 0x10,)) + good[i + 1 :] for i in range(RECORD_LEN)]
    for octets in bad:
        keys = KeyStore(MemoryRecord(octets), make_aes)
        assert keys.error and not any([keys.is_provisioned(sap) for sap in SAPS])
        assert not any(keys._octets)


def test_a_record_with_a_right_checksum_and_wrong_contents_is_refused():
    for off, octet in ((4, 2), (76, 2), (77, 3), (78, 0x00), (78, 0x2D), (78, 0xEC), (79, 2), (76 + 68, 1)):
        octets = bytearray(key_record(same_keys()))
        octets[off] = octet
        octets = octets[:-4] + pack(">I", crc32(octets[:-4]))
        assert KeyStore(MemoryRecord(bytes(octets)), make_aes).error, off


def test_a_new_key_is_on_flash_at_once_and_in_use_after_activate_and_the_old_one_is_gone():
    keys = store()
    one = keys.find(32)
    assert keys.replace(32, ((KEY_UNICAST, wrapped(NEW)),)) == SUCCESS
    assert one.encryption_key == EK
    assert KeyStore(MemoryRecord(keys._record.octets), make_aes).find(32).encryption_key == NEW
    assert keys.activate() == 1 << one.row
    assert one.encryption_key == NEW and one.authentication_key == AK
    row = bytes(keys._octets[76 + 68 : 76 + 2 * 68])
    assert row.find(EK) < 0 and keys.find(1).encryption_key == EK
    assert keys.activate() == 0


def test_the_master_key_is_replaced_under_the_old_one_and_then_wraps():
    keys = store()
    assert keys.replace(1, ((KEY_MASTER, wrapped(NEW)), (KEY_AUTHENTICATION, wrapped(EK)))) == SUCCESS
    assert keys.activate() == 0  # no unicast key changed: counters go on
    assert keys.find(1).authentication_key == EK
    assert keys.replace(1, ((KEY_UNICAST, wrapped(AK)),)) == OTHER_REASON
    assert keys.replace(1, ((KEY_UNICAST, wrapped(AK, NEW)),)) == SUCCESS
    assert keys._octets.find(MASTER) < 0


def test_two_transfers_before_the_first_is_in_use_both_count():
    keys = store()
    assert keys.replace(1, ((KEY_UNICAST, wrapped(NEW)),)) == SUCCESS
    assert keys.replace(64, ((KEY_AUTHENTICATION, wrapped(NEW)),)) == SUCCESS
    assert keys.activate() == 1
    assert keys.find(1).encryption_key == NEW and keys.find(64).authentication_key == NEW


def test_what_cannot_be_transferred_changes_nothing():
    good = (KEY_UNICAST, wrapped(NEW))
    for sap, transfers, result in (
        (1, (good, (KEY_AUTHENTICATION, wrapped(NEW)[:-1])), OTHER_REASON),
        (1, (good, (KEY_AUTHENTICATION, wrapped(NEW, EK))), OTHER_REASON),
        (1, (good, (4, wrapped(NEW))), TYPE_UNMATCHED),
        (1, (good, (KEY_UNICAST, wrapped(NEW + NEW))), TYPE_UNMATCHED),
        (1, (good, (KEY_MASTER, wrapped(NEW + NEW))), TYPE_UNMATCHED),
        (1, (), READ_WRITE_DENIED),
        (16, (good,), READ_WRITE_DENIED),
    ):
        keys = store()
        before = keys._record.octets
        assert keys.replace(sap, transfers) == result, transfers
        assert keys.activate() == 0 and keys._record.octets == before and keys.find(1).encryption_key == EK
    keys = store(flags=0)
    assert keys.replace(1, (good,)) == READ_WRITE_DENIED and not keys.has_master


def test_a_key_that_cannot_be_written_is_not_used():
    keys = store()
    keys._record.is_broken = True
    assert keys.replace(1, ((KEY_UNICAST, wrapped(NEW)),)) == HARDWARE_FAULT
    assert keys.activate() == 0 and keys.find(1).encryption_key == EK


def test_the_same_key_again_does_not_let_old_counters_in():
    keys = store()
    assert keys.replace(1, ((KEY_UNICAST, wrapped(EK)),)) == SUCCESS
    assert keys.activate() == 0


def test_the_broadcast_key_is_kept():
    keys = store()
    assert keys.replace(1, ((KEY_BROADCAST, wrapped(NEW)),)) == SUCCESS
    keys.activate()
    assert bytes(keys._octets[44:60]) == NEW


def test_a_policy_can_only_grow():
    keys = KeyStore(MemoryRecord(key_record(same_keys(policy=0x24))), make_aes)
    for policy in (0x00, 0x20, 0x04, 0x25, 0xA4, 0x100):
        assert keys.strengthen(1, policy) == OTHER_REASON
    assert keys.strengthen(1, 0x6C) == SUCCESS and keys.find(1).policy == 0x6C
    assert KeyStore(MemoryRecord(keys._record.octets), make_aes).find(1).policy == 0x6C
    assert keys.find(32).policy == 0x24
    assert keys.strengthen(1, 0x24) == OTHER_REASON and keys.strengthen(16, 0x6C) == READ_WRITE_DENIED


def test_nothing_that_can_be_printed_shows_a_key():
    security = device()
    for thing in (security, security.keys, security.keys.find(1), security.ciphering, security.hls):
        text = repr(thing) + str(thing)
        assert text.find("\\x01\\x02\\x03") < 0 and text.lower().find("010203") < 0


# --- counters ---


def numbers(record=None, first_send=1):
    one = InvocationCounters(record or MemoryRecord(), 4)
    assert one.start(first_send)
    return one


def test_received_counters_rise_strictly_per_client():
    one = numbers()
    assert [one.accept(0, counter) for counter in (1, 2, 2, 1, 10, 3)] == [True, True, False, False, True, False]
    assert one.accept(1, 1) and one.last(0) == 10 and one.expected(1) == 2 and one.last(2) == 0
    assert not one.accept(2, 0)


def test_one_write_reserves_many_counters():
    record = MemoryRecord()
    one = numbers(record)
    for counter in range(1, RECEIVE_RESERVE + 2):
        assert one.accept(0, counter)
    assert record.write_cnt == 2
    assert one.accept(0, RECEIVE_RESERVE + 2) and record.write_cnt == 3
    sent = [one.next_send() for _ in range(2 * SEND_RESERVE)]
    assert sent == list(range(1, 2 * SEND_RESERVE + 1)) and record.write_cnt == 5


def test_after_a_restart_nothing_used_before_is_used_or_accepted_again():
    record = MemoryRecord()
    one = numbers(record, 1000)
    received, sent = 0, 0
    for turn in range(200):
        received += 1 + turn % 5
        assert one.accept(3, received)
        sent_now = one.next_send()
        assert sent_now > sent
        sent = sent_now
        if turn % 7 == 0:
            one = numbers(record, None)
            assert not one.accept(3, received)
            received = one.last(3)
            assert one.expected(3) == received + 1


def test_a_planned_restart_skips_nothing():
    record = MemoryRecord()
    one = numbers(record)
    assert one.accept(0, 5) and one.next_send() == 1
    assert one.settle()
    again = numbers(record, None)
    assert again.expected(0) == 6 and again.next_send() == 2


def test_the_last_counter_of_32_bits_is_the_end():
    one = numbers(first_send=LAST - 2)
    assert [one.next_send() for _ in range(4)] == [LAST - 2, LAST - 1, EXHAUSTED, EXHAUSTED]
    assert one.accept(0, LAST - 1) and one.accept(0, LAST) and not one.accept(0, LAST) and not one.accept(0, LAST + 1)
    assert one.expected(0) > LAST
    again = InvocationCounters(one._record, 4)
    assert again.start(None) and again.next_send() == EXHAUSTED and not again.accept(0, LAST)


def test_a_record_lost_or_damaged_stops_both_ways():
    good = MemoryRecord()
    assert numbers(good).next_send() == 1
    octets = good.octets
    bad = [None, b"", b"?", octets[:-1], octets + b"\x00"]
    bad += [octets[:i] + bytes((octets[i] ^ 4,)) + octets[i + 1 :] for i in range(len(octets))]
    for damaged in bad:
        record = MemoryRecord(damaged)
        one = InvocationCounters(record, 4)
        assert not one.start(None) and not one.accept(0, 0xFFFFFFF0) and one.next_send() == EXHAUSTED
        assert not one.settle() and not one.restart(0) and not record.write_cnt
    assert not InvocationCounters(MemoryRecord(octets), 3).start(1)


def test_a_write_that_fails_uses_nothing():
    record = MemoryRecord()
    one = numbers(record)
    record.is_broken = True
    assert not one.accept(0, 1) and one.last(0) == 0 and one.next_send() == EXHAUSTED and not one.restart(0)
    record.is_broken = False
    assert one.accept(0, 1) and one.next_send() == 1


def test_keys_put_in_anew_never_send_lower_counters():
    record = MemoryRecord()
    one = numbers(record, 50)
    one.next_send()
    assert numbers(record, 10).next_send() > 50
    assert numbers(record, 5000).next_send() == 5000


# --- the device ---


def test_keys_without_their_counters_are_no_keys():
    keys, counters = MemoryRecord(key_record(same_keys())), MemoryRecord()
    assert not device(keys, counters).keys.error
    assert not device(keys, counters).keys.error
    for octets in (None, counters.octets[:-1]):
        security = device(keys, MemoryRecord(octets))
        assert security.keys.error.find("counters") > 0
        assert not any([security.keys.is_provisioned(sap) for sap in SAPS])
    keys, counters = MemoryRecord(key_record(same_keys())), MemoryRecord()
    keys.is_broken = True
    assert device(keys, counters).keys.error == "key record cannot be written"


def test_an_unprovisioned_device_writes_nothing():
    keys, counters = MemoryRecord(), MemoryRecord()
    security = device(keys, counters)
    assert security.keys.error == "no keys: not provisioned"
    assert not keys.write_cnt and not counters.write_cnt and not security.keys.begin()
    assert security.invocation_counters.next_send() == EXHAUSTED


def test_a_new_unicast_key_starts_the_counter_of_its_client_again_and_no_other():
    security = device()
    for row in (0, 1):
        assert security.invocation_counters.accept(row, 900)
    assert security.keys.replace(1, ((KEY_UNICAST, wrapped(NEW)),)) == SUCCESS
    security.activate_keys()
    assert security.invocation_counters.expected(0) == 1 and security.invocation_counters.expected(1) == 901
    assert security.keys.replace(1, ((KEY_UNICAST, wrapped(NEW)),)) == SUCCESS
    assert security.invocation_counters.accept(0, 7)
    security.activate_keys()
    assert security.invocation_counters.expected(0) == 8


# --- HLS ---


class _Both:
    """A client and the device, each with its own half of the protocol."""

    def __init__(self):
        self.server, self.client = device(), device()
        self.client.ciphering.system_title = CLIENT
        self.at_server, self.at_client = Protection(), Protection()
        self.at_server.open(self.server.keys.find(1), CLIENT)
        self.at_client.open(self.client.keys.find(1), SERVER_TITLE)
        self.stoc, self.ctos = self.server.hls.challenge(), b"challenge of the client"

    def token(self):
        return bytes(self.client.hls.answer(self.stoc, self.at_client))

    def is_taken(self, token, ctos=None):
        return self.server.hls.check(token, self.stoc, ctos or self.ctos, self.at_server)


def test_both_sides_prove_themselves():
    both = _Both()
    assert both.is_taken(both.token())
    answer = bytes(both.server.hls.answer(both.ctos, both.at_server))
    assert len(answer) == 17 and answer[0] == 0x10
    assert both.client.hls.check(answer, both.ctos, both.stoc, both.at_client)


def test_a_wrong_token_is_refused_and_counted():
    both = _Both()
    token = both.token()
    bad = [token[:i] + bytes((token[i] ^ 1,)) + token[i + 1 :] for i in range(17)]
    bad += [token[:n] for n in range(17)] + [token + b"\x00", bytes(17)]
    for one in bad:
        assert not both.is_taken(one)
    assert both.server.counters.get(stats.CHALLENGE) == len(bad)
    both.stoc = b"another challenge"
    assert not both.is_taken(token)


def test_a_challenge_handed_back_is_refused():
    both = _Both()
    assert not both.is_taken(both.token(), ctos=both.stoc)
    reflected = bytes(both.server.hls.answer(both.stoc, both.at_server))
    assert not both.is_taken(reflected)
    both.at_server.title = SERVER_TITLE
    assert not both.is_taken(reflected)


def test_no_token_is_made_or_taken_without_keys_or_counters():
    both = _Both()
    token = both.token()
    both.server.keys.stop("test")
    assert not both.is_taken(token)
    both = _Both()
    both.server.invocation_counters.is_usable = False
    try:
        both.server.hls.answer(both.ctos, both.at_server)
    except CipheringError as error:
        assert error.reason == stats.COUNTER
    else:
        raise AssertionError


def test_challenges_have_the_lengths_of_the_standard():
    security = device()
    assert len(security.hls.challenge()) == 16 and len(security.hls.challenge(64)) == 64
    for length in (15, 65):
        try:
            security.hls.challenge(length)
        except Exception as error:  # noqa: BLE001
            assert type(error).__name__ == "LocalError"
            continue
        raise AssertionError(length)
    assert [is_challenge(bytes(n)) for n in (0, 7, 8, 64, 65)] == [False, False, True, True, False]
