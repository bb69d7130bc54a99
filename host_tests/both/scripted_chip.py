# SPDX-License-Identifier: MIT
"""The least an AMIS-49587 does, for measuring on MicroPython: answers at once, never errs.

The twin in tools/sim is the real test partner; it needs CPython. This one configures,
synchronises, confirms every MA_DATA_Request after one slot and lets `answer_to(apdu)` reply
for the meter. Its octets are made outside the span that is measured.
"""

_SLOT_MS = 150


def _frame(command, body):
    length = len(body) + 3
    total = length + command + sum(body)
    return bytes([2, length, command]) + body + bytes([total & 0xFF, total >> 8 & 0xFF])


class ScriptedChip:
    """Implements plc.contract.ModemPort. `due` = list of [tick, octets] in order."""

    def __init__(self, answer_to):
        self.now = 0
        self.due = []
        self._answer_to = answer_to
        self._is_configured = False
        self._is_asked = False
        self._frame = b""

    def power(self, on):
        """Supply: nothing to do."""

    def reset(self, asserted):
        """RESET line."""
        self._is_configured = False

    def t_req(self, asserted):
        """T_REQ down: the status message."""
        if asserted:
            state = b"\x3f\x00\x01\x00" if self._is_configured else b"\x3f\x02\x00\x15"
            self._after(1, state)

    def write(self, mv):
        """Octets of the host: whole frames, or its ACK."""
        octets = bytes(mv)
        if octets in (b"\x06", b"\x15"):
            return
        self._frame += octets
        if len(self._frame) > 1 and len(self._frame) >= self._frame[1] + 2:
            whole, self._frame = self._frame, b""
            self._after(1, b"\x06")
            self._do(whole[2], whole[3:-2])

    def _do(self, command, body):
        if command == 0x21:
            self._is_configured = False
        elif command == 0x71:
            self._is_configured = True
            self._after(2, _frame(0x72, body))
        elif command == 0x41:
            self._after(2, _frame(0x42, body[:2] + bytes(40)))
        elif command == 0x51:
            self._after(_SLOT_MS, _frame(0x52, b"\xff"))
            self._transmit(body)

    def _transmit(self, body):
        """The meter addressed swaps SAPs and addresses and answers; nobody answers a broadcast."""
        source, dest = body[1] << 4 | body[2] >> 4, (body[2] & 15) << 8 | body[3]
        reply = None if dest == 0xFFF else self._answer_to(dest, body[8:])
        if reply is None:
            return
        addresses = bytes([dest >> 4, (dest & 15) << 4 | source >> 8, source & 0xFF])
        head = bytes([0]) + addresses + bytes([0, 0x90, body[7], body[6]])
        self._after(3 * _SLOT_MS, _frame(0x50, head + reply))

    def _after(self, ms, octets):
        self.due.append([self.now + ms, octets])
        self.due.sort(key=lambda item: item[0])

    def take(self, now):
        """Octets due at `now`, or None."""
        self.now = now
        if self.due and self.due[0][0] <= now:
            return self.due.pop(0)[1]
        return None
