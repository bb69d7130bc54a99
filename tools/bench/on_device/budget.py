# SPDX-License-Identifier: MIT
"""Runs on MicroPython: the whole gateway, full, in the heap it was given.

usage: micropython -X heapsize=256k budget.py [COLLECTIONS] [g3 | defaults]
1,200 registered nodes, four sessions with full send queues, 32 open exchanges, the SAP list in
the middle of a block transfer. Prints `nodes=... sessions=... exchanges=... used=... free=...`;
a MemoryError ends it. With a number it collects garbage so often, for counting instructions.
Only sockets, tasks and the serial port are missing (about 6 kB).
"""

import gc
import sys

gc.collect()
of_script = gc.mem_alloc()  # this file, which no gateway has
sys.path.append("lib")  # behind .frozen: a frozen interpreter is measured as it is
sys.path.append("host_tests/both")

from app import config as configuration
from app import media
from app.access_list import AccessList
from app.console import Console
from app.forwarder import Forwarder
from app.log_file import LogFile
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
from dlms.stats import new_counters
from gateway.registration import Table
from gateway.router import Router
from hal import clock
from hal.aes import cipher
from plc.access import Access

_NODES = 1200
_SESSIONS = 4
# What the heaps of the budget are for (docs/memory.md).
of_sfsk = {"gateway.nodes": 1200, "wan.buffers": 45, "log_records": 256, "gateway.node_quality": False}
of_g3 = {
    "medium": "g3", "gateway.nodes": 1200, "wan.max_apdu": 848, "wan.buffers": 32, "log_records": 256,
    "gateway.extra_saps": [],
}  # fmt: skip
_GET_SAP_LIST = bytes([0xC0, 1, 0xC1, 0, 17, 0, 0, 41, 0, 0, 255, 2, 0])
_DISCONNECT = bytes([0xC3, 1, 0xC1, 0, 70, 0, 0, 96, 3, 10, 255, 1, 1, 15, 0])
_GET_CLOCK = bytes([0xC0, 1, 0xC1, 0, 8, 0, 0, 1, 0, 0, 255, 2, 0])


class NoJournal:
    """A journal that has everything already."""

    def assign(self, table, row, title):
        return True

    def verified(self, table, row, title):
        return True


class NoFlash:
    """A store without files that takes everything."""

    def load(self, name, mv, off):
        return 0

    def begin(self, name):
        """Nothing to begin."""

    def write(self, mv):
        """Gone."""

    def commit(self):
        """Nothing to keep."""


class Mute:
    """A G3 modem's wires; it says nothing and is taken for started."""

    def write(self, mv):
        """Gone."""


class Stuck:
    """A stream whose peer takes nothing."""

    def close(self):
        """Nothing to close."""


is_g3 = "g3" in sys.argv
values = configuration.defaults()
if is_g3:
    values.update(of_g3)
elif "defaults" not in sys.argv:
    values.update(of_sfsk)
config = configuration.Config(values, "budget", [])
slab = Slab(config.number("wan.buffers"), config.number("wan.max_apdu"), HEADROOM, 16)
log = Log(config.number("log_records"))
log_file = LogFile(NoFlash(), log)
log_file.restore()
settings = Settings(None, config, log)
access_list = AccessList(NoFlash(), Access(config.number("gateway.access_rows")), log)
table = Table(config.number("gateway.nodes"), 8, NoJournal(), 0, 0)
forwarder = Forwarder(table, slab, Router(table, {}), rules_from(config))
if is_g3:
    chip = Mute()
else:
    gc.collect()
    before = gc.mem_alloc()
    from scripted_chip import ScriptedChip

    gc.collect()
    of_script += gc.mem_alloc() - before
    chip = ScriptedChip(lambda dest, apdu: None)
around = media.Around()
around.config, around.store, around.settings, around.log = config, NoFlash(), settings, log
around.access, around.access_list = access_list.access, access_list
around.serial, around.random_octets = b"BUDGET000000", lambda n: bytes(range(64, 64 + n))
around.port, around.table, around.sink = chip, table, forwarder
side = media.build(around)
segment = side.segment
push = PushRoute(slab, config.number("push.queue"), log)
listener = Listener(forwarder, slab, config, clock, log)
parts = Parts()
parts.config, parts.clock, parts.log, parts.table = config, clock, log, table
parts.medium_objects, parts.serial, parts.version, parts.interpreter = side.objects, b"1", b"1", b"1"
parts.ledger = forwarder.ledger
parts.own = new_counters()
parts.settings, parts.signature = settings, Signature(iter(()))
parts.slab, parts.exchanges = slab, forwarder.exchanges
parts.security = own_security(config, NoFlash(), cipher, bytes, b"1")
counters = (forwarder.counters, listener.counters, segment.counters, push.counters, parts.own)
parts.counters = counters + (parts.security.counters,)
management = OwnManagement(parts, side.management, access_list, forwarder, None, None)
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
if is_g3:
    segment.modem.set_up(now)
while not segment.is_up:
    now += 1
    octets = chip.take(now)
    if octets is not None:
        segment.feed(now, memoryview(octets), len(octets))
    segment.on_deadline(now)
sessions = [Session(number, Stuck(), slab, config.number("wan.send_queue")) for number in range(1, _SESSIONS + 1)]
for session in sessions:
    request(session, 1, _GET_SAP_LIST)
exchanges = forwarder.exchanges
for row in range(config.number("gateway.exchanges")):
    # The last slots are for control requests.
    apdu = _GET_CLOCK if row < config.number("gateway.exchanges") * 7 // 8 else _DISCONNECT
    request(sessions[row % _SESSIONS], table.sap(row), apdu)
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1):
    gc.collect()
print(
    "nodes=%d sessions=%d exchanges=%d used=%d free=%d"
    % (
        table.count(), len(sessions), exchanges.open_cnt,
        gc.mem_alloc() - of_script, gc.mem_free() + of_script,
    )
)
