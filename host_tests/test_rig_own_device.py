# SPDX-License-Identifier: MIT
"""SAP 1 as main.py builds it: everything its association view promises to the public client can be read."""

import struct

from dlms.cosem.object import ROLE_PUBLIC
from tools.rig import Rig
from tools.sim.options import SegmentOptions

PUBLIC = 16
READ_WRITE_DENIED = 3
OBJECT_UNDEFINED = 4  # Data-Access-Result


def get(hes, rig, class_id, name, attribute):
    """The GET response, blocks joined: (data-access result or None, encoded value)."""
    first = struct.pack(">BBBH6sBB", 0xC0, 1, 0xC1, class_id, name, attribute, 0)
    value, block = b"", 0
    while True:
        request = first if not block else struct.pack(">BBBI", 0xC0, 2, 0xC1, block)
        hes.replies.clear()
        assert hes.request(PUBLIC, 1, request)
        rig.run(0)
        (_, _, apdu), = hes.replies
        assert apdu[0] == 0xC4, apdu.hex()
        if apdu[1] == 1:
            return (None, apdu[4:]) if apdu[3] == 0 else (apdu[4], b"")
        is_last, block = apdu[3], struct.unpack_from(">I", apdu, 4)[0]
        if apdu[8]:
            return apdu[9], b""
        head = 10 if apdu[9] < 0x80 else 10 + (apdu[9] & 0x7F)
        value += apdu[head:]
        if is_last:
            return None, value


def test_every_attribute_of_every_object_is_read_without_an_error():
    rig = Rig(SegmentOptions(meters=3))
    rig.run_until_registered(3)
    hes = rig.connect()
    objects = list(rig.device._view.objects)
    assert len(objects) >= 25
    read = 0
    for item in objects:
        for attribute in range(1, item.attribute_cnt + 1):
            if item.has(attribute):
                result, value = get(hes, rig, item.class_id, item.logical_name, attribute)
                hidden = READ_WRITE_DENIED if item.is_seen_by(ROLE_PUBLIC) else OBJECT_UNDEFINED
                expected = None if item.access(attribute, ROLE_PUBLIC) else hidden
                assert result == expected, (item.class_id, item.logical_name.hex(), attribute, result)
                read += bool(value)
    assert read > 80


def test_the_health_record_names_the_framing_core_and_its_self_test():
    rig = Rig(SegmentOptions(meters=0))
    result, value = get(rig.connect(), rig, 1, bytes((0, 0, 128, 4, 4, 255)), 2)
    assert result is None and value.endswith(b" ok") and value[2:].startswith(b"python")


def test_counters_of_every_part_are_published_with_their_names():
    rig = Rig(SegmentOptions(meters=1))
    rig.run_until_registered(1)
    hes = rig.connect()
    names = (b"refused-unknown-sap", b"closed-idle", b"poll_silent", b"requests")
    for e_group, name in zip((0, 1, 2, 3), names, strict=True):
        _, value = get(hes, rig, 1, bytes((0, 0, 128, 1, e_group, 255)), 2)
        assert name in value


def test_a_meter_is_listed_from_its_first_answer_on_and_stays_when_it_is_lost():
    rig = Rig(SegmentOptions(meters=3))
    hes, sap_list = rig.connect(), (17, bytes((0, 0, 41, 0, 0, 255)), 2)
    rows = rig.table.add(bytes.fromhex("4D4D4D0000000001")), rig.table.add(bytes.fromhex("4D4D4D0000000002"))
    _, value = get(hes, rig, *sap_list)
    assert value[:2] == b"\x01\x01"  # SAP 1 alone
    rig.table.set_state(rows[1], 2, 1)
    rig.table.set_state(rows[1], 3, 2)
    _, value = get(hes, rig, *sap_list)
    assert value[:2] == b"\x01\x02" and b"4D4D4D0000000002" in value and b"4D4D4D0000000001" not in value
