# SPDX-License-Identifier: MIT
"""Reads config.json against app.schema: all errors named, never half a configuration.

A file with any error is not used at all: the last good one is (config.good.json, written
after a start that worked), else the defaults. What was wrong stays readable.
"""

import json

from app.schema import SCHEMA, default_of
from app.schema_checks import check_together, complaint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hal.store import FileStore

FILE = "config.json"
GOOD_FILE = "config.good.json"
_MAX_ERRORS = 16

# where a configuration came from
FROM_FILE = "config.json"
FROM_GOOD = "config.good.json"
FROM_DEFAULTS = "defaults"


class Config:
    """`config["wan.port"]`, or a whole section as nested dict by `section("sfsk")`."""

    def __init__(self, values: "dict[str, object]", source: str, errors: "list[str]") -> None:
        self._values = values
        self.source = source
        self.errors = errors
        self.is_changed = False  # the file is not any more what was started with

    def __getitem__(self, path: str) -> "object":
        return self._values[path]

    def take(self, changes: "dict[str, object]") -> None:
        """Checked changes have taken effect (app.settings). Allocates nothing: every path is there."""
        for path in changes:
            self._values[path] = changes[path]

    def number(self, path: str) -> int:
        """A setting that is an integer or a boolean."""
        return int(self[path])  # type: ignore[call-overload,no-any-return]

    def text(self, path: str) -> str:
        """A setting that is text."""
        return str(self[path])

    def section(self, name: str) -> "dict[str, object]":
        """The settings below `name.`, nested as in the file."""
        tree: "dict[str, object]" = {}
        for path in self._values:
            if path.startswith(name + "."):
                put_into(tree, path[len(name) + 1 :].split("."), self[path])
        return tree


class Ahead(Config):
    """The configuration as it would be with `changes` over it. No copy: 200 settings are 2 kB in one piece, which a
    heap that has run for weeks may not have."""

    def __init__(self, config: Config, changes: "dict[str, object]") -> None:
        Config.__init__(self, config._values, config.source, [])
        self.changes = changes

    def __getitem__(self, path: str) -> "object":
        return self.changes[path] if path in self.changes else self._values[path]

    def __setitem__(self, path: str, value: object) -> None:
        self.changes[path] = value


def put_into(tree: "dict[str, object]", keys: "list[str]", value: object) -> None:
    """Set the value at the end of `keys` in nested dicts, made as needed."""
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})  # type: ignore[assignment]
    tree[keys[-1]] = value


def defaults() -> "dict[str, object]":
    """Every setting at its default, by path."""
    return {row[0]: default_of(row) for row in SCHEMA}


def load(store: "FileStore") -> Config:
    """The configuration to run with; `errors` say why it is not config.json, if it is not."""
    errors: "list[str]" = []
    values = _read(store, FILE, errors)
    if values is not None:
        return Config(values, FROM_FILE, errors)
    if not errors:  # there is no file: a new gateway
        return Config(defaults(), FROM_DEFAULTS, errors)
    return fall_back(store, errors)


def fall_back(store: "FileStore", errors: "list[str]") -> Config:
    """The last good configuration, else the defaults; `errors` say why not config.json."""
    values = _read(store, GOOD_FILE, [])
    if values is not None:
        return Config(values, FROM_GOOD, errors)
    return Config(defaults(), FROM_DEFAULTS, errors)


def keep_good(store: "FileStore", config: Config) -> None:
    """The start with config.json worked: keep a copy, if it is not the same already.

    Without a copy a later config.json that is broken means the defaults; no more than that.
    """
    if config.source != FROM_FILE or config.is_changed:  # what was changed meanwhile has not been started with
        return
    try:
        store.copy(FILE, GOOD_FILE)
    except OSError as error:
        config.errors.append("%s: not kept (%s)" % (GOOD_FILE, error))


def _read(store: "FileStore", name: str, errors: "list[str]") -> "dict[str, object] | None":
    """The checked values of a file; None with errors added, or silently when it is missing."""
    try:
        text = store.read_text(name)
        if text is None:
            return None
        values = validate(parse(text), errors)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:  # the last two: nested too deep
        errors.append("%s: not readable as JSON (%s)" % (name, error))
        return None
    return None if errors else values


def parse(text: str) -> object:
    """JSON. ValueError when it is none; RuntimeError or MemoryError when nested too deep."""
    if not _is_whole(text):
        raise ValueError("a bracket or a quote is not closed")
    return json.loads(text)


def _is_whole(text: str) -> bool:
    """As many brackets close as open, outside of strings.

    NOTE: the device's json takes `{"a": {"b": 1`, a file cut off in the middle, for complete.
    """
    depth = 0
    is_string = is_escaped = False
    for letter in text:
        if is_string:
            is_string = is_escaped or letter != '"'
            is_escaped = letter == "\\" and not is_escaped
        elif letter == '"':
            is_string = True
        else:
            depth += (letter in "{[") - (letter in "}]")
    return depth == 0 and not is_string


def validate(tree: object, errors: "list[str]") -> "dict[str, object]":
    """The defaults with `tree` (nested dicts) merged over them; what is wrong is named in `errors`."""
    values = defaults()
    if not isinstance(tree, dict):
        errors.append("the configuration must be an object {...}")
        return values
    merge(values, flatten(tree), errors)
    return values


def merge(values: "dict[str, object] | Ahead", changes: "list[tuple[str, object]]", errors: "list[str]") -> None:
    """Put checked changes (path, value) over checked `values`; useless when `errors` name something."""
    for path, value in changes:
        if len(errors) >= _MAX_ERRORS:
            break
        row = row_of(path)
        if row is None:
            errors.append("%s: no such setting" % path)
            continue
        wrong = complaint(row, value)
        if wrong:
            errors.append("%s: %s, not %s" % (path, wrong, json.dumps(value)[:40]))
        else:
            values[path] = value
    if not errors:
        check_together(values, errors)


def flatten(tree: "dict[str, object]") -> "list[tuple[str, object]]":
    """(path, value) of all settings in nested dicts, known or not."""
    flat: "list[tuple[str, object]]" = []
    _flatten("", tree, flat)
    return flat


def row_of(path: str) -> "tuple[object, ...] | None":
    """The setting's row of the schema. Searched: an index of 200 rows is 4 kB of RAM."""
    for row in SCHEMA:
        if row[0] == path:
            return row
    return None


def _flatten(prefix: str, tree: "dict[str, object]", flat: "list[tuple[str, object]]") -> None:
    for key, value in tree.items():
        path = prefix + str(key)
        if isinstance(value, dict) and path.count(".") < 3 and row_of(path) is None:
            _flatten(path + ".", value, flat)
        else:
            flat.append((path, value))
