# SPDX-License-Identifier: MIT
"""The bootstrapping server on the host (dialect L): who talks, what comes next, who is let in.

Source: g3.md 3.1-3.6. States and events as a table; the crypto is in `eap_psk`, the frames in
`lbp`, the pool in `lbs_session`. Law: a row is given only to who has proved to know its PSK;
what does not verify is counted and not answered; a frame of an old session changes nothing.
"""

from micropython import const

from base.errors import LocalError, RemoteError
from plc.g3 import adp, counts, eap_psk, lbp
from plc.g3 import lbs_session as states
from plc.g3 import shared as kinds
from plc.g3.gate import Gate
from plc.g3.lbs_rekey import LbsRekey
from plc.g3.lbs_session import DIRECT, Session, Sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.contract import FrameHandler
    from plc.g3.modem import Modem
    from plc.g3.network_record import NetworkRecord
    from plc.g3.outside import Outside
    from plc.g3.rekey import Rekey
    from plc.g3.shared import Shared
    from plc.g3.watch import Watch

# Events.
ASKS = const(0)  # JOINING without data
MESSAGE_2 = const(1)
MESSAGE_4 = const(2)
RESULT = const(3)  # parameter-result outside EAP
ON_AIR = const(4)  # LBP_CONFIRM, well
NOT_ON_AIR = const(5)
OVERDUE = const(6)

_IND_HEAD = const(4)  # source 2, length 2
_IND_TAIL = const(2)  # LQI, secured
_MAX_SHORT = const(0x7FFF)
_RAND_LEN = const(16)
_DONE_SUCCESS = const(2)
_EUI_LEN = const(8)
_COUNTERS = {
    eap_psk.MALFORMED: counts.LBP_MALFORMED,
    eap_psk.STALE: counts.LBP_REPLAY,
    eap_psk.BAD_MAC_P: counts.AUTH_BAD_MAC_P,
    eap_psk.BAD_TAG: counts.AUTH_BAD_TAG,
}


class Lbs:
    """`rekey` is set by the segment."""

    rekey: "Rekey"

    def __init__(
        self,
        modem: "Modem",
        nodes: "Nodes",
        watch: "Watch",
        record: "NetworkRecord",
        outside: "Outside",
        shared: "Shared",
    ) -> None:
        if outside.encrypt_block is None:
            raise LocalError("g3: dialect L needs encrypt_block")
        self.gate = Gate(nodes, watch, outside, shared)
        self.sessions = Sessions(modem, shared.settings)
        self.gate.is_joining = self.sessions.has
        self.carrier = LbsRekey(self, modem, nodes, shared.settings)
        self.ident = 0  # of the next EAP packet
        self._modem = modem
        self._nodes = nodes
        self._watch = watch
        self._record = record
        self._encrypt = outside.encrypt_block
        self._random = outside.random_octets
        self._shared = shared
        self._counters = shared.counters
        self._id_s = shared.settings.octets("lbs.id_s")
        self._frame = lbp.Frame()

    def frame_table(self) -> "dict[int, FrameHandler]":
        """Messages of the modem that are ours."""
        return {adp.LBP_INDICATION: self._indication, adp.LBP_CONFIRM: self._confirm}

    def restart(self, now: int) -> None:
        """The modem has come up: bootstraps under way are gone."""
        self.sessions.clear()

    def on_deadline(self, now: int) -> None:
        """Repeat or give up."""
        session = self.sessions.next_overdue(now)
        while session is not None:
            self._fire(now, session, OVERDUE)
            session = self.sessions.next_overdue(now)

    def next_deadline(self) -> "int | None":
        """When a device must have answered."""
        return self.sessions.next_deadline()

    def kick(self, now: int, row: int) -> None:
        """Expel the node of `row`."""
        self._counters.inc(counts.KICKED)
        title = bytearray(_EUI_LEN)
        self._nodes.title_into(row, title, 0)
        eui64 = bytes(title)
        self.sessions.say_once(self._nodes.addr(row), eui64, lbp.frame(lbp.KICK_TO_LBD, 0, eui64))

    def begin(self, now: int, session: "Session", hybrid: int) -> None:
        """Message 1 of a new run; the PSK stands in the gate and is wiped."""
        session.hybrid = hybrid
        session.exchange.start(self._encrypt, self.gate.psk, self._random(_RAND_LEN))
        self.gate.wipe()
        message = eap_psk.message_1(self._next_ident(), session.exchange.rand_s, self._id_s)
        self.sessions.say(now, session, states.WAIT_2, self._framed(session, lbp.CHALLENGE, message))

    # --- frames in ---

    def _indication(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if n < _IND_HEAD or n != _IND_HEAD + (mv[off + 2] << 8 | mv[off + 3]) + _IND_TAIL:
            return self._counters.inc(counts.MESSAGE_SHORT)
        via = mv[off] << 8 | mv[off + 1]
        is_secured = mv[off + n - 1] != 0
        frame = self._frame
        try:
            frame.parse(mv[off + _IND_HEAD : off + n - _IND_TAIL])
        except RemoteError:
            return self._counters.inc(counts.LBP_MALFORMED)
        is_direct = via == DIRECT
        if is_secured is is_direct or (not is_direct and via > _MAX_SHORT):
            return self._counters.inc(counts.LBP_REFUSED)
        if frame.code == lbp.KICK_FROM_LBD:
            return self._leave(now, via)
        return self._joining(now, via)

    def _leave(self, now: int, via: int) -> None:
        row = self._nodes.find(self._frame.eui64)
        if row < 0 or self._nodes.addr(row) != via:
            return self._counters.inc(counts.LBP_REFUSED)
        self._counters.inc(counts.LEFT)
        self._shared.tell(now, kinds.NODE_LEFT, self._frame.eui64, row)
        return self._watch.lose(now, row)

    def _joining(self, now: int, via: int) -> None:
        frame = self._frame
        session = self.sessions.of(frame.eui64)
        if not len(frame.body):
            self._counters.inc(counts.JOIN_REQUESTS)
            return self._asks(now, session, via)
        if session is None or (session.is_rekey and session.via != via):  # a replay, or much too late
            return self._counters.inc(counts.LBP_REPLAY)
        if frame.is_parameter:
            return self._fire(now, session, RESULT)
        return self._fire(now, session, MESSAGE_2 if eap_psk.is_message_2(frame.body) else MESSAGE_4)

    def _asks(self, now: int, session: "Session | None", via: int) -> None:
        """A device wants to join; it may have a session already."""
        frame = self._frame
        if session is not None:
            if session.is_rekey:  # anybody can send this; a member in the middle of a rekey did not
                return self._decline(via, frame.hybrid)
            if session.state == states.WAIT_2:
                session.via = via
                return self._fire(now, session, ASKS)
            self._close(now, session)
        if not self.gate.is_welcome(now, frame.eui64, self.rekey.is_on):
            return self._decline(via, frame.hybrid)
        session = self.sessions.open(now, frame.eui64, False)
        if session is None:
            self.gate.wipe()
            return self._counters.inc(counts.LBP_NO_SLOT)
        session.via = via
        session.row = -1
        return self.begin(now, session, frame.hybrid)

    def _confirm(self, now: int, mv: memoryview, off: int, n: int) -> None:
        if n < 2:
            return self._counters.inc(counts.MESSAGE_SHORT)
        session = self.sessions.by_handle(mv[off + 1])
        if session is None:
            return None
        fate = adp.fate(mv[off])
        if fate == adp.RETRY:
            return self.sessions.busy(now, session)
        return self._fire(now, session, ON_AIR if fate in (adp.SENT, adp.MAYBE) else NOT_ON_AIR)

    # --- the table's actions ---

    def _fire(self, now: int, session: "Session", event: int) -> None:
        action = _TABLE[session.state][event]
        try:
            action(self, now, session)
        except RemoteError as error:
            self._wrong(now, session, str(error.args[0]))

    def _ignore(self, now: int, session: "Session") -> None:
        """Nothing to do in this state."""

    def _odd(self, now: int, session: "Session") -> None:
        self._counters.inc(counts.LBP_REPLAY)

    def _again(self, now: int, session: "Session") -> None:
        """The device did not hear us and has sent the same again: so do we."""
        self.sessions.repeat(now, session)

    def _take_2(self, now: int, session: "Session") -> None:
        session.exchange.take_2(self._encrypt, self._frame.body, self._id_s)
        if session.is_rekey:
            parameters = self.carrier.parameters
        else:
            session.row = self.gate.row_for(now, self._frame.eui64)
            if session.row < 0:
                self._decline(session.via, session.hybrid)
                return session.close()
            index = self._record.active
            parameters = lbp.join_parameters(self._nodes.addr(session.row), index, self._record.key(index))
        message = session.exchange.message_3(self._encrypt, self._next_ident(), self._id_s, parameters)
        return self.sessions.say(now, session, states.WAIT_4, self._framed(session, lbp.CHALLENGE, message))

    def _take_4(self, now: int, session: "Session") -> None:
        result, parameters = session.exchange.take_4(self._encrypt, self._frame.body)
        if session.exchange.nonce_is_odd:
            self._counters.inc(counts.NONCE_ODD)
        if result != _DONE_SUCCESS or not lbp.is_result_ok(parameters):
            self._counters.inc(counts.AUTH_REFUSED)
            return self._close(now, session)
        message = eap_psk.success(self._next_ident())
        return self.sessions.say(now, session, states.ACCEPTING, self._framed(session, lbp.ACCEPTED, message))

    def _accepted(self, now: int, session: "Session") -> None:
        row, is_rekey = session.row, session.is_rekey
        eui64 = session.eui64
        session.close()
        if is_rekey:
            self.rekey.completed(now, row)
            return
        if self._nodes.find(eui64) != row or self.gate.is_shut(now, eui64):  # removed or blocked meanwhile
            return self.kick(now, row)
        self._counters.inc(counts.JOINED)
        self._shared.tell(now, kinds.JOIN_DONE, eui64, row)
        self._watch.joined(now, row)

    def _take_result(self, now: int, session: "Session") -> None:
        is_ok = lbp.is_result_ok(self._frame.body)
        row = session.row
        session.close()
        if is_ok:
            self.rekey.completed(now, row)
        else:
            self._counters.inc(counts.AUTH_REFUSED)
            self.rekey.refused(now, row)

    def _late(self, now: int, session: "Session") -> None:
        if self.sessions.may_repeat(now, session):
            self.sessions.repeat(now, session)
        else:
            self._counters.inc(counts.LBP_TIMEOUT)
            self._close(now, session)

    def _wrong(self, now: int, session: "Session", why: str) -> None:
        """It does not verify. A wrong PSK ends the run; forged or old frames do not."""
        self._counters.inc(_COUNTERS.get(why, counts.LBP_MALFORMED))
        if why in (eap_psk.BAD_MAC_P, eap_psk.BAD_TAG):
            self._shared.tell(now, kinds.AUTH_FAILED, session.eui64, session.row)
        if why == eap_psk.BAD_MAC_P:
            self._close(now, session)

    # --- inside ---

    def _close(self, now: int, session: "Session") -> None:
        row, is_rekey, eui64 = session.row, session.is_rekey, session.eui64
        session.close()
        if is_rekey:
            self.rekey.refused(now, row)
        else:
            self._shared.tell(now, kinds.JOIN_FAILED, eui64, row)

    def _decline(self, via: int, hybrid: int) -> None:
        eui64 = self._frame.eui64
        nsdu = lbp.frame(lbp.DECLINE, hybrid, eui64, eap_psk.failure(self._next_ident()))
        self.sessions.say_once(via, eui64, nsdu)

    def _framed(self, session: "Session", code: int, eap: bytes) -> bytes:
        return lbp.frame(code, session.hybrid, session.eui64, eap)

    def _next_ident(self) -> int:
        ident = self.ident
        self.ident = (ident + 1) & 0xFF
        return ident


_L = Lbs
# Rows: FREE, WAIT_2, WAIT_4, ACCEPTING, WAIT_RESULT; columns: the events in order.
_TABLE = (
    (_L._ignore, _L._odd, _L._odd, _L._odd, _L._ignore, _L._ignore, _L._ignore),
    (_L._again, _L._take_2, _L._odd, _L._odd, _L._ignore, _L._late, _L._late),
    (_L._odd, _L._again, _L._take_4, _L._odd, _L._ignore, _L._late, _L._late),
    (_L._odd, _L._odd, _L._again, _L._odd, _L._accepted, _L._late, _L._late),
    (_L._odd, _L._odd, _L._odd, _L._take_result, _L._ignore, _L._late, _L._late),
)
