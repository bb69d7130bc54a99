# SPDX-License-Identifier: MIT
"""TLS on the WAN with a stand-in for the library: admission, limits, failures, change of identity."""

import asyncio

from app_fakes import Clock, Stream, Wan, settle, until
from fakes import RamStore, wpdu

from app import tls_identity
from app.firewall import TLS
from app.line_pause import LinePause
from app.own_tls import tls_objects
from app.sessions import Listener
from app.tls_identity import CA_FILE, OWN_FILE, TlsIdentity, split
from base.log import Log
from dlms import apdu
from dlms.axdr import Reader, Writer

_CERT, _KEY = b"\x30\x03abc", b"\x30\x81\x04defg"
_OTHER = b"\x30\x82\x00\x02xy\x30\x01z"
_REQUEST = wpdu(16, 1, b"\xc0")


class Library:
    """hal.tls as far as the identity uses it. Fits: every pair but one whose key is `30 01 5A`."""

    def __init__(self):
        self.has_tls = True
        self.contexts = []

    def is_available(self):
        return self.has_tls

    def server_context(self, cert, key, ca):
        if ca == b"bad":
            raise ValueError("invalid cert")
        self.contexts.append((cert, key, ca))
        return self.contexts[-1]

    def client_context(self, ca, cert, key):
        if ca == b"bad":
            raise ValueError("invalid cert")

    def secure(self, context, stream):
        stream.context = context
        stream.on_shaken = None
        return stream

    async def pair_fits(self, cert, key):
        await asyncio.sleep_ms(0)
        return key != b"\x30\x01Z"

    def sha256(self, octets):
        return b"hash of " + octets


def _identity(files=None, asks_peer=True, library=None):
    store = RamStore()
    store.files.update({OWN_FILE: _CERT + _KEY, CA_FILE: b"ca"} if files is None else files)
    return TlsIdentity(store, library or Library(), asks_peer, Log(32)), store


def _split_fails(octets):
    try:
        split(octets)
    except ValueError:
        return True
    return False


def test_certificate_and_key_are_cut_apart_and_nothing_else_is_taken():
    assert split(_CERT + _KEY) == (_CERT, _KEY)
    whole = _CERT + _KEY
    assert all([_split_fails(whole[:cut]) for cut in range(len(whole))])
    lying = b"\x31\x01a", b"\x30\x80ab", b"\x30\x84\x00\x00\x00\x01a"
    for wrong in (whole + b"\x00", _CERT) + tuple([certificate + _KEY for certificate in lying]):
        assert _split_fails(wrong), wrong


def test_a_heap_too_small_for_tls_is_no_reason_not_to_start():
    library = Library()

    def no_memory(cert, key, ca):
        raise MemoryError()

    library.server_context = no_memory
    identity, _ = _identity(library=library)
    assert identity.load() == tls_identity.NOT_READABLE and len(identity._log) == 1


def test_without_files_or_library_there_is_no_tls_and_the_log_says_why():
    library = Library()
    library.has_tls = False
    cases = (
        ({}, True, None, tls_identity.NOT_THERE),
        ({OWN_FILE: _CERT + _KEY}, True, None, tls_identity.NOT_THERE),  # nobody to check the peers by
        ({OWN_FILE: _CERT + _KEY}, False, None, tls_identity.GOOD),
        ({OWN_FILE: _CERT, CA_FILE: b"ca"}, True, None, tls_identity.NOT_READABLE),
        ({OWN_FILE: _CERT + _KEY, CA_FILE: b"bad"}, True, None, tls_identity.NOT_READABLE),
        ({OWN_FILE: bytes(5000), CA_FILE: b"ca"}, True, None, tls_identity.NOT_READABLE),
        (None, True, library, tls_identity.NOT_THERE),
        (None, True, None, tls_identity.GOOD),
    )
    for files, asks_peer, used, expected in cases:
        identity, _ = _identity(files, asks_peer, used)
        assert identity.load() == expected, files
        try:
            stream = Stream()
            assert identity.secure(stream) is stream and expected == tls_identity.GOOD
        except OSError:
            assert expected != tls_identity.GOOD


async def test_a_damaged_certificate_on_flash_is_told_and_can_be_replaced():
    for damaged in (b"garbage", _CERT, (_CERT + _KEY)[:-1], b"\x30\x82\xff\xff"):
        identity, store = _identity({OWN_FILE: damaged, CA_FILE: b"ca"})
        assert identity.load() == tls_identity.NOT_READABLE
        assert [_read(one) for one in tls_objects(identity)[1:]] == [b"\x09\x00", b"\x09\x02ca"]
        assert await _changed(identity, _OTHER, None) == tls_identity.GOOD
        assert store.files == {OWN_FILE: _OTHER, CA_FILE: b"ca"}


async def _changed(identity, own, ca):
    task = asyncio.create_task(identity.run(None))
    assert identity.offer(own, ca)
    assert not identity.offer(own, ca)  # one at a time
    await settle()
    task.cancel()
    return identity.last_result


def _come_in(identity):
    """A head-end shakes hands: the context it met."""
    stream = identity.secure(Stream())
    if stream.on_shaken is not None:
        stream.on_shaken()
    return stream.context


async def test_a_change_is_checked_in_force_and_written_once_proven_and_a_bad_one_changes_nothing():
    for own, ca, expected in (
        (_OTHER, None, tls_identity.GOOD),
        (None, b"new", tls_identity.GOOD),
        (_CERT + b"\x30\x01Z", None, tls_identity.NOT_A_PAIR),
        (_CERT, None, tls_identity.NOT_READABLE),
        (None, b"bad", tls_identity.NOT_READABLE),
    ):
        library = Library()
        identity, store = _identity(library=library)
        identity.load()
        before, made = dict(store.files), len(library.contexts)
        result = await _changed(identity, own, ca)
        task = asyncio.create_task(identity.run(None))
        if expected == tls_identity.GOOD:
            assert result == tls_identity.ON_TRIAL and store.files == before
            assert _come_in(identity) == library.contexts[-1]
            await settle()
            assert identity.last_result == expected and sorted(store.files) == sorted(before)
            assert store.files[OWN_FILE] == (own or before[OWN_FILE])
            assert store.files[CA_FILE] == (ca or before[CA_FILE])
            assert library.contexts[-1] == split(store.files[OWN_FILE]) + (store.files[CA_FILE],)
        else:
            assert result == expected and store.files == before and len(library.contexts) == made
        task.cancel()


async def _on_trial(own, ca, trial_ms=60000):
    """(identity, store, task) with what is given on trial."""
    identity, store = _identity()
    identity.load()
    identity.trial_ms = trial_ms
    task = asyncio.create_task(identity.run(None))
    assert identity.offer(own, ca)
    await settle()
    assert identity.last_result == tls_identity.ON_TRIAL
    return identity, store, task


async def test_what_nobody_comes_in_with_is_taken_back():
    identity, store, task = await _on_trial(_OTHER, b"wrong", 30)
    before, begun = dict(store.files), identity.secure(Stream())
    await asyncio.sleep_ms(60)
    assert identity.last_result == tls_identity.NOT_PROVEN and store.files == before and store.writes == 0
    assert identity.certificate() == _CERT and _come_in(identity) == (_CERT, _KEY, b"ca")
    begun.on_shaken()  # too late
    await settle()
    assert identity.last_result == tls_identity.NOT_PROVEN and store.files == before
    assert [identity._log.record(back)[4] for back in (1, 0)] == [tls_identity.ON_TRIAL, tls_identity.NOT_PROVEN]
    task.cancel()


async def test_the_next_start_knows_nothing_of_a_trial():
    _, store, task = await _on_trial(None, b"wrong")
    task.cancel()
    identity, _ = _identity(dict(store.files))
    assert identity.load() == tls_identity.GOOD and identity.ca() == b"ca"


async def test_certificate_and_ca_can_be_on_trial_together_and_only_a_session_with_both_proves_them():
    identity, store, task = await _on_trial(_OTHER, None)
    with_one = identity.secure(Stream())
    assert identity.offer(None, b"new")
    await settle()
    with_one.on_shaken()
    await settle()
    assert identity.last_result == tls_identity.ON_TRIAL and store.writes == 0
    assert _come_in(identity) == split(_OTHER) + (b"new",)
    await settle()
    assert identity.last_result == tls_identity.GOOD
    assert store.files == {OWN_FILE: _OTHER, CA_FILE: b"new"}
    task.cancel()


async def test_both_are_taken_back_together():
    identity, _, task = await _on_trial(_OTHER, None, 50)
    assert identity.offer(None, b"wrong")
    await asyncio.sleep_ms(120)
    assert identity.last_result == tls_identity.NOT_PROVEN
    assert _come_in(identity) == (_CERT, _KEY, b"ca")
    task.cancel()


async def test_an_offer_that_is_refused_leaves_a_trial_as_it_is():
    identity, store, task = await _on_trial(_OTHER, None)
    assert identity.offer(None, b"bad")
    await settle()
    assert identity.last_result == tls_identity.NOT_READABLE
    assert _come_in(identity)[:2] == split(_OTHER)
    await settle()
    assert identity.last_result == tls_identity.GOOD and store.files[OWN_FILE] == _OTHER
    task.cancel()


async def test_where_nobody_can_be_locked_out_a_change_is_kept_at_once():
    for files, listens in (({OWN_FILE: _CERT + _KEY}, True), (None, False)):
        identity, store = _identity(files)
        identity._listens = listens
        identity.load()
        assert await _changed(identity, None, b"new") == tls_identity.GOOD
        assert store.files == {OWN_FILE: _CERT + _KEY, CA_FILE: b"new"}


async def test_flash_that_refuses_leaves_the_old_identity_in_force():
    identity, store = _identity()
    identity.load()

    def full(name):
        raise OSError(28)

    store.begin = full
    assert await _changed(identity, _OTHER, None) == tls_identity.ON_TRIAL
    task = asyncio.create_task(identity.run(None))
    _come_in(identity)
    await settle()
    assert identity.last_result == tls_identity.NOT_WRITTEN
    assert identity.certificate() == _CERT and _come_in(identity)[0] == _CERT
    task.cancel()


def _set(item, octets):
    reader = Reader()
    reader.open(memoryview(octets), 0, len(octets))
    return item.setter(2)(0, reader)


def _read(item):
    out, writer = bytearray(400), Writer()
    writer.open(out, 0, 400)
    value = item.value(2)
    value.encode_chunk(0, writer, value.begin())
    return bytes(out[: writer.off])


async def test_over_dlms_the_key_goes_in_and_never_comes_out():
    identity, store = _identity()
    identity.load()
    state, own, ca = tls_objects(identity)
    assert _read(own) == b"\x09\x05" + _CERT and _read(ca) == b"\x09\x02ca"
    assert _read(state) == b"\x02\x04\x11\x00\x0a\x04good\x09\x0dhash of " + _CERT + b"\x09\x0ahash of ca"
    assert _set(own, b"\x09" + bytes([len(_OTHER)]) + _OTHER) == apdu.SUCCESS
    assert _read(state)[:4] == b"\x02\x04\x11\x05"  # being checked
    assert _set(ca, b"\x09\x01c") == apdu.TEMPORARY_FAILURE
    task = asyncio.create_task(identity.run(None))
    await settle()
    task.cancel()
    assert _read(own) == b"\x09\x06" + split(_OTHER)[0]
    assert not any([_KEY in _read(item) or split(_OTHER)[1] in _read(item) for item in (state, own, ca)])


async def _tls_wan(secure, **settings):
    wan = Wan(Listener)
    for name, value in settings.items():
        wan.config._values["tls." + name] = value
    wan.listener.secure = secure
    return wan


async def test_a_tls_session_is_a_session_like_any_other():
    wan = await _tls_wan(lambda stream: stream)
    stream = await wan.connect(service=TLS)
    stream.feed(_REQUEST)
    await settle()
    assert len(wan.forwarder.got) == 1 and wan.listener.sessions[0].service == TLS
    stream.end()
    await settle()
    assert wan.is_at_rest() and wan.count("closed-by-peer") == 1


async def test_without_an_identity_or_memory_the_connection_is_closed():
    def no_memory(stream):
        raise MemoryError

    def no_identity(stream):
        raise OSError("no TLS identity")

    for secure in (None, no_memory, no_identity):
        wan = await _tls_wan(secure)
        stream = await wan.connect(service=TLS)
        assert stream.is_closed and wan.count("closed-tls-failed") == 1 and wan.is_at_rest()


async def test_a_handshake_that_fails_or_never_ends_is_counted_and_leaves_nothing():
    wan = await _tls_wan(lambda stream: stream)
    stream = await wan.connect(service=TLS)
    stream.end(OSError(13, "refused certificate"))
    await settle()
    assert wan.count("closed-tls-failed") == 1 and wan.is_at_rest()
    silent = await wan.connect(service=TLS)
    await wan.pass_s(30)
    assert not silent.is_closed
    await wan.pass_s(1)
    assert silent.is_closed and wan.count("closed-partial-wpdu") == 1 and wan.is_at_rest()


async def test_handshakes_per_minute_and_tls_sessions_are_limited_and_plain_ones_go_on():
    wan = await _tls_wan(lambda stream: stream, handshakes_per_min=3, sessions=2)
    first = await wan.connect(service=TLS)
    await wan.connect(service=TLS)
    third = await wan.connect(service=TLS)
    assert third.is_closed and wan.count("refused-too-many") == 1
    first.end()
    await settle()
    fourth = await wan.connect(service=TLS)
    assert not fourth.is_closed
    fourth.end()
    await settle()
    wan.clock.now += 1000
    fifth = await wan.connect(service=TLS)
    assert fifth.is_closed and wan.count("refused-handshakes") == 1
    plain = await wan.connect()
    assert not plain.is_closed
    wan.clock.now += 60000
    sixth = await wan.connect(service=TLS)
    assert not sixth.is_closed


class _Line:
    """What a pause asks of the forwarder."""

    def __init__(self):
        self.holds = 0
        self.is_busy = True

    def hold(self):
        self.holds += 1

    def let_go(self, now):
        self.holds -= 1

    def is_on_line(self):
        return self.is_busy


async def test_a_step_waits_for_the_line_to_be_at_rest_but_not_for_ever():
    line, clock = _Line(), Clock()
    for how in ("rest", "time"):
        line.is_busy = True
        pause = LinePause(line, clock, 5000)
        begun = asyncio.create_task(pause.begin())
        await asyncio.sleep_ms(30)
        assert line.holds == 1 and not begun.done()
        if how == "rest":
            line.is_busy = False
        else:
            clock.now += 5000
        await until(begun.done)
        assert line.holds == 1
        pause.end()
        assert not line.holds


async def test_a_session_that_ends_in_a_pause_gives_the_line_back():
    line = _Line()
    begun = asyncio.create_task(LinePause(line, Clock(), 5000).begin())
    await asyncio.sleep_ms(30)
    begun.cancel()
    await until(lambda: not line.holds)


async def test_a_certificate_that_is_replaced_or_taken_back_while_it_is_read_ends_the_read():
    identity, _ = _identity()
    identity.load()
    state, own, ca = [one.value(2) for one in tls_objects(identity)]
    marks = own.begin(), ca.begin()
    assert own.is_intact(marks[0], 0) and ca.is_intact(marks[1], 0)
    before = state.begin()
    assert state.is_intact(before, 0)
    await _changed(identity, _OTHER, None)
    assert not own.is_intact(marks[0], 0) and not state.is_intact(before, 0)
    before, identity.last_result = state.begin(), tls_identity.NOT_A_PAIR
    assert not state.is_intact(before, 0)  # its text is of another length
    mark = own.begin()
    identity._take_back()
    assert not own.is_intact(mark, 0)
