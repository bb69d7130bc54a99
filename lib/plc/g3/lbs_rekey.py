# SPDX-License-Identifier: MIT
"""How dialect L carries a rekey: bootstraps begun by us with nodes of the network (g3.md 3.6).

Message 1 goes unasked to the node's short address; message 3 brings only the new key. The
activation is an ACCEPTED frame with one parameter, answered by a parameter-result.
"""

from micropython import const

from plc.g3 import adp, lbp, pib
from plc.g3 import command as cmds
from plc.g3 import lbs_session as states
from plc.g3.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.contract import Nodes
    from plc.g3.lbs import Lbs
    from plc.g3.lbs_session import Session
    from plc.g3.modem import Modem
    from plc.g3.settings import Settings

_EUI_LEN = const(8)


class LbsRekey:
    """RekeyCarrier of dialect L. `parameters`: what message 3 of a rekey carries."""

    hop_rest_ms = 0

    def __init__(self, server: "Lbs", modem: "Modem", nodes: "Nodes", settings: "Settings") -> None:
        self.parameters = b""
        self._server = server
        self._modem = modem
        self._nodes = nodes
        self._timeout_ms = settings.timeout_ms("request_timeout_ms")
        self._key = Command(self)
        self._index = Command(self)
        self._old_key = Command(self)
        self._activation = b""
        self._title = memoryview(bytearray(_EUI_LEN))

    def rekey_begin(self, now: int, index: int, gmk: memoryview) -> None:
        """Nothing to ask the modem for."""
        self.parameters = lbp.key_parameters(index, gmk)
        self._activation = lbp.activation(index)
        self._server.rekey.ready(now, True)

    def rekey_preload(self, now: int, index: int, gmk: memoryview) -> None:
        """The coordinator is to understand the new key from now on."""
        self._key.load_set(pib.SPACE_MAC, pib.MAC_KEY_TABLE, index, gmk, self._timeout_ms)
        self._modem.desk.push(now, self._key)

    def rekey_distribute(self, now: int, row: int) -> bool:
        """Begin a bootstrap with `row`; False when its PSK is not here."""
        self._nodes.title_into(row, self._title, 0)
        if not self._server.gate.has_psk(self._title):
            return False
        session = self._open(now, row)
        if session is None:
            return False
        self._server.begin(now, session, 0)
        return True

    def rekey_activate(self, now: int, row: int) -> bool:
        """Tell `row` to use the new key."""
        self._nodes.title_into(row, self._title, 0)
        session = self._open(now, row)
        if session is None:
            return False
        nsdu = lbp.frame(lbp.ACCEPTED, 0, session.eui64, self._activation)
        self._server.sessions.say(now, session, states.WAIT_RESULT, nsdu)
        return True

    def rekey_end(self, now: int, index: int, gmk: memoryview) -> bool:
        """The coordinator itself switches."""
        self.rekey_preload(now, index, gmk)  # should the modem have refused it
        value = pib.number_octets(index, 1)
        self._index.load_set(pib.SPACE_ADP, pib.ACTIVE_KEY_INDEX, 0, value, self._timeout_ms)
        self._modem.desk.push(now, self._index)
        self._forget()
        return True

    def rekey_cancel(self, now: int) -> None:
        """The key in use stays; nobody is told."""
        self._forget()

    def rekey_drop(self, now: int, index: int, nonsense: bytes) -> None:
        """Overwrite the old key in the coordinator's table; `rekey.old_key_dropped`."""
        self._old_key.load_set(pib.SPACE_MAC, pib.MAC_KEY_TABLE, index, nonsense, self._timeout_ms)
        self._modem.desk.push(now, self._old_key)

    def on_command(self, now: int, command: "Command", result: int, mv: memoryview, off: int, n: int) -> None:
        """CommandOwner: the modem has done it, or not."""
        is_ok = result == cmds.CMD_OK and mv[off] == adp.SUCCESS
        if command is self._old_key:
            self._server.rekey.old_key_dropped(is_ok)
        elif command is self._index:
            self._server.rekey.ended(now, is_ok)

    def _forget(self) -> None:
        """NOTE: a node that answers now would be sent a message without parameters, and be declined as a joiner."""
        self.parameters = b""
        self._server.sessions.end_rekeys()

    def _open(self, now: int, row: int) -> "Session | None":
        sessions = self._server.sessions
        session = sessions.of(self._title)
        if session is not None:
            session.close()
        session = sessions.open(now, self._title, True)
        if session is not None:
            session.via = self._nodes.addr(row)
            session.row = row
            session.hybrid = 0
        return session
