# SPDX-License-Identifier: MIT
"""Console lines: the formats the simulator and people rely on (interfaces.md)."""

from fakes import RamStore, make_table

from app.console import Console
from base import events
from base.log import DEBUG, ERROR, NOTICE, WARNING, Log
from plc.medium import NODE_ONLINE

_METER = b"MMMM\x00\x00\x00\x01"


def _console(nodes=1):
    table, _ = make_table(RamStore(), 4)
    for n in range(nodes):
        table.add(_METER[:7] + bytes([n + 1]))
    return Console(table, "127.0.0.1:4059"), table


def test_lines_the_simulator_reads():
    console, _ = _console()
    named = "sap=0x0010 title=4D4D4D4D00000001 mac=0x001"
    for event, node, a, line in (
        (events.GATEWAY_UP, -1, 0, "7 NOTICE gateway-up wan=127.0.0.1:4059"),
        (events.NODES_RESTORED, -1, 8, "7 NOTICE nodes-restored n=8"),
        (events.NODE_UP, 0, 0, "7 NOTICE node-up " + named),
        (events.NODE_LOST, 0, 0, "7 NOTICE node-lost " + named),
        (events.NODE_BACK, 0, 0, "7 NOTICE node-back " + named),
        (events.NODE_GONE, 0, 0, "7 NOTICE node-gone " + named),
    ):
        assert console.line((7, NOTICE, event, node, a, 0)) == line


def test_every_event_has_a_format_that_can_be_filled():
    console, _ = _console()
    log = Log(64, DEBUG)
    log.now_s = 4000000
    for event in range(len(events.FORMATS)):
        for node in (-1, 0):
            log.add(event % 4, event, node, -2147483648, 2147483647)
            words = console.line(log.record()).split(" ")
            assert words[0] == "4000000" and words[1] in ("DEBUG", "NOTICE", "WARNING", "ERROR")
            assert words[2] == events.FORMATS[event].split(" ")[0]
            assert "{" not in " ".join(words)
    numbers = [value for name, value in vars_of(events) if name.isupper() and isinstance(value, int)]
    assert sorted(numbers) == list(range(len(events.FORMATS)))


def vars_of(module):
    """(name, value) of a module's names."""
    return [(name, getattr(module, name)) for name in dir(module) if not name.startswith("_")]


def test_levels():
    console, _ = _console()
    for level, word in ((DEBUG, "DEBUG"), (NOTICE, "NOTICE"), (WARNING, "WARNING"), (ERROR, "ERROR")):
        assert console.line((0, level, events.MODEM_UP, -1, 3, 0)) == "0 %s modem-up resets=3" % word


def test_saps_beyond_the_broadcast_sap_and_titles_of_six_octets():
    table, _ = make_table(RamStore(), 200, 6)
    for n in range(0x70):
        table.put_assigned(n, bytes([0xAB, 0, 0, 0, 0, n]))
    console = Console(table, "")
    assert console.node(0x6F) == "sap=0x0080 title=AB000000006F mac=0x070"
    assert console.node(-1) == ""


def test_records_are_printed_as_they_are_made_and_restored_nodes_without_records():
    console, table = _console(4)
    for row in range(3):
        table.set_state(row, NODE_ONLINE, 1)
    table.remove(1)  # and the fourth has never been there
    lines = []
    console.write = lines.append
    log = Log(4)
    log.listener = console
    log.add(NOTICE, events.MODEM_UP, a=1)
    log.add(DEBUG, events.MODEM_UP, a=2)  # below the level
    console.print_restored(9)
    assert lines == [
        "0 NOTICE modem-up resets=1\n",
        "9 NOTICE node-restored sap=0x0010 title=4D4D4D4D00000001 mac=0x001\n",
        "9 NOTICE node-restored sap=0x0012 title=4D4D4D4D00000003 mac=0x003\n",
    ]
    assert len(log) == 1
