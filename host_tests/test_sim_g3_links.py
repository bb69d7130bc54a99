# SPDX-License-Identifier: MIT
"""The G3 segment behind the command line, the UART's TCP port, the control socket and the trace file."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from host_tests.sim_g3_driver import PAN, Host, frame, ready, unframe
from tools.sim import cli, com_port, gateway_config, worlds
from tools.sim.g3 import ipv6
from tools.sim.g3.control import G3Control
from tools.sim.g3.options import G3LineOptions, G3Options
from tools.sim.g3.segment import G3Segment
from tools.sim.g3.trace import G3Trace
from tools.sim.kernel import Kernel
from tools.sim.realtime import RealTime
from tools.sim.tcp_meter import TcpServer
from tools.sim.uart_link import UartLink

EUI = "53494D0000000001"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))  # only a test that hangs waits so long


# --- command line ---

def test_options_reach_the_g3_segment():
    text = "--medium g3 --loss 0.2 --seed 9 --time-scale 0 --dialect L --band fcc --usi-buffer 4096 --think-ms 7"
    options = cli.g3_options(cli.parse(text.split()))
    assert (options.line.loss, options.line.seed, options.line.time_scale, options.line.band) == (0.2, 9, 0, "fcc")
    assert (options.modem.dialect, options.modem.usi_buffer, options.node.think_us) == ("L", 4096, 7000)


def test_a_run_has_built_in_and_tcp_meters_at_the_depths_asked_for():
    async def scenario():
        arguments = "--medium g3 --meters 3 --depth 1 --meter 4D4D4D0000000001@127.0.0.1:4061".split()
        return worlds.build_segment(cli.parse(arguments), RealTime(Kernel()))

    segment = run(scenario())
    assert isinstance(segment, G3Segment)
    assert [node.hops for node in segment.nodes.values()] == [1, 2, 1, 2]
    assert isinstance(segment.nodes[bytes.fromhex("4D4D4D0000000001")].server, TcpServer)


def test_the_gateway_is_told_the_medium_and_the_psks(tmp_path):
    options = cli.parse("--medium g3 --meters 2".split())
    segment = G3Segment(G3Options(meters=2))
    expected = gateway_config.g3_defaults(4059, 20, 10, "H", "file")
    for band, number in (("cen-a", 0), ("fcc", 2)):  # G.9903: a modem refuses to start on another band than its own
        options.band, expected["g3"]["band"] = band, number
        assert worlds.gateway_defaults(options, 4059) == expected
    worlds.write_psks(options, segment, tmp_path)
    assert json.loads((tmp_path / "psk.json").read_text()) == segment.psks()
    assert set(segment.psks()) == {EUI, "53494D0000000002"}
    (tmp_path / "psk.json").unlink()
    worlds.write_psks(cli.parse("--medium g3 --psk control".split()), segment, tmp_path)
    assert not (tmp_path / "psk.json").exists()


def test_psks_depend_on_seed_and_device():
    one, other = G3Segment(G3Options(meters=2)), G3Segment(G3Options(meters=2, line=G3LineOptions(seed=2)))
    assert len(set(one.psks().values()) | set(other.psks().values())) == 4


def test_a_g3_segment_without_gateway_offers_its_uart(tmp_path):
    arguments = [sys.executable, "-m", "tools.sim", "--medium", "g3", "--no-gateway", "--meters", "1"]
    process = subprocess.Popen([*arguments, "--state-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as host:
            host.sendall(com_port.escape(frame(bytes.fromhex("0A0001"))))
            answer = b""
            while len(answer) < 9:
                answer += host.recv(64)
        assert unframe(answer) == bytes.fromhex("00000A")
        assert list(json.loads((tmp_path / "psk.json").read_text())) == [EUI]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.stdout.close()


# --- UART link ---

def test_the_reset_line_reaches_the_modem_and_a_repeated_level_is_no_edge():
    async def scenario():
        driver = RealTime(Kernel())
        segment = G3Segment(kernel=driver.kernel)
        link = UartLink(driver, segment.chip)
        await link.start()
        driver.start()
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        for control in (com_port.DTR_ON, com_port.RTS_ON, com_port.DTR_OFF, com_port.DTR_OFF, com_port.DTR_ON):
            writer.write(bytes((0xFF, 0xFA, 0x2C, 5, control, 0xFF, 0xF0)))
        writer.close()
        while link._writer is not None or not segment.chip.resets_cnt:
            await asyncio.sleep(0)
        driver.stop()
        link.close()
        return segment.chip.resets_cnt

    assert run(scenario()) == 2  # held, released


# --- control ---

def ask(segment, *commands):
    """Answers of the control socket's command lines."""

    async def scenario():
        driver = RealTime(segment.kernel)
        control = G3Control(driver, segment, lambda: {"ready": True})
        answers = [control.run_line(json.dumps(command).encode()) for command in commands]
        driver.stop()
        return answers

    return run(scenario())


def test_control_gives_psks_of_one_or_all_and_never_a_rogues():
    segment = G3Segment(G3Options(meters=2))
    rogue = "BB00000000000002"
    one, every, _, refused = ask(
        segment,
        {"cmd": "psk", "node": EUI},
        {"cmd": "psk"},
        {"cmd": "rogue", "node": rogue},
        {"cmd": "psk", "node": rogue},
    )
    assert one["psk"] == {EUI: segment.psks()[EUI]} and every["psk"] == segment.psks()
    assert bytes.fromhex(rogue) in segment.nodes and not refused["ok"]


def test_control_helps_with_g3s_own_commands_and_names_what_is_missing():
    commands = [{"cmd": "help"}, {"cmd": "foreign_pan"}, {"cmd": "wrong_psk", "node": EUI}]
    answers = ask(G3Segment(G3Options(meters=1)), *commands)
    told = answers[0]["commands"]
    assert {"psk", "leave", "pan_conflict", "foreign_pan", "modem_swap", "rogue", "wrong_psk", "replay_lbp"} < set(told)
    assert list(told["wrong_psk"]) == ["node", "psk"] and "mute" in told
    assert set(told["faults"]) == {"loss", "dup", "delay_ms"}
    assert answers[1]["error"].startswith("foreign_pan needs pan")
    assert answers[2]["error"].startswith("wrong_psk needs psk")


def test_control_has_the_commands_of_every_medium_and_of_g3():
    host = ready(G3Options(meters=1, line=G3LineOptions(time_scale=0)))
    host.run_until_joined(1, 60)
    host.run(1)
    segment = host.segment
    on_node = [{"cmd": name, "node": EUI} for name in ("mute", "unmute", "replay_lbp", "leave")]
    others = [{"cmd": name} for name in ("pan_conflict", "modem_silent", "modem_swap", "modem_reset")]
    others += [{"cmd": "foreign_pan", "pan": "1234", "lqi": 50}, {"cmd": "wrong_psk", "node": EUI, "psk": "00" * 16}]
    others += [{"cmd": "faults", "loss": 0.5}, {"cmd": "push", "node": EUI, "apdu": "0F00"}]
    answers = ask(segment, *on_node, *others)
    assert [answer["ok"] for answer in answers] == [True] * len(answers), answers
    assert segment.line.options.loss == 0.5 and segment.chip.mac.foreign_pans == {0x1234: 50}
    assert segment.chip.faults.silent and segment.nodes[bytes.fromhex(EUI)].psk == bytes(16)


def test_control_refuses_what_makes_no_sense():
    segment = G3Segment(G3Options(meters=1))
    bad = [{"cmd": "leave", "node": EUI}, {"cmd": "replay_lbp"}, {"cmd": "rogue", "node": "12"}]
    bad += [{"cmd": "faults", "capture": 0.5}, {"cmd": "push", "node": EUI, "apdu": "0F00"}]
    bad += [{"cmd": "wrong_psk", "node": EUI, "psk": "zz"}, {"cmd": "rogue", "node": EUI}]
    assert not any(answer["ok"] for answer in ask(segment, *bad))


def test_control_removes_adds_and_counts():
    segment = G3Segment(G3Options(meters=1))
    removed, added, stats = ask(
        segment, {"cmd": "remove", "node": EUI}, {"cmd": "add", "node": EUI}, {"cmd": "stats"}
    )
    assert removed["ok"] and added["ok"] and stats["ready"]
    assert stats["nodes"][EUI]["mac"] == 0xFFFF and stats["nodes"][EUI]["on_line"]
    assert stats["chip"]["started"] is False and "options" in stats["line"]


# --- trace ---

def test_the_trace_shows_an_exchange_on_uart_line_and_meter(tmp_path):
    host = ready(G3Options(meters=1))
    trace = G3Trace(tmp_path / "trace")
    trace.watch_g3(host.segment)
    host.run_until_joined(1, 60)
    host.run(1)
    vectors = json.loads((Path(__file__).parent / "vectors" / "sim_g3.json").read_text())["usi"]
    name = next(name for name in vectors if name.startswith("DATA_REQUEST handle 1"))
    host.chip.host_write(bytes.fromhex(vectors[name]))
    host.wait(0x1F)
    trace.close()
    entries = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    line = [(e["dir"], e["node"], e["sap"], e["hex"]) for e in entries if e["at"] == "line"]
    get = "C001C100080000010000FF0200"
    assert line[0] == ("up", EUI, 0, "1000" + EUI)
    assert line[-2:] == [("down", EUI, 1, get), ("up", EUI, 1, "C4" + get[2:])]
    meter = [(e["dir"], e["sap"], e["client"], e["hex"]) for e in entries if e["at"] == "meter"]
    assert meter == [("down", 1, 1, get), ("up", 1, 1, "C4" + get[2:])]
    assert any(e["at"] == "uart" and e["hex"] == vectors[name] for e in entries)


def test_a_built_in_meter_answers_over_the_segment():
    async def scenario():
        options = cli.parse("--medium g3 --meters 1 --time-scale 0".split())
        return worlds.build_segment(options, RealTime(Kernel()))

    host = Host(run(scenario()))
    host.set_up()
    host.run_until_joined(1, 60)
    host.run(1)
    here, there = ipv6.link_local(PAN, 0), ipv6.link_local(PAN, 1)
    aarq = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400001E1DFFFF")
    octets = ipv6.udp(here, there, (4059, 4059), ipv6.wrap(16, 1, aarq))
    host.send(b"\x0b\x01\x01\x00" + len(octets).to_bytes(2, "big") + octets)
    datagram = ipv6.parse_udp(ipv6.parse(host.wait(0x1F)[3:]))
    assert ipv6.unwrap(datagram.content)[:2] == (1, 16)
    assert ipv6.unwrap(datagram.content)[2][0] == 0x61  # AARE
