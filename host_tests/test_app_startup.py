# SPDX-License-Identifier: MIT
"""What the start makes of the configuration, and what it says about a bad one."""

import io

import pytest

from app import medium_sfsk, push_side, startup
from app.config import Config, defaults
from base import events
from base.log import Log


def config(errors=(), **changes):
    values = defaults()
    for path, value in changes.items():
        values[path.replace("__", ".")] = value
    return Config(values, "config.json", list(errors))


def test_every_error_is_named_and_the_record_counts_them(monkeypatch):
    log = Log(8)
    monkeypatch.setattr(startup.sys, "stdout", io.StringIO())
    startup.log_configuration(log, config(("wan.port: bad", "wan.prot: no such setting")))
    assert startup.sys.stdout.getvalue().splitlines() == [
        "0 WARNING config wan.port: bad",
        "0 WARNING config wan.prot: no such setting",
    ]
    assert log.record()[2:5] == (events.CONFIG_BAD, -1, 2)


def test_a_good_configuration_is_not_mentioned(monkeypatch):
    log = Log(8)
    monkeypatch.setattr(startup.sys, "stdout", io.StringIO())
    startup.log_configuration(log, config())
    assert (startup.sys.stdout.getvalue(), len(log)) == ("", 0)


def test_rules_come_in_milliseconds():
    rules = startup.rules_from(config(gateway__queue_s=7, gateway__association_s=20, gateway__refuse="silence"))
    assert (rules.queue_ms, rules.association_ms, rules.guard_ms) == (7000, 20000, 3000)
    assert not rules.refuse_by_exception and startup.rules_from(config()).refuse_by_exception


@pytest.mark.parametrize("length", [6, 8])
def test_an_empty_initiator_title_tells_boards_of_one_reel_apart(length):
    # an STM32's unique id: place on the wafer (4 octets), wafer, lot (7 letters)
    boards = [place.to_bytes(4, "little") + b"\x07" + b"Q123456" for place in range(256)]
    made = config(sfsk__title_len=length)
    titles = {bytes(medium_sfsk.segment_settings(made, one).initiator_title()) for one in boards}
    assert len(titles) == len(boards)
    assert all(len(title) == length and title.startswith(b"GWY") for title in titles)


def test_targets_and_extra_saps_are_taken_apart():
    extra = {"sap": 0x1000, "title": "4D4D4D0000000001", "server_sap": 3, "ldn": "X"}
    one = config(push__targets=["[::1]:4059", "hes:1/102"], gateway__extra_saps=[extra])
    assert push_side.targets(one) == [("[::1]", 4059, 1), ("hes", 1, 102)]
    assert startup.router_extras(one) == {0x1000: (b"MMM\x00\x00\x00\x00\x01", 3)}


def test_a_start_that_wiped_says_how_many_files():
    log = Log(8)
    startup.log_configuration(log, config(()), 7)
    assert [log.record()[at] for at in (2, 4)] == [events.FACTORY_RESET_DONE, 7]


def test_a_gateway_without_keys_says_how_it_gets_some(monkeypatch):
    monkeypatch.setattr(startup.sys, "stdout", io.StringIO())
    log = Log(8)
    startup.log_keys(log, "no keys: not provisioned")
    assert log.record()[2] == events.OWN_UNPROVISIONED
    assert "tools/provision.py" in startup.sys.stdout.getvalue()
    monkeypatch.setattr(startup.sys, "stdout", io.StringIO())
    startup.log_keys(Log(8), "")
    assert not startup.sys.stdout.getvalue()
