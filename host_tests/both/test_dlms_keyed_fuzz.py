# SPDX-License-Identifier: MIT
"""Bad input to a device with keyed clients: from strangers, and from a client that has the keys.

Structure-aware: what is changed in an APDU with keys is sealed again, so that it gets past the tag. Law:
nothing is raised, what was served is still served, and without keys nothing is ever written to flash.
"""

from dlms_device import get, get_next
from dlms_keyed import Hes, KeyedBench
from dlms_settings import NAME, action_request, set_request, target_of
from security_fakes import AK, EK, FULL_POLICY, key_record
from test_dlms_fuzz import _mutated, _Random

_SEED = 62056
_LDN = get(1, "0.0.42.0.0.255", 2)
_DEEP = set_request(b"\x02\x01" * 40 + b"\x00", 3)
_BOMB = set_request(b"\x01\x84\xff\xff\xff\xff" + b"\x00" * 20, 3)
_FIRST_BLOCK = b"\xc1\x02\xc1" + target_of(3) + b"\x00\x00\x00\x00\x00\x01\x04\x09\x06ab"
_PLAIN = (
    _LDN,
    get(15, "0.0.40.0.0.255", 2),
    get_next(1),
    get(9000, NAME, 2)[:-1] + b"\x01\x01\x11\x05",
    set_request(b"\x12\x00\x05"),
    _DEEP,
    _BOMB,
    b"\xc1\x04\xc1\x02" + target_of(2) + b"\x00" + target_of(3) + b"\x00\x02\x12\x00\x01\x09\x01x",
    _FIRST_BLOCK,
    b"\xc1\x03\xc1\x01\x00\x00\x00\x02\x04cdef",
    b"\xc1\x05\xc1\x01" + target_of(3) + b"\x00\x01\x00\x00\x00\x01\x05\x01\x09\x02xy",
    action_request(1, b"\x12\x00\x05"),
    action_request(2),
    b"\xc3\x03\xc1\x02" + target_of(1) + target_of(2) + b"\x02\x12\x00\x01\x0f\x01",
    b"\xc3\x04\xc1" + target_of(1) + b"\x00\x00\x00\x00\x01\x02\x12\x00",
    b"\xc3\x06\xc1\x01\x00\x00\x00\x02\x01\x05",
    b"\xc3\x02\xc1\x00\x00\x00\x01",
)  # fmt: skip


def _count(hes, answer, kinds):
    kind = answer[0] if answer else -1
    if kind in (0xCC, 0xCD, 0xCF, 0xDB):
        kind = hes.open(answer)[0]
    kinds[kind] = kinds.get(kind, 0) + 1


def test_what_a_client_with_keys_sends_wrong_never_breaks_the_server():
    print("seed", _SEED)
    random = _Random(_SEED)
    bench = KeyedBench(max_pdu=640)
    hes = Hes(bench).associate()
    kinds = {}
    for i in range(3000):
        plain = _PLAIN[random.below(len(_PLAIN))]
        if random.below(4):
            plain = _mutated(random, plain)
        if not plain or plain[0] & 0xF8 != 0xC0:
            continue
        request = hes.seal(plain)
        if not random.below(4):
            length = b"\x81" if len(request) > 127 else b""
            request = b"\xe0\x81\x00\x01\x00\x00" + length + bytes([len(request)]) + request
        answer = hes.ask_plain(request, out_max=(200, 640, 2048)[random.below(3)])
        if answer[:1] == b"\xe0":
            kinds[0xE0] = kinds.get(0xE0, 0) + 1
            continue
        _count(hes, answer, kinds)
        bench.now += random.below(2000)
        if i % 100 == 99:
            hes.associate()
            assert hes.ask(_LDN)[:4] == b"\xc4\x01\xc1\x00"
    assert sorted(kinds) == [-1, 0xC4, 0xC5, 0xC7, 0xD8, 0xE0] and min(kinds.values()) > 5, kinds


def test_what_strangers_send_is_refused_and_writes_nothing_and_disturbs_nobody():
    print("seed", _SEED)
    random = _Random(_SEED)
    keys = {sap: (0, FULL_POLICY, bytes([sap]) * 16, AK) for sap in (32, 64, 127)}
    keys[1] = (0, FULL_POLICY, EK, AK)
    bench = KeyedBench(key_record(keys), max_pdu=640)
    hes = Hes(bench, connection=9).associate()
    stranger = Hes(bench, ek=bytes(16), ak=bytes(16), peer=b"\x0a\x00\x00\x63")
    written = bench.writes()
    recorded = (hes.aarq(), hes.seal(_LDN))  # what was sent once and is sent again by somebody else
    hes.ask_plain(recorded[0])
    kinds = {}
    for i in range(3000):
        stranger.counter = hes.counter + i
        requests = recorded + (stranger.aarq(), stranger.seal(_LDN), _LDN, set_request(b"\x12\x00\x05"), b"\x62\x00")
        request = requests[random.below(len(requests))]
        if random.below(3):
            request = _mutated(random, request)
        sap = (1, 16, 32, 64, 127, 5)[random.below(6)]
        answer = bench.ask(request, sap=sap, connection=random.below(4), peer=stranger.peer)
        kinds[answer[0] if answer else -1] = kinds.get(answer[0] if answer else -1, 0) + 1
        assert not answer or answer[0] in (0x61, 0x63, 0xC4, 0xD8), answer
        assert answer[:1] != b"\x61" or answer[17] or sap == 16, answer
        bench.now += random.below(500)
        bench.device.on_deadline(bench.now)
    assert bench.settings.value == 7
    assert bench.writes() == written and kinds[0x61] > 300 and kinds[0xD8] > 300
    hes.begin()
    assert hes.reply()[3] == 0 and hes.ask(_LDN)[:2] == b"\xc4\x01"


def test_every_prefix_of_an_aarq_and_of_a_ciphered_request_is_refused():
    bench = KeyedBench()
    hes = Hes(bench)
    aarq = hes.aarq()
    for cut in range(1, len(aarq)):
        assert bench.ask(aarq[:cut], sap=1) == b"\xd8\x01\x03", cut
    assert bench.ask(aarq + b"\x00", sap=1) == b"\xd8\x01\x03"
    hes.associate()
    request = hes.seal(set_request(b"\x12\x00\x05"))
    for cut in range(1, len(request)):
        assert hes.ask_plain(request[:cut])[:2] == b"\xd8\x01", cut
    assert hes.ask_plain(request + b"\x00")[:2] == b"\xd8\x01"
    assert bench.settings.value == 7
    assert hes.open(hes.ask_plain(request)) == b"\xc5\x01\xc1\x00"


def test_names_and_lengths_that_lie_in_an_aarq():
    bench = KeyedBench()
    hes = Hes(bench)
    good = hes.aarq()
    for wrong in (
        good.replace(b"\x06\x07\x60\x85", b"\x06\x7f\x60\x85"),
        good.replace(b"\xa1\x09\x06\x07", b"\xa1\x09\x06\x06"),
        good.replace(b"\xa6\x0a\x04\x08", b"\xa6\xff\x04\x08"),
        good.replace(b"\xac\x15\x80\x13", b"\xac\x15\x80\x14"),
        b"\x60\x84\xff\xff\xff\xff" + good[2:],
        b"\x60\x81\x82" + b"\xa1\x81\x7f\x06\x7d" + b"\x60" * 125,
    ):
        assert wrong != good
        assert bench.ask(wrong, sap=1)[:1] in (b"\xd8", b"\x61") and bench.device.open_cnt() == 0, wrong
