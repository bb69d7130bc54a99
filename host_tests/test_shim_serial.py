# SPDX-License-Identifier: MIT
"""machine.UART and the modem's pins over pyserial, and the firmware runner as a process."""

import os
import socket
import subprocess
import sys

import pytest

from host_tests.run_firmware import modem_url
from host_tests.shim.guard import DEVICE_MODULES, ROOT
from host_tests.shim.serial_url.protocol_modem import Unescape

machine = DEVICE_MODULES["machine"]


def control(value):
    """IAC SB COM-PORT SET-CONTROL value IAC SE."""
    return bytes((0xFF, 0xFA, 0x2C, 0x05, value, 0xFF, 0xF0))


# What pyserial sets when a port is opened: nothing. RTS, DTR and BREAK move when a pin does.
@pytest.fixture
def far_end(device):
    """The simulator's end of the line; the board knows the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        device.modem_url = f"modem://127.0.0.1:{server.getsockname()[1]}"
        uart = machine.UART(2, baudrate=38400, bits=8, parity=None, stop=1, timeout=0, rxbuf=1024)
        peer, _ = server.accept()
        peer.settimeout(60)
        with peer:
            yield uart, peer
        device.modem.close()


def receive(peer, length):
    """Exactly `length` octets."""
    got = b""
    while len(got) < length:
        got += peer.recv(length - len(got))
    return got


def test_octets_go_out_escaped(far_end):
    uart, peer = far_end
    assert uart.write(b"\x02\xff\x03") == 3
    assert receive(peer, 4) == b"\x02\xff\xff\x03"


@pytest.mark.parametrize(
    ("pin", "level", "value"),
    [("D2", 0, 11), ("D2", 1, 12), ("D3", 0, 9), ("D3", 1, 8), ("D4", 0, 5), ("D4", 1, 6)],
    ids="t_req-asserted t_req-released reset-asserted reset-released power-off power-on".split(),
)
def test_a_pin_moves_its_line(far_end, pin, level, value):
    _, peer = far_end
    machine.Pin(pin, machine.Pin.OUT, value=level)
    assert receive(peer, 7) == control(value)


def test_lines_and_octets_keep_their_order(far_end):
    uart, peer = far_end
    pin = machine.Pin("D2", machine.Pin.OUT, value=0)
    uart.write(b"\x02")
    pin.value(1)
    uart.write(b"\x05")
    assert receive(peer, 16) == control(11) + b"\x02" + control(12) + b"\x05"


def test_another_pin_reaches_nothing_but_is_remembered(far_end):
    uart, peer = far_end
    assert machine.Pin("LED", machine.Pin.OUT, value=0).value() == 0
    uart.write(b"x")
    assert receive(peer, 1) == b"x"


def test_octets_come_in_unescaped_and_reads_never_wait(far_end, device):
    uart, peer = far_end
    buf = bytearray(4)
    assert uart.any() == 0 and uart.read() is None and uart.readinto(buf) is None
    peer.sendall(b"\x06\xff\xff\x15")
    stream = DEVICE_MODULES["asyncio"].StreamReader(uart)
    got = b""
    while len(got) < 3:
        count = device.run(stream.readinto(buf))
        got += bytes(buf[:count])
    assert got == b"\x06\xff\x15"


def test_escapes_are_taken_out_at_every_split():
    raw = b"a\xff\xff" + control(6) + b"b" + b"\xff\xfb\x2c" + b"c\xff\xff"
    for split in range(len(raw) + 1):
        unescape = Unescape()
        assert unescape.feed(raw[:split]) + unescape.feed(raw[split:]) == b"a\xffbc\xff"


def test_a_blocking_timeout_is_refused(device):
    device.modem_url = "loop://"
    with pytest.raises(ValueError, match="timeout"):
        machine.UART(2, 38400, timeout=100)


def test_any_pyserial_url_works(device):
    device.modem_url = "loop://"
    uart = machine.UART(2, 38400)
    uart.write(b"echo")
    assert uart.read(2) == b"ec" and uart.any() == 2
    machine.Pin("D2", machine.Pin.OUT, value=0)
    assert device.modem.rts is True


def test_without_a_modem_the_uart_cannot_be_opened():
    with pytest.raises(OSError):
        machine.UART(2, 38400)


def test_host_and_port_mean_the_simulator():
    assert modem_url("127.0.0.1:5000") == "modem://127.0.0.1:5000"
    assert modem_url("/dev/ttyUSB0") == "/dev/ttyUSB0"
    assert modem_url("rfc2217://bench:4000") == "rfc2217://bench:4000"


FIRMWARE = """
import asyncio, machine, os, sys
async def run():
    uart = machine.UART(2, 38400)
    machine.Pin("D2", machine.Pin.OUT, value=0)
    stream = asyncio.StreamReader(uart)
    got = await stream.readexactly(2)
    if machine.reset_cause() == machine.PWRON_RESET:
        with open("/flash/state/note", "wb") as file:
            file.write(got)
        machine.reset()
    with open("/flash/state/note", "rb") as file:
        print(sys.platform, machine.reset_cause() == machine.HARD_RESET, file.read(), got)
asyncio.run(run())
"""


def test_the_runner_gives_the_firmware_modem_flash_and_reset(tmp_path):
    (tmp_path / "main.py").write_text(FIRMWARE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        environment = {**os.environ, "GW_UART": "127.0.0.1:%d" % server.getsockname()[1], "GW_STATE": str(tmp_path)}
        command = [sys.executable, "-m", "host_tests.run_firmware", str(tmp_path / "main.py")]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for octets in (b"ab", b"cd"):  # the second connection comes after the reset
            peer, _ = server.accept()
            with peer:
                peer.settimeout(60)
                assert receive(peer, 7) == control(11)
                peer.sendall(octets)
                peer.recv(1)  # until the firmware is done
        assert process.communicate(timeout=60)[0] == "pyboard True b'ab' b'cd'\n"
        assert process.returncode == 0
