# SPDX-License-Identifier: MIT
"""`tools.hes listen` prints what is pushed; and what the gateway pushes is read by three libraries.

The notifications are the firmware's own; how they must look is in test_app_push_events.py and facts/dlms.md 6.
"""

import socket
import struct
import threading

import pytest
from gurux_dlms import GXByteBuffer, GXDLMSTranslator, GXReplyData
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.internal._GXDataInfo import _GXDataInfo
from gurux_dlms.objects import GXDLMSPushSetup
from gurux_dlms.secure import GXDLMSSecureClient
from pydlms.apdu.xdlms import decode_apdu

from app.push_events import OwnEvents
from app.replies import HEADROOM
from base import events
from base.log import NOTICE, Log
from dlms.axdr import Writer
from dlms.data_notification import write_with_origin
from gateway.journal import Journal
from gateway.registration import Table
from hal.clock import calendar
from host_tests.push_bench import NoStore
from host_tests.shim import both, guard
from tools.hes.command import NO_GATEWAY, main
from tools.hes.listening import Listener, describe

SERIAL = b"GATEWAY00001"
WALL = 1_790_000_000
TITLE = "4D45544552303031"


def own(batch=1, as_event=False, event=events.NODE_UP, a=0):
    """An own notification of the firmware."""
    log = Log(8)
    table = Table(4, 8, Journal(NoStore()), 0, 0)
    for n in range(2):
        table.add(b"METER%03d" % n)
    one = OwnEvents(log, table, SERIAL, 640, calendar)
    one.as_event = as_event
    for _ in range(batch):
        log.add(NOTICE, event, 1, a=a)
    count = one.gather(one.rows, batch, 0xFF, WALL)
    dst = memoryview(bytearray(HEADROOM + 640))
    length, count = one.encode(one.rows, count, dst, WALL + 5)
    assert count == batch or as_event
    return bytes(dst[HEADROOM : HEADROOM + length])


def with_origin(apdu):
    dst = memoryview(bytearray(640))
    writer = Writer()
    writer.open(dst, 0, 640)
    write_with_origin(writer, (SERIAL, 0x18, b"METER00000000001"), memoryview(apdu), 3, None)
    return bytes(dst[: writer.off])


UP = f'{{"MeterIdentifier":"{TITLE}","SAP_DLMS_GW":"0x11"}}'
CIPHERED = bytes.fromhex("DB084D4D4D00000000010530000000 01AA".replace(" ", ""))
PLAIN = bytes.fromhex("0F40000001000202060000000709014101"[:-2])


def test_own_events_are_printed_with_time_code_and_text():
    line = f"gateway GATEWAY00001: 2026-09-21 14:13:20Z 0x00C2 node registered: {UP}"
    assert describe(1, own()) == line
    assert describe(1, own(as_event=True)) == line.replace("0x00C2", "0xC20000")
    assert describe(1, own(3)) == line + f"; 2026-09-21 14:13:20Z 0x00C2 node registered: {UP}" * 2


def test_meters_notifications_are_printed_as_values_or_octets():
    assert describe(0x10, PLAIN) == "data-notification [7, '41']"
    assert describe(0x10, CIPHERED).startswith("general-glo, 17 octets db08")
    assert describe(0x10, with_origin(PLAIN)) == (
        "data-notification ['474154455741593030303031', 24, ['4d455445523030303030303030303031', [7, '41']]]"
    )
    assert CIPHERED.hex() in describe(0x10, with_origin(CIPHERED))


@pytest.mark.parametrize("apdu", ["0F", "0F00", "C2", "C201", "FF", "0F000000010002FF",
                                  "C200" + "00" * 9 + "02"])
def test_nonsense_is_printed_and_ends_nothing(apdu):
    for source in (1, 0x10):
        assert "octets" in describe(source, bytes.fromhex(apdu))


def test_what_comes_over_tcp_is_printed(capsys):
    with Listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        for apdu in (own(), PLAIN, b"\0"):
            with socket.create_connection(listener.server_address) as sock:
                wpdu = struct.pack(">HHHH", 1 if len(apdu) > 1 else 9, 1 if apdu[4:5] != b"\1" else 0x10, 16, len(apdu))
                sock.sendall((wpdu + apdu)[:9])
                sock.sendall((wpdu + apdu)[9:])
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1)  # until it has hung up
        listener.shutdown()
        thread.join()
    printed = capsys.readouterr().out
    assert printed.count("\n") == 3 and "no DLMS wrapper there: version 9" in printed


def test_no_octet_of_the_network_reaches_the_terminal_as_a_control_character(capsys):
    apdu = own(a=0).replace(b"MeterIdentifier", b"\x1b[2J\rer\n\x07enti\xe2r")
    assert len(apdu) == len(own()) and b"\x1b" in apdu
    with Listener("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        with socket.create_connection(listener.server_address) as sock:
            sock.sendall(struct.pack(">HHHH", 1, 1, 16, len(apdu)) + apdu)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)
        listener.shutdown()
        thread.join()
    printed = capsys.readouterr().out
    assert printed.endswith("\n") and printed[:-1].isprintable() and "\\x1b[2J\\rer" in printed


def test_a_port_that_is_taken_is_a_sentence(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["listen", "--port", str(taken.getsockname()[1])]) == NO_GATEWAY
    assert "cannot listen on 127.0.0.1:" in capsys.readouterr().err


# --- libraries others wrote ---

def test_gurux_takes_own_notifications_for_pushes():
    for apdu in (own(), own(3), with_origin(PLAIN), with_origin(CIPHERED)):
        client = GXDLMSSecureClient(True)
        client.interfaceType = 1  # wrapper
        reply, notify = GXReplyData(), GXReplyData()
        client.getData(GXByteBuffer(struct.pack(">HHHH", 1, 1, 16, len(apdu)) + apdu), reply, notify)
        assert notify.isNotify() and not reply.value
        assert bytes(notify.value[0]) == SERIAL and notify.value[1] in (1, 0x18)


def test_gurux_reads_time_code_and_text_and_prints_the_older_form():
    client = GXDLMSSecureClient(True)
    client.interfaceType = 1
    apdu, notify = own(), GXReplyData()
    client.getData(GXByteBuffer(struct.pack(">HHHH", 1, 1, 16, len(apdu)) + apdu), GXReplyData(), notify)
    when, code, device_code, text = notify.value[2]
    assert (code, device_code, bytes(text).decode()) == (0xC2, 0, UP) and len(when) == 12
    assert "EventNotificationRequest" in GXDLMSTranslator().pduToXml(own(as_event=True))


def test_pydlms_reads_both_forms_and_the_origin():
    assert decode_apdu(own()).body.to_python()[2][1] == 0xC2
    assert [one[1] for one in decode_apdu(own(3)).body.to_python()[2]] == [0xC2] * 3
    event = decode_apdu(own(as_event=True))
    assert "EventNotification" in type(event).__name__
    serial, sap, (ldn, body) = decode_apdu(with_origin(PLAIN)).body.to_python()
    assert (bytes(serial), sap, bytes(ldn), body[0]) == (SERIAL, 0x18, b"METER00000000001", 7)
    assert bytes(decode_apdu(with_origin(CIPHERED)).body.to_python()[2][1]) == CIPHERED


def test_gurux_reads_every_attribute_of_a_push_setup_object():
    bench = guard.load(both.BOTH / "test_app_own_push.py", "test_app_own_push", both.RULES).Bench()
    client, item = GXDLMSSecureClient(True), GXDLMSPushSetup("0.7.25.9.0.255")
    for attribute in range(1, 14):
        decoded = _GXCommon.getData(client.settings, GXByteBuffer(bytes.fromhex(bench.get(attribute))), _GXDataInfo())
        client.updateValue(item, attribute, decoded)
    assert [ln.logicalName for ln, _ in item.pushObjectList] == ["0.0.96.1.0.255"] + ["0.0.128.2.1.255"] * 2
    assert [place.dataIndex for _, place in item.pushObjectList] == [0, 1, 2]
    assert (item.destination, item.pushClientSAP, item.numberOfRetries) == ("10.0.0.1:4060", 102, 5)
    assert (item.repetitionDelay2.min, item.repetitionDelay2.exponent, item.repetitionDelay2.max) == (1, 200, 60)
