# SPDX-License-Identifier: MIT
"""The harness itself: whatever goes wrong, nothing keeps running and the reader sees why."""

import os
import signal

import pytest

from host_tests.e2e.stack import Stack, StackError, processes_naming, until
from tools.sim.meter import Meter

TITLE = bytes.fromhex("4D4D4D0000000051")


def test_after_a_test_that_fails_nothing_is_left_running():
    with pytest.raises(ZeroDivisionError), Stack([Meter(TITLE)]) as stack:
        directory = str(stack.directory)
        assert len(processes_naming(directory)) >= 2
        raise ZeroDivisionError
    assert processes_naming(directory) == []
    assert not stack.directory.exists()


def test_a_gateway_whose_simulator_was_killed_is_ended_too():
    with Stack([Meter(TITLE)]) as stack:
        stack.is_broken = True
        assert stack.gateway_pid in processes_naming(str(stack.directory))
        os.kill(stack.simulator_pid, signal.SIGKILL)
    assert processes_naming(str(stack.directory)) == []


def test_a_chain_that_does_not_come_up_is_ended_and_its_last_lines_are_shown():
    class Impatient(Stack):
        """Waits for READY no longer than until the gateway is up."""

        def until(self, condition, timeout_s, what):
            super().until(lambda: self.console.records("gateway-up"), timeout_s, "gateway-up")
            return super().until(condition, 0, what)

    broken = Impatient([Meter(TITLE)], options={"--loss": "1"})
    with pytest.raises(StackError, match="READY(.|\n)*gateway-up"):
        broken.__enter__()
    assert processes_naming(str(broken.directory)) == []


def test_a_simulator_that_ends_at_once_is_reported():
    with pytest.raises(StackError, match="ended with 2(.|\n)*error: --widen"):
        Stack([Meter(TITLE)], options={"--widen": "0"}).__enter__()


def test_waiting_for_what_never_comes_says_what_it_was():
    with pytest.raises(StackError, match="a miracle"):
        until(lambda: False, 0.01, "a miracle")
