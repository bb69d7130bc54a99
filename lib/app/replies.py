# SPDX-License-Identifier: MIT
"""What goes back to a head-end: replies in a WPDU, refusals as exception-response.

Ports are swapped by the caller, an E6 prefix comes back as E7. One buffer per WPDU, taken
from the slab and owned by the session from `send` on.
"""

from micropython import const

from base.counters import Counters
from dlms.gateway_prefix import TAG_GATEWAY_RESPONSE
from dlms.wrapper import HEADER_LEN, encode_header_into
from gateway import refusal
from gateway.router import OWN_SAP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.contract import Device, Session
    from base.slab import Slab

_SHARE = const(8)  # of the free buffers an answer of SAP 1 may take at once
HEADROOM = const(48)  # >= wrapper 8 + prefix 35, and >= any medium's headroom


class Replies:
    """Writes WPDUs into slab buffers and hands them to sessions; counts what it cannot."""

    def __init__(self, slab: "Slab", counters: Counters, by_exception: bool) -> None:
        self._slab = slab
        self._counters = counters
        self._by_exception = by_exception

    def deliver(
        self, session: object, ports: "tuple[int, int]", prefix: bytes, apdu: memoryview
    ) -> bool:
        """Copy `apdu` behind prefix and wrapper and give it to `session`; False: dropped, counted.

        `ports` = (source, destination) wPort of the WPDU; `prefix` as it came in, or empty.
        """
        buf = self._slab.alloc()
        if buf < 0 or len(apdu) > self._slab.size:
            if buf >= 0:
                self._slab.free(buf)
            self._counters.inc(refusal.NO_BUFFER)
            return False
        return self.send(session, ports, prefix, buf, len(apdu), apdu)

    def send(
        self,
        session: object,
        ports: "tuple[int, int]",
        prefix: bytes,
        buf: int,
        length: int,
        apdu: "memoryview | None" = None,
    ) -> bool:
        """Wrap the APDU in slab buffer `buf` at HEADROOM (`apdu` is put there first) and give it away."""
        is_taken: bool = False
        try:
            view = self._slab.view(buf)
            if apdu is not None:
                view[HEADROOM : HEADROOM + length] = apdu
            start = self._wrap(view, ports, prefix, length)
            is_taken = session.send(buf, start, HEADROOM + length - start)  # type: ignore[attr-defined]
        finally:
            if not is_taken:  # also when memory ran out
                self._slab.free(buf)
                self._counters.inc(refusal.PEER_SLOW)
        return is_taken

    def _wrap(self, view: memoryview, ports: "tuple[int, int]", prefix: bytes, length: int) -> int:
        """Write prefix and wrapper in front of the APDU; where the WPDU begins."""
        prefix_len = len(prefix)
        if prefix_len:
            view[HEADROOM - prefix_len : HEADROOM] = prefix
            view[HEADROOM - prefix_len] = TAG_GATEWAY_RESPONSE
        start = HEADROOM - prefix_len - HEADER_LEN
        encode_header_into(view, start, ports[0], ports[1], prefix_len + length)
        return start

    def from_device(
        self, now: int, device: "Device", session: "Session", client_sap: int, request: memoryview, length: int
    ) -> None:
        """The own logical device (SAP 1) answers the APDU at HEADROOM of `request` at once."""
        out = self._slab.alloc()
        if out < 0:
            self._counters.inc(refusal.NO_BUFFER)
            return
        answer_len = 0
        try:
            dst = self._slab.view(out)
            device.stream(1 + min(session.room // 2, self._slab.free_cnt // _SHARE))
            answer_len = device.request(
                now, session.number, client_sap, request, HEADROOM, length, dst, HEADROOM, self._slab.size, session.peer
            )
        except MemoryError:
            # NOTE: let through, it would end the session, and with it associations with meters.
            answer_len = -1
        finally:
            if answer_len <= 0:
                self._slab.free(out)
        if answer_len < 0:
            self.refuse(session, refusal.NO_BUFFER, (OWN_SAP, client_sap), b"")
        while answer_len > 0 and self.send(session, (OWN_SAP, client_sap), b"", out, answer_len):
            if not device.more_cnt():
                break
            out = self._slab.alloc()
            answer_len = self._more(device, out)

    def _more(self, device: "Device", out: int) -> int:
        """The next APDU of an answer that streams, in buffer `out`; 0: memory ran out, the client asks for it again."""
        try:
            return device.more(self._slab.view(out), HEADROOM, self._slab.size)
        except MemoryError:
            self._slab.free(out)
            self._counters.inc(refusal.NO_BUFFER)
            return 0

    def refuse(self, session: object, reason: int, ports: "tuple[int, int]", prefix: bytes) -> None:
        """Count `reason` and, unless configured to be silent, answer with its exception-response."""
        self._counters.inc(reason)
        if self._by_exception and session is not None:
            self.deliver(session, ports, prefix, memoryview(refusal.apdu_for(reason)))
