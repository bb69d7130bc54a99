# SPDX-License-Identifier: MIT
"""SAP 1 as a DLMS server: associations and who gets which answer, APDU by APDU."""

from dlms_device import LDN, Bench, aarq, get, get_next

from base.ticks import ticks_add
from dlms.association import Client, public_client

_LDN_VALUE = b"\x09\x10" + LDN
_GET_LDN = get(1, "0.0.42.0.0.255", 2)
_SERVICE_NOT_ALLOWED = b"\xd8\x01\x01"
_NOT_SUPPORTED = b"\xd8\x01\x02"
_GARBAGE = b"\xd8\x01\x03"
_UNKNOWN = b"\xd8\x02\x02"
_RLRE = b"\x63\x03\x80\x01\x00"


def _aare(conformance, max_pdu):
    """AARE accepted, laid out as the one recorded in vectors, public.gurux."""
    head = bytes.fromhex("6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400")
    return head + conformance.to_bytes(3, "big") + max_pdu.to_bytes(2, "big") + b"\x00\x07"


def _refusal(result, diagnostic, provider=False):
    tag = b"\xa2" if provider else b"\xa1"
    head = bytes.fromhex("a109060760857405080101a2030201") + bytes([result])
    return head + b"\xa3\x05" + tag + b"\x03\x02\x01" + bytes([diagnostic])


def _wrapped(body):
    return bytes([0x60, len(body)]) + body


_CONTEXT = bytes.fromhex("a109060760857405080101")
_INITIATE = bytes.fromhex("be10040e01000000065f1f040040321dffff")


def test_what_was_proposed_and_is_offered_is_agreed():
    bench = Bench(max_pdu=1024)
    assert bench.associate(conformance=0x401E5D) == _aare(0x001210, 1024)
    assert bench.associate(conformance=0xFFFFFF) == _aare(0x003210, 1024)
    assert bench.associate(conformance=0x000010) == _aare(0x000010, 1024)
    assert bench.device.open_cnt() == 1


def test_the_public_client_reads_with_and_without_an_aarq():
    bench = Bench()
    assert bench.ask(_GET_LDN) == b"\xc4\x01\xc1\x00" + _LDN_VALUE
    bench.associate()
    assert bench.ask(_GET_LDN) == b"\xc4\x01\xc1\x00" + _LDN_VALUE
    assert bench.ask(bytes.fromhex("6203800100")) == _RLRE
    assert bench.ask(_GET_LDN) == b"\xc4\x01\xc1\x00" + _LDN_VALUE


def test_every_form_of_release_is_answered_also_twice():
    bench = Bench()
    for rlrq in ("6200", "6203800100", "6215800100be10040e01000000065f1f040040321dffff", "6203800101"):
        bench.associate()
        assert bench.ask(bytes.fromhex(rlrq)) == _RLRE
        assert bench.device.open_cnt() == 0
        assert bench.ask(bytes.fromhex(rlrq)) == _RLRE


def test_the_invoke_id_and_priority_come_back_as_they_came():
    bench = Bench()
    for invoke in range(256):
        answer = bench.ask(get(1, "0.0.42.0.0.255", 2, invoke))
        assert answer == b"\xc4\x01" + bytes([invoke, 0]) + _LDN_VALUE
    assert bench.ask(get(1, "0.0.99.0.0.255", 2, 0x42)) == b"\xc4\x01\x42\x01\x04"
    assert bench.ask(get_next(7, 0x42)) == b"\xc4\x02\x42\x01\x00\x00\x00\x07\x01\x10"


def test_fields_of_an_aarq_may_come_in_any_order_or_be_absent():
    bench = Bench()
    accepted = _aare(0x003210, 1024)
    title = b"\xa6\x0a\x04\x08HES00001"
    assert bench.ask(_wrapped(_INITIATE + _CONTEXT)) == accepted
    assert bench.ask(_wrapped(title + _INITIATE + b"\xa9\x03\x02\x01\x05" + _CONTEXT)) == accepted
    assert bench.ask(_wrapped(b"\x80\x02\x02\x84" + _CONTEXT + _INITIATE)) == accepted
    none = b"\x8a\x02\x07\x80\x8b\x07\x60\x85\x74\x05\x08\x02\x00"
    assert bench.ask(_wrapped(_CONTEXT + none + _INITIATE)) == accepted
    long_form = b"\x60\x81" + bytes([len(_CONTEXT + _INITIATE)]) + _CONTEXT + _INITIATE
    assert bench.ask(long_form) == accepted


def test_optional_parts_of_the_initiate_request_are_read():
    bench = Bench()
    body = b"\x01" + b"\x01\x10" + bytes(16) + b"\x01\x01" + b"\x01\x00" + b"\x06\x5f\x1f\x04\x00\x40\x32\x1d\xff\xff"
    field = b"\xbe" + bytes([len(body) + 2]) + b"\x04" + bytes([len(body)]) + body
    assert bench.ask(_wrapped(_CONTEXT + field)) == _aare(0x003210, 1024)
    silent = body.replace(b"\x01\x01\x01\x00\x06", b"\x01\x00\x01\x00\x06")
    field = b"\xbe" + bytes([len(silent) + 2]) + b"\x04" + bytes([len(silent)]) + silent
    assert bench.ask(_wrapped(_CONTEXT + field)) == b""


def test_an_aarq_whose_lengths_or_fields_do_not_add_up_is_garbage():
    bench = Bench()
    title = b"\xa6\x0a\x04\x08HES00001"
    body = _CONTEXT + _INITIATE
    longer_initiate = b"\xbe\x11\x04\x0f" + _INITIATE[4:] + b"\x00"
    for wrong in (
        _wrapped(_CONTEXT + title + title + _INITIATE),
        _wrapped(body + _CONTEXT),
        _wrapped(body) + title,
        _wrapped(body + b"\xa6\x0b\x04\x08HES00001"),
        _wrapped(_CONTEXT + longer_initiate),
        _wrapped(_CONTEXT + b"\xbe\x10\x04\x0d" + _INITIATE[4:]),
        _wrapped(_CONTEXT + _INITIATE.replace(b"\x5f\x1f\x04", b"\x5f\x1f\x05")),
        _wrapped(body + b"\x06\x01\x00"),
        _wrapped(b"\xa1\x80" + _CONTEXT[2:] + b"\x00\x00" + _INITIATE),
        b"\x62\x02\x81\x00",
        b"\x62\x03\x80\x02\x00",
    ):
        assert bench.ask(wrong) == _GARBAGE, wrong
    assert bench.device.open_cnt() == 0
    assert bench.device.counters.named("dlms-malformed") == 11


def test_an_association_that_cannot_be_is_refused_with_its_reason():
    bench = Bench()
    ciphered = _CONTEXT[:-1] + b"\x03"
    short_names = _CONTEXT[:-1] + b"\x02"
    for fields, result, diagnostic, provider in (
        (short_names + _INITIATE, 1, 2, False),
        (ciphered + b"\xbe\x05\x04\x03\x21\x00\x00", 1, 2, False),
        (_INITIATE, 1, 2, False),
        (b"\xa1\x07\x06\x05\x2a\x86\x48\x86\xf7" + _INITIATE, 1, 2, False),
        (_CONTEXT + b"\x8b\x07\x60\x85\x74\x05\x08\x02\x01\xac\x0a\x80\x0812345678" + _INITIATE, 1, 11, False),
        (_CONTEXT + b"\x8b\x07\x60\x85\x74\x05\x08\x02\x05" + _INITIATE, 1, 11, False),
        (_CONTEXT + b"\xac\x0a\x80\x0812345678" + _INITIATE, 1, 12, False),
        (b"\x80\x02\x06\x40" + _CONTEXT + _INITIATE, 1, 2, True),
    ):
        body = _refusal(result, diagnostic, provider)
        assert bench.ask(_wrapped(fields)) == bytes([0x61, len(body)]) + body
    assert bench.device.open_cnt() == 0
    assert bench.device.counters.named("dlms-refused-association") == 8


def test_what_xdlms_cannot_agree_on_is_refused_with_an_initiate_error():
    bench = Bench()
    body = _refusal(1, 1) + b"\xbe\x06\x04\x04\x0e\x01\x06"
    for request, error in (
        (_wrapped(_CONTEXT + _INITIATE.replace(b"\x06\x5f", b"\x05\x5f")), 1),
        (aarq(conformance=0x00000D), 2),
        (aarq(max_pdu=63), 3),
        (_wrapped(_CONTEXT), 0),
    ):
        assert bench.ask(request) == bytes([0x61, len(body) + 1]) + body + bytes([error])
    assert bench.associate(max_pdu=64)[:1] == b"\x61"
    assert bench.associate(max_pdu=0)[-4:] == b"\x04\x00\x00\x07"
    assert bench.device.open_cnt() == 1


def test_a_client_nobody_knows_gets_no_association_and_no_service():
    bench = Bench()
    body = _refusal(1, 1)
    for sap in (0, 1, 15, 17, 102, 0xFFFF):
        assert bench.associate(sap=sap) == bytes([0x61, len(body)]) + body
        assert bench.ask(_GET_LDN, sap=sap) == _SERVICE_NOT_ALLOWED
        assert bench.ask(b"\x62\x00", sap=sap) == _SERVICE_NOT_ALLOWED
    assert bench.device.open_cnt() == 0


def test_a_client_that_must_associate_is_served_only_while_it_is():
    management = Client(1, 0x02, 0x003210, False, 0)
    bench = Bench(clients=(public_client(), management))
    assert bench.ask(_GET_LDN, sap=1) == _SERVICE_NOT_ALLOWED
    bench.associate(sap=1)
    assert bench.ask(_GET_LDN, sap=1) == b"\xc4\x01\xc1\x00" + _LDN_VALUE
    bench.ask(b"\x62\x00", sap=1)
    assert bench.ask(_GET_LDN, sap=1) == _SERVICE_NOT_ALLOWED


def test_associations_end_with_their_connection_and_are_not_shared():
    management = Client(1, 0x02, 0x003210, False, 0)
    bench = Bench(clients=(management,))
    bench.associate(sap=1, connection=3)
    assert bench.ask(_GET_LDN, sap=1, connection=4) == _SERVICE_NOT_ALLOWED
    bench.device.close_connection(4)
    assert bench.ask(_GET_LDN, sap=1, connection=3)[:1] == b"\xc4"
    bench.device.close_connection(3)
    assert bench.ask(_GET_LDN, sap=1, connection=3) == _SERVICE_NOT_ALLOWED


def test_when_all_slots_are_taken_newcomers_wait_and_the_others_go_on():
    bench = Bench(associations_cnt=2)
    for connection in (0, 1):
        bench.associate(connection=connection)
    body = _refusal(2, 1)
    assert bench.associate(connection=2) == bytes([0x61, len(body)]) + body
    assert bench.ask(_GET_LDN, connection=2) == _SERVICE_NOT_ALLOWED
    assert bench.device.counters.named("dlms-refused-no-slot") == 2
    assert bench.ask(_GET_LDN, connection=0)[:1] == b"\xc4"
    bench.device.close_connection(0)
    assert bench.ask(_GET_LDN, connection=2)[:1] == b"\xc4"


def test_an_association_nobody_uses_is_closed_in_time():
    bench = Bench(timeout_ms=5000)
    assert bench.device.next_deadline() is None
    bench.now = 0x3FFFFF00  # the board's ticks wrap within the time-out
    bench.associate()
    assert bench.device.next_deadline() == ticks_add(bench.now, 5000)
    bench.device.on_deadline(ticks_add(bench.now, 4999))
    assert bench.device.open_cnt() == 1
    bench.now = ticks_add(bench.now, 4999)
    bench.ask(_GET_LDN)
    bench.device.on_deadline(ticks_add(bench.now, 4999))
    assert bench.device.open_cnt() == 1
    bench.device.on_deadline(ticks_add(bench.now, 5000))
    assert bench.device.open_cnt() == 0
    assert bench.device.counters.named("dlms-association-timed-out") == 1


def test_services_not_agreed_on_are_refused_and_unknown_tags_are_unknown():
    bench = Bench()
    set_request = b"\xc1\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00\x00"
    action = b"\xc3\x01\xc1\x00\x11\x00\x00\x29\x00\x00\xff\x01\x00"
    assert bench.ask(set_request) == _NOT_SUPPORTED
    assert bench.ask(action) == _NOT_SUPPORTED
    served = (0x60, 0x62, 0xC0, 0xC1, 0xC3)
    for tag in range(256):
        answer = bench.ask(bytes([tag]) + b"\x00\x01\x02")
        if tag == 0xD8:
            assert answer == b""
        elif tag in (0xC1, 0xC3, 0xE0):
            assert answer == _NOT_SUPPORTED
        else:
            assert answer == (_GARBAGE if tag in served else _UNKNOWN), tag


def test_set_and_action_where_agreed_on_say_why_not():
    bench = Bench(clients=(Client(16, 1, 0x000019, True, 512),))
    clock = b"\x00\x08\x00\x00\x01\x00\x00\xff"
    nothing = b"\x00\x08\x00\x00\x01\x00\x01\xff"
    for target, result in ((clock, 3), (nothing, 4), (b"\x00\x03" + clock[2:], 9)):
        assert bench.ask(b"\xc1\x01\xc5" + target + b"\x02\x00\x00") == b"\xc5\x01\xc5" + bytes([result])
        assert bench.ask(b"\xc3\x01\xc5" + target + b"\x01\x00") == b"\xc7\x01\xc5" + bytes([result, 0])
        assert bench.ask(b"\xc1\x01\x85" + target + b"\x02\x00\x00") == b""
    assert bench.ask(b"\xc1\x06\xc5" + clock) == _GARBAGE
    assert bench.ask(_GET_LDN)[:1] == b"\xc4"


def test_nothing_is_said_to_nothing():
    bench = Bench()
    assert bench.ask(b"") == b""
    assert bench.device.counters.named("dlms-requests") == 0
