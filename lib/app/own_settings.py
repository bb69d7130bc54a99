# SPDX-License-Identifier: MIT
"""SAP 1: settings, read and changed by management (manufacturer's objects 0-0:128.10.e).

0 the settings that differ from their defaults, as JSON; written: what is to change, as in
config.json, null = default. 1 names of what waits for a restart. 2 why the last change was
refused. 3 operating window of an S-FSK segment. docs/management.md.
"""

from micropython import const

from dlms.apdu import OTHER_REASON, TYPE_UNMATCHED
from dlms.cosem.object import ROLE_KEYED
from dlms.cosem.rows import objects
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.settings import Settings
    from dlms.cosem.object import CosemObject
    from dlms.cosem.values import Value

_TEXT = const(0)
_WAITING = const(1)
_COMPLAINT = const(2)
_WINDOW = const(3)

_ROWS = (
    (_TEXT, 1, 0, b"\x00\x00\x80\x0a\x00\xff", "", "*o:m"),
    (_WAITING, 1, 0, b"\x00\x00\x80\x0a\x01\xff", "", "*"),
    (_COMPLAINT, 1, 0, b"\x00\x00\x80\x0a\x02\xff", "", "*"),
)
# structure{start, end}, each time as octet-string of 4, UTC; equal = the whole day
_WINDOW_ROWS = ((_WINDOW, 1, 0, b"\x00\x00\x80\x0a\x03\xff", "", "oo:m"),)
_WINDOW_PATHS = ("sfsk.operating_window.start", "sfsk.operating_window.end")


class OwnSettings:
    """RowSource of these objects."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    def objects(self, has_window: bool) -> "list[CosemObject]":
        """For everybody who has authenticated; written by management."""
        return objects(_ROWS + _WINDOW_ROWS if has_window else _ROWS, self, ROLE_KEYED)

    def special(self, key: int, attribute: int) -> "Value":
        """ActiveSource: the texts; one that is changed by another client while it is read ends the read."""
        return Encoded(lambda writer: writer.octets(self._text(key)), lambda: self._settings.attempts)

    def _text(self, key: int) -> bytes:
        if key == _TEXT:
            return self._settings.text()
        return (self._settings.complaint if key == _COMPLAINT else "\n".join(self._settings.waiting())).encode()

    def value(self, key: int, attribute: int, field: int, item: int) -> "int | bytes":
        """RowSource: the window."""
        text = str(self._settings.value(_WINDOW_PATHS[field]))
        return bytes((int(text[:2]) % 24, int(text[3:]), 0, 0))

    def count(self, key: int, attribute: int) -> int:
        """RowSource: no arrays here."""
        return 0

    def generation(self, key: int, attribute: int) -> int:
        """RowSource: no arrays here."""
        return 0

    def put(self, now: int, key: int, attribute: int, fields: "list[int | bytes]") -> int:
        """ActiveSource: a Data-Access-Result."""
        if key == _TEXT:
            return self._settings.change_text(now, fields[0])  # type: ignore[arg-type]
        return self._put_window(now, fields)

    def _put_window(self, now: int, times: "list[int | bytes]") -> int:
        changes: "list[tuple[str, object]]" = []
        for path in _WINDOW_PATHS:
            time: bytes = times[len(changes)]  # type: ignore[assignment]
            if len(time) != 4:
                return TYPE_UNMATCHED
            if time[2] not in (0, 0xFF):
                return OTHER_REASON
            changes.append((path, "%02d:%02d" % (time[0], time[1])))
        if changes[0][1] == changes[1][1]:
            changes = [(path, None) for path in _WINDOW_PATHS]
        return self._settings.change_all(now, changes)
