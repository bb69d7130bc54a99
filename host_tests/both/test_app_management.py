# SPDX-License-Identifier: MIT
"""What management may do over SAP 1: settings, ping, lists, scripts, removal; each with its refusals."""

import json
import random

from fakes import title
from management_bench import Bench, name, octets

from app.config import load
from app.own_segment import ANSWERED, NEVER, NOT_SENT, SILENT, WAITING
from base import events
from dlms.apdu import (
    HARDWARE_FAULT,
    OBJECT_UNAVAILABLE,
    OTHER_REASON,
    SUCCESS,
    TEMPORARY_FAILURE,
    TYPE_UNMATCHED,
)
from dlms.axdr import Writer
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE
from dlms.transfer import FILL_ABORTED, FILL_DONE, FILL_MORE, Transfer
from plc.access import ALLOWED, BLOCKED, FREE
from plc.medium import ASK_BUSY, ASK_REFUSED, NODE_GONE_EVENT, NODE_QUARANTINED

SETTINGS, WAITING_TEXT, COMPLAINT, WINDOW = "0.0.128.10.0", "0.0.128.10.1", "0.0.128.10.2", "0.0.128.10.3"
PING, PING_RESULT, STARTED = "0.0.128.11.0", "0.0.128.11.1", "0.0.128.11.2"
LISTS, CHANGE, SCRIPTS = "0.0.128.12.0", "0.0.128.12.1", "0.0.10.0.128"
SAP_OF_ROW_1 = b"\x12\x00\x11"


def test_who_may_do_what():
    objects = Bench().objects
    for item in objects.values():
        assert not item.is_seen_by(ROLE_PUBLIC), item.logical_name
        for role in (ROLE_READ_ONLY, ROLE_FIRMWARE):
            assert not any([item.access(i, role) & 2 for i in range(2, item.attribute_cnt + 1)])
            assert not item.may_call(1, role)
    writers = {text: objects[name(text)].access(2, ROLE_READ_WRITE) & 2 for text in (PING, CHANGE, SETTINGS, WINDOW)}
    assert writers == {PING: 2, CHANGE: 0, SETTINGS: 0, WINDOW: 0}
    for text in writers:
        assert objects[name(text)].access(2, ROLE_MANAGEMENT) == 3
    assert objects[name(SCRIPTS)].may_call(1, ROLE_READ_WRITE)
    assert not objects[name("0.0.10.0.129")].may_call(1, ROLE_READ_WRITE)
    assert not objects[name("0.0.128.14.0")].access(2, ROLE_READ_WRITE) & 2


# --- settings ---


def test_settings_are_changed_as_json_and_read_back():
    bench = Bench(config=b'{"wan": {"port": 4100}}')
    assert bench.put(SETTINGS, octets(b'{"wan": {"idle_s": 60}}')) == SUCCESS
    read = bench.get(SETTINGS)
    assert read[0] == 9 and json.loads(read[2:]) == {"schema": 1, "wan": {"port": 4100, "idle_s": 60}}
    assert bench.get(WAITING_TEXT) == octets(b"wan.idle_s")
    assert bench.get(COMPLAINT) == octets(b"")
    assert load(bench.store)["wan.idle_s"] == 60


def test_a_refused_setting_says_why():
    bench = Bench()
    assert bench.put(SETTINGS, octets(b'{"wan.port": 0}')) == OTHER_REASON
    assert bench.get(COMPLAINT) == octets(b"wan.port: must be an integer from 1 to 65535, not 0")
    assert bench.put(SETTINGS, b"\x11\x01") == -1
    bench.store.fail_after = 0
    assert bench.put(SETTINGS, octets(b'{"wan.port": 1}')) == HARDWARE_FAULT


def test_the_operating_window_is_two_times_and_takes_effect_at_once():
    bench = Bench()
    assert bench.get(WINDOW) == b"\x02\x02" + octets(bytes(4)) + octets(bytes(4))
    night = b"\x02\x02" + octets(b"\x16\x1e\x00\xff") + octets(b"\x06\x00\xff\x00")
    assert bench.put(WINDOW, night) == SUCCESS and bench.windows == 2
    assert bench.config["sfsk.operating_window.start"] == "22:30"
    assert bench.config["sfsk.operating_window.end"] == "06:00"
    assert bench.get(WINDOW) == b"\x02\x02" + octets(b"\x16\x1e\x00\x00") + octets(b"\x06\x00\x00\x00")
    assert bench.put(WINDOW, b"\x02\x02" + octets(b"\x05\x00\x00\x00") * 2) == SUCCESS
    assert bench.config["sfsk.operating_window.end"] == "24:00"
    for wrong in (b"\x19\x00\x00\x00", b"\x05\x3c\x00\x00", b"\x05\x00\x01\x00", b"\xff\x00\x00\x00"):
        assert bench.put(WINDOW, b"\x02\x02" + octets(wrong) + octets(bytes(4))) == OTHER_REASON, wrong
    assert bench.put(WINDOW, b"\x02\x02" + octets(b"\x05\x00\x00") + octets(bytes(4))) == TYPE_UNMATCHED
    assert name(WINDOW) not in Bench(config=b'{"medium": "g3", "wan": {"max_apdu": 844}}').objects


# --- ping ---


def ping_result(bench):
    """(SAP, title, state, round trip ms, uptime s)."""
    read = bench.get(PING_RESULT)
    assert read[:3] == b"\x02\x05\x12" and read[5] == 9
    title_end = 7 + read[6]
    assert read[title_end] == 0x16 and read[title_end + 2] == 6 and read[title_end + 7] == 6
    ms, when = (int.from_bytes(read[at : at + 4], "big") for at in (title_end + 3, title_end + 8))
    return int.from_bytes(read[3:5], "big"), read[7:title_end], read[title_end + 1], ms, when


def test_a_ping_is_started_by_its_sap_and_its_end_is_read():
    bench = Bench()
    assert ping_result(bench) == (0, b"", NEVER, 0, 0)
    assert bench.put(PING, SAP_OF_ROW_1) == SUCCESS and bench.segment.asked == [("ping", 1)]
    assert ping_result(bench) == (0x11, title(1), WAITING, 0, 1000)
    assert bench.put(PING, SAP_OF_ROW_1) == TEMPORARY_FAILURE and len(bench.segment.asked) == 1
    bench.log.now_s = 1007
    bench.segment.on_pinged(bench.now, 0, 55)  # somebody else's
    assert ping_result(bench)[2] == WAITING
    bench.segment.on_pinged(bench.now, 1, 1234)
    assert ping_result(bench) == (0x11, title(1), ANSWERED, 1234, 1007)
    assert bench.log.record()[2:6] == (events.PING_ENDED, 1, ANSWERED, 1234)
    assert bench.get(PING) == SAP_OF_ROW_1
    assert bench.put(PING, SAP_OF_ROW_1) == SUCCESS
    bench.segment.on_pinged(bench.now, 1, -1)
    assert ping_result(bench)[2:4] == (SILENT, 0)


def test_a_ping_that_finds_no_air_for_two_minutes_is_given_up():
    bench = Bench()
    assert bench.put(PING, SAP_OF_ROW_1) == SUCCESS
    bench.turn(119999)
    assert ping_result(bench)[2] == WAITING
    bench.turn(1)
    assert ping_result(bench)[2] == NOT_SENT and bench.segment.asked[-1] == ("drop",)
    assert bench.put(PING, SAP_OF_ROW_1) == SUCCESS


def test_a_ping_of_nobody_or_by_a_segment_that_cannot_is_refused():
    bench = Bench()
    for sap in (b"\x00\x00", b"\x00\x01", b"\x00\x13", b"\xff\xff"):
        assert bench.put(PING, b"\x12" + sap) == OBJECT_UNAVAILABLE
    assert bench.put(PING, b"\x11\x11") == -1
    bench.segment.answer = ASK_REFUSED
    assert bench.put(PING, SAP_OF_ROW_1) == OBJECT_UNAVAILABLE and ping_result(bench)[2] == NOT_SENT
    bench.segment.answer = ASK_BUSY
    assert bench.put(PING, SAP_OF_ROW_1) == TEMPORARY_FAILURE


# --- scripts ---


def test_scripts_start_discovery_and_repeater_call_and_what_came_of_it_is_read():
    bench = Bench()
    assert bench.get(SCRIPTS) == b"\x01\x02\x02\x02\x12\x00\x01\x01\x00\x02\x02\x12\x00\x02\x01\x00"
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == bench.call(SCRIPTS, b"\x12\x00\x02") == SUCCESS
    assert bench.segment.asked == [("discover",), ("repeaters",)]
    assert bench.get(STARTED) == b"\x02\x03\x12\x00\x02\x16\x00\x06\x00\x00\x03\xe8"
    bench.segment.answer = ASK_BUSY
    assert bench.call(SCRIPTS, b"\x12\x00\x01") == TEMPORARY_FAILURE
    assert bench.get(STARTED)[:8] == b"\x02\x03\x12\x00\x01\x16\x02\x06"
    assert bench.log.record()[2:6] == (events.ACTION, -1, 1, TEMPORARY_FAILURE)
    bench.segment.answer = ASK_REFUSED
    assert bench.call(SCRIPTS, b"\x12\x00\x02") == OBJECT_UNAVAILABLE
    for unknown in (b"\x12\x00\x00", b"\x12\x00\x03", b"\x12\xff\xff"):
        assert bench.call(SCRIPTS, unknown) == OTHER_REASON
    assert bench.call(SCRIPTS, None) == TYPE_UNMATCHED and bench.call(SCRIPTS, b"\x11\x01") == -1


# --- removal ---


def remove(ldn, sap=0):
    return b"\x02\x02\x12" + sap.to_bytes(2, "big") + octets(ldn)


def test_connecting_to_sap_0_removes_the_node_and_its_row_rests():
    bench = Bench()
    assert bench.connect(remove(b"4D4D4D0000000001")) == SUCCESS
    assert bench.segment.asked == [("release", 1)]
    assert bench.table.state(1) == NODE_QUARANTINED and bench.table.find(title(1)) < 0
    assert bench.events == [(1, NODE_GONE_EVENT)] and bench.log.record()[2:4] == (events.NODE_GONE, 1)
    assert bench.connect(remove(b"4D4D4D0000000001")) == OBJECT_UNAVAILABLE
    assert Bench(bench.store).table.count() == 3  # the bench adds it again: its row is the same
    assert bench.table.add(title(1)) == 1


def test_with_a_prefix_the_name_is_the_prefix_and_the_title():
    bench = Bench(config=b'{"gateway": {"ldn_prefix": "GWYGWYGW"}}')
    assert bench.connect(remove(b"4D4D4D0000000001")) == OBJECT_UNAVAILABLE
    assert bench.connect(remove(b"GWYGWYGW" + title(2))) == SUCCESS
    assert bench.table.find(title(2)) < 0


def test_a_node_in_use_stays_and_flash_that_refuses_keeps_it():
    bench = Bench()
    bench.segment.is_in_use = True
    assert bench.connect(remove(b"4D4D4D0000000001")) == TEMPORARY_FAILURE
    bench.segment.is_in_use = False
    bench.store.fail_after = 0
    assert bench.connect(remove(b"4D4D4D0000000001")) == HARDWARE_FAULT
    assert bench.table.find(title(1)) == 1 and bench.events == []


def test_saps_cannot_be_chosen_and_names_that_are_none_find_nobody():
    bench = Bench()
    assert bench.connect(remove(b"4D4D4D0000000001", 0x20)) == OTHER_REASON
    for ldn in (b"", b"GWYGATEWAY000001", b"4D4D4D000000000", b"zz", b"4D4D4D0000000009", bytes(16)):
        assert bench.connect(remove(ldn)) == OBJECT_UNAVAILABLE, ldn
    for wrong in (b"\x01\x02\x12\x00\x00" + octets(b"x"), b"\x02\x01\x12\x00\x00", b"\x12\x00\x00", remove(b"4" * 17)):
        assert bench.connect(wrong) == -1, wrong
    assert bench.table.count() == 3


# --- whitelist and blacklist ---


def entry(what, mark):
    return b"\x02\x02" + octets(what) + bytes((0x16, mark))


def test_a_blocked_node_loses_its_row_and_the_lists_are_read():
    bench = Bench()
    assert bench.get(LISTS) == b"\x01\x00"
    assert bench.put(CHANGE, entry(title(1), BLOCKED)) == SUCCESS
    assert bench.table.find(title(1)) < 0 and bench.events == [(1, NODE_GONE_EVENT)]
    assert bench.put(CHANGE, entry(title(9), ALLOWED)) == SUCCESS
    assert bench.table.count() == 2  # who is registered stays; the whitelist is for who comes
    assert bench.get(LISTS) == b"\x01\x02" + entry(title(1), BLOCKED) + entry(title(9), ALLOWED)
    assert bench.get(CHANGE) == entry(title(9), ALLOWED)
    assert bench.put(CHANGE, entry(title(1), FREE)) == SUCCESS
    assert bench.get(LISTS) == b"\x01\x01" + entry(title(9), ALLOWED)


def test_a_blocked_node_in_use_is_removed_as_soon_as_it_is_not():
    bench = Bench()
    bench.turn(3000)
    bench.segment.is_in_use = True
    assert bench.put(CHANGE, entry(title(1), BLOCKED)) == SUCCESS
    bench.turn(5000)
    assert bench.table.find(title(1)) == 1
    bench.segment.is_in_use = False
    bench.turn(1000)
    assert bench.table.find(title(1)) < 0
    asked = len(bench.segment.asked)
    bench.turn(5000)
    assert len(bench.segment.asked) == asked


def test_a_cut_between_list_and_row_is_made_good_after_the_start():
    bench = Bench()
    assert bench.lists.change(title(2), BLOCKED) == SUCCESS  # and the power fails before the row is given up
    again = Bench(bench.store)
    assert again.table.find(title(2)) >= 0
    again.turn(2000)
    assert again.table.find(title(2)) < 0


def test_entries_of_another_length_or_mark_are_refused_and_full_lists_say_so():
    bench = Bench()
    assert bench.put(CHANGE, entry(title(1)[:6], BLOCKED)) == TYPE_UNMATCHED
    assert bench.put(CHANGE, entry(title(1), 3)) == OTHER_REASON
    assert bench.put(CHANGE, entry(title(1), BLOCKED)[:-1]) == -1
    for n in range(8):
        assert bench.put(CHANGE, entry(title(10 + n), BLOCKED)) == SUCCESS
    assert bench.put(CHANGE, entry(title(20), BLOCKED)) == OBJECT_UNAVAILABLE
    bench.store.fail_after = 0
    assert bench.put(CHANGE, entry(title(10), FREE)) == HARDWARE_FAULT


# --- bad input ---


def test_changed_cut_and_random_octets_never_get_past_a_result():
    good = {
        SETTINGS: octets(b'{"wan": {"idle_s": 60}}'),
        WINDOW: b"\x02\x02" + octets(b"\x16\x1e\x00\xff") + octets(b"\x06\x00\xff\x00"),
        PING: SAP_OF_ROW_1,
        CHANGE: entry(title(1), BLOCKED),
        "0.0.128.14.0": octets(b"SIMGATEWAY02"),
    }
    for seed in range(40):
        random.seed(seed)
        bench = Bench()
        for text, value in good.items():
            for at in range(len(value)):
                assert bench.put(text, value[:at]) == -1, (seed, text, at)
            for _ in range(5):
                octet = random.getrandbits(16) % len(value)
                changed = value[:octet] + bytes((random.getrandbits(8),)) + value[octet + 1 :]
                assert -1 <= bench.put(text, changed) <= 250, (seed, text, changed)
            noise = bytes([random.getrandbits(8) for _ in range(30)])
            assert -1 <= bench.put(text, noise) <= 250, (seed, text, noise)
            assert -1 <= bench.call(SCRIPTS, noise) <= 250 and -1 <= bench.connect(noise) <= 250
        bench.turn(2000)
        assert load(bench.store).errors == [], seed


def test_a_text_of_settings_that_another_client_changes_while_it_is_read_in_blocks_ends_the_read():
    for text in (SETTINGS, COMPLAINT):
        for is_changed in (False, True):
            bench = Bench(config=b'{"push": {"targets": ["10.0.0.1:4060", "10.0.0.2:4060"]}, "wan": {"idle_s": 77}}')
            bench.settings.change_text(bench.now, b'{"wan": {"sessions": "many", "address": 1, "port": "none"}}')
            transfer, out, raw = Transfer(), memoryview(bytearray(20)), b""
            transfer.begin([bench.objects[name(text)].value(2)])
            outcome = FILL_MORE
            while outcome == FILL_MORE:
                writer = Writer()
                writer.open(out, 0, 20)
                outcome = transfer.fill(writer)
                raw += bytes(out[: writer.off])
                if is_changed and raw:
                    bench.settings.change_text(bench.now, b'{"wan": {"idle_s": 78}}')
            assert (outcome, len(raw) > 40) == ((FILL_ABORTED, False) if is_changed else (FILL_DONE, True)), text
