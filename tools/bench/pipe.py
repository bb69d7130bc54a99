# SPDX-License-Identifier: MIT
"""Forwarding by the wall clock, airtime off, against a plain TCP to serial pipe (socat and a pty).

The gateway: tools.sim with main.py on MicroPython, the modem's twin at full speed, eight meters. The
pipe moves the same octets, request and answer in turn, to a process that answers on the pty. Both
say what this machine does now: printed, judged nowhere. The twin waits as the chip does (poll, ACK,
confirm: some 5 ms an exchange), the pipe has nobody to wait for.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

from tools.bench.report import ROOT, Report

_METERS = 8
_SPAN_S = 5.0
_SETTLE_S = 15.0
_LISTEN_S = 0.5  # socat has its pty first and then listens
_GET = bytes.fromhex("C001C100080000010000FF0200")
_ANSWER_LEN = 18  # octets of a clock reading's answer
_LOCAL = "127.0.0.1"
_SCRIPT = ROOT / "tools" / "bench" / "on_device" / "forward.py"
_BINARY = ROOT / "build" / "micropython" / "micropython-unix"
_EXCHANGES = 5000


def _wpdu(source: int, destination: int, apdu: bytes) -> bytes:
    return struct.pack(">HHHH", 1, source, destination, len(apdu)) + apdu


def _read(sock: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        piece = sock.recv(count - len(octets))
        if not piece:
            raise ConnectionError("closed")
        octets += piece
    return octets


def ask_for(span_s: float, port: int, saps: list[int], counts: list[int]) -> None:
    """Ask the meters in turn, one request outstanding; the answers are counted."""
    with socket.create_connection((_LOCAL, port), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until, count = time.monotonic() + span_s, 0
        while time.monotonic() < until:
            sock.sendall(_wpdu(16, saps[count % len(saps)], _GET))
            _read(sock, struct.unpack(">HHHH", _read(sock, 8))[3])
            count += 1
        counts.append(count)


def rate(port: int, head_ends: int, span_s: float = _SPAN_S) -> float:
    """Exchanges per second of so many head-ends together, each with its own meters."""
    counts: list[int] = []
    saps = [0x10 + row for row in range(_METERS)]
    arguments = [(span_s, port, saps[first::head_ends], counts) for first in range(head_ends)]
    threads = [threading.Thread(target=ask_for, args=args) for args in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / span_s


def gateway_rates() -> tuple[float, float]:
    """One head-end, and four."""
    command = [sys.executable, "-u", "-m", "tools.sim", "--time-scale", "0", "--think-ms", "0", "--wan-port", "0"]
    command += ["--meters", str(_METERS), "--widen", "4"]
    sim = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        port = _port_of(sim)
        rate(port, 1, _SETTLE_S)  # the rounds of discovery after a start share the line
        return rate(port, 1), rate(port, 4)
    finally:
        sim.terminate()
        sim.wait(20)


def _port_of(sim: "subprocess.Popen[str]") -> int:
    assert sim.stdout is not None
    for line in sim.stdout:
        if line.startswith("READY "):
            threading.Thread(target=sim.stdout.read, daemon=True).start()
            return int(line.rpartition(":")[2])
    raise RuntimeError("the simulator ended before it was ready")


def pipe_rate() -> float:
    """The same through socat."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "tty"
        with socket.socket() as probe:
            probe.bind((_LOCAL, 0))
            port = probe.getsockname()[1]
        listen = "TCP-LISTEN:%d,bind=%s,reuseaddr,nodelay" % (port, _LOCAL)
        socat = subprocess.Popen(["socat", "PTY,raw,echo=0,link=%s" % link, listen])
        try:
            _await(link)
            fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(fd)
            threading.Thread(target=_answer, args=(fd,), daemon=True).start()
            time.sleep(_LISTEN_S)
            return rate(port, 1)
        finally:
            socat.kill()
            socat.wait()


def _await(link: Path) -> None:
    until = time.monotonic() + 10
    while not link.exists() and time.monotonic() < until:
        time.sleep(0.01)


def _answer(fd: int) -> None:
    """The meter at the end of the pipe; ends with the pty."""
    heard, size = b"", 8 + len(_GET)
    while True:
        try:
            heard += os.read(fd, 4096)
            while len(heard) >= size:
                _, source, destination, _ = struct.unpack(">HHHH", heard[:8])
                os.write(fd, _wpdu(destination, source, b"\xc4" + bytes(_ANSWER_LEN - 1)))
                heard = heard[size:]
        except OSError:
            return


def core_rate() -> float:
    """The core alone on MicroPython, scripted chip included: exchanges per second of processor time."""
    began = time.monotonic()
    command = [str(_BINARY), "-X", "heapsize=2m", str(_SCRIPT), str(_EXCHANGES), "8"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return _EXCHANGES / (time.monotonic() - began)


def run(report: Report) -> None:
    """Four figures."""
    if shutil.which("socat") is None:
        print("pipe: socat is not installed (apt-get install socat); not compared")
        return
    pipe = pipe_rate()
    report.add("pipe-socat", pipe, "exchanges/s by the clock")
    one, four = gateway_rates()
    report.add("gateway-no-airtime-1-hes", one, "exchanges/s by the clock", pipe, "socat")
    report.add("gateway-no-airtime-4-hes", four, "exchanges/s by the clock", pipe, "socat")
    report.add("core-alone", core_rate(), "exchanges/s by the clock", pipe, "socat")
