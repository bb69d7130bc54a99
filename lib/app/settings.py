# SPDX-License-Identifier: MIT
"""Changes of settings while the gateway runs (SAP 1): checked, kept, taken live where possible.

A change is merged over what config.json holds, checked by the schema as the file is, and the
file is replaced in one step; only then does anything take effect: at once where somebody has
registered for it, else at the next start. Law: whole or not at all, in the file and in RAM; so
whatever needs memory is made before the file is written.
"""

import json

from micropython import const

from app.config import FILE, Ahead, flatten, merge, parse, put_into, row_of
from app.schema import LIVE, SCHEMA, default_of
from app.schema_checks import check_together
from base import events
from base.errors import LocalError
from base.log import NOTICE, WARNING
from base.ticks import ticks_add, ticks_diff
from dlms.apdu import HARDWARE_FAULT, OTHER_REASON, SUCCESS, TEMPORARY_FAILURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config
    from base.log import Log
    from hal.store import FileStore

    Changes = list[tuple[str, object]]
    Commit = Callable[[], None]

_MOST_OCTETS = const(16384)  # that hal.store.read_text takes at the next start
# Wear and stalls: a flash write each, so 20 in a row and then one in 15 s (2.1 million in a year would
# be a bug of the head-end; the block of a small file lasts 100,000 erasures).
_BURST = const(20)
_REFILL_MS = const(15000)


class Settings:
    """What the running `config` and config.json become by changes; `complaint` says why the last was refused.

    `attempts` counts them all: whoever reads in pieces knows by it that what he reads may have changed.
    """

    def __init__(self, store: "FileStore", config: "Config", log: "Log") -> None:
        self._store = store
        self._config = config
        self._log = log
        self._waiting: "dict[str, object]" = {}  # in the file, not in effect before a restart
        self._live: "dict[str, Callable[[Config], Commit]]" = {}
        self._left = _BURST
        self._refilled_at: "int | None" = None
        self.complaint = ""
        self.attempts = 0

    def register(self, path: str, prepare: "Callable[[Config], Commit]") -> None:
        """`prepare(config)` makes what a changed setting needs, of the configuration as it will be, and returns
        `commit()`, which puts it into effect: once the file has it, so it neither fails nor allocates."""
        if path not in LIVE:
            raise LocalError("%s is not said to be live in app.schema" % path)
        self._live[path] = prepare

    def value(self, path: str) -> object:
        """What config.json says: in effect now, or after a restart."""
        return self._waiting[path] if path in self._waiting else self._config[path]

    def waiting(self) -> "list[str]":
        """Paths of changes that wait for a restart, sorted."""
        return sorted(self._waiting)

    def change(self, now: int, path: str, value: object) -> int:
        """Change one setting; a Data-Access-Result of dlms.apdu."""
        return self.change_all(now, [(path, value)])

    def change_text(self, now: int, text: bytes) -> int:
        """Change what a JSON object as in config.json names; null = its default. A Data-Access-Result."""
        self.attempts += 1
        try:
            changes = _changes_in(text)
        except MemoryError:
            return self._wait("no memory for it just now")
        except (ValueError, RuntimeError) as error:  # the last: nested too deep
            return self._refuse(["not readable as JSON (%s)" % error])
        return self.change_all(now, changes)

    def change_all(self, now: int, changes: "Changes") -> int:
        """Change several settings together, all or none; None = the default. A Data-Access-Result:

        OTHER_REASON: not allowed, `complaint` says why; TEMPORARY_FAILURE: too many changes in a
        short time, or no memory; HARDWARE_FAULT: the flash refused. Nothing has changed then.
        """
        self.attempts += 1
        try:
            return self._change(now, changes)
        except MemoryError:
            return self._wait("no memory for it just now")

    def _change(self, now: int, changes: "Changes") -> int:
        changes = [(path, _default(path) if value is None else value) for path, value in changes]
        errors: "list[str]" = []
        stored = self._stored()
        merge(stored, changes, errors)
        if errors:
            return self._refuse(errors)
        self.complaint = ""
        changes = [(path, value) for path, value in changes if value != self.value(path)]
        if not changes:
            return SUCCESS
        if not self._may_write(now):
            return self._wait("too many changes in a short time")
        step = _Step(self._config, self._live, stored, changes)
        result = self._keep(_as_json(stored))
        if result == SUCCESS:
            self._take(step)
        return result

    def text(self) -> bytes:
        """config.json as it is now, or would be: what differs from the defaults."""
        return _as_json(self._stored())

    # --- inside ---

    def _stored(self) -> Ahead:
        return Ahead(self._config, dict(self._waiting))

    def _refuse(self, errors: "list[str]") -> int:
        self.complaint = "\n".join(errors)
        self._log.add(WARNING, events.SETTING_REFUSED, a=len(errors))
        return OTHER_REASON

    def _wait(self, why: str) -> int:
        self.complaint = why
        return TEMPORARY_FAILURE

    def _may_write(self, now: int) -> bool:
        if self._refilled_at is None or self._left >= _BURST:
            self._refilled_at = now
        elif ticks_diff(now, self._refilled_at) < 0:  # NOTE: longer ago than ticks can say, 6 days
            self._left, self._refilled_at = _BURST, now
        while self._left < _BURST and ticks_diff(now, self._refilled_at) >= _REFILL_MS:
            self._left += 1
            self._refilled_at = ticks_add(self._refilled_at, _REFILL_MS)
        if not self._left:
            return False
        self._left -= 1
        return True

    def _keep(self, text: bytes) -> int:
        if len(text) > _MOST_OCTETS:
            return self._refuse(["config.json would have %d octets" % len(text)])
        try:
            self._store.begin(FILE)
            self._store.write(text)
            self._store.commit()
        except OSError as error:
            self.complaint = "flash refused (%s)" % error
            return HARDWARE_FAULT
        self._config.is_changed = True
        return SUCCESS

    def _take(self, step: "_Step") -> None:
        """The file has it: from here on nothing allocates."""
        for number, value in step.records:
            self._log.add(NOTICE, events.SETTING_CHANGED, a=number, b=value)
        self._waiting = step.waiting
        self._config.take(step.running.changes)
        for commit in step.commits:
            commit()


class _Step:
    """All that a change needs once the file has it: `running` and `waiting` settings, log records, commits."""

    def __init__(
        self,
        config: "Config",
        live: "dict[str, Callable[[Config], Commit]]",
        stored: Ahead,
        changes: "Changes",
    ) -> None:
        at_once = {path: value for path, value in changes if path in live}
        self.running = Ahead(config, at_once)
        errors: "list[str]" = []
        check_together(self.running, errors)
        if errors:  # NOTE: where others of the same change wait for a restart, the live ones alone may not go together
            self.running = Ahead(config, {})
        self.commits = [live[path](self.running) for path in self.running.changes]
        self.waiting = {path: value for path, value in stored.changes.items() if value != self.running[path]}
        self.records = [(_number(path), value if isinstance(value, int) else 0) for path, value in changes]


def _changes_in(text: bytes) -> "Changes":
    tree = parse(str(text, "utf-8"))
    if not isinstance(tree, dict):
        raise ValueError("no object {...}")
    return flatten(tree)


def _number(path: str) -> int:
    """Of the setting's row in the schema."""
    return next(number for number, row in enumerate(SCHEMA) if row[0] == path)


def _default(path: str) -> object:
    row = row_of(path)
    return None if row is None else default_of(row)


def _as_json(values: Ahead) -> bytes:
    """The file: the layout's version and what is not at its default."""
    tree: "dict[str, object]" = {"schema": values["schema"]}
    for row in SCHEMA:
        if values[row[0]] != default_of(row):
            put_into(tree, row[0].split("."), values[row[0]])
    return json.dumps(tree).encode()
