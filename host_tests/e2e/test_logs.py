# SPDX-License-Identifier: MIT
"""The event logs survive SIGKILL: gurux reads old and new records in order, by entry and by range; a reset stays one.

The simulator gives up after three quick deaths of the gateway, so two kills here.
"""

import datetime
import socket
import time

import pytest
from gurux_dlms.objects import GXDLMSProfileGeneric

from base import events
from host_tests.e2e.stack import Stack
from host_tests.e2e.test_restart import kill_gateway
from host_tests.peers import gurux_hes
from host_tests.peers.gurux_hes import GuruxHes
from host_tests.peers.hes import OCTET_STRING, Typed
from tools.hes.errors import HesError
from tools.sim.console import parse

LOCKS = {"lock_first_s": 1, "lock_longest_s": 1, "lock_slow_s": 0}
STANDARD_LOG, SECURITY_LOG = "0.0.99.98.0.255", "0.0.99.98.1.255"
SETTINGS = (1, "0.0.128.10.0.255")


@pytest.fixture(scope="module")
def stack():
    """One built-in meter; the gateway has the test keys. Waits of a second after failures."""
    with Stack(built_in=1, config={"security": LOCKS}) as running:
        yield running


def manager(wire):
    """gurux as management client, one above the counter the public client reads."""
    hes = GuruxHes(wire)
    hes.open_gateway()
    return hes


def profile(hes, name):
    """The profile as gurux's own tools fill it: the columns, then all rows."""
    log = GXDLMSProfileGeneric(name)
    with hes._translated() as client:
        for index in (3, 2):
            client.updateValue(log, index, hes._ask(client, client.read(log, index)).value)
    return log


def seconds(row):
    """The date-time of a row, since 1970."""
    return row[0].value.timestamp()


def selected(hes, log, request):
    """Rows that selective access gives."""
    with hes._translated() as client:
        client.updateValue(log, 2, hes._ask(client, request(client)).value)
    return [list(row) for row in log.buffer]


def test_what_strangers_do_is_in_the_log_and_not_on_flash(stack, monkeypatch):
    """NOTE: the first in this file: of a start behind a kill nobody could tell whether its records are on flash."""
    stack.until(lambda: events.GATEWAY_UP in stack.kept_events(), 30, "the start on flash")
    path, line = stack.state_dir / "events.log", len(stack.console.lines)
    before = path.stat().st_mtime_ns, path.read_bytes()
    with monkeypatch.context() as patch, stack.wire() as wire:
        patch.setattr(gurux_hes, "EK", bytes(15) + b"\x01")
        with pytest.raises(HesError):
            manager(wire)
    stack.await_record("own-authentication-failed", line, 30)
    for number in range(5):
        with socket.create_connection(("127.0.0.1", stack.port)) as sock:
            sock.sendall(bytes((number,)) * 64)
    told = stack.await_record("wan-bad-header", line, 30)
    stack.until(lambda: is_later(stack, float(told.uptime) + 3), 30, "turns of the upkeep behind it")
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    stack.until(lambda: is_served(stack), 30, "the lock-out has ended")


def test_after_sigkill_a_head_end_reads_the_logs_of_before_and_after_it(stack):
    with stack.wire() as wire:
        hes = manager(wire)
        hes.set(*SETTINGS, 2, Typed(OCTET_STRING, b'{"wan": {"idle_s": 903}}'))
        before = [list(row) for row in profile(hes, STANDARD_LOG).buffer]
        assert before[0][3] == events.GATEWAY_UP and before[-1][3] == events.SETTING_CHANGED
        stack.until(lambda: {events.SETTING_CHANGED, events.OWN_SET} <= stack.kept_events(), 30, "the records on flash")
    kill_gateway(stack)
    stack.until(lambda: is_served(stack), 30, "SAP 1 after the restart")
    with stack.wire() as wire:
        hes = manager(wire)
        log = profile(hes, STANDARD_LOG)
        rows = [list(row) for row in log.buffer]
        edge = len(before)
        assert [row[2:] for row in rows[:edge]] == [row[2:] for row in before]
        assert all(abs(seconds(new) - seconds(old)) <= 30 for new, old in zip(rows[:edge], before, strict=True))
        assert [row[1] for row in rows[:edge]] == [0] * edge and rows[edge][3] == events.GATEWAY_UP
        numbers = [row[7] for row in rows]
        assert numbers == sorted(set(numbers)) and numbers[edge] - numbers[edge - 1] > 1
        assert hes.get(7, STANDARD_LOG, 7) == len(rows)
        over = selected(hes, log, lambda client: client.readRowsByEntry(log, edge, 2))
        assert [row[2:] for row in over] == [row[2:] for row in rows[edge - 1:edge + 1]]
        now, day = datetime.datetime.now(), datetime.timedelta(days=1)
        assert len(selected(hes, log, lambda client: client.readRowsByRange(log, now - day, now + day))) == len(rows)
        assert selected(hes, log, lambda client: client.readRowsByRange(log, now + day, now + 2 * day)) == []
        assert events.OWN_SET in [row[3] for row in profile(hes, SECURITY_LOG).buffer]
        hes.release()


def is_later(stack, uptime):
    """The gateway's console has got there; a connection makes it say something, but not for every one of many."""
    time.sleep(0.5)
    with stack.wire():
        records = [parse(text) for text in stack.console.lines[-20:]]
    return any(record is not None and float(record.uptime) >= uptime for record in records)


def is_served(stack):
    """A client with keys gets in: the counter is known again."""
    try:
        with stack.wire(5) as wire:
            manager(wire).release()
    except HesError:
        return False
    return True


def test_a_log_that_was_reset_is_not_back_after_sigkill_and_the_reset_is_told(stack):
    with stack.wire() as wire:
        hes = manager(wire)
        hes.action(7, STANDARD_LOG, 1)
        stack.until(lambda: events.LOG_CLEARED in stack.kept_events(), 30, "the reset on flash")
    kill_gateway(stack)
    stack.until(lambda: is_served(stack), 30, "SAP 1 after the restart")
    with stack.wire() as wire:
        hes = manager(wire)
        assert events.SETTING_CHANGED not in [row[3] for row in profile(hes, STANDARD_LOG).buffer]
        assert events.LOG_CLEARED in [row[3] for row in profile(hes, SECURITY_LOG).buffer]
        hes.release()
    assert stack.complaints() == []
