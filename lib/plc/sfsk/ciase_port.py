# SPDX-License-Identifier: MIT
"""The initiator's own frames: one buffer, CIASE SAPs, and how long each answer may take.

Source: sfsk.md 2.2 (SAP 00 at the meter, 01 at the initiator; all UNCONFIRMED and settings),
1.5 (airtime). Law: at most one own transaction, only when the line is free.
"""

from plc.sfsk import airtime, counts, llc, local_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.sfsk.contract import LineOwner
    from plc.sfsk.line import Line
    from plc.sfsk.settings import Settings
    from plc.sfsk.shared import Shared

APDU_OFF = llc.HEADROOM
_UART_MARGIN_MS = 100  # host and chip exchanging status, frame and ACK around a reply


class CiasePort:
    """`mv` is the own frame buffer: the PDU is written at APDU_OFF, then `send` takes it."""

    def __init__(self, line: "Line", settings: "Settings", shared: "Shared") -> None:
        self.mv = memoryview(bytearray(local_frame.MAX_FRAME))
        self.max_apdu = settings.max_msdu - llc.LLC_LEN
        self._line = line
        self._air = shared.air
        self._counters = shared.counters
        self._broadcast = settings["broadcast_mac"]
        self._sa = settings["initiator_mac"]
        self._saps = settings["sap_ciase"] << 8 | settings["sap_initiator"]
        self._msb_first = bool(settings["mac_msb_first"])
        self._widen = settings["uart_widen"]
        self._baud = settings["uart_baud"]

    def send(self, now: int, owner: "LineOwner", length: int, da: int, credit: int, window_ms: int) -> None:
        """Put the PDU of `length` octets at APDU_OFF on the line. Only when that is free."""
        llc.put_header(self.mv, APDU_OFF, credit, self._sa << 12 | da, self._saps, self._msb_first)
        if da == self._broadcast:
            self._counters.inc(counts.TX_BROADCAST)
        self._line.begin(now, owner, self.mv, (APDU_OFF, length), credit, window_ms)

    def reply_ms(self, pdu_len: int, credit: int, think_ms: int) -> int:
        """Window for one answering PDU: waiting for a slot, thinking, its airtime, the UART."""
        slots = 2 + airtime.subframes(pdu_len + llc.LLC_LEN) * (credit + 1)
        return self._air.slots_ms(slots) + think_ms + self._margin_ms()

    def reports_ms(self, slots: int, credit: int) -> int:
        """Window for DiscoverReports in `slots` report slots of (credit + 1) slots each.

        Never shorter than the UART needs for a report in every slot (raised time scales).
        """
        on_line = self._air.slots_ms(slots * (credit + 1) + 2)
        on_uart = slots * 30 * 10000 // self._baud  # 30 octets: longest report, its ACK
        return max(on_line, on_uart) + self._margin_ms()

    def _margin_ms(self) -> int:
        return _UART_MARGIN_MS * self._widen
