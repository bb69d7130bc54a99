# SPDX-License-Identifier: MIT
"""Reads config.json against app.schema: all errors named, never half a configuration.

A file with any error is not used at all: the last good one is (config.good.json, written
after a start that worked), else the defaults. What was wrong stays readable.
"""

import json

from app.schema import SCHEMA
from app.schema_kinds import BOOL, CHOICE, CLOCK, EXTRAS, HEX, INT, TARGETS, TEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hal.store import FileStore

FILE = "config.json"
GOOD_FILE = "config.good.json"
_MAX_ERRORS = 16
_MOST_BUFFER_OCTETS = 131072  # half of the smallest board's heap
_FIRST_EXTRA_SAP = 0x1000  # above every gateway LD, below the mirror LDs at 0x2010
_LAST_EXTRA_SAP = 0x1FFF
_G3_HEADERS_LEN = 56  # IPv6 40, UDP 8, wrapper 8

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

    def __getitem__(self, path: str) -> "object":
        return self._values[path]

    def number(self, path: str) -> int:
        """A setting that is an integer or a boolean."""
        return int(self._values[path])  # type: ignore[call-overload,no-any-return]

    def text(self, path: str) -> str:
        """A setting that is text."""
        return str(self._values[path])

    def section(self, name: str) -> "dict[str, object]":
        """The settings below `name.`, nested as in the file."""
        tree: "dict[str, object]" = {}
        for path, value in self._values.items():
            if path.startswith(name + "."):
                _put(tree, path[len(name) + 1 :].split("."), value)
        return tree


def _put(tree: "dict[str, object]", keys: "list[str]", value: object) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})  # type: ignore[assignment]
    tree[keys[-1]] = value


def defaults() -> "dict[str, object]":
    """Every setting at its default, by path."""
    return {row[0]: row[4] for row in SCHEMA}


def load(store: "FileStore") -> Config:
    """The configuration to run with; `errors` say why it is not config.json, if it is not."""
    errors: "list[str]" = []
    values = _read(store, FILE, errors)
    if values is not None:
        return Config(values, FROM_FILE, errors)
    if not errors:  # there is no file: a new gateway
        return Config(defaults(), FROM_DEFAULTS, errors)
    values = _read(store, GOOD_FILE, [])
    if values is not None:
        return Config(values, FROM_GOOD, errors)
    return Config(defaults(), FROM_DEFAULTS, errors)


def keep_good(store: "FileStore", config: Config) -> None:
    """The start with config.json worked: keep a copy, if it is not the same already.

    Without a copy a later config.json that is broken means the defaults; no more than that.
    """
    if config.source != FROM_FILE:
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
        if not _is_whole(text):
            raise ValueError("a bracket or a quote is not closed")
        values = validate(json.loads(text), errors)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:  # the last two: nested too deep
        errors.append("%s: not readable as JSON (%s)" % (name, error))
        return None
    return None if errors else values


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
    rows: "dict[str, tuple[object, ...]]" = {row[0]: row for row in SCHEMA}
    flat: "list[tuple[str, object]]" = []
    _flatten("", tree, rows, flat)
    for path, value in flat:
        if len(errors) >= _MAX_ERRORS:
            break
        if path not in rows:
            errors.append("%s: no such setting" % path)
            continue
        wrong = _complaint(rows[path], value)
        if wrong:
            errors.append("%s: %s, not %s" % (path, wrong, json.dumps(value)[:40]))
        else:
            values[path] = value
    if not errors:
        _check_together(values, errors)
    return values


def _flatten(
    prefix: str, tree: "dict[str, object]", rows: "dict[str, tuple[object, ...]]", flat: "list[tuple[str, object]]"
) -> None:
    for key, value in tree.items():
        path = prefix + str(key)
        if isinstance(value, dict) and path not in rows and path.count(".") < 3:
            _flatten(path + ".", value, rows, flat)
        else:
            flat.append((path, value))


def _complaint(row: "tuple[object, ...]", value: object) -> str:
    """What a value of this row must be, or "" when it is."""
    kind, low, high = row[1], row[2], row[3]
    return _CHECKS[kind](value, low, high)  # type: ignore[index,operator,no-any-return]


def _check_int(value: object, low: int, high: int) -> str:
    is_good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return "" if is_good else "must be an integer from %d to %d" % (low, high)


def _check_bool(value: object, low: int, high: int) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _check_choice(value: object, choices: "tuple[object, ...]", high: int) -> str:
    is_good = type(value) is type(choices[0]) and value in choices
    return "" if is_good else "must be one of " + ", ".join([str(choice) for choice in choices])


def _check_text(value: object, low: int, high: int) -> str:
    is_good = isinstance(value, str) and low <= len(bytes(value, "utf-8")) <= high
    return "" if is_good else "must be text of %d to %d octets" % (low, high)


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and not value.strip("0123456789abcdefABCDEF") and len(value) % 2 == 0


def _check_hex(value: object, low: int, high: int) -> str:
    is_good = _is_hex(value) and low <= len(value) <= high  # type: ignore[arg-type]
    return "" if is_good else "must be %d to %d hex digits, two per octet" % (low, high)


def _check_clock(value: object, low: int, high: int) -> str:
    if isinstance(value, str) and len(value) == 5 and value[2] == ":":
        hour, minute = value[:2], value[3:]
        if hour.isdigit() and minute.isdigit() and int(hour) * 60 + int(minute) <= 1440 and int(minute) < 60:
            return ""
    return "must be a time HH:MM from 00:00 to 24:00"


def _check_targets(value: object, low: int, high: int) -> str:
    if isinstance(value, list) and len(value) <= high and all(_is_target(one) for one in value):
        return ""
    return "must be a list of at most %d host:port" % high


def _is_target(value: object) -> bool:
    if not isinstance(value, str) or value.rfind(":") < 1:
        return False
    port = value[value.rfind(":") + 1 :]
    return port.isdigit() and len(port) <= 5 and 0 < int(port) < 0x10000


def _check_extras(value: object, low: int, high: int) -> str:
    wrong = 'must be a list of at most %d {"sap", "title", "server_sap", "ldn"}' % high
    if not isinstance(value, list) or len(value) > high:
        return wrong
    for one in value:
        if not isinstance(one, dict) or set(one) != {"ldn", "sap", "server_sap", "title"}:
            return wrong
        complaints = (
            _check_int(one["sap"], _FIRST_EXTRA_SAP, _LAST_EXTRA_SAP),
            _check_int(one["server_sap"], 1, 255),
            _check_hex(one["title"], 12, 16),
            _check_text(one["ldn"], 1, 16),
        )
        if any(complaints):
            return "in each entry: " + "".join(complaints)
    return ""


_CHECKS = {
    INT: _check_int,
    BOOL: _check_bool,
    CHOICE: _check_choice,
    TEXT: _check_text,
    HEX: _check_hex,
    CLOCK: _check_clock,
    TARGETS: _check_targets,
    EXTRAS: _check_extras,
}


def title_len(config: "Config | dict[str, object]") -> int:
    """Octets of a system title on the segment: an EUI-64 has 8, S-FSK has what its section says."""
    return 8 if config["medium"] == "g3" else config["sfsk.title_len"]  # type: ignore[return-value]


def _check_together(values: "dict[str, object]", errors: "list[str]") -> None:
    """What no single row can know."""
    prefix = values["gateway.ldn_prefix"]
    if prefix and len(prefix) != 8:  # type: ignore[arg-type]
        errors.append("gateway.ldn_prefix: must be empty or have 8 characters")
    extras: "list[dict[str, object]]" = values["gateway.extra_saps"]  # type: ignore[assignment]
    if len({one["sap"] for one in extras}) != len(extras):
        errors.append("gateway.extra_saps: a SAP is given twice")
    if any(len(one["title"]) != 2 * title_len(values) for one in extras):  # type: ignore[arg-type]
        errors.append("gateway.extra_saps: titles must have %d octets on this segment" % title_len(values))
    if values["push.targets"] and values["wan.buffers"] < values["push.queue"] + 12:  # type: ignore[operator]
        errors.append("wan.buffers: must be at least push.queue + 12, else waiting notifications stop all requests")
    if values["wan.buffers"] * (values["wan.max_apdu"] + 64) > _MOST_BUFFER_OCTETS:  # type: ignore[operator]
        errors.append("wan.buffers x (wan.max_apdu + 64): must be at most %d octets" % _MOST_BUFFER_OCTETS)
    _check_sfsk(values, errors)
    _check_g3(values, errors)


def _check_sfsk(values: "dict[str, object]", errors: "list[str]") -> None:
    title = values["sfsk.initiator_title"]
    if title and len(title) != 2 * values["sfsk.title_len"]:  # type: ignore[operator,arg-type]
        errors.append("sfsk.initiator_title: must have sfsk.title_len octets")
    is_60_hz = values["sfsk.baud"] in (360, 720, 1440, 2880)
    if is_60_hz != (values["sfsk.mains_hz"] == 60):
        errors.append("sfsk.baud: 300 to 2400 go with 50 Hz mains, 360 to 2880 with 60 Hz")
    if values["sfsk.initial_credit"] > values["sfsk.max_credit"]:  # type: ignore[operator]
        errors.append("sfsk.initial_credit: must not be above sfsk.max_credit")


def _check_g3(values: "dict[str, object]", errors: "list[str]") -> None:
    if len(values["g3.eui64"]) not in (0, 16):  # type: ignore[arg-type]
        errors.append("g3.eui64: must be empty or have 16 hex digits")
    if values["g3.handles"] > values["g3.flights"]:  # type: ignore[operator]
        errors.append("g3.handles: must not be above g3.flights")
    room = values["g3.max_packet"] - _G3_HEADERS_LEN  # type: ignore[operator]
    if values["medium"] == "g3" and room > values["wan.max_apdu"]:  # type: ignore[operator]
        errors.append("wan.max_apdu: must be at least g3.max_packet - %d = %d" % (_G3_HEADERS_LEN, room))
