# SPDX-License-Identifier: MIT
"""What a setting's value must be: by its kind, and together with others.

Law: a complaint names what is allowed; the same words are said of config.json and of a change
over DLMS (app.config, app.settings).
"""

from binascii import unhexlify

from micropython import const

from app import class_rules, firewall
from app.media import title_len
from app.schema_kinds import BOOL, CHOICE, CLASSES, CLOCK, EXTRAS, HEX, INT, RULES, TARGETS, TEXT
from dlms.cosem.local_time import is_switch
from dlms.cosem.schedule_time import ENTRY_LEN, is_valid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config

_MOST_BUFFER_OCTETS = const(131072)  # half of the smallest board's heap
_FIRST_EXTRA_SAP = const(0x1000)  # above every gateway LD, below the mirror LDs at 0x2010
_LAST_EXTRA_SAP = const(0x1FFF)
_MOST_CLIENT_SAP = const(127)  # push_client_SAP of class 40 is an integer8
_G3_HEADERS_LEN = const(56)  # IPv6 40, UDP 8, wrapper 8


def complaint(row: "tuple[object, ...]", value: object) -> str:
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
    return "must be a list of at most %d host:port or host:port/client SAP" % high


def _is_target(value: object) -> bool:
    if not isinstance(value, str) or value.rfind(":") < 1:
        return False
    port, slash, sap = value[value.rfind(":") + 1 :].partition("/")
    if slash and not (sap.isdigit() and len(sap) <= 3 and 0 < int(sap) <= _MOST_CLIENT_SAP):
        return False
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


def _check_rules(value: object, low: int, high: int) -> str:
    return _check_parsed(value, high, firewall.parse)


def _check_classes(value: object, low: int, high: int) -> str:
    return _check_parsed(value, high, class_rules.parse)


def _check_parsed(value: object, high: int, parse: "Callable[[object], object]") -> str:
    if not isinstance(value, list) or len(value) > high:
        return "must be a list of at most %d rules" % high
    for rule in value:
        try:
            parse(rule)
        except ValueError as error:
            return "in each rule: %s" % error
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
    RULES: _check_rules,
    CLASSES: _check_classes,
}


def check_together(values: "dict[str, object] | Config", errors: "list[str]") -> None:
    """What no single row can know."""
    prefix = values["gateway.ldn_prefix"]
    if prefix and len(prefix) != 8:  # type: ignore[arg-type]
        errors.append("gateway.ldn_prefix: must be empty or have 8 characters")
    if len(values["gateway.system_title"]) not in (0, 16):  # type: ignore[arg-type]
        errors.append("gateway.system_title: must be empty or have 16 digits")
    extras: "list[dict[str, object]]" = values["gateway.extra_saps"]  # type: ignore[assignment]
    if len({one["sap"] for one in extras}) != len(extras):
        errors.append("gateway.extra_saps: a SAP is given twice")
    if any(len(one["title"]) != 2 * title_len(values) for one in extras):  # type: ignore[arg-type]
        errors.append("gateway.extra_saps: titles must have %d octets on this segment" % title_len(values))
    if values["push.targets"] and values["wan.buffers"] < values["push.queue"] + 12:  # type: ignore[operator]
        errors.append("wan.buffers: must be at least push.queue + 12, else waiting notifications stop all requests")
    if values["wan.buffers"] * (values["wan.max_apdu"] + 64) > _MOST_BUFFER_OCTETS:  # type: ignore[operator]
        errors.append("wan.buffers x (wan.max_apdu + 64): must be at most %d octets" % _MOST_BUFFER_OCTETS)
    for path in ("schedule.discovery", "schedule.restart"):
        if not _are_times(unhexlify(values[path])):  # type: ignore[arg-type]
            errors.append("%s: must be times of 9 octets each: hh mm ss FF yyyy mm dd weekday" % path)
    for path in ("clock.summer_begin", "clock.summer_end"):
        if not is_switch(unhexlify(values[path])):  # type: ignore[arg-type]
            errors.append(path + ": must name one moment of a year, or none (all FF)")
    _check_sfsk(values, errors)
    _check_g3(values, errors)


def _are_times(octets: bytes) -> bool:
    ends = range(ENTRY_LEN, len(octets) + 1, ENTRY_LEN)
    return len(octets) % ENTRY_LEN == 0 and all([is_valid(octets[end - ENTRY_LEN : end]) for end in ends])


def _check_sfsk(values: "dict[str, object] | Config", errors: "list[str]") -> None:
    title = values["sfsk.initiator_title"]
    if title and len(title) != 2 * values["sfsk.title_len"]:  # type: ignore[operator,arg-type]
        errors.append("sfsk.initiator_title: must have sfsk.title_len octets")
    is_60_hz = values["sfsk.baud"] in (360, 720, 1440, 2880)
    if is_60_hz != (values["sfsk.mains_hz"] == 60):
        errors.append("sfsk.baud: 300 to 2400 go with 50 Hz mains, 360 to 2880 with 60 Hz")
    if values["sfsk.initial_credit"] > values["sfsk.max_credit"]:  # type: ignore[operator]
        errors.append("sfsk.initial_credit: must not be above sfsk.max_credit")


def _check_g3(values: "dict[str, object] | Config", errors: "list[str]") -> None:
    if len(values["g3.eui64"]) not in (0, 16):  # type: ignore[arg-type]
        errors.append("g3.eui64: must be empty or have 16 hex digits")
    if values["g3.handles"] > values["g3.flights"]:  # type: ignore[operator]
        errors.append("g3.handles: must not be above g3.flights")
    room = values["g3.max_packet"] - _G3_HEADERS_LEN  # type: ignore[operator]
    if values["medium"] == "g3" and room > values["wan.max_apdu"]:  # type: ignore[operator]
        errors.append("wan.max_apdu: must be at least g3.max_packet - %d = %d" % (_G3_HEADERS_LEN, room))
