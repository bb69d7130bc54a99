# SPDX-License-Identifier: MIT
"""What the head-end asks: the SAP list of the gateway, clock and energy of meters.

The law: one meter's failure is a row, not the end; only a lost connection ends a
round, because nothing more can be asked on it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tools.hes.errors import HesError, HesRefused, WireClosed, WireError
from tools.hes.session import GATEWAY_SAP, Keys, Session

CLOCK, ENERGY = (8, "0.0.1.0.0.255"), (3, "1.0.1.8.0.255")
_SAP_LIST, _NODE_LIST = (17, "0.0.41.0.0.255"), (1, "0.0.128.3.0.255")
SERIAL = (1, "0.0.96.1.0.255")
_NODE_SAP, _NODE_TITLE, _NODE_STATE = 0, 1, 3  # elements of a node's structure (docs/sap1.md)
_STATES = {1: "assigned", 2: "online", 3: "lost"}
_UNSPECIFIED_YEAR, _UNSPECIFIED = 0xFFFF, 0xFF
_WATT_HOUR = 30
_NOT_TRANSFERABLE = "answer not understood"


class Meter(NamedTuple):
    """One line of the SAP list."""

    sap: int
    name: str
    state: str


class Reading(NamedTuple):
    """What one meter said; `error` is empty when it said everything."""

    meter: Meter
    time: str = "-"
    energy: str = "-"
    error: str = ""


def meters(session: Session) -> "list[Meter]":
    """Every logical device the gateway lists, itself included."""
    states: "dict[int, str]" = {}
    rows = sap_list(session, states)
    return [_meter(sap, name, states) for sap, name in rows]


def serial(session: Session) -> str:
    """Of the gateway, as `action factory-reset` takes it: text, else 0x and hex; empty when it tells none."""
    session.open_public(GATEWAY_SAP)
    try:
        octets = bytes(session.get(*SERIAL, 2))
    except WireError:
        raise
    except (HesError, TypeError):
        return ""
    finally:
        _release(session)
    text = octets.decode("ascii", "replace")
    return text if octets.isascii() and text.isprintable() else "0x" + octets.hex().upper()


def sap_list(session: Session, states: "dict[int, str] | None" = None) -> "list[tuple[int, bytes]]":
    """(SAP, logical device name) as listed; `states` is filled when given."""
    session.open_public(GATEWAY_SAP)
    try:
        rows = session.get(*_SAP_LIST, 2)
        if states is not None:
            states.update(_states(session))
    finally:
        _release(session)
    try:
        return [(int(sap), bytes(name)) for sap, name in rows]
    except (TypeError, ValueError) as error:
        raise HesError("the SAP list is not one") from error


def titles(session: Session) -> "dict[int, str]":
    """SAP -> title by the gateway's own node list, over the association that is open; empty where it has none."""
    try:
        return {int(row[_NODE_SAP]): bytes(row[_NODE_TITLE]).hex().upper() for row in session.get(*_NODE_LIST, 2)}
    except (HesRefused, TypeError, ValueError, IndexError):
        return {}


def _states(session: Session) -> "dict[int, str]":
    """SAP -> state by the gateway's own node list; empty where the gateway has none."""
    try:
        rows = session.get(*_NODE_LIST, 2)
        return {int(row[_NODE_SAP]): _STATES.get(int(row[_NODE_STATE]), "unknown") for row in rows}
    except (HesRefused, TypeError, ValueError, IndexError):
        return {}


def _meter(sap: int, name: bytes, states: "dict[int, str]") -> Meter:
    text = name.decode("ascii") if name.isascii() and name.decode("ascii").isprintable() else name.hex(" ")
    return Meter(sap, text, "gateway" if sap == GATEWAY_SAP else states.get(sap, "listed"))


def probe(session: Session, listed: "list[Meter]") -> "Iterator[Meter]":
    """The same meters, with what happened when the public client asked for the time."""
    for meter in listed:
        if meter.sap != GATEWAY_SAP:
            error = read(session, meter, None, is_energy_wanted=False).error
            meter = meter._replace(state=error or "answers")
        yield meter


def read(session: Session, meter: Meter, keys: "Keys | None", is_energy_wanted: bool = True) -> Reading:
    """Clock and energy of one meter, with the keys or as the public client."""
    reading = Reading(meter)
    try:
        if keys:
            session.open(meter.sap, keys)
        else:
            session.open_public(meter.sap)
        reading = reading._replace(time=moment(session.get(*CLOCK, 2)))
        if is_energy_wanted:
            reading = reading._replace(energy=_energy(session.get(*ENERGY, 2), session.get(*ENERGY, 3)))
    except WireClosed:
        raise
    except HesError as error:
        reading = reading._replace(error=str(error))
    _release(session)
    return reading


def _release(session: Session) -> None:
    try:
        session.release()
    except WireClosed:
        raise
    except HesError:
        return  # what matters was said before


def moment(octets: object) -> str:
    """A date-time of 12 octets, what is not specified as question marks."""
    if not isinstance(octets, (bytes, bytearray)) or len(octets) != 12:
        raise HesError(_NOT_TRANSFERABLE)
    year = int.from_bytes(octets[:2], "big")
    parts = ["????" if year == _UNSPECIFIED_YEAR else f"{year:04}"]
    parts += ["??" if octets[at] == _UNSPECIFIED else f"{octets[at]:02}" for at in (2, 3, 5, 6, 7)]
    return "{}-{}-{} {}:{}:{}".format(*parts)


def _energy(value: object, scaler_unit: object) -> str:
    if not isinstance(value, int) or not isinstance(scaler_unit, list) or len(scaler_unit) != 2:
        raise HesError(_NOT_TRANSFERABLE)
    scaler, unit = scaler_unit
    if not isinstance(scaler, int) or abs(scaler) > 20:
        raise HesError(_NOT_TRANSFERABLE)
    if unit == _WATT_HOUR:
        return f"{value * 10.0 ** (scaler - 3):.3f} kWh"
    return f"{value * 10.0 ** scaler:g} (unit {unit})"
