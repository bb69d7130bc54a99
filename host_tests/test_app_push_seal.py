# SPDX-License-Identifier: MIT
"""Own notifications ciphered, opened by another implementation; without keys or counters none goes out."""

from app import push_seal
from base import events
from base.log import NOTICE
from host_tests.both import security_fakes
from host_tests.push_bench import parse, play


def opened(apdu, security):
    """The plain APDU in a general-glo, by the OpenSSL behind `cryptography`; and its counter."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    title, rest = apdu[2:10], apdu[10:]
    assert apdu[:2] == b"\xdb\x08"
    rest = rest[1:] if rest[0] < 0x80 else rest[2 + (rest[0] & 1 ^ 1) :]
    control, counter, text, tag = rest[0], rest[1:5], rest[5:-12], rest[-12:]
    keys = security.keys.clients[0]
    gcm = modes.GCM(title + counter, tag, min_tag_length=12)
    decryptor = Cipher(algorithms.AES(bytes(keys.encryption_key)), gcm).decryptor()
    decryptor.authenticate_additional_data(bytes([control]) + bytes(keys.authentication_key))
    assert control == 0x30 | keys.suite
    return decryptor.update(text) + decryptor.finalize(), int.from_bytes(counter, "big")


def security(keys):
    """A device's security on that record of keys."""
    from dlms.security.device_security import DeviceSecurity
    from dlms.security.lockout import Lockout

    lockout = Lockout(8, 1000, 60000, 2000)
    records = (security_fakes.MemoryRecord(keys), security_fakes.MemoryRecord())
    return DeviceSecurity(*records, security_fakes.make_aes, bytes, security_fakes.SERVER_TITLE, lockout)


def with_keys():
    return security(security_fakes.key_record(security_fakes.same_keys()))


def sealed_story(seal, bench):
    bench.turns.seal, bench.turns.is_mute = seal.seal, not seal.can_seal()
    bench.own.front, bench.own.back = push_seal.FRONT_LEN, push_seal.BACK_LEN


def test_own_notifications_are_ciphered_with_rising_counters_and_meters_are_not_touched():
    keyed = with_keys()
    seal = push_seal.Seal(keyed)

    async def story(bench):
        sealed_story(seal, bench)
        bench.turns.batch = 3
        bench.offer(1, 2)
        for node in range(7):
            bench.log.add(NOTICE, events.NODE_UP, node)
        await bench.run(1)

    bench = play(story)
    found = [opened(octets[8:], keyed) for octets in bench.targets[0].got if octets[3] == 1]
    told = [event for apdu, _ in found for event in parse(apdu)]
    assert len(told) == 7 and [counter for _, counter in found] == sorted({counter for _, counter in found})
    assert bench.got() == [1, 2] and max(map(len, bench.targets[0].got)) <= 264


def test_without_keys_or_counters_nothing_of_our_own_goes_out_and_meters_go_on():
    no_keys = push_seal.Seal(security(bytes(352)))
    assert not no_keys.can_seal()
    no_counter = push_seal.Seal(with_keys())
    no_counter._security.invocation_counters.next_send = lambda: -1

    for seal in (no_keys, no_counter):
        async def story(bench, seal=seal):
            sealed_story(seal, bench)
            bench.keeper.heartbeat_s, bench.turns.late_s = 1, 1
            bench.log.add(NOTICE, events.NODE_UP, 1)
            for n in range(3):
                bench.offer(n)
                await bench.run(3)

        bench = play(story)
        assert bench.got() == [0, 1, 2] and len(bench.targets[0].got) == 3


def test_a_counter_that_could_not_be_reserved_once_does_not_silence_us_for_good():
    keyed = with_keys()
    counters = keyed.invocation_counters
    reserve = counters.next_send

    async def story(bench):
        sealed_story(push_seal.Seal(keyed), bench)
        counters.next_send = lambda: -1
        bench.log.add(NOTICE, events.NODE_UP, 1)
        await bench.run(3)
        assert not bench.targets[0].got
        counters.next_send = reserve
        bench.log.add(NOTICE, events.NODE_LOST, 1)
        await bench.run(70)
        assert len(bench.targets[0].got) == 2

    play(story)
