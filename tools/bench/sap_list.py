# SPDX-License-Identifier: MIT
"""Reading the SAP assignment list of 1,200 meters from SAP 1, over three WAN round trips.

Each block waits for the head-end's request, so the time is blocks x round trip; the bound is the
list's octets in blocks of the largest WPDU. What it costs the gateway itself is in bench/on_device.
"""

from __future__ import annotations

import math
import struct

from tools.bench.report import Report
from tools.rig import Rig
from tools.sim.options import SegmentOptions

METERS = 1200
_ENTRY_LEN = 23  # structure 2, long-unsigned 3, octet-string 2 + 16
_BLOCK_OVERHEAD_LEN = 12  # tag, type, invoke-id, last, block number 4, result, length 3
_PUBLIC, _OWN = 16, 1
_RTTS_MS = (20, 600, 2000)
# AARQ: logical names, no security; conformance get and block transfer, PDUs of any size (facts/dlms.md)
_AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F040040121DFFFF")
_GET_SAP_LIST = bytes.fromhex("C001C1001100002900 00FF0200")


def blocks() -> list[bytes]:
    """The get-responses of one reading, in order."""
    rig = Rig(SegmentOptions(meters=0))
    for number in range(METERS):
        rig.table.set_state(rig.table.add(b"BENCH" + number.to_bytes(3, "big")), 2, 1)
    hes = rig.connect()
    found: list[bytes] = []
    request = _AARQ
    while request:
        hes.replies.clear()
        assert hes.request(_PUBLIC, _OWN, request)
        rig.run(0)
        ((_, _, apdu),) = hes.replies
        if apdu[0] == 0xC4:
            found.append(apdu)
        request = _next(apdu)
    return found


def _next(apdu: bytes) -> bytes:
    if apdu[0] == 0x61:
        return _GET_SAP_LIST
    assert apdu[:2] == b"\xc4\x02" and not apdu[8], apdu[:16].hex()
    return b"" if apdu[3] else struct.pack(">BBBI", 0xC0, 2, 0xC1, int.from_bytes(apdu[4:8], "big"))


def run(report: Report) -> None:
    """Blocks, and the seconds they take."""
    found = blocks()
    longest = max(map(len, found))
    bound = math.ceil((METERS + 1) * _ENTRY_LEN / (longest - _BLOCK_OVERHEAD_LEN))
    report.add("sap-list-1200-blocks", len(found), "blocks", bound, "the octets in WPDUs as large")
    for rtt_ms in _RTTS_MS:
        seconds = len(found) * rtt_ms / 1000
        report.add("sap-list-1200-rtt-%d" % rtt_ms, seconds, "s", bound * rtt_ms / 1000, "as many round trips")
