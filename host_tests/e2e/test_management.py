# SPDX-License-Identifier: MIT
"""The gateway managed over SAP 1 by tools.hes with its own keys: firmware on MicroPython, TCP, HLS5-GMAC.

The keys are the simulator's, put into the gateway's state folder as tools.provision does.
"""

import json
import time

import pytest

from host_tests.e2e.stack import Stack
from host_tests.peers.hes import AK, EK
from tools.hes import reading
from tools.hes.errors import HesError, HesRefused
from tools.hes.managing import Desk
from tools.hes.session import Keys, Session
from tools.sim.meter import Meter

TITLES = [bytes.fromhex("4D4D4D%010X" % number) for number in range(0xB1, 0xB4)]
_TITLE = b"HES\x00\x00\x00\x00\x07"
_SETTLED_S = 30  # docs/management.md: no restart sooner


@pytest.fixture(scope="module")
def stack():
    """Three meters."""
    with Stack([Meter(title) for title in TITLES]) as running:
        yield running


def act(stack, name, argument="", encryption=EK):
    """One `tools.hes action` on a connection of its own."""
    with stack.wire() as wire:
        return Desk(Session(wire), Keys(encryption, AK, _TITLE)).run(name, argument)


def is_taken(stack, name):
    """What it says; False when it is refused, after a second, to be asked again."""
    try:
        return act(stack, name)
    except HesError:
        time.sleep(1)
        return False


def test_a_meter_is_pinged_over_the_power_line(stack):
    title, sap = sorted(stack.saps().items())[0]
    assert act(stack, "ping", str(sap)).startswith(title + " answered after ")


def test_a_bad_setting_is_refused_in_words_and_a_good_one_survives_the_restart(stack):
    with pytest.raises(HesError, match="wan.idle_s: must be an integer from 10 to 86400, not 1"):
        act(stack, "set", '{"wan": {"idle_s": 1}}')
    assert act(stack, "set", '{"wan": {"idle_s": 77}}') == "changed; after a restart: wan.idle_s"
    line = len(stack.console.lines)
    stack.until(lambda: is_taken(stack, "restart"), _SETTLED_S + 10, "a restart, as the gateway has settled")
    assert float(stack.await_record("restart", line, 5).uptime) >= _SETTLED_S
    stack.await_record("gateway-up", line, 60)
    assert json.loads(act(stack, "settings"))["wan"]["idle_s"] == 77
    with pytest.raises(HesRefused):
        act(stack, "restart")


def test_a_removed_meter_is_off_the_list_and_a_blocked_one_stays_away(stack):
    title, sap = sorted(stack.saps().items())[1]
    assert "is blocked" in act(stack, "block", title)
    stack.await_record("node-gone", 0, 10)
    assert act(stack, "lists") == title + " blocked"
    with pytest.raises(HesError, match="no meter has SAP"):
        act(stack, "remove", str(sap))
    assert stack.complaints() == []


def test_wrong_keys_manage_nothing(stack):
    with pytest.raises(HesError, match="wrong keys"):
        act(stack, "set", '{"log_level": "DEBUG"}', bytes(16))
    with pytest.raises(HesError, match="locked out after a failure"):
        act(stack, "settings")
    stack.await_record("own-authentication-failed", 0, 5)
    settings = stack.until(lambda: is_taken(stack, "settings"), 10, "let in again")
    assert "log_level" not in json.loads(settings)


def test_after_a_factory_reset_the_gateway_is_back_on_its_port_with_the_simulators_settings():
    with Stack([Meter(TITLES[0])], config={"gateway": {"quarantine_s": 77}}) as stack:
        (stack.state_dir / "waiting").write_bytes(b"of the old gateway")
        with stack.wire() as wire:
            serial = reading.serial(Session(wire))
        assert "forgets" in act(stack, "factory-reset", serial)
        stack.until(lambda: stack.console.text_after("factory reset: "), 60, "the simulator's own word on it")
        line = next(n for n, text in enumerate(stack.console.lines) if text.startswith("factory reset: "))
        stack.await_record("gateway-up", line, 60)
        assert not (stack.state_dir / "waiting").exists()
        assert json.loads((stack.state_dir / "config.json").read_text())["gateway"]["quarantine_s"] == 77
        assert "public_reads_all" in act(stack, "settings")
