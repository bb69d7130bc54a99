# SPDX-License-Identifier: MIT
"""Bad input: every prefix of every request, and 20,000 seeded mutations of them.

Law: nothing is raised, nothing is longer than allowed, nothing is written outside its
place (Bench.ask checks), and what was answered before is still answered after.
"""

from dlms_device import LDN, Bench, aarq, get, get_next

from base.errors import RemoteError
from dlms.gateway_prefix import GatewayPrefix
from dlms.wrapper import WPDU_READY, WpduReader

_SEED = 61334
_SELECTIVE = get(7, "0.0.99.98.0.255", 2)[:-1] + b"\x01\x02\x02\x02\x06\x00\x00\x00\x01\x06\x00\x00\x00\x02"
_REQUESTS = (
    aarq(),
    aarq(128),
    bytes.fromhex("6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738be10040e01000000065f1f0400401e5dffff"),
    bytes.fromhex("6029a109060760857405080101a60a04087574695b2fb94fefbe10040e01000000065f1f040020525fffff"),
    bytes.fromhex("6203800100"),
    get(1, "0.0.42.0.0.255", 2),
    get(17, "0.0.41.0.0.255", 2),
    get(15, "0.0.40.0.0.255", 0),
    get(15, "0.0.40.0.0.255", 2),
    get(7, "0.0.99.98.0.255", 2),
    _SELECTIVE,
    get_next(1),
    get_next(2),
    b"\xc0\x03\xc1\x03" + get(1, "0.0.42.0.0.255", 2)[3:] + get(8, "0.0.1.0.0.255", 2)[3:] + _SELECTIVE[3:],
    bytes.fromhex("c101c100080000010000ff020009") + bytes([12]) + bytes(12),
    bytes.fromhex("c301c100110000290000ff0101020212001009020102"),
)  # fmt: skip


class _Random:
    """Xorshift, the same numbers on every interpreter."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % n


def _mutated(random, octets):
    """`octets` with one to four octets changed, inserted, removed, or its end cut off."""
    changed = bytearray(octets)
    for _ in range(1 + random.below(4)):
        at = random.below(len(changed) + 1)
        how = random.below(5)
        value = (0x00, 0xFF, 0x80, 0x81, 0x82, 0x84, 0x7F, 0x01)[random.below(8)] if how & 1 else random.below(256)
        if how < 3 and at < len(changed):
            changed[at] = value
        elif how == 3:
            changed = changed[:at] + bytes([value]) + changed[at:]
        else:
            changed = changed[:at] + changed[at + 1 + random.below(3) :]
    return bytes(changed)


def _still_serves(bench):
    for connection in range(4):
        bench.device.close_connection(connection)
    assert bench.associate()[:1] == b"\x61"
    assert bench.ask(get(1, "0.0.42.0.0.255", 2)) == b"\xc4\x01\xc1\x00\x09\x10" + LDN
    assert bench.device.open_cnt() == 1


def test_every_prefix_of_every_request_is_refused_or_answered_within_its_room():
    bench = Bench(node_cnt=40)
    for request in _REQUESTS:
        for cut in range(len(request) + 1):
            answer = bench.ask(request[:cut])
            if cut and cut < len(request):
                assert answer == b"\xd8\x01\x03" or request[0] in (0xC1, 0xC3), (request, cut)
    _still_serves(bench)


def test_octets_behind_a_request_make_it_wrong():
    bench = Bench()
    for request in _REQUESTS:
        if request[0] not in (0xC1, 0xC3):
            assert bench.ask(request + b"\x00") == b"\xd8\x01\x03"


def test_20000_mutated_requests_never_break_the_server():
    print("seed", _SEED)
    random = _Random(_SEED)
    bench = Bench(node_cnt=40, associations_cnt=3)
    kinds = {}
    for i in range(20000):
        request = _mutated(random, _REQUESTS[random.below(len(_REQUESTS))])
        out_max = (64, 65, 200, 512, 2048)[random.below(5)]
        answer = bench.ask(request, connection=random.below(4), out_max=out_max)
        kind = answer[0] if answer else -1
        kinds[kind] = kinds.get(kind, 0) + 1
        if i % 1000 == 999:
            _still_serves(bench)
    # The mutations reach every kind of answer, or they prove nothing.
    assert sorted(kinds) == [-1, 0x61, 0x63, 0xC4, 0xD8]
    assert min(kinds.values()) > 5, kinds


def test_mutated_streams_never_break_the_wrapper_or_the_prefix():
    print("seed", _SEED)
    random = _Random(_SEED)
    frame = b"\x00\x01\x00\x10\x00\x10\x00\x18\xe6\x01\x08\x00\x00\x00\x00\x00\x00\x00\x01" + get(8, "0.0.1.0.0.255", 2)
    prefix = GatewayPrefix()
    buf = bytearray(300)
    ready_cnt = refused_cnt = 0
    for _ in range(2000):
        stream = _mutated(random, frame + frame + frame)
        try:
            ready_cnt += _pump(WpduReader(256), prefix, stream, buf)
        except RemoteError:
            refused_cnt += 1
        assert bytes(buf[:8]) == bytes(8) and bytes(buf[264:]) == bytes(36)
    assert ready_cnt > 2000 and refused_cnt > 500


def _pump(reader, prefix, stream, buf):
    pos = ready_cnt = 0
    while pos < len(stream):
        if reader.wants_buffer:
            reader.give(memoryview(buf), 8)
        target = reader.target()
        n = min(len(target), len(stream) - pos)
        target[:n] = stream[pos : pos + n]
        pos += n
        if reader.advance(n) == WPDU_READY:
            ready_cnt += 1
            at = prefix.parse(memoryview(buf), 8, reader.length)
            assert at < reader.length
            assert not at or prefix.addr_off + prefix.addr_len == 8 + at
    return ready_cnt
