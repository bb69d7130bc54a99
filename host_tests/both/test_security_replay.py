# SPDX-License-Identifier: MIT
"""Recorded ciphered sessions of three libraries, opened and answered with their keys.

vectors/dlms_sessions.json: what clients sent must open to the recorded text; what the recorded
meters answered must come out of `wrap` octet by octet when it is given the same counter.
"""

import json
from binascii import unhexlify

from security_fakes import AK, EK, SERVER_TITLE, MemoryRecord, key_record, make_aes, same_keys

from dlms.security import stats
from dlms.security.ciphering import Ciphering, CipheringError
from dlms.security.envelope import FORM_GENERAL, form_of
from dlms.security.gcm import Gcm
from dlms.security.invocation_counters import InvocationCounters
from dlms.security.key_store import KeyStore
from dlms.security.protection import Protection

_VECTORS = __file__.replace("\\", "/").rsplit("/", 2)[0] + "/vectors/dlms_sessions.json"
_DEDICATED = unhexlify("12152b1f6696d7730f3ebc5aa968c9fd")  # hls5.pydlms, in its second ciphered InitiateRequest
# Ciphered texts in the clear that the file does not give (dedicated key, general-ciphering, suite 2): their first
# octets, as recorded by the same client in the sessions beside it.
_TAGS = (0xC0, 0xC1, 0xC3, 0xD9, 0x01, 0x62)


class Side:
    """One end: opens what the other sends, seals what it sends itself."""

    def __init__(self, own_title, peer_title, suite):
        self.counters = stats.new_counters()
        self.numbers = InvocationCounters(MemoryRecord(), 4)
        assert self.numbers.start(1)
        self.store = KeyStore(MemoryRecord(key_record(same_keys(suite))), make_aes)
        self.ciphering = Ciphering(Gcm(make_aes), own_title, self.numbers, self.counters)
        self.protection = Protection()
        self.protection.open(self.store.find(1), peer_title)

    def open(self, apdu):
        buffer = memoryview(bytearray(b"\x00\x00" + apdu + b"\x00"))
        self.ciphering.unwrap(buffer, 2, len(apdu), self.protection)
        return bytes(buffer[self.ciphering.off : self.ciphering.off + self.ciphering.length])

    def seal(self, plain, counter, form, control):
        self.numbers._next = self.numbers._send_bound = counter
        self.protection.form, self.protection.control = form, control
        head_len = self.protection.header_len(2000)
        buffer = memoryview(bytearray(head_len + len(plain) + 12 + 3))
        buffer[3 + head_len : 3 + head_len + len(plain)] = plain
        length = self.ciphering.wrap(buffer, 3, 3 + head_len, len(plain), self.protection)
        return bytes(buffer[3 : 3 + length])


def _sessions():
    with open(_VECTORS) as file:
        return [item for item in json.load(file)["sessions"] if item["name"].startswith("hls5.")]


def _suite(session):
    return int(session["name"][10]) if session["name"].startswith("hls5.suite") else 0


def _ciphered(frame):
    """The ciphered APDU in a frame: itself, or the user-information of AARQ, AARE, RLRQ, RLRE; b"" = none."""
    apdu = unhexlify(frame["frame"])[8:]
    if form_of(apdu[0]):
        return apdu
    at = apdu.find(b"\xbe\x23\x04\x21")
    return apdu[at + 4 :] if at > 0 else b""


def _recorded(frame):
    """The recorded text, None when the file does not give it."""
    told = frame.get("ciphered") or frame.get("initiate_ciphered") or {}
    return unhexlify(told["plaintext"]) if "plaintext" in told else None


def _each_ciphered_request(visit):
    """visit(session, side, apdu, frame) for every ciphered APDU of a client, in order."""
    cnt = 0
    for session in _sessions():
        server = Side(unhexlify(session["server_title"]), unhexlify(session["client_title"]), _suite(session))
        for frame in session["frames"]:
            apdu = _ciphered(frame)
            if frame["dir"] == "C->S" and apdu:
                visit(session, server, apdu, frame)
                cnt += 1
    return cnt


def test_every_recorded_request_opens_to_the_recorded_text():
    told_cnt = [0]

    def visit(session, server, apdu, frame):
        if form_of(apdu[0]) == 2 and not server.protection.dedicated:
            server.protection.dedicate(_DEDICATED)
        plain = server.open(apdu)
        recorded = _recorded(frame)
        assert plain[0] in _TAGS
        if recorded is not None:
            assert plain == recorded, session["name"]
            told_cnt[0] += 1

    cnt = _each_ciphered_request(visit)
    assert cnt >= 85 and told_cnt[0] >= 75, (cnt, told_cnt)


def test_every_recorded_answer_is_sealed_octet_by_octet():
    cnt = 0
    for session in _sessions():
        client_title, server_title = unhexlify(session["client_title"]), unhexlify(session["server_title"])
        client = Side(client_title, server_title, _suite(session))
        server = Side(server_title, client_title, _suite(session))
        for frame in session["frames"]:
            apdu = _ciphered(frame)
            if frame["dir"] != "S->C" or not apdu:
                continue
            for side in (client, server):
                if form_of(apdu[0]) == 2 and not side.protection.dedicated:
                    side.protection.dedicate(_DEDICATED)
            plain = client.open(apdu)
            recorded = _recorded(frame)
            assert recorded is None or recorded == plain
            server.protection.has_key_info = form_of(apdu[0]) == FORM_GENERAL
            counter = client.ciphering._envelope.counter
            assert server.seal(plain, counter, client.protection.form, client.protection.control) == apdu
            cnt += 1
    assert cnt >= 85, cnt


def test_a_recorded_request_sent_again_is_stale_and_one_changed_anywhere_is_refused():
    def visit(session, server, apdu, frame):
        if form_of(apdu[0]) == 2 and not server.protection.dedicated:
            server.protection.dedicate(_DEDICATED)
        before = server.numbers.last(0)
        for i in range(0, len(apdu), 1 + len(apdu) // 40):
            try:
                server.open(apdu[:i] + bytes([apdu[i] ^ 1]) + apdu[i + 1 :])
            except CipheringError:
                pass
            else:
                raise AssertionError((session["name"], i))
        assert server.numbers.last(0) == before
        server.open(apdu)
        try:
            server.open(apdu)
        except CipheringError as error:
            assert (error.reason, error.service_error) == (stats.STALE, 6)
            assert error.expected > before
        else:
            raise AssertionError

    assert _each_ciphered_request(visit) >= 85


def test_the_keys_of_the_file_are_the_ones_used_here():
    with open(_VECTORS) as file:
        told = json.load(file)
    assert (unhexlify(told["ek"]), unhexlify(told["ak"])) == (EK, AK)
    assert unhexlify(_sessions()[0]["server_title"]) == SERVER_TITLE
