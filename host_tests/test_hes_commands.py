# SPDX-License-Identifier: MIT
"""The head-end for people: what it prints and how it ends, against meters behind a small stand-in of a gateway."""

import os
import socket
import threading

import pytest

from tools.hes import command, options, reading
from tools.hes.errors import HesError, WireTimeout
from tools.hes.session import Session, connect
from tools.hes.wire import Wire
from tools.sim.meter import Meter, axdr
from tools.sim.meter.objects import CosemObject, obis
from tools.sim.meter.server import MeterServer

TITLES = [bytes.fromhex("4D4D4D0000000001"), bytes.fromhex("4D4D4D0000000002")]
SAPS = {0x10: TITLES[0], 0x11: TITLES[1]}
GATEWAY_LDN = b"GWY-0000-0000-01"
REFUSAL = bytes.fromhex("d80101")
PATIENCE_S = 60  # nobody waits so long but for a test that hangs
SHORT_S = 0.2  # for what never comes


def now():
    return 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


class StandIn:
    """SAP 1 lists the meters; the other SAPs are those meters' management devices. Shares no code with lib/."""

    def __init__(self):
        self.meters = {sap: Meter(title, clock=now) for sap, title in SAPS.items()}
        self.mute = set()
        self.refused = set()
        self._own = Meter(GATEWAY_LDN[:8], clock=now)
        names = {1: GATEWAY_LDN, **{sap: title.hex().upper().encode() for sap, title in SAPS.items()}}
        rows = [axdr.structure(axdr.integer(axdr.UINT16, sap), axdr.octet_string(name)) for sap, name in names.items()]
        self.show(17, "0.0.41.0.0.255", axdr.array(rows))
        self.show(1, "0.0.128.3.0.255", axdr.array([
            axdr.structure(*[axdr.integer(axdr.UINT16, value) for value in (0x10, 0, 1, 2)]),
            axdr.structure(*[axdr.integer(axdr.UINT16, value) for value in (0x11, 0, 2, 3)])]))

    def show(self, class_id, name, encoded):
        """Give SAP 1 an object with this attribute 2, for the public client to read."""
        new = CosemObject(class_id, 0, obis(name), {2: lambda: encoded}, public=frozenset((2,)))
        self._own._objects[(class_id, obis(name))] = new

    def handle(self, client_sap, server_sap, apdu):
        if server_sap in self.mute:
            return []
        if server_sap in self.refused:
            return [REFUSAL]
        meter = self._own if server_sap == 1 else self.meters.get(server_sap)
        return meter.handle(client_sap, 1, apdu) if meter else [REFUSAL]


@pytest.fixture
def gateway():
    """The stand-in, listening; `port` is where."""
    stand_in = StandIn()
    with MeterServer(stand_in.handle) as server:
        stand_in.port = server.port
        yield stand_in


@pytest.fixture
def run(gateway, capsys, monkeypatch):
    """Run a command against the stand-in: (exit code, standard output, standard error)."""
    for variable in ("HES_EK", "HES_AK"):
        monkeypatch.delenv(variable, raising=False)

    receive = Wire.receive

    def impatient(wire, client_sap, server_sap, timeout_s=None):
        return receive(wire, client_sap, server_sap, SHORT_S if server_sap in gateway.mute else timeout_s)
    monkeypatch.setattr(Wire, "receive", impatient)

    def invoke(*arguments):
        timeout = ("--timeout", str(PATIENCE_S))
        code = command.main([arguments[0], "--port", str(gateway.port), *timeout, *arguments[1:]])
        return code, *capsys.readouterr()
    return invoke


def row_of(output, sap):
    """The cells of a meter's row."""
    line = next(line for line in output.splitlines() if line.startswith(f"0x{sap:04X}"))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_list_shows_sap_name_and_the_state_the_gateway_knows(run):
    code, out, _ = run("list")
    assert code == command.OK
    assert out.splitlines()[0].split() == ["SAP", "LDN", "state"]
    assert row_of(out, 1) == ["0x0001", GATEWAY_LDN.decode(), "gateway"]
    assert row_of(out, 0x10) == ["0x0010", "4D4D4D0000000001", "online"]
    assert row_of(out, 0x11) == ["0x0011", "4D4D4D0000000002", "lost"]


@pytest.mark.parametrize(("octets", "shown"), [(b"GWY 1", "GWY 1"), (b"\x1b[2J", "0x1B5B324A"), (b"\xe9", "0xE9")])
def test_list_tells_the_serial_number_and_no_terminal_obeys_it(run, gateway, octets, shown):
    assert "serial" not in run("list")[1]
    gateway.show(1, "0.0.96.1.0.255", axdr.octet_string(octets))
    assert run("list")[1].splitlines()[-1] == "serial number of the gateway: " + shown


def test_list_of_a_gateway_without_a_node_list_says_listed(run, gateway):
    del gateway._own._objects[(1, obis("0.0.128.3.0.255"))]
    code, out, _ = run("list")
    assert (code, row_of(out, 0x10)[2]) == (command.OK, "listed")


def test_name_of_prefix_and_raw_octets_is_shown_in_hex(run, gateway):
    name = b"ELS-UGW-" + TITLES[0]
    gateway.show(17, "0.0.41.0.0.255", axdr.array([
        axdr.structure(axdr.integer(axdr.UINT16, 0x10), axdr.octet_string(name))]))
    assert row_of(run("list")[1], 0x10) == ["0x0010", name.hex(" "), "online"]


def test_probe_says_who_answers(run, gateway):
    gateway.mute.add(0x11)
    code, out, _ = run("list", "--probe")
    assert code == command.SOME_FAILED
    assert row_of(out, 0x10)[2] == "answers"
    assert row_of(out, 0x11)[2] == "no answer"


def test_read_all_with_keys_shows_time_and_energy_of_each_meter(run, gateway):
    code, out, _ = run("read", "--all", "--sim-keys")
    assert code == command.OK
    for sap, meter in gateway.meters.items():
        energy = f"{meter.model.energy_wh() / 1000:.3f} kWh"
        assert row_of(out, sap)[2:] == ["2023-11-14 22:13:20", energy, "ok"]
        assert meter.counters["authenticated"] == meter.counters["associated"] - 1 == 1
        assert meter.counters["released"] == 2
    assert out.splitlines()[-1] == "2 of 2 read"


def test_keys_come_from_the_environment(run, gateway, monkeypatch):
    monkeypatch.setitem(os.environ, "HES_EK", "000102030405060708090A0B0C0D0E0F")
    monkeypatch.setitem(os.environ, "HES_AK", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
    assert run("read")[0] == command.OK
    assert gateway.meters[0x10].counters["authenticated"] == 1


def test_without_keys_the_public_client_reads_and_what_it_may_not_is_an_error(run, gateway):
    code, out, _ = run("read", "--sap", "0x10")
    assert code == command.SOME_FAILED
    assert row_of(out, 0x10)[2] == "2023-11-14 22:13:20"
    assert "READ_WRITE_DENIED" in row_of(out, 0x10)[-1]
    assert gateway.meters[0x10].counters["authenticated"] == 0


def test_one_meter_that_does_not_answer_does_not_stop_the_others(run, gateway):
    gateway.mute.add(0x10)
    code, out, _ = run("read", "--sim-keys")
    assert code == command.SOME_FAILED
    assert row_of(out, 0x10)[-1] == "no answer"
    assert row_of(out, 0x11)[-1] == "ok"
    assert out.splitlines()[-1] == "1 of 2 read, 1 failed"


def test_refusal_of_the_gateway_is_told_with_its_octets(run, gateway):
    gateway.refused.add(0x10)
    code, out, _ = run("read", "--sim-keys", "--sap", "0x10", "--sap", "0x33")
    assert code == command.SOME_FAILED
    assert "NOT_ALLOWED" in row_of(out, 0x10)[-1] or "d8 01 01" in row_of(out, 0x10)[-1]
    assert row_of(out, 0x33)[1] == "not in the SAP list"


def test_wrong_keys_fail_in_the_table(run):
    code, out, _ = run("read", "--sap", "16", "--ek", "00" * 16, "--ak", "11" * 16)
    assert code == command.SOME_FAILED
    assert row_of(out, 0x10)[-1] != "ok"


def test_nobody_listening_is_a_sentence_not_a_traceback(capsys):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert command.main(["list", "--port", str(port)]) == command.NO_GATEWAY
    assert capsys.readouterr().err.startswith(f"tools.hes: no connection to 127.0.0.1:{port}: ")


def test_gateway_that_hangs_up_unheard_is_told_with_what_may_be_the_cause(capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        assert command.main(["list", "--port", str(server.getsockname()[1])]) == command.NO_GATEWAY
    assert "firewall" in capsys.readouterr().err


def test_gateway_that_hangs_up_in_mid_round_leaves_what_was_read(gateway, run, monkeypatch):
    whole = gateway.handle

    def hang_up(client_sap, server_sap, apdu):
        if server_sap == 0x11:
            raise ConnectionResetError
        return whole(client_sap, server_sap, apdu)

    monkeypatch.setattr(gateway, "handle", hang_up)
    with MeterServer(hang_up) as server:
        gateway.port = server.port
        code, out, err = run("read", "--sim-keys")
    assert code == command.NO_GATEWAY
    assert row_of(out, 0x10)[-1] == "ok"
    assert out.splitlines()[-1] == "1 of 2 read"
    assert "connection" in err


def test_ctrl_c_prints_what_was_read_and_ends_with_130(run, monkeypatch):
    real = reading.read

    def interrupted(session, meter, keys):
        if meter.sap == 0x11:
            raise KeyboardInterrupt
        return real(session, meter, keys)

    monkeypatch.setattr(reading, "read", interrupted)
    code, out, err = run("read", "--sim-keys")
    assert (code, err) == (command.INTERRUPTED, "stopped\n")
    assert row_of(out, 0x10)[-1] == "ok"


def test_watch_reads_again_until_ctrl_c_and_survives_a_lost_gateway(run, gateway, monkeypatch):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        gateway.mute.symmetric_difference_update({1})
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", pause)
    code, out, err = run("watch", "--interval", "5", "--sim-keys")
    assert code == command.INTERRUPTED
    assert out.count("2 of 2 read") == 2  # the first and the third round
    assert err.splitlines() == ["tools.hes: no answer", "stopped"]
    assert all(0 < seconds <= 5 for seconds in pauses)


# --- the gateway's own log and counters ---

WHEN = bytes.fromhex("07E70B0E02160D14000000 00".replace(" ", ""))
NO_DATE = bytes.fromhex("FFFFFFFFFFFFFFFFFF800001")
LOG_TAGS = (axdr.UINT32, axdr.UINT8, axdr.UINT16, axdr.UINT16, axdr.INT32, axdr.INT32, axdr.UINT32)


def logged(when, *numbers):
    """A row of an event log as docs/sap1.md has it."""
    return axdr.structure(axdr.octet_string(when), *map(axdr.integer, LOG_TAGS, numbers))


@pytest.fixture
def logs(gateway):
    """Four logs: events 2 (node-up), 53 (own-associated), 28 (setting-changed), 38 (join-unknown), 999."""
    gateway.show(1, "0.0.128.3.0.255", axdr.array([
        axdr.structure(axdr.integer(axdr.UINT16, 0x10), axdr.octet_string(TITLES[0]))]))
    for number, rows in enumerate((
        [logged(NO_DATE, 35, 1, 28, 0, 0, 60, 7)],
        [logged(WHEN, 0, 1, 53, 0, 32, 0xC0A80105 - 2**32, 4), logged(WHEN, 9, 2, 38, 0, 0x00112233, 0x44556677, 9)],
        [logged(WHEN, 9, 1, 2, 0x10, 0, 0, 5), logged(WHEN, 9, 1, 3, 0x33, 0, 0, 6)],
        [logged(WHEN, 9, 9, 999, 0, -1, 2, 8)],
    )):
        gateway.show(7, f"0.0.99.98.{number}.255", axdr.array(rows))


def test_log_shows_all_records_in_words_in_the_order_of_their_numbers(run, logs):
    code, out, _ = run("log")
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()[2:]]
    date = "2023-11-14 22:13:20"
    assert code == command.OK and cells == [
        ["4", date, "NOTICE", "own-associated", "-", "client=32 peer=192.168.1.5"],
        ["5", date, "NOTICE", "node-up", "4D4D4D0000000001"],
        ["6", date, "NOTICE", "node-lost", "SAP 0x0033"],
        ["7", "35 s after start", "NOTICE", "setting-changed", "-", "schema value=60"],
        ["8", date, "9", "event-999", "-", "a=-1 b=2"],
        ["9", date, "WARNING", "join-unknown", "-", "eui64=0011223344556677"],
    ]


def test_one_log_alone_is_shown_without_a_node_list_too(run, gateway, logs):
    del gateway._own._objects[(1, obis("0.0.128.3.0.255"))]
    out = run("log", "communication")[1]
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["5", "6"] and "SAP 0x0010" in out


@pytest.mark.parametrize("rows", [axdr.integer(axdr.UINT8, 1), axdr.array([axdr.integer(axdr.UINT8, 1)]),
                                  axdr.array([axdr.structure(axdr.octet_string(WHEN))]),
                                  axdr.array([logged(b"", 9, 1, 2, 0, 0, 0, 5)])])
def test_a_log_that_is_none_is_an_error(run, gateway, logs, rows):
    gateway.show(7, "0.0.99.98.0.255", rows)
    code, _, err = run("log", "standard")
    assert code == command.NO_GATEWAY and err.startswith("tools.hes: ")


def test_counters_are_shown_by_name_and_those_that_are_0_when_asked_for(run, gateway):
    for number in range(6):
        rows = [axdr.structure(bytes((axdr.VISIBLE_STRING, len(name))) + name, axdr.integer(axdr.UINT32, count))
                for name, count in ((b"good-%d" % number, number), (b"bad", 0))]
        gateway.show(1, f"0.0.128.1.{number}.255", axdr.array(rows))
    code, out, _ = run("counters")
    assert code == command.OK and row_starting(out, "power line") == ["power line", "good-2", "2"]
    assert "bad" not in out and out.splitlines()[-1] == "7 others are 0 (--all shows them)"
    assert run("counters", "--all")[1].count("bad") == 6


def row_starting(output, word):
    """The cells of the row that starts so."""
    line = next(line for line in output.splitlines() if line.startswith(word))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


@pytest.mark.parametrize("arguments", [("log", "security"), ("counters",)])
def test_who_may_not_read_the_gateways_records_is_told_what_it_takes(run, gateway, arguments):
    code, _, err = run(*arguments)
    assert code == command.NO_GATEWAY and "no such thing" in err
    secret = CosemObject(1, 0, obis("0.0.128.1.0.255"), {2: lambda: b""}, public=frozenset())
    gateway._own._objects[(1, obis("0.0.128.1.0.255"))] = secret
    if arguments == ("counters",):
        assert "--sim-keys" in run("counters")[2]


def test_what_an_action_needs_may_stand_behind_the_options():
    for arguments in (["action", "ping", "0x10", "--sim-keys"], ["action", "ping", "--sim-keys", "0x10"],
                      ["action", "--sim-keys", "ping", "0x10"]):
        assert options.parse(arguments).argument == "0x10"
    assert options.parse(["action", "psk", "AA", "--sim-keys", "-"]).argument == "AA -"


@pytest.mark.parametrize("arguments", [
    ["list", "all"], ["log", "all"], ["counters", "push"], ["action", "ping", "--sim-keys", "0x10", "--fast"],
    ["read", "--ek", "00"], ["read", "--ek", "00" * 16], ["read", "--sap", "0x7F"], ["read", "--sap", "0"],
    ["read", "--sap", "65535"], ["read", "--all", "--sap", "16"], ["watch", "--interval", "0"], ["dance"], [],
    ["action", "psk", "00", "--sim-keys"], ["action", "restart", "now", "--sim-keys"],
    ["action", "set", "--sim-keys"], ["action", "lists", "--sim-keys", "--master", "00"],
])
def test_senseless_options_are_refused(arguments, monkeypatch, capsys):
    monkeypatch.delenv("HES_AK", raising=False)
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == command.NO_GATEWAY
    assert "Traceback" not in capsys.readouterr().err


def serve_once(answer):
    """A server that sends the same octets for every APDU; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        session, _ = server.accept()
        with server, session:
            while session.recv(4096):
                session.sendall(answer)
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def wpdu(apdu):
    """An APDU from SAP 1 to the public client."""
    return bytes.fromhex("000100010010") + len(apdu).to_bytes(2, "big") + apdu


@pytest.mark.parametrize("answer", [
    wpdu(bytes.fromhex("c401c10006")), wpdu(bytes.fromhex("c401c1000101")), wpdu(b"\xc4"), wpdu(b"\x61\x00"),
    wpdu(b"\xff" * 20), b"\x00\x02" + bytes(6), wpdu(b""), wpdu(bytes.fromhex("c401c100") + b"\x02\x01" * 2000),
    b"\x00\x01\x00",
])
def test_nonsense_from_the_gateway_is_an_error_and_never_a_hang(answer):
    with connect("127.0.0.1", serve_once(answer), SHORT_S) as wire, pytest.raises(HesError):
        Session(wire).open_public(1)


@pytest.mark.parametrize("value", ["06", "0101", "0902ff", "0404f0", "02" + "0102" * 700])
def test_truncated_or_odd_data_in_an_answer_is_an_error_and_never_a_hang(gateway, value):
    gateway.show(1, "0.0.96.1.0.255", bytes.fromhex(value))
    with connect("127.0.0.1", gateway.port, PATIENCE_S) as wire:
        session = Session(wire)
        session.open_public(1)
        with pytest.raises(HesError):
            session.get(1, "0.0.96.1.0.255", 2)


def test_answers_to_other_sap_pairs_are_skipped():
    late = bytes.fromhex("0001001100100003") + REFUSAL
    with connect("127.0.0.1", serve_once(late + wpdu(REFUSAL)), PATIENCE_S) as wire:
        assert wire.ask(16, 1, b"\xc0") == REFUSAL
        assert wire.skipped == 1


def test_timeout_is_bounded_by_the_whole_answer_not_by_each_octet():
    with connect("127.0.0.1", serve_once(b"\x00\x01\x00"), SHORT_S) as wire, pytest.raises(WireTimeout):
        wire.ask(16, 1, b"\xc0")


def test_unspecified_fields_of_the_time_are_question_marks():
    assert reading.moment(bytes.fromhex("FFFF0BFFFF16FF1400800000")) == "????-11-?? 22:??:20"
