# SPDX-License-Identifier: MIT
"""Notifications outlive the gateway: nobody listens, SIGKILL, then they arrive unchanged, in order, announced as late.

The firmware on its interpreter, flash = files of the host.
"""

import contextlib
import os
import signal
import socket
import struct
import time

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from host_tests.e2e.stack import Stack
from tools.hes.listening import describe
from tools.sim.meter import Meter

TITLE = bytes.fromhex("4D4D4D00000000D1")
CLIENT = 0x66
SIM_EK, SIM_AK = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
PATIENCE_S = 180


@pytest.fixture
def target():
    """A port nobody listens on, until the test does."""
    with contextlib.closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE_S)
        yield sock


def received(sock, count):
    """(source, destination, APDU) until `count` came from meters."""
    found = []
    while sum(source != 1 for source, _, _ in found) < count:
        with sock.accept()[0] as connection, connection.makefile("rb") as stream:
            connection.settimeout(PATIENCE_S)
            while header := stream.read(8):
                _, source, destination, length = struct.unpack(">HHHH", header)
                found.append((source, destination, stream.read(length)))
    return found


def test_what_nobody_took_survives_a_kill_and_comes_unchanged_in_order_and_announced(target):
    push = {"targets": ["127.0.0.1:%d" % target.getsockname()[1]], "retries": 0, "retry_max_s": 2, "flash_after_s": 0}
    with Stack([Meter(TITLE)], config={"push": dict(push, late_s=1)}) as stack:
        title = TITLE.hex().upper()
        sap, meter = stack.saps()[title], stack.meters[title]
        apdus = [meter.push(is_ciphered=False), meter.push(is_ciphered=True)]
        for apdu in apdus:
            stack.control("push", node=title, apdu=apdu.hex(), client_sap=CLIENT)

        def are_on_flash():
            kept = b"".join(file.read_bytes() for file in stack.state_dir.glob("push.?"))
            return all(apdu in kept for apdu in apdus)

        stack.until(are_on_flash, PATIENCE_S, "both notifications on flash")
        line = len(stack.console.lines)
        os.kill(stack.gateway_pid, signal.SIGKILL)
        stack.await_record("gateway-up", line, PATIENCE_S)
        time.sleep(1.5)  # older than push.late_s
        target.listen()
        found = received(target, 2)
    assert [one for one in found if one[0] != 1] == [(sap, CLIENT, apdu) for apdu in apdus]
    assert found[0][:2] == (1, 1) and "push-late n=2 " in describe(1, found[0][2])


def test_own_events_are_ciphered_for_the_management_client_when_asked_for(target):
    target.listen()
    push = {"targets": ["127.0.0.1:%d/1" % target.getsockname()[1]], "cipher": True}
    with Stack([Meter(TITLE)], config={"push": push}) as stack:
        title = TITLE.hex().upper()
        sap, meter = stack.saps()[title], stack.meters[title]
        apdu = meter.push(is_ciphered=True)
        stack.control("push", node=title, apdu=apdu.hex(), client_sap=CLIENT)
        found = received(target, 1)
    assert [one for one in found if one[0] != 1] == [(sap, CLIENT, apdu)]
    said = "".join(describe(1, opened(own)) for source, _, own in found if source == 1)
    assert f'0x00C2 node registered: {{"MeterIdentifier":"{title}"' in said and "gateway-up" in said


def opened(apdu):
    """The plain APDU in a general-glo of the simulated gateway, whose keys are the test keys."""
    assert apdu[:2] == b"\xdb\x08" and apdu[10] < 0x82
    at = 11 if apdu[10] < 0x80 else 12
    assert apdu[at] == 0x30
    keys = bytes.fromhex(SIM_EK), bytes.fromhex(SIM_AK)
    gcm = modes.GCM(apdu[2:10] + apdu[at + 1 : at + 5], apdu[-12:], min_tag_length=12)
    decryptor = Cipher(algorithms.AES(keys[0]), gcm).decryptor()
    decryptor.authenticate_additional_data(b"\x30" + keys[1])
    return decryptor.update(apdu[at + 5 : -12]) + decryptor.finalize()
