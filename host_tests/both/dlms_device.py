# SPDX-License-Identifier: MIT
"""A logical device like SAP 1 with sources the tests can turn, and a way to ask it."""

from base.counters import Counters
from base.log import Log
from dlms.association import public_client
from dlms.cosem import basic
from dlms.cosem.clock import Clock
from dlms.cosem.event_log import EventLogs
from dlms.cosem.object import obis
from dlms.cosem.sfsk import sfsk_objects
from dlms.cosem.values import octets
from dlms.server import Limits, LogicalDevice

LDN = b"GWY0000000000001"
OUT_OFF = 8


class SapSource:
    """SAP list of `node_cnt` meters behind SAP 1, LDN = title in hex."""

    def __init__(self, node_cnt):
        self.node_cnt = node_cnt
        self.generation = 0
        self.encoded_cnt = 0

    def count(self):
        return 1 + self.node_cnt

    def row(self, index):
        if not index:
            return 1, LDN
        sap = 0x0F + index
        return (sap if sap < 0x7F else sap + 1), b"4D4D4D%010X" % index

    def encode_item(self, index, writer):
        self.encoded_cnt += 1
        sap, ldn = self.row(index)
        basic.write_sap(writer, sap, ldn)


class Time:
    """2026-03-01, a Sunday, 00:00:00 at uptime 0 in UTC+1; `known` = the clock has been set."""

    known = True
    uptime_s = 3723
    start_s = 1772319600
    can_set = True
    result = 0

    def __init__(self):
        self.kept = []

    def utc_s(self, uptime_s):
        if not self.known:
            return None
        return self.start_s + (self.uptime_s if uptime_s is None else uptime_s)

    def set_utc(self, utc_s):
        if self.can_set:
            self.known, self.start_s = True, utc_s - self.uptime_s
        return 0 if self.can_set else 250

    def keep(self, now, attribute, value):
        if not self.result:
            self.kept.append((attribute, value))
        return self.result


def clock_at(time):
    """The Clock object's state in UTC+1, on `time`."""
    clock = Clock(time)
    clock.rules.zone_min = -60
    return clock


class Sfsk:
    """Values that tell where they come from."""

    def __init__(self):
        self.titles = [b"MMM\x00\x00\x00\x00\x01", b"MMM\x00\x00\x00\x00\x02"]
        self.changes = 0

    def value(self, class_id, attribute, field, item):
        if (class_id, attribute) == (51, 2) and field == 0:
            return b"GWY\x00\x00\x00\x00\x01"
        if class_id == 56:
            return self.titles[item]
        if (class_id, attribute) == (50, 7):
            return (63300, 74000)[field]
        return 10 * attribute + field + 3 * item

    def count(self, class_id, attribute):
        return len(self.titles)

    def generation(self, class_id, attribute):
        return self.changes


class Bench:
    """The device with everything the tests turn, and its output buffer."""

    def __init__(self, node_cnt=2, clients=None, **limits):
        self.saps = SapSource(node_cnt)
        self.time = Time()
        self.clock = clock_at(self.time)
        self.sfsk = Sfsk()
        self.log = Log(32)
        self.some_counters = Counters(("wan-refused", "wan-late"))
        objects = [
            basic.data(obis(0, 0, 42, 0, 0), octets(LDN)),
            basic.data(obis(0, 0, 96, 1, 0), octets(b"GW-000001")),
            basic.data(obis(1, 0, 0, 2, 0), octets(b"gateway 0.1.0")),
            self.clock.cosem_object(),
            basic.sap_assignment(self.saps),
            basic.counters(0, self.some_counters),
        ]
        objects.extend(sfsk_objects(self.sfsk))
        objects.extend(EventLogs(self.log, self.clock, lambda row: 0x10 + row).objects())
        self.objects = objects
        self.device = LogicalDevice(objects, clients or (public_client(),), Limits(**limits))
        self.out = bytearray(OUT_OFF + 4096)
        self.now = 1000

    def ask(self, request, sap=16, connection=0, out_max=2048):
        """The answer to one APDU; checks that nothing was written outside its place."""
        octets = bytes(request)
        for i in range(OUT_OFF):
            self.out[i] = 0xAA
        self.out[OUT_OFF + out_max] = 0xAA
        n = self.device.request(
            self.now, connection, sap, memoryview(octets), 0, len(octets), memoryview(self.out), OUT_OFF, out_max
        )
        assert 0 <= n <= out_max
        assert bytes(self.out[:OUT_OFF]) == b"\xaa" * OUT_OFF
        assert self.out[OUT_OFF + out_max] == 0xAA
        return bytes(self.out[OUT_OFF : OUT_OFF + n])

    def associate(self, max_pdu=0xFFFF, conformance=0x0040321D, **route):
        """AARQ without security; the AARE."""
        return self.ask(aarq(max_pdu, conformance), **route)

    def read(self, class_id, name, attribute, **route):
        """Whole encoded value of an attribute, by blocks where needed; asserts success."""
        answer = self.ask(get(class_id, name, attribute), **route)
        if answer[1] == 1:
            assert answer[:4] == b"\xc4\x01\xc1\x00", answer
            return answer[4:]
        raw = b""
        for number in range(1, 2000):
            is_last, part = block(answer, number)
            raw += part
            if is_last:
                return raw
            answer = self.ask(get_next(number), **route)
        raise AssertionError("no last block")


def aarq(max_pdu=0xFFFF, conformance=0x0040321D):
    """AARQ as gurux-dlms sends it (vectors, public.gurux), with other proposals."""
    head = bytes.fromhex("601da109060760857405080101be10040e01000000065f1f0400")
    return head + conformance.to_bytes(3, "big") + max_pdu.to_bytes(2, "big")


def name(text):
    """Logical name from its dotted form."""
    return bytes([int(part) for part in text.split(".")])


def get(class_id, logical_name, attribute, invoke=0xC1):
    """GET-request-normal without selection."""
    head = b"\xc0\x01" + bytes([invoke]) + class_id.to_bytes(2, "big")
    return head + name(logical_name) + bytes([attribute, 0])


def get_next(number, invoke=0xC1):
    """GET-request-next."""
    return b"\xc0\x02" + bytes([invoke]) + number.to_bytes(4, "big")


def block(answer, number, invoke=0xC1):
    """(is last, raw data) of a GET-response-with-datablock; asserts its whole shape."""
    assert answer[:3] == b"\xc4\x02" + bytes([invoke]), answer
    assert answer[4:9] == number.to_bytes(4, "big") + b"\x00", answer
    length, off = answer[9], 10
    if length >= 0x80:
        off += length & 0x7F
        length = int.from_bytes(answer[10:off], "big")
        assert length >= (0x80, 0x100)[off - 12 + 1], "length field longer than needed"
    assert len(answer) == off + length
    return answer[3] == 1, answer[off:]
