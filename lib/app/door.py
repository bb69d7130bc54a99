# SPDX-License-Identifier: MIT
"""Who comes in: firewall, connections per second, sessions at once, handshakes per minute.

Asked before an octet of a connection is read; nothing here waits. When all sessions are taken,
the one that has been silent longest makes room, if that is long: the board's sockets have no
keep-alive, and head-ends that vanished without a word would lock everybody out for the idle time. One
address that holds them all gives one up to another address.
"""

from micropython import const

from app.firewall import TLS, Firewall, parse_all
from base.allowance import Allowance
from base.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from app.sessions import Session
    from app.settings import Commit

# Why a connection may not come in; numbers are those of app.sessions.
LETS_IN = const(-1)
TOO_MANY = const(5)
TOO_FAST = const(6)
DENIED = const(9)
HANDSHAKES = const(10)
_SECOND_MS = const(1000)
_MINUTE_MS = const(60000)
_MOST_CAME = const(8)
_LEAST_SHARED = const(2)
_TOLD = const(20)  # records of refusals: so many, then one in so many seconds
_TOLD_S = const(10)


class _Rate:
    """Counts what happens in fixed spans of `span_ms`."""

    def __init__(self, now: int, span_ms: int) -> None:
        self._span_ms = span_ms
        self._began = now
        self.count = 0

    def add(self, now: int) -> int:
        """One more; how many that makes in this span."""
        # NOTE: below 0 it began longer ago than the ticks can say (6 days): a quiet week must not end in days
        # of refusals.
        if not 0 <= ticks_diff(now, self._began) < self._span_ms:
            self._began = now
            self.count = 0
        self.count += 1
        return self.count


class Door:
    """`sessions`: those that are open, the listener's own list."""

    def __init__(self, config: "Config", sessions: "list[Session]", now: int) -> None:
        self._config = config
        self._sessions = sessions
        self._connects = _Rate(now, _SECOND_MS)
        self._refused = _Rate(now, _SECOND_MS)
        self._told = Allowance(_TOLD, _TOLD_S)
        self._came: "list[bytes]" = []  # addresses that came in this second
        self._handshakes = _Rate(now, _MINUTE_MS)
        self.firewall = Firewall(config["firewall"])  # type: ignore[arg-type]

    def prepare(self, config: "Config") -> "Commit":
        """The configured rules change (app.settings)."""
        rules = parse_all(config["firewall"])  # type: ignore[arg-type]
        return lambda: self.firewall.use(rules)

    def refusal(self, now: int, service: int, peer: bytes) -> int:
        """Why this connection may not come in, LETS_IN if it may. May close a silent session."""
        # NOTE: first of all: who may not come in at all must not use up the second of those who may.
        if not self.firewall.allows(service, peer):
            return DENIED
        if self._is_too_fast(now, peer):
            return TOO_FAST
        if len(self._sessions) >= self._config.number("wan.sessions") and not self._makes_room(now, service, peer):
            return TOO_MANY
        if service == TLS and self._secured_cnt() >= self._config.number("tls.sessions"):
            return TOO_MANY
        # NOTE: last, for only a handshake that will be done counts: each stops the loop (docs/timing.md).
        if service == TLS and self._handshakes.add(now) > self._config.number("tls.handshakes_per_min"):
            return HANDSHAKES
        return LETS_IN

    def is_loud(self, now: int, now_s: int) -> bool:
        """This refusal is worth a log record: one a second is, and not for long."""
        return self._refused.add(now) == 1 and self._told.take(now_s)

    def _is_too_fast(self, now: int, peer: bytes) -> bool:
        """Too many in this second; but each of a few addresses gets in once, whoever floods beside it."""
        count = self._connects.add(now)
        if count == 1:
            self._came.clear()
        is_first = peer not in self._came and len(self._came) < _MOST_CAME
        if is_first:
            self._came.append(peer)
        return count > self._config.number("wan.connects_per_s") and not is_first

    def _secured_cnt(self) -> int:
        return sum([session.service == TLS for session in self._sessions])

    def _makes_room(self, now: int, service: int, peer: bytes) -> bool:
        oldest = None
        for session in self._sessions:
            if session.is_open and (oldest is None or ticks_diff(session.heard_at, oldest.heard_at) < 0):
                oldest = session
        if oldest is None:
            return False
        is_silent = ticks_diff(now, oldest.heard_at) >= 1000 * self._config.number("wan.spare_s")
        if not is_silent and not self._is_greedy(oldest.peer, service, peer):
            return False
        oldest.close_idle()
        return True

    def _is_greedy(self, holder: bytes, service: int, peer: bytes) -> bool:
        """One address holds every session, and another one, whose place in the network is known, wants in.

        NOTE: not by TLS: anybody may knock there, and has shown no certificate yet.
        """
        if service == TLS or not peer or peer == holder or len(self._sessions) < _LEAST_SHARED:
            return False
        return all([session.peer == holder for session in self._sessions])
