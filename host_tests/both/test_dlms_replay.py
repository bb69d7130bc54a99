# SPDX-License-Identifier: MIT
"""Recorded public sessions asked again of SAP 1 (vectors: public.gurux, .dlms-cosem, .pydlms)."""

import json

from dlms_device import Bench

from dlms.association import public_client
from dlms.cosem.basic import data, sap_assignment, write_sap
from dlms.cosem.object import obis
from dlms.cosem.values import number, octets
from dlms.server import Limits, LogicalDevice

_VECTORS = __file__.replace("\\", "/").rsplit("/", 2)[0] + "/vectors/dlms_sessions.json"
_LDN = b"SIM0000012345678"


class _OnlyItself:
    """The SAP list of the recorded meter: itself."""

    generation = 0

    def count(self):
        return 1

    def encode_item(self, index, writer):
        write_sap(writer, 1, _LDN)


def _like_the_recorded_meter():
    bench = Bench()
    objects = [
        data(obis(0, 0, 42, 0, 0), octets(_LDN)),
        data(obis(0, 0, 43, 1, 0), number(6, 0)),
        sap_assignment(_OnlyItself()),
    ]
    bench.device = LogicalDevice(objects, (public_client(),), Limits(max_pdu=512))
    return bench


def _sessions(prefix):
    with open(_VECTORS) as file:
        sessions = json.load(file)["sessions"]
    return [session["frames"] for session in sessions if session["name"].startswith(prefix)]


def _comparable(apdu):
    """An AARE without what two servers offer differently: conformance and PDU size."""
    if apdu[0] != 0x61:
        return apdu
    at = apdu.find(b"\x5f\x1f\x04\x00")
    return apdu[: at + 4] + apdu[at + 9 :]


def test_three_libraries_public_sessions_get_the_answers_they_got_from_their_meter():
    sessions = _sessions("public.")
    assert len(sessions) == 3
    compared_cnt = 0
    for frames in sessions:
        bench = _like_the_recorded_meter()
        answer = b""
        for frame in frames:
            apdu = bytes.fromhex(frame["frame"])[8:]
            if frame["dir"] == "C->S":
                answer = bench.ask(apdu)
            else:
                assert _comparable(answer) == _comparable(apdu)
                compared_cnt += 1
    assert compared_cnt == 15


def test_the_public_part_of_the_ciphered_sessions_works_and_the_rest_is_refused():
    refused_cnt = 0
    for frames in _sessions("hls5."):
        bench = _like_the_recorded_meter()
        for frame in frames:
            octets = bytes.fromhex(frame["frame"])
            if frame["dir"] == "C->S":
                answer = bench.ask(octets[8:], sap=octets[3])
                if octets[3] == 16:
                    assert answer[0] in (0x61, 0x63, 0xC4)
                else:
                    assert answer[0] == 0xD8 or answer[:2] == b"\x61\x17", answer
                    refused_cnt += 1
        assert bench.device.open_cnt() <= 1  # one recorded client goes without releasing
    assert refused_cnt > 50
