# SPDX-License-Identifier: MIT
"""config.json: every setting checked, every error named, broken files fall back safely."""

import json

from fakes import RamStore

from app import config as configuration
from app import config_trial
from app.config import FROM_DEFAULTS, FROM_FILE, FROM_GOOD, defaults, keep_good, load, validate
from app.schema import SCHEMA, default_of
from app.schema_kinds import BOOL, CHOICE, CLOCK, EXTRAS, HEX, INT, TARGETS, TEXT

_EXTRA = {"sap": 0x1000, "title": "4D4D4D0000000001", "server_sap": 3, "ldn": "X"}


def _nested(path, value):
    tree = {}
    inner = tree
    keys = path.split(".")
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    return tree


def _errors(tree):
    errors = []
    validate(tree, errors)
    return errors


def _is_refused(path, value):
    errors = _errors(_nested(path, value))
    assert all(error.startswith(path + ": ") for error in errors[:1])
    return bool(errors)


def _loaded(text, good=None):
    store = RamStore()
    if text is not None:
        store.files["config.json"] = text if isinstance(text, bytes) else bytes(text, "utf-8")
    if good is not None:
        store.files["config.good.json"] = bytes(good, "utf-8")
    return load(store)


def test_every_default_is_valid_and_said_once():
    assert _errors({}) == []
    paths = [row[0] for row in SCHEMA]
    assert len(set(paths)) == len(paths)
    for row in SCHEMA:
        assert _errors(_nested(row[0], default_of(row))) == []
        assert len(row) == 6 and row[5]


def test_integers_within_their_limits_and_nothing_that_only_looks_like_one():
    for path, kind, low, high, _, _ in SCHEMA:
        if kind != INT:
            continue
        for wrong in (low - 1, high + 1, 1 << 70, low + 0.5, float(low), "1", None, True, [], {}):
            assert _is_refused(path, wrong), (path, wrong)
        if path not in ("sfsk.initial_credit", "sfsk.max_credit", "g3.handles", "g3.flights", "wan.max_apdu"):
            assert _errors(_nested(path, low)) == [] and _errors(_nested(path, high)) == [], path


def test_buffers_that_would_fill_the_heap_are_refused():
    assert _errors({"wan": {"buffers": 186, "max_apdu": 640}}) == []
    assert len(_errors({"wan": {"buffers": 187, "max_apdu": 640}})) == 1
    assert _errors({"wan": {"buffers": 62, "max_apdu": 2048}}) == []
    (error,) = _errors({"wan": {"buffers": 63, "max_apdu": 2048}})
    assert "131072" in error


def test_choices_and_booleans():
    for path, kind, choices, _, _, _ in SCHEMA:
        if kind == CHOICE:
            for wrong in ("", "sfsk ", -1, True, None, [], float(2400)):
                assert _is_refused(path, wrong), (path, wrong)
            assert len(choices) > 0
        elif kind == BOOL:
            for wrong in (0, 1, "true", None):
                assert _is_refused(path, wrong), (path, wrong)
    assert _errors({"sfsk": {"baud": 300}}) == []


def test_text_counts_octets():
    for path, kind, low, high, _, _ in SCHEMA:
        if kind != TEXT or path == "gateway.ldn_prefix":
            continue
        assert _errors(_nested(path, "x" * high)) == [] and _is_refused(path, "x" * (high + 1))
        assert _is_refused(path, "\u00e4" * (high // 2 + 1))
        assert low == 0 or _is_refused(path, "")
        for wrong in (None, 1, ["x"]):
            assert _is_refused(path, wrong)


def test_hex_clock_and_targets():
    hexes = [row[0] for row in SCHEMA if row[1] == HEX]
    assert hexes[-5:] == ["sfsk.initiator_title", "g3.eui64", "g3.prefix", "g3.context_1", "g3.lbs.id_s"]
    for good in ("", "4757590000000001", "abcdefABCDEF0000"):
        assert _errors({"sfsk": {"initiator_title": good}}) == []
    for wrong in ("475", "47575900000000010", "47 5", "0x47", "47zz5900", "4757", None, 4757, " " * 16):
        assert _errors({"sfsk": {"initiator_title": wrong}}), wrong
    for path in [row[0] for row in SCHEMA if row[1] == CLOCK]:
        for good in ("00:00", "23:59", "24:00"):
            assert _errors(_nested(path, good)) == []
        for wrong in ("24:01", "12:60", "1:00", "1200", "12:0", "+1:00", "-1:00", "ab:cd", "", None, 1200, "12:00 "):
            assert _is_refused(path, wrong), wrong
    assert [row[0] for row in SCHEMA if row[1] == TARGETS] == ["push.targets"]
    for good in ([], ["10.0.0.1:4059"], ["[::1]:1", "hes.example:65535"], ["10.0.0.1:1/127", "h:1/1"]):
        assert _errors({"push": {"targets": good}}) == []
    for wrong in (["x:1/"], ["x:1/0"], ["x:1/128"], ["x:1/a"], ["x/1:1/1/1"]):
        assert _errors({"push": {"targets": wrong}}), wrong
    for wrong in (["x"], [":1"], ["x:"], ["x:0"], ["x:65536"], ["x:1x"], [1], "x:1", ["x:1"] * 5, ["x:" + "1" * 99]):
        assert _errors({"push": {"targets": wrong}}), wrong


def test_extra_saps():
    assert [row[0] for row in SCHEMA if row[1] == EXTRAS] == ["gateway.extra_saps"]

    def verdict(**changes):
        one = dict(_EXTRA)
        one.update(changes)
        return _errors({"gateway": {"extra_saps": [one]}})

    assert verdict() == [] and verdict(sap=0x1FFF, server_sap=255) == []
    for wrong in (
        {"sap": 0x0FFF}, {"sap": 0x2000}, {"server_sap": 0}, {"server_sap": 256}, {"title": "4D4D"},
        {"title": "4D4D4D000001"}, {"title": "xx4D4D0000000001"}, {"ldn": ""}, {"ldn": "x" * 17}, {"more": 1},
    ):  # fmt: skip
        assert verdict(**wrong), wrong
    for wrong in ({}, [1], [{}], None, [[_EXTRA]], [_EXTRA, _EXTRA], [{"sap": 0x1000}]):
        assert _errors({"gateway": {"extra_saps": wrong}}), wrong
    short = dict(_EXTRA)
    short["title"] = "4D4D4D000001"
    assert _errors({"gateway": {"extra_saps": [short]}, "sfsk": {"title_len": 6}}) == []


def test_what_no_single_setting_can_know():
    for good, wrong in (
        ({"sfsk": {"baud": 2880, "mains_hz": 60}}, {"sfsk": {"baud": 2880}}),
        ({"sfsk": {"baud": 300}}, {"sfsk": {"mains_hz": 60}}),
        ({"sfsk": {"title_len": 6, "initiator_title": "475759000001"}}, {"sfsk": {"initiator_title": "475759000001"}}),
        ({"sfsk": {"initial_credit": 3, "max_credit": 3}}, {"sfsk": {"initial_credit": 3, "max_credit": 2}}),
        ({"gateway": {"ldn_prefix": "ABCDEFGH"}}, {"gateway": {"ldn_prefix": "ABC"}}),
    ):
        assert _errors(good) == [], good
        assert len(_errors(wrong)) == 1, wrong


def test_every_error_is_named_up_to_a_bound():
    errors = _errors({"wan": {"port": 0, "prot": 1}, "nonsense": 5, "sfsk": {"discover": {"slots": "many"}}})
    names = sorted(error.split(":")[0] for error in errors)
    assert names == ["nonsense", "sfsk.discover.slots", "wan.port", "wan.prot"]
    assert "must be an integer from 1 to 65535, not 0" in "".join(errors)
    assert "no such setting" in "".join(errors)
    many = _errors({"k%d" % n: n for n in range(100)})
    assert 1 < len(many) <= 16


def test_names_may_be_nested_or_dotted():
    values = validate({"wan": {"port": 5}, "wan.idle_s": 60, "sfsk": {"discover": {"slots": 20}}}, [])
    assert (values["wan.port"], values["wan.idle_s"], values["sfsk.discover.slots"]) == (5, 60, 20)
    assert _errors({"wan": 5}) and _errors({"wan": {"port": {"x": 1}}}) and _errors([]) and _errors(None)


def test_where_a_configuration_comes_from():
    good = '{"wan": {"port": 5001}}'
    for text, kept, source, port, is_clean in (
        (None, None, FROM_DEFAULTS, 4059, True),
        (None, good, FROM_DEFAULTS, 4059, True),  # deleted on purpose
        ('{"wan": {"port": 5000}}', good, FROM_FILE, 5000, True),
        ('{"wan": {"port": 0}}', good, FROM_GOOD, 5001, False),
        ('{"wan": {"port": 0}}', None, FROM_DEFAULTS, 4059, False),
        ('{"wan": {"port": 0}}', "{", FROM_DEFAULTS, 4059, False),
        ('{"wan": {"port": 5000', good, FROM_GOOD, 5001, False),
    ):
        config = _loaded(text, kept)
        assert (config.source, config.number("wan.port"), not config.errors) == (source, port, is_clean), text


def test_garbage_of_any_kind_falls_back_and_says_so():
    garbage = (
        b"", b"\x00", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x80\x81\x82", b"null", b"[]", b"5", b'"x"', b"{",
        b"[" * 8000, b'{"a":' * 4000, b'{"wan":{"port":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"wan.address":"\\ud800"}', b'{"wan.address":"}',
        b'{"wan.address":"\\"}',
        b'{"wan": {"port": NaN}}', b'{"wan": {"port": 1e999}}', bytes(range(256)),
    )  # fmt: skip
    for octets in garbage:
        config = _loaded(octets, '{"wan": {"port": 5001}}')
        if config.source != FROM_FILE:  # one interpreter may be able to read what the other is not
            assert config.source == FROM_GOOD and config.number("wan.port") == 5001, octets[:20]
            assert config.errors, octets[:20]
        else:
            assert octets in (b"\xef\xbb\xbf{}", b'{"wan.address":"\\ud800"}')


def test_a_cut_of_a_good_file_at_any_octet_never_gives_half_of_it():
    text = '{"wan": {"port": 5000, "sessions": 2}, "sfsk": {"baud": 1200}}'
    for length in range(len(text)):
        config = _loaded(text[:length])
        assert config.source == FROM_DEFAULTS and config.number("sfsk.baud") == 2400


def test_a_start_that_worked_keeps_a_copy_once():
    store = RamStore()
    store.files["config.json"] = b'{"wan": {"port": 5000}}'
    store.files["config.good.json"] = b"\xff garbage"
    keep_good(store, load(store))
    assert store.files["config.good.json"] == store.files["config.json"]
    writes = store.writes
    keep_good(store, load(store))
    assert store.writes == writes
    store.files["config.json"] = b"{"
    keep_good(store, load(store))
    assert store.files["config.good.json"] != b"{"


def test_flash_that_refuses_the_copy_does_not_stop_the_gateway():
    store = RamStore()
    store.files["config.json"] = b'{"wan": {"port": 5000}}'
    config = load(store)
    store.fail_after = 0
    keep_good(store, config)
    assert "config.good.json" not in store.files and len(config.errors) == 1


def test_a_file_the_gateway_does_not_start_with_is_tried_twice_and_then_given_up():
    store = RamStore()
    store.files["config.json"] = b'{"log_records": 64}'
    config_trial.end(store, config_trial.begin(store))
    keep_good(store, load(store))
    assert "config.trial" not in store.files
    store.files["config.json"] = b'{"log_records": 4096}'
    for _ in range(2):
        assert config_trial.begin(store)["log_records"] == 4096  # and no end
    config = config_trial.begin(store)
    assert config.source == FROM_GOOD and config["log_records"] == 64
    assert config.errors == ["config.json: the gateway did not start with it"]
    config_trial.end(store, config)  # the good one starts
    store.files["config.json"] = b'{"log_records": 128}'
    assert config_trial.begin(store)["log_records"] == 128


def test_a_file_given_up_stays_so_until_it_is_another():
    store = RamStore()
    store.files["config.json"] = b'{"log_records": 4096}'
    sources = []
    for _ in range(6):
        config = config_trial.begin(store)
        sources.append(config.source)
        if config.source != FROM_FILE:
            config_trial.end(store, config)
    assert sources == [FROM_FILE, FROM_FILE, FROM_DEFAULTS, FROM_DEFAULTS, FROM_DEFAULTS, FROM_DEFAULTS]


def test_a_file_that_has_worked_is_never_given_up_and_costs_no_write():
    store = RamStore()
    store.files["config.json"] = store.files["config.good.json"] = b'{"log_records": 64}'
    for _ in range(5):
        assert config_trial.begin(store).source == FROM_FILE
    assert store.writes == 0 and "config.trial" not in store.files


def test_flash_that_refuses_the_mark_does_not_stop_the_start():
    store = RamStore()
    store.files["config.json"] = b'{"log_records": 64}'
    store.fail_after = 0
    for _ in range(5):
        assert config_trial.begin(store).source == FROM_FILE


def test_a_section_is_nested_as_in_the_file():
    section = _loaded('{"sfsk": {"discover": {"slots": 12}}}').section("sfsk")
    assert section["discover"]["slots"] == 12 and section["discover"]["probability"] == 100
    assert section["chip"] == "amis49587" and "wan" not in section
    assert json.loads(json.dumps(section)) == section
    assert configuration.Config(defaults(), "", []).section("board")["uart"] == 2
