# SPDX-License-Identifier: MIT
"""Runs on MicroPython: the whole gateway, full, in the heap it was given.

usage: micropython -X heapsize=256k budget.py [COLLECTIONS]
1,200 registered nodes, four sessions with full send queues, 32 open exchanges, the SAP list in
the middle of a block transfer. Prints `nodes=... sessions=... exchanges=... used=... free=...`;
a MemoryError ends it. With a number it collects garbage so often, for counting instructions.
Only sockets, tasks and the serial port are missing (about 6 kB).
"""

import gc
import sys

sys.path.append("lib")  # behind .frozen: a frozen interpreter is measured as it is
sys.path.append("host_tests/both")

from scripted_chip import ScriptedChip

from app import config as configuration
from app.access_list import AccessList
from app.console import Console
from app.forwarder import Forwarder
from app.medium_sfsk import segment_settings
from app.own_device import Parts, own_device
from app.own_management import OwnManagement
from app.own_security import own_security
from app.own_signature import Signature
from app.push import PushRoute
from app.replies import HEADROOM
from app.sessions import Listener, Session
from app.settings import Settings
from app.startup import rules_from
from base.log import Log
from base.slab import Slab
from dlms.cosem.sfsk import sfsk_objects
from dlms.stats import new_counters
from gateway.registration import Table
from gateway.router import Router
from hal import clock
from hal.aes import cipher
from plc.access import Access
from plc.sfsk.segment import Segment

_NODES = 1200
_SESSIONS = 4
_GET_SAP_LIST = bytes([0xC0, 1, 0xC1, 0, 17, 0, 0, 41, 0, 0, 255, 2, 0])
_GET_CLOCK = bytes([0xC0, 1, 0xC1, 0, 8, 0, 0, 1, 0, 0, 255, 2, 0])


class NoJournal:
    """A journal that has everything already."""

    def assign(self, table, row, title):
        return True


class NoFlash:
    """A store without files."""

    def load(self, name, mv, off):
        return 0


class Stuck:
    """A stream whose peer takes nothing."""

    def close(self):
        """Nothing to close."""


config = configuration.Config(configuration.defaults(), "budget", [])
slab = Slab(config.number("wan.buffers"), config.number("wan.max_apdu"), HEADROOM, 16)
log = Log(config.number("log_records"))
table = Table(config.number("gateway.nodes"), 8, NoJournal(), 0, 0)
forwarder = Forwarder(table, slab, Router(table, {}), rules_from(config))
chip = ScriptedChip(lambda dest, apdu: None)
segment = Segment(segment_settings(config, b"BUDGET000000"), chip, table, forwarder, log)
push = PushRoute(slab, config.number("push.queue"), log)
listener = Listener(forwarder, slab, config, clock, log)
parts = Parts()
parts.config, parts.clock, parts.log, parts.table = config, clock, log, table
parts.medium_objects, parts.serial, parts.version, parts.interpreter = sfsk_objects(segment.cosem), b"1", b"1", b"1"
parts.ledger = forwarder.ledger
parts.own = new_counters()
parts.settings, parts.signature = Settings(None, config, log), Signature(iter(()))
parts.slab, parts.exchanges = slab, forwarder.exchanges
parts.security = own_security(config, NoFlash(), cipher, bytes, b"1")
counters = (forwarder.counters, listener.counters, segment.counters, push.counters, parts.own)
parts.counters = counters + (parts.security.counters,)
access_list = AccessList(NoFlash(), Access(config.number("gateway.access_rows")), log)
management = OwnManagement(parts, segment.management, access_list, forwarder, None, None)
parts.medium_objects.extend(management.objects)
parts.connect = management.connect
forwarder.medium, forwarder.device, forwarder.push = segment, own_device(parts), push
console = Console(table, "0.0.0.0:4059")
now = 1


def request(session, sap, apdu):
    """One APDU from the WAN; False when the gateway would not read it."""
    if not forwarder.may_read():
        return False
    buf = slab.alloc()
    slab.view(buf)[HEADROOM : HEADROOM + len(apdu)] = apdu
    forwarder.on_request(now, session, (16, sap), buf, len(apdu))
    return True


for number in range(_NODES):
    table.set_state(table.add(b"BUDGET" + bytes([number >> 8, number & 255])), 2, 1)
segment.start(now)
while not segment.is_up:
    now += 1
    octets = chip.take(now)
    if octets is not None:
        segment.feed(now, memoryview(octets), len(octets))
    segment.on_deadline(now)
sessions = [Session(number, Stuck(), slab, config.number("wan.send_queue")) for number in range(1, _SESSIONS + 1)]
for session in sessions:
    request(session, 1, _GET_SAP_LIST)
row = 0
while row < config.number("gateway.exchanges") and request(sessions[row % _SESSIONS], table.sap(row), _GET_CLOCK):
    row += 1
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
    gc.collect()
print(
    "nodes=%d sessions=%d exchanges=%d used=%d free=%d"
    % (table.count(), len(sessions), forwarder.exchanges.open_cnt, gc.mem_alloc(), gc.mem_free())
)
