# SPDX-License-Identifier: MIT
"""CIASE on the meter's side (IEC 61334-4-511 as in sfsk.md 3): what a server does with each PDU.

Functions of (node, frame, pdu); they change the node's registration or send a PDU. A PDU that is
malformed or not for this node is counted and ignored.
"""

from typing import TYPE_CHECKING

from tools.sim.mac_frame import ADDR_NEW, LLC_CONTROL, MacFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.sim.node import Node

PING_REQ = 0x19
PING_RSP = 0x1A
REGISTER_REQ = 0x1C
DISCOVER_REQ = 0x1D
DISCOVER_REPORT = 0x1E
REPEATER_CALL_REQ = 0x1F
CLEAR_ALARM_REQ = 0x39

_DISCOVER_LEN = 6
_REPEATER_CALL_LENS = (5, 6)  # with or without a threshold after the 'default used' octet [U]


def handle(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    """One CIASE PDU heard by `node`; its transmission ends before `end_slot`."""
    handler = _HANDLERS.get(pdu[0]) if pdu else None
    if handler is None:
        node.counters["ciase_unknown"] += 1
        return
    handler(node, frame, pdu, end_slot)


def report_pdu(node: "Node") -> bytes:
    """DiscoverReport of one system."""
    alarm = node.options.alarm
    tail = b"\x00" if alarm is None else bytes((1, alarm))
    return bytes((DISCOVER_REPORT, 1)) + node.title + tail


def _discover(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    if len(pdu) != _DISCOVER_LEN:
        node.counters["ciase_malformed"] += 1
        return
    slots = int.from_bytes(pdu[2:4], "big")
    if not node.is_new or slots == 0 or node.random.random() * 100 >= pdu[1]:
        return
    credit = frame.ic if pdu[5] else pdu[4] & 7
    node.counters["reports"] += 1
    dest = 0xFFF if node.options.report_to_all else frame.source
    m_sdu = bytes((LLC_CONTROL, node.options.report_sap, node.options.ciase_sap)) + report_pdu(node)
    answer = MacFrame(ADDR_NEW, dest, credit, m_sdu)
    # NOTE: one slot to turn round; without it a report in slot 0 would slip into slot 1
    offset = 1 + node.random.randrange(slots) * answer.all_slots
    node.uplink.report(answer, end_slot + offset)


def _register(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    size = len(node.title)
    row = size + 2
    if len(pdu) < 2 + size or len(pdu) != 2 + size + pdu[1 + size] * row:
        node.counters["ciase_malformed"] += 1
        return
    initiator = pdu[1 : 1 + size]
    for offset in range(2 + size, len(pdu), row):
        if pdu[offset : offset + size] == node.title:
            mac_addr = int.from_bytes(pdu[offset + size : offset + row], "big") & 0xFFF
            node.register(initiator, frame.source, mac_addr)


def _ping(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    if node.is_new or frame.dest != node.mac_addr or pdu[1:] != node.title:
        node.counters["ping_ignored"] += 1
        return
    node.counters["pings"] += 1
    node.answer(frame, bytes((PING_RSP,)) + node.title)


def _repeater_call(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    if len(pdu) not in _REPEATER_CALL_LENS:
        node.counters["ciase_malformed"] += 1
        return
    node.counters["repeater_calls"] += 1
    node.is_repeater = not node.is_new and node.mac_addr <= int.from_bytes(pdu[1:3], "big")


def _clear_alarm(node: "Node", frame: MacFrame, pdu: bytes, end_slot: int) -> None:
    node.counters["clear_alarms"] += 1


_HANDLERS: "dict[int, Callable]" = {
    PING_REQ: _ping,
    REGISTER_REQ: _register,
    DISCOVER_REQ: _discover,
    REPEATER_CALL_REQ: _repeater_call,
    CLEAR_ALARM_REQ: _clear_alarm,
}
