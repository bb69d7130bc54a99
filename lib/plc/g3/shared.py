# SPDX-License-Identifier: MIT
"""What all parts of a G3 segment share: settings, counters, seconds of uptime, events, log."""

from micropython import const

from base.log import NO_NODE
from base.ticks import Uptime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from base.log import Log
    from plc.g3.contract import EventListener
    from plc.g3.settings import Settings

# Events for the application (`outside.on_event`), beside the node events of the medium.
JOIN_UNKNOWN = const(0)  # a node without a PSK here asks to join: the head-end may provide one
JOIN_REFUSED = const(1)  # blacklisted, not on the whitelist, table full, or during a rekey
JOIN_FAILED = const(2)  # accepted, but the bootstrap did not finish
JOIN_DONE = const(3)
NODE_LEFT = const(4)
PAN_CONFLICT = const(5)  # another network has our PAN id
PAN_FOREIGN = const(6)  # another network, another PAN id
PAN_STARTED = const(7)
REKEY_BEGUN = const(8)
REKEY_DONE = const(9)
REKEY_MISSED = const(10)  # this node has not got the new key
REKEY_WANTS_PSK = const(11)
AUTH_FAILED = const(12)  # wrong PSK, or a replayed or forged message
PING_DONE = const(13)  # number: round trip in ms
PING_FAILED = const(14)
ROUTE_DONE = const(15)  # number: status of the route discovery
JOIN_MISMATCH = const(16)  # it finished with an address that is not its own
NODE_KICKED = const(17)
PATH_DONE = const(18)  # number: hops
PATH_FAILED = const(19)
EVENT_NAMES = (
    "join-unknown",
    "join-refused",
    "join-failed",
    "join-done",
    "node-left",
    "pan-conflict",
    "pan-foreign",
    "pan-started",
    "rekey-begun",
    "rekey-done",
    "rekey-missed",
    "rekey-wants-psk",
    "auth-failed",
    "ping-done",
    "ping-failed",
    "route-done",
    "join-mismatch",
    "node-kicked",
    "path-done",
    "path-failed",
)


class Shared:
    """A bundle handed to every part at construction."""

    def __init__(
        self, settings: "Settings", counters: "Counters", on_event: "EventListener | None", log: "Log | None"
    ) -> None:
        self.settings = settings
        self.counters = counters
        self._on_event = on_event
        self._log = log
        self._uptime: "Uptime | None" = None

    def seconds(self, now: int) -> int:
        """Seconds since the first call, from 1 on: 0 means never in the table."""
        if self._uptime is None:
            self._uptime = Uptime(now)
        return self._uptime.seconds(now)

    def record(self, level: int, event: int, a: int = 0, b: int = 0, node: int = NO_NODE) -> None:
        """Add a log record, if there is a log."""
        if self._log is not None:
            self._log.add(level, event, node, a, b)

    def tell(self, now: int, kind: int, eui64: "bytes | memoryview" = b"", number: int = 0) -> None:
        """Tell the application: `eui64` (8 octets or none) is borrowed for the call."""
        if self._on_event is not None:
            self._on_event(now, kind, eui64, number)
