# SPDX-License-Identifier: MIT
"""Console parsing, configuration, command line and the child process of a real-time run."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sim import cli, console, gateway_config, runner
from tools.sim.gateway_process import GatewayProcess, ProcessError, command

PATIENCE_S = 120  # only a test that hangs waits so long
UP = "3.2 INFO node-up sap=0x0010 title=4d4d4d0000000001 mac=0x001"


# --- console ---

def test_a_console_line_is_parsed_and_other_output_is_not_a_record():
    record = console.parse(UP)
    assert (record.level, record.name, record.fields["sap"]) == ("INFO", "node-up", "0x0010")
    for text in ("Traceback (most recent call last):", "", "a b c", "1 NOISE x"):
        assert console.parse(text) is None


def test_the_sap_table_follows_the_events():
    table = console.SapTable()
    for text in (UP, "1 INFO gateway-up wan=127.0.0.1:4059", "4 WARN node-lost sap=0x0010 title=4D4D4D0000000001"):
        table.take(console.parse(text))
    assert table.is_up
    assert table.rows["4D4D4D0000000001"].state == "lost"
    assert table.node_of_sap(0x10) == "4D4D4D0000000001"
    table.take(console.parse("5 INFO node-back sap=0x0010 title=4D4D4D0000000001"))
    assert table.online_cnt() == 1
    assert "0x0010  4D4D4D0000000001  online" in table.text()


# --- configuration ---

def test_the_users_configuration_is_merged_over_the_simulators(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"sfsk": {"think_ms": 5}, "wan": {"sessions": 2}}')
    merged = gateway_config.merge(gateway_config.simulator_defaults(4059, 20, 10, 8), gateway_config.load(path))
    assert merged["sfsk"] == {"time_scale": 20, "uart_widen": 10, "title_len": 8, "think_ms": 5}
    assert merged["wan"] == {"address": "127.0.0.1", "port": 4059, "sessions": 2}


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_a_broken_configuration_file_is_named(tmp_path, text):
    path = tmp_path / "c.json"
    if text is not None:
        path.write_text(text)
    assert runner.main(["--config", str(path)]) == 2


# --- command line ---

def test_meters_default_to_eight_or_to_none_beside_tcp_meters():
    assert cli.parse([]).meters == 8
    options = cli.parse(["--meter", "4D4D4D0000000001@127.0.0.1:4061"])
    assert options.meters == 0
    assert (options.meter[0].host, options.meter[0].port) == ("127.0.0.1", 4061)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--medium", "g3", "--meter", "4D4D4D000001@h:1"],
        ["--medium", "g3", "--dialect", "X"],
        ["--meter", "4D@127.0.0.1:1"],
        ["--meter", "4D4D4D0000000001"],
        ["--meter", "4D4D4D0000000001@h:1", "--meter", "4D4D4D0000000001@h:2"],
        ["--meter", "4D4D4D0000000001@h:1", "--meter", "4D4D4D000001@h:2"],
        ["--meters", "2", "--meter", "53494D0000000002@h:1"],
        ["--meters", "abc"],
        ["--loss", "1.1"],
        ["--meters", "0"],
        ["--meters", "4000"],
        ["--depth", "8"],
        ["--time-scale", "-1"],
        ["--widen", "0"],
        ["--wan-port", "70000"],
    ],
)
def test_bad_options_end_with_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.parse(arguments)
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err


def test_options_reach_the_segment():
    options = cli.segment_options(cli.parse(["--loss", "0.2", "--seed", "9", "--time-scale", "0", "--think-ms", "7"]))
    assert (options.line.loss, options.line.seed, options.line.time_scale) == (0.2, 9, 0)
    assert options.node.think_us == 7000
    assert options.chip.rx_queue > 1000


# --- ports ---

def test_a_reserved_port_is_nobodys_and_a_listener_may_have_it_again_and_again():
    with runner.reserved_port() as holder:
        address = holder.getsockname()
        for _ in range(2):
            with socket.create_server(address) as server, socket.create_connection(address):
                server.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(address)


# --- child process ---

def child(code: str, tmp_path: Path) -> GatewayProcess:
    return GatewayProcess([sys.executable, "-c", code], 1, tmp_path)


def test_a_missing_interpreter_is_explained(monkeypatch):
    monkeypatch.setenv("GW_MICROPYTHON", "/nowhere/micropython")
    with pytest.raises(ProcessError, match="cpython"):
        command("micropython", "2m")
    assert command("cpython", "0")[0] == sys.executable


def test_the_child_gets_its_environment_is_read_and_ends_on_stop(tmp_path):
    code = "import os,time\nprint(os.environ['GW_UART'], os.environ['GW_STATE'], flush=True)\ntime.sleep(600)"

    async def scenario():
        process, line = child(code, tmp_path), asyncio.get_running_loop().create_future()
        process.on_line = line.set_result
        task = asyncio.create_task(process.run())
        text = await asyncio.wait_for(line, PATIENCE_S)
        pid = process.pid
        await process.stop()
        await asyncio.wait_for(task, PATIENCE_S)
        return text, pid

    text, pid = asyncio.run(scenario())
    assert text == "127.0.0.1:1 %s" % tmp_path
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.sim.gateway_process._STOP_TIMEOUT_S", 0.1)
    code = "import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(600)"

    async def scenario():
        process, line = child(code, tmp_path), asyncio.get_running_loop().create_future()
        process.on_line = line.set_result
        task = asyncio.create_task(process.run())
        await asyncio.wait_for(line, PATIENCE_S)
        pid = process.pid
        await process.stop()
        await asyncio.wait_for(task, PATIENCE_S)
        return pid

    pid = asyncio.run(scenario())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.fixture
def always_quick(monkeypatch):
    """A death is a quick one however slow this PC is."""
    monkeypatch.setattr("tools.sim.gateway_process._QUICK_DEATH_S", PATIENCE_S)


def test_a_child_that_keeps_dying_is_reported_with_its_last_lines(tmp_path, always_quick):
    deaths = []
    process = child("print('boom'); raise SystemExit(5)", tmp_path)
    process.on_death = deaths.append
    with pytest.raises(ProcessError, match="ended with 5") as caught:
        asyncio.run(asyncio.wait_for(process.run(), PATIENCE_S))
    assert "boom" in str(caught.value)
    assert (process.starts_cnt, len(deaths)) == (3, 2)


def test_a_reset_of_the_firmware_on_cpython_ends_the_child_and_its_cause_is_told_to_the_next(tmp_path, always_quick):
    (tmp_path / "main.py").write_text("import machine\nprint('cause', machine.reset_cause())\nmachine.reset()\n")
    lines, prepared = [], []
    process = GatewayProcess([sys.executable, "-m", "host_tests.run_firmware", str(tmp_path / "main.py")], 1, tmp_path)
    process.on_line, process.before_start = lines.append, lambda: prepared.append(len(lines))
    with pytest.raises(ProcessError, match="3 times within .* the gateway reset itself, its last lines:\n.*cause 2"):
        asyncio.run(asyncio.wait_for(process.run(), PATIENCE_S))
    assert lines == ["cause 1", "cause 2", "cause 2"] and prepared == [0, 1, 2]


@pytest.mark.parametrize(("code", "said"), [
    (66, "the gateway restarts, as it was asked to: 40 NOTICE restart cause=1"),
    (3, "the gateway restarts, as it was asked to: 40 NOTICE restart cause=1"),
    (5, "the gateway process ended with 5, its last lines:\n    40 NOTICE restart cause=1\n    41 NOTICE modem-down"),
])
def test_a_restart_that_was_asked_for_is_told_in_words(tmp_path, always_quick, code, said):
    deaths = []
    print_all = "print('40 NOTICE restart cause=1')\nprint('41 NOTICE modem-down')\nraise SystemExit(%d)" % code
    process = child(print_all, tmp_path)
    process.on_death = deaths.append
    with pytest.raises(ProcessError):
        asyncio.run(asyncio.wait_for(process.run(), PATIENCE_S))
    assert deaths == [said] * 2


@pytest.mark.parametrize(("code", "what"), [(66, "reset itself"), (67, "was reset by its watchdog")])
def test_a_reset_that_nobody_asked_for_is_told_with_the_last_lines(tmp_path, always_quick, code, what):
    process = child("print('41 ERROR task-died task=1 cause=2')\nraise SystemExit(%d)" % code, tmp_path)
    with pytest.raises(ProcessError, match="the gateway %s, its last lines:\n    41 ERROR task-died" % what):
        asyncio.run(asyncio.wait_for(process.run(), PATIENCE_S))


def test_settings_a_gateway_refuses_are_told_in_its_words_and_nothing_starts(tmp_path, capsys):
    path = tmp_path / "bad.json"
    path.write_text('{"wan": {"prt": 1}, "gateway": {"nodes": 0}}')
    state = tmp_path / "state"
    started = ["--config", str(path), "--state-dir", str(state), "--wan-port", "0", "--meters", "1"]
    assert runner.main(started) == 1
    said = capsys.readouterr().err
    assert "wan.prt: no such setting" in said and "gateway.nodes: must be" in said and str(path) in said
    assert list(state.iterdir()) == []


def test_sigterm_ends_a_run_and_everything_it_started(tmp_path):
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\necho $$ > %s\nexec sleep 600\n" % (tmp_path / "pid"))
    fake.chmod(0o755)
    environment = dict(os.environ, GW_MICROPYTHON=str(fake))
    arguments = [sys.executable, "-m", "tools.sim", "--wan-port", "0", "--control", "0", "--meters", "1"]
    arguments += ["--state-dir", str(tmp_path / "state")]
    run = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout.readline().startswith("control 127.0.0.1:")
        port_file = tmp_path / "pid"
        while not (port_file.exists() and port_file.read_text().strip()):
            assert run.poll() is None
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE_S) == 0
    finally:
        run.kill()
        run.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(port_file.read_text()), 0)
    written = json.loads((tmp_path / "state" / "config.json").read_text())
    assert written["wan"]["address"] == "127.0.0.1"


def test_a_segment_without_gateway_offers_its_uart():
    arguments = [sys.executable, "-m", "tools.sim", "--no-gateway", "--meters", "1"]
    run = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        port = int(run.stdout.readline().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as host:
            host.sendall(bytes.fromhex("FFFA2C050BFFF0"))
            status = b""
            while len(status) < 4:
                status += host.recv(4)
        assert status == bytes.fromhex("3F020015")
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE_S) == 0
    finally:
        run.kill()
        run.stdout.close()
