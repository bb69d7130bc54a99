# SPDX-License-Identifier: MIT
"""SAP 1: how own notifications are pushed, read by all keyed clients and changed by management.

The objects are views of settings push.*: a change is checked, kept and taken as any other
(app.settings); a new destination from the next start on. docs/push.md.
"""

from dlms.apdu import OTHER_REASON, SUCCESS
from dlms.axdr import INT8
from dlms.cosem import push_setup
from dlms.cosem.object import ROLE_KEYED
from dlms.cosem.rows import objects
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.push_side import PushSide
    from app.settings import Settings
    from dlms.axdr import Reader, Writer
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value

_TCP = 0
_COSEM_APDU = 0  # message: A-XDR
_NEVER = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\xff"
_REPETITION = ("push.retry_min_s", "push.retry_exponent", "push.retry_max_s")
_DEFAULT_SAP = 1


def _split(target: str) -> "tuple[str, int]":
    """(host:port, client SAP) of one of `push.targets`."""
    place, _, sap = target.partition("/")
    return place, int(sap or _DEFAULT_SAP)


class OwnPush:
    """RowSource of these objects. `side` None: nobody is told anything yet."""

    def __init__(self, settings: "Settings", side: "PushSide | None") -> None:
        self._settings = settings
        self._side = side

    def objects(self) -> "list[CosemObject]":
        """For everybody who has authenticated."""
        rows = push_setup.ROWS if self._side is None else push_setup.ROWS + push_setup.LAST_EVENT_ROWS
        return objects(rows, self, ROLE_KEYED)

    def special(self, key: int, attribute: int) -> "Value":
        """ActiveSource: what is pushed, and the event pushed last."""
        if key == push_setup.LAST_EVENT and self._side is not None:
            return Encoded(self._side.own.write_last, self._side.own.last_crc)
        return push_setup.object_list()

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """RowSource."""
        place, sap = self._target()
        if attribute == push_setup.DESTINATION:
            return place.encode() if field == 1 else _TCP
        if attribute == push_setup.RANDOMISATION:
            return self._number("push.random_s")
        if attribute == push_setup.RETRIES:
            return self._number("push.retries")
        if attribute == push_setup.REPETITION:
            return min(self._number(_REPETITION[field]), 0xFFFF)
        if attribute == push_setup.CLIENT_SAP:
            return sap
        if attribute == push_setup.CONFIRMATION:
            return 0 if field else _NEVER
        if attribute == push_setup.LAST_CONFIRMATION:
            return _NEVER  # nobody confirms a push
        return 0 if attribute == push_setup.OPERATION_METHOD else b""

    def count(self, key: int, attribute: int) -> int:
        """RowSource: no window (always), no protection parameters."""
        return 0

    def generation(self, key: int, attribute: int) -> int:
        """RowSource."""
        return 0

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """ActiveSource: a Data-Access-Result."""
        if attribute == push_setup.RANDOMISATION:
            return self._settings.change(now, "push.random_s", fields[0])
        if attribute == push_setup.RETRIES:
            return self._settings.change(now, "push.retries", fields[0])
        if attribute == push_setup.REPETITION:
            return self._settings.change_all(now, [(_REPETITION[i], fields[i]) for i in range(3)])
        if attribute == push_setup.CLIENT_SAP:
            return self._aim(now, self._target()[0], fields[0])  # type: ignore[arg-type]
        if fields[0] != _TCP or fields[2] != _COSEM_APDU:
            return OTHER_REASON
        try:
            place = str(fields[1], "utf-8")  # type: ignore[arg-type]
        except ValueError:
            return OTHER_REASON
        return self._aim(now, place, self._target()[1])

    def call(self, now: int, key: int, method: int, reader: "Reader | None", writer: "Writer") -> int:
        """ActiveSource: push now; a heartbeat, and whatever waits. The parameter is integer(0), or left out."""
        if reader is not None:
            reader.number(INT8)
        if self._side is None:
            return OTHER_REASON
        self._side.keeper.push_now()
        return SUCCESS

    def _number(self, path: str) -> int:
        return int(self._settings.value(path))  # type: ignore[call-overload,no-any-return]

    def _targets(self) -> "list[str]":
        return self._settings.value("push.targets")  # type: ignore[return-value]

    def _target(self) -> "tuple[str, int]":
        """The first target; ("", 1) without any."""
        targets = self._targets()
        return _split(targets[0]) if targets else ("", _DEFAULT_SAP)

    def _aim(self, now: int, place: str, sap: int) -> int:
        """Change the first target; an empty place takes it out."""
        if "/" in place:
            return OTHER_REASON
        first = [] if not place else [place if sap == _DEFAULT_SAP else "%s/%d" % (place, sap)]
        return self._settings.change(now, "push.targets", first + self._targets()[1:])
