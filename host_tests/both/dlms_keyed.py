# SPDX-License-Identifier: MIT
"""A logical device with keyed clients, and a head-end that ciphers for them.

The head-end uses dlms.security.gcm, whose own tests have the vectors of NIST and recorded sessions.
"""

from dlms_device import OUT_OFF, Bench
from dlms_settings import OTHER, Settings
from security_fakes import AK, EK, SERVER_TITLE, MemoryRecord, key_record, make_aes, same_keys

from dlms.association import keyed_clients, public_client
from dlms.security.device_security import DeviceSecurity
from dlms.security.gcm import Gcm
from dlms.security.lockout import Lockout
from dlms.server import Limits, LogicalDevice

TITLE = b"HES\x00\x00\x00\x00\x01"
CTOS = b"a challenge of ours"
PEER = b"\x0a\x00\x00\x07"
FIRST_MS, LONGEST_MS, SLOW_MS = 1000, 60000, 5000


class KeyedBench(Bench):
    """The device with the objects of dlms_settings, all four keyed clients and the public one."""

    def __init__(self, keys=None, counters=None, **limits):
        super().__init__()
        self.settings, self.other = Settings(), Settings(OTHER)
        self.key_record = MemoryRecord(key_record(same_keys()) if keys is None else keys)
        self.counter_record = MemoryRecord(counters)
        self.notices, self.records = [], []
        self.randoms = 0
        self.limits = limits
        self.restart()

    def restart(self):
        """Power comes back: what is in the two records is all that is left."""
        lockout = Lockout(8, FIRST_MS, LONGEST_MS, SLOW_MS)
        self.security = DeviceSecurity(
            self.key_record, self.counter_record, make_aes, self._random_octets, SERVER_TITLE, lockout
        )
        self.device = LogicalDevice(
            self.objects + [self.settings.item, self.other.item],
            (public_client(),) + keyed_clients(),
            Limits(**self.limits),
            security=self.security,
            audit=lambda *record: self.records.append((record[0].client.sap,) + record[1:]),
            notice=lambda *notice: self.notices.append(notice),
        )
        self.write_cnt = self.writes()

    def _random_octets(self, length):
        self.randoms += 1
        return bytes([self.randoms + i & 0xFF for i in range(length)])

    def writes(self):
        """Writes to flash so far."""
        return self.key_record.write_cnt + self.counter_record.write_cnt

    def ask(self, request, sap=16, connection=0, out_max=2048, peer=PEER):
        """As Bench.ask, with a request that may be deciphered where it is."""
        octets = bytearray(request)
        for i in range(OUT_OFF):
            self.out[i] = 0xAA
        self.out[OUT_OFF + out_max] = 0xAA
        out = memoryview(self.out)
        n = self.device.request(
            self.now, connection, sap, memoryview(octets), 0, len(octets), out, OUT_OFF, out_max, peer
        )
        assert 0 <= n <= out_max
        assert bytes(self.out[:OUT_OFF]) == b"\xaa" * OUT_OFF
        assert self.out[OUT_OFF + out_max] == 0xAA
        return bytes(self.out[OUT_OFF : OUT_OFF + n])


class Hes:
    """One client of the bench. `form`: "glo", "general" (DB) or "dedicated"."""

    def __init__(self, bench, sap=1, form="glo", connection=0, counter=0, ek=EK, ak=AK, title=TITLE, peer=PEER):
        self.bench, self.sap, self.form, self.connection = bench, sap, form, connection
        self.counter, self.ek, self.ak, self.title, self.peer = counter, ek, ak, title, peer
        self.dedicated = None
        self.gcm = Gcm(make_aes)
        self.stoc = b""
        self.last_server_counter = 0

    # --- octets ---

    def seal(self, plain, control=0x30, form=None):
        """A ciphered APDU around `plain` with the next counter."""
        self.counter += 1
        form = form or self.form
        key = self.dedicated if form == "dedicated" else self.ek
        text = bytearray(plain) + bytearray(12)
        self.gcm.start(key, self.title, self.counter)
        self.gcm.add(bytes([control]), 0, 1)
        self.gcm.add(self.ak, 0, len(self.ak))
        length = len(plain)
        if control & 0x20:
            self.gcm.seal(memoryview(text), 0, length, length)
        else:
            self.gcm.add(text, 0, length)
            self.gcm.seal(memoryview(text), length, 0, length)
        body = bytes([control]) + self.counter.to_bytes(4, "big") + bytes(text)
        head = b"\xdb\x08" + self.title
        if form != "general":
            tag = plain[0] | 0x20 if plain[0] == 1 else plain[0] & 7 | (0xD0 if form == "dedicated" else 0xC8)
            head = bytes([tag])
        return head + _length(len(body)) + body

    def open(self, answer, form=None):
        """What is in a ciphered answer; asserts its form, its tag and a counter that grows."""
        form = form or self.form
        off = 1
        if form == "general":
            assert answer[:10] == b"\xdb\x08" + SERVER_TITLE, answer
            off = 10
        length = answer[off]
        if length & 0x80:
            length = int.from_bytes(answer[off + 1 : off + 1 + (length & 0x7F)], "big")
            off += answer[off] & 0x7F
        assert len(answer) == off + 1 + length, answer
        body = bytearray(answer[off + 1 :])
        counter = int.from_bytes(bytes(body[1:5]), "big")
        assert body[0] == 0x30 and counter > self.last_server_counter
        self.last_server_counter = counter
        self.gcm.start(self.dedicated if form == "dedicated" else self.ek, SERVER_TITLE, counter)
        self.gcm.add(body, 0, 1)
        self.gcm.add(self.ak, 0, len(self.ak))
        assert self.gcm.open(memoryview(body), 5, len(body) - 17, len(body) - 12)
        return bytes(body[5:-12])

    # --- the way in ---

    def aarq(self, initiate=None, challenge=CTOS, context=3, mechanism=5, max_pdu=1024, conformance=0xFFFFFF):
        """AARQ with a ciphered InitiateRequest; `initiate` replaces the ciphered octets."""
        if initiate is None:
            key = b"\x00" if self.dedicated is None else b"\x01\x10" + bytes(self.dedicated)
            plain = b"\x01" + key + b"\x00\x00\x06\x5f\x1f\x04\x00" + conformance.to_bytes(3, "big")
            form = "general" if self.form == "general" else "glo"
            initiate = self.seal(plain + max_pdu.to_bytes(2, "big"), form=form)
        body = b"\xa1\x09\x06\x07\x60\x85\x74\x05\x08\x01" + bytes([context])
        body += b"\xa6" + bytes([2 + len(self.title)]) + b"\x04" + bytes([len(self.title)]) + self.title
        body += b"\x8a\x02\x07\x80\x8b\x07\x60\x85\x74\x05\x08\x02" + bytes([mechanism])
        body += b"\xac" + bytes([2 + len(challenge)]) + b"\x80" + bytes([len(challenge)]) + challenge
        user = b"\x04" + _length(len(initiate)) + initiate
        body += b"\xbe" + _length(len(user)) + user
        return b"\x60" + _length(len(body)) + body

    def ask_plain(self, request, **route):
        """The answer as it comes."""
        return self.bench.ask(request, sap=self.sap, connection=self.connection, peer=self.peer, **route)

    def begin(self, **proposal):
        """AARQ and AARE; asserts a pending association. What the InitiateResponse says."""
        aare = self.ask_plain(self.aarq(**proposal))
        fields = _fields(aare)
        assert fields[0xA2] == b"\x02\x01\x00" and fields[0xA3] == b"\xa1\x03\x02\x01\x0e", aare
        assert fields[0xA1] == b"\x06\x07\x60\x85\x74\x05\x08\x01\x03"
        assert fields[0xA4] == b"\x04\x08" + SERVER_TITLE
        assert fields[0x88] == b"\x07\x80" and fields[0x89] == b"\x60\x85\x74\x05\x08\x02\x05"
        assert fields[0xAA][:2] == b"\x80\x10"
        self.stoc = fields[0xAA][2:]
        user = fields[0xBE]
        skip = 2 if user[1] < 0x80 else 3
        return self.open(user[skip:], "general" if self.form == "general" else "glo")

    def token(self, challenge, title=None, counter=None):
        """SC | counter | GMAC over a challenge."""
        counter = self.counter + 1 if counter is None else counter
        token = bytearray(b"\x10" + counter.to_bytes(4, "big") + bytes(12))
        self.gcm.start(self.ek, title or self.title, counter)
        self.gcm.add(token, 0, 1)
        self.gcm.add(self.ak, 0, len(self.ak))
        self.gcm.add(challenge, 0, len(challenge))
        self.gcm.seal(memoryview(token), 5, 0, 5)
        return bytes(token)

    def reply(self, token=None):
        """The third pass: ACTION reply_to_HLS_authentication; the answer, opened."""
        token = self.token(self.stoc) if token is None else token
        request = b"\xc3\x01\xc1\x00\x0f\x00\x00\x28\x00\x00\xff\x01\x01\x09" + bytes([len(token)]) + token
        return self.open(self.ask_plain(self.seal(request)))

    def associate(self, **proposal):
        """All four passes; self."""
        self.begin(**proposal)
        answer = self.reply()
        assert answer[:8] == b"\xc7\x01\xc1\x00\x01\x00\x09\x11", answer
        counter = int.from_bytes(answer[9:13], "big")
        assert answer[8:] == self.token(proposal.get("challenge", CTOS), SERVER_TITLE, counter)
        return self

    def ask(self, request, **route):
        """The answer to one APDU, both ciphered on the way."""
        return self.open(self.ask_plain(self.seal(request), **route))


def _length(length):
    return bytes([length]) if length < 0x80 else b"\x81" + bytes([length]) if length < 0x100 else (
        b"\x82" + length.to_bytes(2, "big")
    )


def _fields(aare):
    """{tag: content} of an AARE; asserts that all lengths add up."""
    assert aare[0] == 0x61, aare
    off = 2 if aare[1] < 0x80 else 3
    assert len(aare) == off + aare[off - 1]
    fields = {}
    while off < len(aare):
        tag, length = aare[off], aare[off + 1]
        off += 2
        if length == 0x81:
            length = aare[off]
            off += 1
        fields[tag] = aare[off : off + length]
        off += length
    assert off == len(aare)
    return fields
