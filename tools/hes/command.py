# SPDX-License-Identifier: MIT
"""The commands of tools.hes and their exit codes.

0: everything asked was answered; 1: some meter failed; 2: the gateway could not
be asked (also what argparse uses); 130: Ctrl-C.  People see sentences, never a
traceback.
"""

import argparse
import datetime
import sys
import time
from collections.abc import Callable
from typing import Any

from tools.hes import counters, reading, table
from tools.hes import options as command_line
from tools.hes.errors import HesError, HesRefused
from tools.hes.listening import Listener
from tools.hes.managing import Desk
from tools.hes.reading import GATEWAY_SAP, Meter, Reading
from tools.hes.refusals import in_words
from tools.hes.session import Session, connect
from tools.hes.wire import Wire

OK, SOME_FAILED, NO_GATEWAY, INTERRUPTED = 0, 1, 2, 130
_ANSWERS = "answers"
_NEEDS_KEYS = "the public client may not read that; keys: --sim-keys for the simulator's, else HES_EK, HES_AK"
_RIGHT_OF_READINGS = frozenset((0, 3))
_RIGHT_OF_LOG, _RIGHT_OF_COUNTERS = frozenset((0,)), frozenset((2,))


def main(arguments: "list[str] | None" = None) -> int:
    """Run one command; the exit code."""
    chosen = command_line.parse(arguments)
    try:
        return _COMMANDS[chosen.command](chosen)
    except HesError as error:
        print(f"tools.hes: {table.printable(str(error))}", file=sys.stderr)
        return NO_GATEWAY
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED


def _connect(chosen: argparse.Namespace) -> Wire:
    return connect(chosen.host, chosen.port, chosen.timeout, chosen.context)


def _list(chosen: argparse.Namespace) -> int:
    with _connect(chosen) as wire:
        session = Session(wire)
        found = reading.meters(session)
        serial = reading.serial(session)
        if chosen.probe:
            found = list(table.progress(reading.probe(session, found), len(found), "probing"))
    print(table.text(["SAP", "LDN", "state"], [[_sap(meter), meter.name, meter.state] for meter in found]))
    if serial:
        print(f"serial number of the gateway: {serial}")
    has_failed = chosen.probe and any(meter.state != _ANSWERS for meter in found if meter.sap != GATEWAY_SAP)
    return SOME_FAILED if has_failed else OK


def _read(chosen: argparse.Namespace) -> int:
    with _connect(chosen) as wire:
        session = Session(wire)
        wanted = _wanted(session, chosen.sap)
        done: "list[Reading]" = []
        try:
            for meter in table.progress(wanted, len(wanted), "reading"):
                done.append(reading.read(session, meter, chosen.keys))
        finally:
            _print_readings(done, len(wanted))
    if not chosen.keys and any("DENIED" in one.error for one in done):
        print(_NEEDS_KEYS, file=sys.stderr)
    return SOME_FAILED if any(one.error for one in done) else OK


def _wanted(session: Session, saps: "list[int] | None") -> "list[Meter]":
    listed = {meter.sap: meter for meter in reading.meters(session)}
    if not saps:
        return [meter for sap, meter in listed.items() if sap != GATEWAY_SAP]
    return [listed.get(sap, Meter(sap, "not in the SAP list", "unknown")) for sap in saps]


def _watch(chosen: argparse.Namespace) -> int:
    while True:
        started = time.monotonic()
        print(datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"))
        try:
            _read(chosen)
        except HesError as error:
            print(f"tools.hes: {error}", file=sys.stderr)
        print(flush=True)
        time.sleep(max(chosen.interval - (time.monotonic() - started), 0))


def _action(chosen: argparse.Namespace) -> int:
    with _connect(chosen) as wire:
        text = Desk(Session(wire), chosen.keys).run(chosen.action, chosen.argument)
    print("\n".join(table.printable(line) for line in text.split("\n")))
    return OK


def _log(chosen: argparse.Namespace) -> int:
    from tools.hes import event_log  # loads a good part of lib/: not for those who only read meters

    names = [chosen.log] if chosen.log else list(event_log.LOGS)
    found = _asked(chosen, lambda session: event_log.rows(session, names))
    cells = [[table.printable(str(cell)) for cell in row] for row in found]
    print(table.text(["number", "time", "level", "event", "node", "details"], cells, _RIGHT_OF_LOG))
    return OK


def _counters(chosen: argparse.Namespace) -> int:
    found = _asked(chosen, counters.counts)
    shown = [one for one in found if chosen.all or one.value]
    cells = [[one.of, table.printable(one.name), str(one.value)] for one in shown]
    print(table.text(["of", "counter", "count"], cells, _RIGHT_OF_COUNTERS))
    if len(shown) < len(found):
        print(f"{len(found) - len(shown)} others are 0 (--all shows them)")
    return OK


def _asked(chosen: argparse.Namespace, ask: "Callable[[Session], list[Any]]") -> "list[Any]":
    """What `ask` has of the gateway itself, as management with keys, else as the public client."""
    with _connect(chosen) as wire:
        session = Session(wire)
        try:
            if chosen.keys:
                session.open_gateway(chosen.keys)
            else:
                session.open_public(GATEWAY_SAP)
            return ask(session)
        except HesRefused as error:
            is_denied = not chosen.keys and "DENIED" in str(error)
            raise HesRefused(_NEEDS_KEYS if is_denied else in_words(str(error))) from error


def _listen(chosen: argparse.Namespace) -> int:
    try:
        listener = Listener(chosen.host, chosen.port, chosen.context)
    except OSError as error:
        raise HesError(f"cannot listen on {chosen.host}:{chosen.port}: {error.strerror or error}") from error
    with listener:
        how = " with TLS" if chosen.context else ""
        print(f"listening on {chosen.host}:{listener.server_address[1]}{how}", flush=True)
        listener.serve_forever()
    return OK


def _print_readings(done: "list[Reading]", wanted: int) -> None:
    rows = [[_sap(one.meter), one.meter.name, one.time, one.energy, one.error or "ok"] for one in done]
    print(table.text(["SAP", "LDN", "clock", "energy", "result"], rows, _RIGHT_OF_READINGS))
    failed = sum(bool(one.error) for one in done)
    print(f"{len(done) - failed} of {wanted} read" + (f", {failed} failed" if failed else ""))


def _sap(meter: Meter) -> str:
    return f"0x{meter.sap:04X}"


_COMMANDS = {"list": _list, "read": _read, "watch": _watch, "action": _action, "log": _log, "counters": _counters,
             "listen": _listen}
