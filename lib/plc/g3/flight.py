# SPDX-License-Identifier: MIT
"""One APDU on its way: handed to the modem, confirmed, answered; states and events as a table.

Source: g3.md 2.10. WAITING: the modem had no room, it is handed in again. REQUESTED: the modem
has it, DATA_CONFIRM is awaited. AIR: it left or may have left; the reply window is open.
Law: what may have been on the air is never handed in again.
"""

from micropython import const

from base.ticks import ticks_add
from plc.medium import DONE_LINK_DOWN, DONE_NO_REPLY, DONE_NOT_SENT, DONE_REPLIED, DONE_SENT

# States.
FREE = const(0)
WAITING = const(1)
REQUESTED = const(2)
AIR = const(3)

# Events.
GIVEN = const(0)  # the modem took the request
CONFIRMED = const(1)  # it left, or may have left
NO_ROOM = const(2)
NOT_SENT = const(3)  # refused, or no route
OVERDUE = const(4)
ANSWERED = const(5)
DOWN = const(6)

_GOES_ON = const(-1)
_NO_BUFFER = memoryview(b"")
_NOTHING = (FREE, _GOES_ON)
_STAY_W = (WAITING, _GOES_ON)
_STAY_R = (REQUESTED, _GOES_ON)
_STAY_A = (AIR, _GOES_ON)
# rows: states; columns: events. Cell: next state, outcome (_GOES_ON: none yet)
TABLE = (
    (_STAY_R, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING),
    (_STAY_R, _STAY_W, _STAY_W, _STAY_W, (FREE, DONE_NOT_SENT), _STAY_W, (FREE, DONE_NOT_SENT)),
    (_STAY_R, _STAY_A, _STAY_W, (FREE, DONE_NOT_SENT), (FREE, DONE_NO_REPLY), _STAY_R, (FREE, DONE_LINK_DOWN)),
    (_STAY_A, _STAY_A, _STAY_A, _STAY_A, (FREE, DONE_NO_REPLY), (FREE, DONE_REPLIED), (FREE, DONE_LINK_DOWN)),
)


class Flight:
    """One slot. `deadline`: WAITING next try, REQUESTED confirm overdue, AIR window over."""

    def __init__(self) -> None:
        self.state = FREE
        self.row = 0
        self.client_sap = 0
        self.server_sap = 0
        self.buf = _NO_BUFFER
        self.off = 0
        self.length = 0
        self.expects_reply = False
        self.handle = 0
        self.is_sought = False  # the modem looks for a route if it has none
        self.since = 0  # submitted
        self.sent_at = 0
        self.deadline = 0
        self.late_at = 0  # REQUESTED: no frame takes so long; AIR: an answer would have come, as answers usually do
        self.is_late = False
        self.is_answering = False  # AIR: an answer came, and more of it is to follow
        self.load = 0  # percent of the line

    def fire(self, event: int) -> int:
        """Go to the next state; the outcome (DONE_*) when that ends it, else -1."""
        self.state, outcome = TABLE[self.state][event]
        if self.state == AIR and not self.expects_reply:
            self.state, outcome = FREE, DONE_SENT
        elif outcome == DONE_NO_REPLY and not self.expects_reply:
            outcome = DONE_SENT
        if self.state == FREE:
            self.buf = _NO_BUFFER
            self.is_answering = False
        return outcome

    def expect(self, now: int, window_ms: int, usual_ms: int) -> None:
        """An answer, or the next part of one, comes within `window_ms`, usually within `usual_ms`."""
        self.deadline = ticks_add(now, window_ms)
        self.late_at = ticks_add(now, usual_ms)
        self.is_late = False


def count(flights: "list[Flight]", state: int) -> int:
    """How many are in `state`."""
    found = 0
    for flight in flights:
        found += flight.state == state
    return found


def searching(flights: "list[Flight]") -> int:
    """For how many the modem looks for a route."""
    found = 0
    for flight in flights:
        found += flight.state == REQUESTED and flight.is_late
    return found


def load(flights: "list[Flight]") -> int:
    """Percent of the line that exchanges under way need, as far as they are not late."""
    percent = 0
    for flight in flights:
        if flight.state != FREE and not flight.is_late:
            percent += flight.load
    return percent
