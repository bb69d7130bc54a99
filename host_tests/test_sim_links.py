# SPDX-License-Identifier: MIT
"""The simulator's sockets: in-band lines of the UART, TCP meters, WAN relay, control; on loopback, without sleeping."""

import asyncio
import json

import pytest

from tools.hes.options import parse as hes_options
from tools.sim import com_port
from tools.sim.control import Control
from tools.sim.kernel import Kernel
from tools.sim.meter.__main__ import parse as meter_options
from tools.sim.options import ChipOptions, LineOptions, SegmentOptions
from tools.sim.realtime import RealTime
from tools.sim.segment import Segment, meter_title
from tools.sim.tcp_meter import TcpServer, wants_answer
from tools.sim.trace import Trace
from tools.sim.uart_link import UartLink
from tools.sim.wan_relay import WanRelay
from tools.sim.wpdu import WpduError, WpduReader, build

SET_CONTROL = "FFFA2C05%02XFFF0"
TITLE = "53494D0000000001"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))  # only a test that hangs waits so long


# --- in-band control ---

STREAM = bytes.fromhex("0203" + SET_CONTROL % 11 + "FFFF24" + SET_CONTROL % 12 + "FFFB01" + "FFFA2C0701FFF0" + "00")
ITEMS = [b"\x02\x03", 11, b"\xff\x24", 12, b"\x00"]


def joined(items):
    """Neighbouring data joined, so that splits do not show."""
    out = []
    for item in items:
        if isinstance(item, bytes) and out and isinstance(out[-1], bytes):
            out[-1] += item
        else:
            out.append(item)
    return out


@pytest.mark.parametrize("step", [1, 2, 3, 5, 100])
def test_data_and_lines_are_separated_at_any_split(step):
    reader = com_port.ComPortReader()
    items = []
    for start in range(0, len(STREAM), step):
        items += reader.feed(STREAM[start : start + step])
    assert joined(items) == ITEMS


def test_escaping_doubles_ff():
    assert com_port.escape(b"\x02\xff\x00\xff") == b"\x02\xff\xff\x00\xff\xff"


# --- UART link ---

def test_the_chip_answers_t_req_over_tcp_and_is_released_when_the_host_goes():
    async def scenario():
        driver = RealTime(Kernel())
        segment = Segment(SegmentOptions(chip=ChipOptions(chunk=0)), kernel=driver.kernel)
        link = UartLink(driver, segment.chip)
        await link.start()
        driver.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(bytes.fromhex(SET_CONTROL % 8 + SET_CONTROL % 6 + SET_CONTROL % 11))
        status = await reader.readexactly(4)
        resets = segment.chip.resets_cnt
        writer.write(bytes.fromhex(SET_CONTROL % 9))
        writer.write(bytes.fromhex(SET_CONTROL % 8))
        writer.close()
        while link._writer is not None:
            await asyncio.sleep(0)
        driver.stop()
        link.close()
        return status, resets, segment.chip.resets_cnt

    status, before, after = run(scenario())
    assert status == bytes.fromhex("3F020015")
    assert (before, after) == (1, 2)


# --- WPDU ---

def test_wpdus_are_cut_at_any_split_and_a_wrong_version_ends_it():
    stream = build(16, 1, b"abc") + build(1, 16, b"") + build(2, 3, bytes(300))
    reader, found = WpduReader(), []
    for octet in stream:
        found += reader.feed(bytes((octet,)))
    assert found == [(16, 1, b"abc"), (1, 16, b""), (2, 3, bytes(300))]
    with pytest.raises(WpduError):
        reader.feed(bytes.fromhex("0002001000010000"))


# --- TCP meter ---

@pytest.mark.parametrize(
    ("apdu", "expected"),
    [("C001C1", True), ("E041", True), ("E0C100", False), ("E08100", True), ("C10101", False), ("C10141", True)],
)
def test_what_a_server_takes_in_silence(apdu, expected):
    assert wants_answer(bytes.fromhex(apdu)) is expected


class Peer:
    """A DLMS server on TCP that notes requests and answers as scripted."""

    def __init__(self):
        self.seen, self.connections, self.writers = [], 0, []
        self.news = asyncio.Event()

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        wpdus = WpduReader()
        while octets := await reader.read(1000):
            for source, dest, apdu in wpdus.feed(octets):
                self.seen.append((source, dest, apdu))
                writer.write(build(dest, source, b"\xc4" + apdu[1:]))
                self.news.set()


def test_a_tcp_meter_keeps_one_connection_per_client_and_reconnects():
    async def scenario():
        peer = Peer()
        port = await peer.start()
        driver = RealTime(Kernel())
        server = TcpServer(driver, "127.0.0.1", port)
        answers: asyncio.Queue = asyncio.Queue()
        server.request(16, 1, b"\xc0one", answers.put_nowait)
        assert await answers.get() == b"\xc4one"
        server.request(16, 1, b"\xc0two", answers.put_nowait)
        assert await answers.get() == b"\xc4two"
        server.request(1, 1, b"\xc0three", answers.put_nowait)
        assert await answers.get() == b"\xc4three"
        before = peer.connections
        peer.writers[0].close()
        assert await answers.get() is None
        server.request(16, 1, b"\xc0four", answers.put_nowait)
        assert await answers.get() == b"\xc4four"
        server.close()
        peer.server.close()
        return before, peer.connections, peer.seen

    before, after, seen = run(scenario())
    assert (before, after) == (2, 3)
    assert seen[2] == (1, 1, b"\xc0three")


def test_a_tcp_meter_that_is_not_there_answers_nothing_and_is_tried_again():
    async def scenario():
        server = TcpServer(RealTime(Kernel()), "127.0.0.1", 1)
        answers: asyncio.Queue = asyncio.Queue()
        for _ in range(2):
            server.request(16, 1, b"\xc0", answers.put_nowait)
            assert await answers.get() is None
        return server

    server = run(scenario())
    assert server.counters["connection_errors"] == 2
    assert server.last_error


def test_what_a_tcp_meter_sends_unasked_becomes_a_push():
    async def scenario():
        peer = Peer()
        server = TcpServer(RealTime(Kernel()), "127.0.0.1", await peer.start())
        pushes: asyncio.Queue = asyncio.Queue()
        server.on_push = lambda *push: pushes.put_nowait(push)
        server.request(16, 1, b"\xc0", lambda answer: None)
        await peer.news.wait()
        peer.writers[0].write(build(1, 0x67, b"\x0f\x01"))
        push = await pushes.get()
        server.close()
        peer.server.close()
        return push

    assert run(scenario()) == (0x67, 1, b"\x0f\x01")


# --- WAN relay and trace ---

def test_the_relay_passes_octets_and_traces_wpdus(tmp_path):
    async def scenario():
        peer = Peer()
        trace = Trace(tmp_path / "trace")
        relay = WanRelay(trace, await peer.start(), lambda sap: TITLE if sap == 0x10 else "")
        port = await relay.start(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(build(1, 0x10, b"\xc0\x01"))
        wpdu = await reader.readexactly(10)
        writer.close()
        relay.close()
        peer.server.close()
        trace.close()
        return wpdu

    assert run(scenario()) == build(0x10, 1, b"\xc4\x01")
    down, up = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    assert (down["at"], down["dir"], down["node"], down["sap"], down["client"]) == ("wan", "down", TITLE, 0x10, 1)
    assert (up["dir"], up["sap"], up["hex"]) == ("up", 0x10, "C401")


def test_octets_that_are_no_wpdus_still_pass(tmp_path):
    async def scenario():
        got = asyncio.Queue()

        async def serve(reader, writer):
            got.put_nowait(await reader.readexactly(12))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        relay = WanRelay(Trace(tmp_path / "trace"), server.sockets[0].getsockname()[1], lambda sap: "")
        _, writer = await asyncio.open_connection("127.0.0.1", await relay.start(0))
        writer.write(b"GET / HTTP/1")
        octets = await got.get()
        relay.close()
        server.close()
        return octets

    assert run(scenario()) == b"GET / HTTP/1"
    assert (tmp_path / "trace").read_text() == ""


def test_the_trace_shows_an_exchange_on_uart_line_and_meter(tmp_path):
    from host_tests.sim_driver import ready

    host = ready(SegmentOptions(meters=1))
    trace = Trace(tmp_path / "trace")
    trace.watch(host.segment)
    node = host.segment.nodes[meter_title(1)]
    node.register(bytes(8), 0xC00, 1)
    host.send(1, bytes.fromhex("900110C001C100"))
    host.wait((0x50,))
    host.send(1, b"\x90\x00\x01\x19" + node.title)
    host.wait((0x50,))
    trace.close()
    entries = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    line = [(e["dir"], e["node"], e["sap"], e["hex"]) for e in entries if e["at"] == "line"]
    assert line == [
        ("down", TITLE, 1, "C001C100"),
        ("up", TITLE, 1, "C401C100"),
        ("down", TITLE, 0, "19" + TITLE),
        ("up", TITLE, 0, "1A" + TITLE),
    ]
    meter = [(e["dir"], e["sap"], e["client"], e["hex"]) for e in entries if e["at"] == "meter"]
    assert meter == [("down", 1, 16, "C001C100"), ("up", 1, 16, "C401C100")]
    uart = [e["hex"] for e in entries if e["at"] == "uart" and e["dir"] == "down"]
    assert any(frame.startswith("020F5100C00001") for frame in uart)


# --- control ---

def ask(commands, segment=None):
    """Answers to command lines sent over the socket."""

    async def scenario():
        driver = RealTime(Kernel())
        built = segment or Segment(SegmentOptions(meters=2), kernel=driver.kernel)
        control = Control(driver, built, lambda: {"ready": True})
        await control.start(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
        answers = []
        for command in commands:
            octets = command if isinstance(command, bytes) else json.dumps(command).encode()
            writer.write(octets + b"\n")
            answers.append(json.loads(await reader.readline()))
        writer.close()
        control.close()
        return answers, built

    return run(scenario())


def test_control_mutes_removes_and_adds_nodes():
    names = ["mute", "unmute", "remove", "add"]
    answers, segment = ask([{"cmd": name, "node": TITLE} for name in names] + [{"cmd": "mute", "node": TITLE}])
    assert all(answer["ok"] for answer in answers)
    node = segment.nodes[bytes.fromhex(TITLE)]
    assert (node.is_muted, node in segment.line.nodes) == (True, True)


def test_control_resets_and_silences_the_modem():
    answers, segment = ask([{"cmd": "modem_reset"}, {"cmd": "modem_silent"}])
    assert all(answer["ok"] for answer in answers)
    assert (segment.chip.resets_cnt, segment.chip.faults.silent) == (2, True)
    answers, segment = ask([{"cmd": "modem_silent"}, {"cmd": "modem_silent", "on": False}])
    assert not segment.chip.faults.silent


def test_control_changes_the_lines_faults_at_run_time():
    answers, segment = ask([{"cmd": "faults", "loss": 0.2, "delay_ms": 30}, {"cmd": "faults", "loss": 2, "dup": 1}])
    assert (answers[0]["loss"], answers[0]["delay_ms"]) == (0.2, 30)
    assert not answers[1]["ok"]
    assert (segment.line.options.loss, segment.line.options.dup) == (0.2, 0)


def test_control_pushes_for_a_registered_node():
    segment = Segment(SegmentOptions(meters=1, line=LineOptions()))
    push = {"cmd": "push", "node": TITLE, "apdu": "0F00"}
    assert not ask([push], segment)[0][0]["ok"]
    node = segment.nodes[bytes.fromhex(TITLE)]
    node.register(bytes(8), 0xC00, 1)
    assert ask([push], segment)[0][0] == {"ok": True}
    assert node.counters["pushes"] == 1


def test_control_reports_statistics():
    stats = ask([{"cmd": "stats"}])[0][0]
    assert stats["ok"]
    assert stats["ready"]
    assert stats["nodes"][TITLE]["mac"] == 0xFFE
    assert stats["line"]["frames"] == 0


def test_control_helps_with_every_command_and_its_arguments():
    told = ask([{"cmd": "help"}])[0][0]["commands"]
    assert sorted(told) == ["add", "faults", "help", "modem_reset", "modem_silent", "mute", "push", "remove", "stats",
                            "unmute"]
    assert list(told["push"]) == ["node", "apdu", "client_sap", "server_sap"] and told["stats"] == {}
    assert set(told["faults"]) == {"loss", "dup", "delay_ms", "capture", "corrupt_share"}
    assert told["push"]["client_sap"].startswith("optional") and not told["push"]["apdu"].startswith("optional")


def test_control_names_an_argument_that_is_missing():
    commands = [{"cmd": "mute"}, {"cmd": "push"}, {"cmd": "push", "node": TITLE}]
    errors = [answer["error"] for answer in ask(commands)[0]]
    assert errors[0].startswith("mute needs node: ") and errors[1].startswith("push needs node: ")
    assert errors[2] == "push needs apdu: hex"


def test_a_meter_and_a_listener_started_without_a_port_do_not_meet():
    assert meter_options([]).port != hes_options(["listen"]).port


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"",
        b"[]",
        b'{"cmd": 5}',
        b'{"cmd": "explode"}',
        b'{"cmd": "mute"}',
        b'{"cmd": "mute", "node": "zz"}',
        b'{"cmd": "add", "node": "53494D0000000001"}',
        b'{"cmd": "push", "node": "53494D0000000001", "apdu": "0g"}',
        b'{"cmd": "push", "node": "53494D0000000001"}',
        b'{"cmd": "modem_silent", "on": 1}',
        b'{"cmd": "faults", "weather": 1}',
        b"\xff\xfe",
    ],
)
def test_bad_control_input_gets_an_error_and_the_connection_lives_on(line):
    answers, _ = ask([line, {"cmd": "stats"}])
    assert answers[0]["ok"] is False
    assert answers[0]["error"]
    assert answers[1]["ok"] is True
