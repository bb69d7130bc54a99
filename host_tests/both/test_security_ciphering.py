# SPDX-License-Identifier: MIT
"""What is refused and why, what an answer looks like, and that no octets can break either."""

import gc
import random
import sys

from security_fakes import AK, EK, SERVER_TITLE, MemoryRecord, key_record, make_aes, same_keys

from base.errors import LocalError, RemoteError
from dlms.security import stats
from dlms.security.ciphering import Ciphering, CipheringError
from dlms.security.envelope import (
    FORM_DED,
    FORM_GENERAL,
    FORM_GENERAL_BOUND,
    FORM_GENERAL_DED,
    FORM_GENERAL_GLO,
    FORM_GLO,
    FORM_NONE,
    form_of,
    length_len,
)
from dlms.security.gcm import Gcm
from dlms.security.invocation_counters import InvocationCounters
from dlms.security.key_store import KeyStore
from dlms.security.protection import Protection

CLIENT = b"HES\x00\x00\x00\x00\x01"
GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
FORMS = (FORM_GLO, FORM_DED, FORM_GENERAL_GLO, FORM_GENERAL_DED, FORM_GENERAL, FORM_GENERAL_BOUND)


class End:
    """A device or its client: titles swapped, the same keys."""

    def __init__(self, own, peer, suite=0, policy=0x6C, clients=None):
        self.record = MemoryRecord()
        self.numbers = InvocationCounters(self.record, 4)
        assert self.numbers.start(1)
        clients = same_keys(suite, policy) if clients is None else clients
        self.store = KeyStore(MemoryRecord(key_record(clients, device_suite=suite)), make_aes)
        self.counters = stats.new_counters()
        self.ciphering = Ciphering(Gcm(make_aes), own, self.numbers, self.counters)
        self.protection = Protection()
        self.protection.open(self.store.find(1), peer)

    def seal(self, plain=GET, form=FORM_GLO, control=0x30, counter=None):
        if counter is not None:
            self.numbers._next = self.numbers._send_bound = counter
        self.protection.form, self.protection.control = form, control
        start = 4 + self.protection.header_len(len(plain))
        buffer = memoryview(bytearray(start + len(plain) + 12))
        buffer[start : start + len(plain)] = plain
        length = self.ciphering.wrap(buffer, 4, start, len(plain), self.protection)
        assert length == len(buffer) - 4
        return bytes(buffer[4:])

    def open(self, apdu):
        self.buffer = bytearray(b"\xaa" + apdu + b"\xbb")
        mv = memoryview(self.buffer)
        self.ciphering.unwrap(mv, 1, len(apdu), self.protection)
        return bytes(mv[self.ciphering.off : self.ciphering.off + self.ciphering.length])

    def reason(self, apdu):
        """Why it is refused; also counted."""
        try:
            self.open(apdu)
        except CipheringError as error:
            assert self.counters.get(error.reason), error.reason
            return error.reason
        raise AssertionError(apdu)


def ends(suite=0, policy=0x6C, **other):
    client, server = End(CLIENT, SERVER_TITLE, suite, policy), End(SERVER_TITLE, CLIENT, suite, policy, **other)
    for end in (client, server):
        end.protection.dedicate(bytes(range(32 if suite == 2 else 16)))
    return client, server


def resealed(control, plain=GET, counter=1, ak=AK, ek=EK, title=CLIENT, tag=0xC8):
    """glo-… made from GCM alone: with a security control that `wrap` would not choose."""
    gcm = Gcm(make_aes)
    octets = bytearray(plain + bytes(12))
    head = bytes((control,))
    gcm.start(ek, title, counter)
    gcm.add(head, 0, 1)
    gcm.add(ak, 0, len(ak))
    if control & 0x20:
        gcm.seal(octets, 0, len(plain), len(plain))
    else:
        gcm.add(plain, 0, len(plain))
        gcm.seal(octets, len(plain), 0, len(plain))
    if not control & 0x10:
        octets = octets[:-12]
    body = head + bytes((counter >> 24, counter >> 16 & 255, counter >> 8 & 255, counter & 255)) + bytes(octets)
    return bytes((tag, len(body))) + body


def test_every_form_in_every_suite_goes_both_ways_and_the_answer_has_the_form_of_the_request():
    for suite in (0, 1, 2):
        client, server = ends(suite)
        for form in FORMS:
            for transaction, has_key_info in ((b"", False), (b"12345678", True)):
                client.protection.transaction, client.protection.has_key_info = transaction, has_key_info
                request = client.seal(form=form)
                assert server.open(request) == GET
                assert server.protection.form == form and server.protection.control == 0x30 | suite
                answer = server.seal(b"\xc4\x01\xc1\x00\x11\x07", form, server.protection.control)
                assert form_of(answer[0]) == (FORM_GENERAL if form == FORM_GENERAL_BOUND else form)
                assert client.open(answer) == b"\xc4\x01\xc1\x00\x11\x07"
                if form >= FORM_GENERAL:
                    assert server.protection.transaction == transaction
                    assert server.protection.has_key_info == has_key_info


def test_the_length_of_the_header_is_known_before_for_every_length():
    client, server = ends()
    for form in FORMS:
        for length in (1, 109, 110, 111, 112, 237, 238, 239, 240, 600):
            apdu = client.seal(b"\xc0" + bytes(length - 1), form)
            assert len(apdu) == client.protection.header_len(length) + length + 12
            assert server.open(apdu) == b"\xc0" + bytes(length - 1)


def test_an_answer_that_fits_the_room_never_exceeds_the_limit():
    _, server = ends()
    for server.protection.form in FORMS + (FORM_NONE,):
        for limit in range(60, 700):
            room = server.protection.room(limit)
            if server.protection.form == FORM_NONE:
                assert room == limit
            else:
                assert server.protection.header_len(room) + room + 12 <= limit


def test_an_answer_written_behind_the_longest_header_is_closed_up():
    client, server = ends()
    for form in FORMS:
        server.protection.form, server.protection.control = form, 0x30
        plain = b"\xc4\x01\xc1\x00\x11\x07"
        start = server.protection.header_len(2000)
        buffer = memoryview(bytearray(start + len(plain) + 12))
        buffer[start : start + len(plain)] = plain
        length = server.ciphering.wrap(buffer, 0, start, len(plain), server.protection)
        assert client.open(bytes(buffer[:length])) == plain


def test_an_initiate_request_opens_and_its_answers_have_their_own_tags():
    client, server = ends()
    request = client.seal(b"\x01\x00\x00\x00\x06\x5f\x1f\x04\x00\x40\x1e\x5d\xff\xff")
    assert request[0] == 0x21 and server.open(request)[0] == 1
    for plain_tag, tag in ((0x08, 0x28), (0x0E, 0x2E)):
        assert server.seal(bytes((plain_tag, 0)), FORM_GLO, 0x30)[0] == tag


def test_an_apdu_without_a_service_specific_form_is_our_own_mistake():
    _, server = ends()
    for form in (FORM_GLO, FORM_DED):
        for tag in (0xD8, 0xE0, 0xDA, 0x0F):
            try:
                server.seal(bytes((tag, 1, 1)), form)
            except LocalError:
                continue
            raise AssertionError(tag)
    assert server.seal(b"\xd8\x01\x01", FORM_GENERAL_GLO)


def test_a_changed_octet_anywhere_is_refused_and_notes_nothing():
    for form in FORMS:
        client, server = ends()
        apdu = client.seal(form=form)
        for i in range(len(apdu)):
            for bit in (0x01, 0x80):
                server.reason(apdu[:i] + bytes((apdu[i] ^ bit,)) + apdu[i + 1 :])
        for n in range(len(apdu)):
            assert server.reason(apdu[:n]) in (stats.MALFORMED, stats.TAG, stats.KEY)
            assert server.reason(apdu + bytes(n + 1)) == stats.MALFORMED
        assert server.numbers.last(0) == 0 and server.protection.last_dedicated == -1
        assert server.record.write_cnt == 1  # the one of the start: nobody without the key makes it write
        assert server.open(apdu) == GET


def test_nothing_is_changed_in_the_buffer_when_the_tag_is_wrong():
    client, server = ends()
    apdu = bytearray(client.seal())
    apdu[-1] ^= 1
    assert server.reason(bytes(apdu)) == stats.TAG
    assert server.buffer == b"\xaa" + apdu + b"\xbb"


def test_each_refusal_has_its_reason():
    _, server = ends()
    assert server.open(resealed(0x30)) == GET
    for control, reason in (
        (0x31, stats.SUITE),
        (0x32, stats.SUITE),
        (0x3F, stats.SUITE),
        (0x70, stats.KEY),
        (0xB0, stats.COMPRESSED),
        (0x10, stats.POLICY),
        (0x20, stats.POLICY),
        (0x00, stats.POLICY),
    ):
        assert server.reason(resealed(control, counter=9)) == reason, control
    assert server.reason(resealed(0x30, counter=9, ak=EK)) == stats.TAG
    assert server.reason(resealed(0x30, counter=9, ek=AK)) == stats.TAG
    assert server.reason(resealed(0x30, counter=9, title=SERVER_TITLE)) == stats.TAG
    assert server.reason(resealed(0x30, counter=9, tag=0xC9)) == stats.MALFORMED
    assert server.reason(GET) == stats.MALFORMED
    assert server.reason(b"") == stats.MALFORMED


def test_keys_that_would_have_to_be_agreed_or_unwrapped_are_refused_by_name():
    _, server = ends()
    head = b"\xdd\x00\x08" + CLIENT + b"\x08" + SERVER_TITLE + b"\x00\x00\x01"
    for key_info in (b"\x00\x01", b"\x01\x02\x00", b"\x02\x00\x00"):
        assert server.reason(head + key_info + b"\x12" + bytes(18)) == stats.KEY
    assert server.reason(head + b"\x00\x02" + b"\x12" + bytes(18)) == stats.MALFORMED


def test_somebody_elses_titles_are_refused():
    client, server = ends()
    stranger = End(b"HES\x00\x00\x00\x00\x02", SERVER_TITLE)
    for form in (FORM_GENERAL_GLO, FORM_GENERAL):
        assert server.reason(stranger.seal(form=form)) == stats.TITLE
    assert server.reason(stranger.seal()) == stats.TAG  # glo-… names nobody, but the nonce does
    other = End(CLIENT, b"GWY\x00\x00\x00\x00\x09")
    assert server.reason(other.seal(form=FORM_GENERAL)) == stats.TITLE
    mirror = End(SERVER_TITLE, SERVER_TITLE)
    assert mirror.reason(End(SERVER_TITLE, SERVER_TITLE).seal()) == stats.TITLE
    nameless = b"\xdb\x00" + client.seal()[1:]
    assert server.open(nameless) == GET  # no title: that of the association


def test_a_header_field_that_no_tag_covers_must_be_empty():
    client, server = ends()
    apdu = client.seal(form=FORM_GENERAL)
    for at in (20, 21):  # date-time, other-information
        assert apdu[at] == 0
        assert server.reason(apdu[:at] + b"\x01\x55" + apdu[at + 1 :]) == stats.TAG
    assert server.open(apdu) == GET


def test_policy_says_what_is_enough_and_what_an_answer_gets():
    # policy: controls taken, control of an answer to 0x10
    for policy, taken, answered in (
        (0x24, (0x10, 0x30), 0x10),
        (0x2C, (0x30,), 0x10),
        (0x64, (0x10, 0x30), 0x30),
        (0x6C, (0x30,), 0x30),
    ):
        _, server = ends(policy=policy)
        for counter, control in enumerate((0x10, 0x30)):
            apdu = resealed(control, counter=counter + 1)
            if control in taken:
                assert server.open(apdu) == GET
            else:
                assert server.reason(apdu) == stats.POLICY
        assert server.seal(b"\xc4\x01\xc1\x00\x00", FORM_GLO, 0x10)[2] == answered
        assert server.seal(b"\xc4\x01\xc1\x00\x00", FORM_GLO, 0x30)[2] == 0x30


def test_an_answer_that_is_only_authenticated_can_be_read_and_checked():
    client, server = ends(policy=0x24)
    plain = b"\xc4\x01\xc1\x00\x11\x07"
    answer = server.seal(plain, FORM_GLO, 0x10)
    assert answer.find(plain) > 0 and client.open(answer) == plain
    assert client.reason(answer[:8] + b"\x99" + answer[9:]) in (stats.TAG, stats.STALE)


def test_counters_of_a_client_must_rise_and_the_refusal_says_what_is_expected():
    client, server = ends()
    for counter in (1, 2, 7):
        server.open(client.seal(counter=counter))
    for counter in (0, 1, 6, 7):
        try:
            server.open(resealed(0x30, counter=counter))
        except CipheringError as error:
            assert (error.reason, error.service_error, error.expected) == (stats.STALE, 6, 8)
            continue
        raise AssertionError(counter)
    assert server.open(resealed(0x30, counter=0xFFFFFFFF)) == GET
    assert server.reason(resealed(0x30, counter=0xFFFFFFFF)) == stats.STALE


def test_a_dedicated_key_has_its_own_counter_and_ends_with_its_association():
    client, server = ends()
    server.open(client.seal(counter=50))
    assert server.open(client.seal(form=FORM_DED, counter=3)) == GET
    again = client.seal(form=FORM_GENERAL_DED, counter=3)
    assert server.reason(again) == stats.STALE
    assert server.numbers.last(0) == 50
    key = server.protection.dedicated
    server.protection.close()
    assert not any(key)
    server.protection.open(server.store.find(1), CLIENT)
    assert server.reason(client.seal(form=FORM_DED, counter=4)) == stats.KEY
    for length in (0, 15, 17, 32):
        try:
            server.protection.dedicate(bytes(length))
        except RemoteError:
            continue
        raise AssertionError(length)


def test_without_keys_nothing_is_opened():
    client, _ = ends()
    server = End(SERVER_TITLE, CLIENT, clients={32: (0, 0x6C, EK, AK)})
    assert server.reason(client.seal()) == stats.UNPROVISIONED
    server.protection.close()
    assert server.reason(client.seal()) == stats.UNPROVISIONED


def test_a_counter_that_cannot_be_kept_is_not_used():
    client, server = ends()
    server.record.is_broken = True
    assert server.reason(client.seal()) == stats.COUNTER
    server.numbers._next = server.numbers._send_bound
    try:
        server.seal(b"\xc4\x01\xc1\x00\x00")
    except CipheringError as error:
        assert (error.reason, error.service_error) == (stats.COUNTER, 3)
    else:
        raise AssertionError
    server.record.is_broken = False
    assert server.open(client.seal()) == GET


def _damaged(rng, apdu):
    """One of the ways octets go wrong: bits, cuts, growth, lying lengths, pieces of others."""
    octets = bytearray(apdu)
    way = rng.randrange(5)
    at = rng.randrange(len(octets))
    if way == 0:
        octets[at] ^= 1 << rng.randrange(8)
    elif way == 1:
        octets = octets[:at]
    elif way == 2:
        octets = octets[:at] + bytes([rng.randrange(256) for _ in range(rng.randrange(1, 40))]) + octets[at:]
    elif way == 3:
        octets[min(at, 24) if len(octets) > 24 else 0] = rng.choice((0, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x85, 0xFF))
    else:
        octets = octets[:at] + bytes([rng.choice((0x81, 0x82, 0x83, 0x84))]) + b"\xff\xff\xff\xff"[: rng.randrange(5)]
    return bytes(octets)


def test_no_damaged_apdu_is_believed_or_writes():
    seed = 20261126
    rng = random.Random(seed) if hasattr(random, "Random") else random
    if rng is random:
        random.seed(seed)
    client, server = ends()
    seeds = [client.seal(form=form, counter=900) for form in FORMS]
    for turn in range(1500):
        apdu = _damaged(rng, seeds[turn % len(seeds)])
        if apdu == seeds[turn % len(seeds)]:
            continue
        try:
            server.open(apdu)
        except CipheringError:
            continue
        raise AssertionError((seed, turn, apdu))
    assert server.record.write_cnt == 1 and server.numbers.last(0) == 0
    for turn in range(800):  # random octets behind each first octet
        apdu = bytes([turn & 0xFF] + [rng.randrange(256) for _ in range(rng.randrange(60))])
        assert server.reason(apdu) in range(stats.MALFORMED, stats.LOCKED)


def test_opening_and_sealing_512_octets_costs_little_heap():
    client, server = ends()
    plain = b"\xc4" + bytes(511)
    apdu = memoryview(bytearray(client.seal(plain, FORM_GENERAL_GLO)))
    server.open(client.seal(plain, FORM_GENERAL_GLO))
    out = memoryview(bytearray(600))
    start = server.protection.header_len(512)
    assert server.ciphering.wrap(out, 0, start, 512, server.protection)  # reserves counters: one write in 256
    if sys.implementation.name != "micropython":
        return
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    server.numbers._received[0] = 0
    server.ciphering.unwrap(apdu, 0, len(apdu), server.protection)
    opened = gc.mem_alloc() - before
    server.ciphering.wrap(out, 0, start, 512, server.protection)
    sealed = gc.mem_alloc() - before - opened
    gc.enable()
    from base import framing

    print("heap of an APDU of 512 octets: opened %d, sealed %d (%s)" % (opened, sealed, framing.IMPLEMENTATION))
    assert length_len(512) == 3
    if framing.IMPLEMENTATION != "python":
        assert opened <= 320 and sealed <= 320, (opened, sealed)
