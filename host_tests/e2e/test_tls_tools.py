# SPDX-License-Identifier: MIT
"""TLS as docs/tls.md tells a person to try it: tools.certificates, tools.sim, tools.hes list, read and listen.

The firmware on its interpreter; notifications go out over TLS or not at all.
"""

import contextlib
import subprocess
import sys

import pytest

from host_tests.e2e.stack import ROOT, RUNTIME, Console, Stack
from tools import certificates
from tools.hes import command
from tools.sim.meter import Meter
from tools.sim.runner import reserved_port

TITLE = bytes.fromhex("4D4D4D00000000E1")
PATIENCE_S = 30
pytestmark = pytest.mark.skipif(RUNTIME == "cpython", reason="TLS is the interpreter's")


@pytest.fixture
def port():
    """Gives ports that nobody else is given."""
    with contextlib.ExitStack() as holders:
        yield lambda: holders.enter_context(reserved_port()).getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of tools.certificates."""
    found = tmp_path_factory.mktemp("site")
    assert certificates.main([str(found)]) == 0
    return found


@contextlib.contextmanager
def listening(port, *arguments):
    """`tools.hes listen`; what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.hes", "listen", "--port", str(port), *arguments], cwd=ROOT,
        stdout=subprocess.PIPE, text=True)
    console = Console(process.stdout)
    try:
        yield console
    finally:
        process.terminate()
        process.wait()
        console.close()


@contextlib.contextmanager
def gateway(folder, tls, push_port):
    files = {name: (folder / name).read_bytes() for name in ("tls-own.der", "tls-ca.der")}
    config = {"tls": {**tls, "handshakes_per_min": 600}, "push": {"targets": ["127.0.0.1:%d" % push_port]}}
    config["push"].update(retries=20, retry_max_s=2)
    with Stack([Meter(TITLE)], config=config, files=files) as stack:
        yield stack


def push(stack):
    """A meter's notification; the hex that `listen` shows of a ciphered one."""
    title = TITLE.hex().upper()
    apdu = stack.meters[title].push(is_ciphered=True)
    stack.control("push", node=title, apdu=apdu.hex(), client_sap=0x66)
    return apdu.hex()[:128]


def test_a_person_lists_and_reads_over_tls_and_hears_notifications_over_it(folder, port, capsys):
    tls_port, push_port = port(), port()
    ours = ["--tls", str(folder / "ca.pem"), "--tls-cert", str(folder / "hes.pem")]
    with listening(push_port, "--tls", str(folder / "hes.pem")) as heard:
        with gateway(folder, {"port": tls_port, "push": True}, push_port) as stack:
            banner = "      tls 127.0.0.1:%d" % tls_port
            stack.until(lambda: banner in stack.console.lines, PATIENCE_S, "the banner's line")
            for arguments in (["list"], ["read", "--sim-keys"], ["action", "settings", "--sim-keys"]):
                assert command.main([arguments[0], *arguments[1:], "--port", str(tls_port), *ours]) == command.OK
            out = capsys.readouterr().out
            assert "1 of 1 read" in out and TITLE.hex().upper() in out and '"push": true' in out.replace(":t", ": t")
            assert command.main(["list", "--port", str(tls_port), *ours[:2]]) == command.NO_GATEWAY
            shown = push(stack)
            stack.until(lambda: any(shown in line for line in heard.lines), PATIENCE_S, "the notification over TLS")
    assert any("gateway SIMGATEWAY01: " in line for line in heard.lines)


def test_a_receiver_of_another_authority_or_without_tls_gets_nothing_and_no_task_dies(folder, port, tmp_path):
    assert certificates.main([str(tmp_path / "other")]) == 0
    for arguments in (["--tls", str(tmp_path / "other" / "hes.pem")], []):
        push_port = port()
        with listening(push_port, *arguments) as heard, gateway(folder, {"push": True}, push_port) as stack:
            shown = push(stack)
            stack.until(lambda heard=heard: len(heard.lines) >= 3, PATIENCE_S, "two refused attempts")
            assert not any(shown in line or "gateway SIM" in line for line in heard.lines)
            # An attempt that failed, counted and timed as such: not the end of the task that makes them.
            assert stack.console.records("task-died") == []
