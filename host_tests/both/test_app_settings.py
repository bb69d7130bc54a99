# SPDX-License-Identifier: MIT
"""Changes of settings while the gateway runs: whole or not at all, kept first, live where registered."""

import json

from fakes import ALMOST_WRAPPED, RamStore, raises

from app.config import FROM_FILE, load
from app.console import Console
from app.schema import LIVE, SCHEMA, default_of
from app.settings import Settings
from base import events
from base.errors import LocalError
from base.log import Log
from base.ticks import ticks_add
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE

NOW = ALMOST_WRAPPED
DEFAULTS = {row[0]: default_of(row) for row in SCHEMA}


class Bench:
    """Settings over a store that may have a config.json; `applied` are the live ones called."""

    def __init__(self, text=None):
        self.store = RamStore()
        if text is not None:
            self.store.files["config.json"] = text
        self.config = load(self.store)
        self.log = Log(32)
        self.settings = Settings(self.store, self.config, self.log)
        self.applied = []
        self.settings.register("log_level", self._prepare)

    def _prepare(self, ahead):
        return lambda: self.applied.append(self.config.text("log_level"))

    def file(self):
        return json.loads(self.store.files["config.json"])

    def restarted(self):
        return load(self.store)


def test_a_change_is_in_the_file_and_waits_for_the_restart():
    bench = Bench(b'{"wan": {"port": 4100}}')
    assert bench.settings.change(NOW, "wan.idle_s", 60) == SUCCESS
    assert bench.file() == {"schema": 1, "wan": {"port": 4100, "idle_s": 60}}
    assert bench.config["wan.idle_s"] == DEFAULTS["wan.idle_s"]
    assert bench.settings.value("wan.idle_s") == 60
    assert bench.settings.waiting() == ["wan.idle_s"]
    config = bench.restarted()
    assert config.source == FROM_FILE and not config.errors
    assert config["wan.idle_s"] == 60 and config["wan.port"] == 4100


def test_a_second_change_keeps_the_first():
    bench = Bench()
    for path, value in (("wan.idle_s", 60), ("gateway.nodes", 100), ("push.targets", ["10.0.0.1:4059"])):
        assert bench.settings.change(NOW, path, value) == SUCCESS
    config = bench.restarted()
    assert (config["wan.idle_s"], config["gateway.nodes"]) == (60, 100)
    assert config["push.targets"] == ["10.0.0.1:4059"]


def test_a_live_setting_takes_effect_once_and_at_once():
    bench = Bench()
    assert bench.settings.change(NOW, "log_level", "ERROR") == SUCCESS
    assert bench.applied == ["ERROR"] and bench.config["log_level"] == "ERROR"
    assert bench.settings.waiting() == []
    assert bench.restarted()["log_level"] == "ERROR"


def test_nothing_takes_effect_before_it_is_on_flash():
    for writes in (0, 1):
        bench = Bench(b'{"wan": {"port": 4100}}')
        bench.store.fail_after = writes
        assert bench.settings.change(NOW, "log_level", "ERROR") == HARDWARE_FAULT
        assert bench.applied == [] and bench.config["log_level"] == "NOTICE"
        assert bench.store.files["config.json"] == b'{"wan": {"port": 4100}}'
        assert "flash" in bench.settings.complaint
        bench.store.fail_after = -1
        assert bench.settings.change(NOW, "log_level", "ERROR") == SUCCESS


def test_what_the_schema_refuses_is_refused_in_its_words():
    bench = Bench()
    for path, value, words in (
        ("wan.port", 0, "wan.port: must be an integer from 1 to 65535, not 0"),
        ("wan.port", "4059", "wan.port: must be an integer from 1 to 65535, not \"4059\""),
        ("wan.prot", 4059, "wan.prot: no such setting"),
        ("gateway.ldn_prefix", "ABC", "gateway.ldn_prefix: must be empty or have 8 characters"),
    ):
        assert bench.settings.change(NOW, path, value) == OTHER_REASON
        assert bench.settings.complaint == words, bench.settings.complaint
        assert bench.log.record()[2] == events.SETTING_REFUSED
    assert bench.store.writes == 0


def test_one_wrong_of_several_changes_none():
    bench = Bench()
    changes = [("log_level", "ERROR"), ("wan.idle_s", 60), ("wan.port", 0)]
    assert bench.settings.change_all(NOW, changes) == OTHER_REASON
    assert bench.store.writes == 0 and bench.applied == [] and bench.settings.waiting() == []


def test_settings_that_go_together_only_together_can_be_changed_together():
    bench = Bench()
    assert bench.settings.change(NOW, "sfsk.baud", 2880) == OTHER_REASON
    assert bench.settings.change_all(NOW, [("sfsk.baud", 2880), ("sfsk.mains_hz", 60)]) == SUCCESS
    assert bench.restarted()["sfsk.mains_hz"] == 60


def test_a_change_is_checked_against_those_that_wait():
    bench = Bench()
    assert bench.settings.change(NOW, "sfsk.max_credit", 3) == SUCCESS
    assert bench.settings.change(NOW, "sfsk.initial_credit", 4) == OTHER_REASON
    assert bench.settings.change(NOW, "sfsk.initial_credit", 3) == SUCCESS


def test_live_settings_that_do_not_fit_the_running_ones_wait_too():
    bench = Bench()
    LIVE_BUFFERS = "gateway.ldn_prefix"
    bench.settings._live[LIVE_BUFFERS] = bench._prepare
    bench.config.take({"wan.buffers": 300})  # as if it ran with what the schema refuses together
    assert bench.settings.change_all(NOW, [("wan.buffers", 48), (LIVE_BUFFERS, "GWYGWYGW")]) == SUCCESS
    assert bench.applied == [] and bench.settings.waiting() == ["gateway.ldn_prefix", "wan.buffers"]


def test_a_change_taken_back_waits_for_nothing():
    bench = Bench()
    assert bench.settings.change(NOW, "wan.idle_s", 60) == SUCCESS
    assert bench.settings.change(NOW, "wan.idle_s", None) == SUCCESS
    assert bench.settings.waiting() == [] and bench.file() == {"schema": 1}


def test_a_change_that_changes_nothing_writes_nothing():
    bench = Bench()
    assert bench.settings.change(NOW, "wan.port", 4059) == SUCCESS
    assert bench.store.writes == 0 and len(bench.log) == 0


def test_a_json_object_changes_what_it_names():
    bench = Bench(b'{"wan": {"idle_s": 60, "port": 4100}}')
    text = b'{"wan": {"idle_s": null}, "gateway.guard_ms": 1000, "log_level": "WARNING"}'
    assert bench.settings.change_text(NOW, text) == SUCCESS
    config = bench.restarted()
    assert (config["wan.idle_s"], config["wan.port"], config["gateway.guard_ms"]) == (900, 4100, 1000)
    assert json.loads(bench.settings.text()) == bench.file()


def test_text_that_is_no_json_object_is_refused():
    bench = Bench()
    for text in (b"", b"{", b"[]", b"1", b'{"wan"', b'{"wan": {"nope": 1}}', b"{" * 400, b"\xff\xfe", b"[" * 1000):
        assert bench.settings.change_text(NOW, text) == OTHER_REASON, text
        assert bench.settings.complaint
    assert bench.store.writes == 0


def test_many_changes_in_a_row_have_to_wait():
    bench = Bench()
    now = NOW
    results = [bench.settings.change(now, "wan.idle_s", 100 + i) for i in range(22)]
    assert results == [SUCCESS] * 20 + [TEMPORARY_FAILURE] * 2
    assert bench.settings.value("wan.idle_s") == 119 and bench.restarted()["wan.idle_s"] == 119
    now = ticks_add(now, 14999)
    assert bench.settings.change(now, "wan.idle_s", 200) == TEMPORARY_FAILURE
    now = ticks_add(now, 1)
    assert bench.settings.change(now, "wan.idle_s", 200) == SUCCESS
    assert bench.settings.change(now, "wan.idle_s", 201) == TEMPORARY_FAILURE


def test_changes_are_taken_again_after_a_quiet_week():
    bench = Bench()
    now = NOW
    for i in range(20):
        assert bench.settings.change(now, "wan.idle_s", 100 + i) == SUCCESS
    for _ in range(7):
        now = ticks_add(now, 86400000)
    assert bench.settings.change(now, "wan.idle_s", 200) == SUCCESS


def test_each_change_leaves_one_record():
    bench = Bench()
    assert bench.settings.change_all(NOW, [("wan.idle_s", 60), ("log_level", "DEBUG")]) == SUCCESS
    rows = [row[0] for row in SCHEMA]
    records = [bench.log.record(back) for back in (1, 0)]
    assert [(record[2], rows[record[4]], record[5]) for record in records] == [
        (events.SETTING_CHANGED, "wan.idle_s", 60),
        (events.SETTING_CHANGED, "log_level", 0),
    ]


def test_a_broken_file_is_healed_by_the_first_change():
    bench = Bench(b'{"wan": {"port": 0}}')
    assert bench.config.errors
    assert bench.settings.change(NOW, "wan.idle_s", 60) == SUCCESS
    config = bench.restarted()
    assert config.source == FROM_FILE and not config.errors and config["wan.idle_s"] == 60


def test_only_what_the_schema_says_is_live_can_be_registered():
    bench = Bench()
    assert "wan.port" not in LIVE
    assert raises(LocalError, bench.settings.register, "wan.port", bench._prepare)
    assert set(LIVE) <= set(DEFAULTS)


def test_the_longest_list_of_extra_saps_fits_the_file():
    bench = Bench()
    extras = [{"sap": 0x1000 + i, "title": "00" * 8, "server_sap": 1, "ldn": "\x01" * 16} for i in range(32)]
    assert bench.settings.change(NOW, "gateway.extra_saps", extras) == SUCCESS
    assert bench.restarted()["gateway.extra_saps"] == extras


def test_the_console_names_the_setting():
    bench = Bench()
    assert bench.settings.change(NOW, "wan.idle_s", 60) == SUCCESS
    assert Console(None, "").line(bench.log.record()).endswith("setting-changed wan.idle_s value=60")
