# SPDX-License-Identifier: MIT
"""Meters whose answer says which request it answers and who answers it.

request:  tag 01 C1 number(4) want(1) filler        want = octets of filler in the answer / 2
answer:   answer tag 01 C1 number(4) title(8) filler
So a crossed, repeated, stale or changed answer is seen by whoever reads it. The tags are
real ones: C0 and C3 show their invoke-id (always the same here), C8 and DB show nothing.
"""

from __future__ import annotations

from tools.sim.server import DlmsServer, Reply

GET, ACTION, GLO_GET, GENERAL_GLO = 0xC0, 0xC3, 0xC8, 0xDB
ANSWER_TAG = {GET: 0xC4, ACTION: 0xC7, GLO_GET: 0xCC, GENERAL_GLO: 0xDB}
HEAD_LEN = 8
REFUSALS = (bytes.fromhex("D80101"), bytes.fromhex("D80104"))


def request_apdu(number: int, tag: int = GET, length: int = 13, want: int = 0) -> bytes:
    """Request `number`: `length` octets (8 or more); the answer has `want` octets of filler."""
    head = bytes((tag, 1, 0xC1)) + number.to_bytes(4, "big") + bytes((want // 2,))
    return head + bytes(index & 0xFF for index in range(length - len(head)))


def answer_apdu(request: bytes, title: bytes) -> bytes:
    """What the meter `title` says to that request."""
    filler = bytes(index * 7 & 0xFF for index in range(2 * request[7]))
    return bytes((ANSWER_TAG[request[0]],)) + request[1:7] + title + filler


def number_of(apdu: bytes) -> int:
    """The number a request or an answer carries; -1 when it is neither."""
    known = tuple(ANSWER_TAG) + tuple(ANSWER_TAG.values())
    if len(apdu) < 7 or apdu[0] not in known or apdu[1:3] != b"\x01\xc1":
        return -1
    return int.from_bytes(apdu[3:7], "big")


def is_numbered_request(apdu: bytes) -> bool:
    """A meter can answer this one as above."""
    return len(apdu) >= HEAD_LEN and apdu[0] in ANSWER_TAG and number_of(apdu) >= 0


class Numbered(DlmsServer):
    """Answers as above; keeps the numbers it was asked, in order. `is_dumb`: never answers."""

    def __init__(self, title: bytes) -> None:
        super().__init__()
        self.title = bytes(title)
        self.asked: list[int] = []
        self.is_dumb = False

    def request(self, client_sap: int, server_sap: int, apdu: bytes, reply: Reply) -> None:
        """Answer at once, unless dumb."""
        self.asked.append(number_of(apdu))
        reply(None if self.is_dumb or not is_numbered_request(apdu) else answer_apdu(apdu, self.title))
