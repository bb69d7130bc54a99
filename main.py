# SPDX-License-Identifier: MIT
"""Composition root: makes every object once, in a fixed order, wires them, starts the tasks.

No logic. Everything big is allocated here, before the first task runs; what steady state
needs beyond it is small and short-lived.
"""

import asyncio
import gc
import sys

if "lib" not in sys.path:
    sys.path.append("lib")

# NOTE: garbage of the start is collected every few kilobytes. Left until the heap is full, what stays is strewn all
# over it, and the free half is in pieces too small for the next table.
if hasattr(gc, "threshold"):
    gc.threshold(8192)

# NOTE: first, while few imports are nested: every level costs C stack, and at the far end of
# app -> plc -> base.framing a 32-bit interpreter that compiles from source runs out of it.
import base.framing  # noqa: F401, I001

from app import config as configuration
from app import config_trial, factory_reset, media
from app.access_list import AccessList
from app.console import Console
from app.forwarder import Forwarder
from app.log_file import LogFile
from app.own_device import Parts, own_device
from app.own_management import OwnManagement
from app.own_security import own_security
from app.own_signature import Signature
from app.pumps import ModemReader, Timer
from app.push import PushRoute
from app.replies import HEADROOM
from app.sessions import Listener
from app.settings import Settings
from app.startup import (
    access_objects,
    image_transfer,
    live_settings,
    log_configuration,
    log_keys,
    log_start,
    push_duties,
    router_extras,
    rules_from,
    tls_identity,
)
from app.supervisor import Supervisor
from app.upkeep import Upkeep
from app.wan import Wan
from base.log import LEVELS, Log
from base.slab import Slab
from dlms.stats import new_counters
from gateway.journal import Journal
from gateway.registration import Table
from gateway.router import Router
from hal import clock
from hal.code import signature_of
from hal.aes import cipher
from hal.leaf import leaf
from plc.access import Access

VERSION = b"0.1.0"
_TAILROOM = 16

store = leaf.store()
wiped = factory_reset.finish(store)
config = config_trial.begin(store)
leaf.watchdog(config_trial.BUILD_MS)  # a start that fails while all is made ends in another one
slab = Slab(config.number("wan.buffers"), config.number("wan.max_apdu"), HEADROOM, _TAILROOM)
log = Log(config.number("log_records"), LEVELS.index(config.text("log_level")))
log_file = LogFile(store, log)
log_file.restore()
settings = Settings(store, config, log)
live_settings(settings, log)
access_list = AccessList(store, Access(config.number("gateway.access_rows")), log)
security = own_security(config, store, cipher, leaf.random_octets, leaf.serial_number())
journal = Journal(store)
table = Table(
    config.number("gateway.nodes"),
    media.title_len(config),
    journal,
    media.first_credit(config),
    config.number("gateway.quarantine_s"),
)
router = Router(table, router_extras(config), bool(config["gateway.prefix"]), config.number("gateway.network_id"))
forwarder = Forwarder(table, slab, router, rules_from(config))
port = leaf.modem_port(config.section("board"), media.uart_baud(config))

around = media.Around()
around.config = config
around.store = store
around.settings = settings
around.access = access_list.access
around.access_list = access_list
around.serial = leaf.serial_number()
around.random_octets = leaf.random_octets
around.unwrap = security.keys.unwrap
around.port = port
around.table = table
around.sink = forwarder
around.log = log
side = media.build(around)
segment = side.segment
push = PushRoute(slab, config.number("push.queue"), log)
listener = Listener(forwarder, slab, config, clock, log)
settings.register("firewall", listener.door.prepare)
identity = tls_identity(config, store, log, forwarder, clock)
listener.secure = identity.secure if identity else None

parts = Parts()
parts.config = config
parts.settings = settings
parts.clock = clock
parts.log = log
parts.table = table
parts.ledger = forwarder.ledger
parts.channel_permille = forwarder.ledger.channel_permille
parts.medium_objects = side.objects + access_objects(config, listener.door.firewall, identity)
parts.own = new_counters()
parts.security = security
parts.counters = (forwarder.counters, listener.counters, segment.counters, push.counters, parts.own, security.counters)
parts.serial = leaf.serial_number()
parts.version = VERSION
parts.interpreter = sys.version.encode()
parts.reset_cause = leaf.reset_cause()
log_file.utc_s = parts.own_clock().utc_s


def restart() -> None:
    """Planned: no invocation counter is skipped, no notification or record lost. Does not return."""
    push.save()
    log_file.save()
    security.invocation_counters.settle()
    leaf.reset()


management = OwnManagement(parts, side.management, access_list, forwarder, store, restart)
parts.medium_objects.extend(management.objects)
parts.connect = management.connect
parts.signature = Signature(signature_of(leaf.CODE_DIR))
parts.network_facts = leaf.network_facts
parts.image = image_transfer(config, store, log)
parts.slab = slab
parts.exchanges = forwarder.exchanges

duties_of_push = push_duties(push, parts, store, leaf.random_octets, identity, security)

forwarder.medium = segment
forwarder.device = own_device(parts)
forwarder.push = push if config["push.targets"] else None

console = Console(table, "%s:%d" % (config.text("wan.address"), config.number("wan.port")))
log.listener = console
upkeep = Upkeep(table, journal, log, clock)
upkeep.timed = (listener, forwarder.device, forwarder.admission.ownership) + side.timed + parts.timed()
upkeep.timed += management.timed + (log_file,)
upkeep.medium = segment
upkeep.ledger = forwarder.ledger


def on_up() -> None:
    """The gateway can be reached."""
    configuration.keep_good(store, config)
    log_start(log, table, console)


async def run() -> None:
    """Start the duties; the supervisor never returns."""
    log_configuration(log, config, wiped)
    log_keys(log, security.keys.error)
    is_restored = upkeep.restore()
    # NOTE: not restored: nobody may be registered, for SAPs could move. SAP 1 says why, for as long as it takes
    # somebody to look: a reset would cure nothing, and a modem nobody has started shows no sign of life.
    is_alive = segment.is_alive if is_restored else upkeep.is_alive
    supervisor = Supervisor(clock, leaf.watchdog(config.number("watchdog.timeout_ms")), log, is_alive)
    if is_restored:
        supervisor.add("timer", Timer(segment, forwarder, clock).run, budget_ms=5000)
        supervisor.add("modem-reader", ModemReader(port, segment, clock).run, is_needed=True)
    supervisor.add("upkeep", upkeep.run, budget_ms=10000)
    supervisor.add("wan", Wan(config, listener, leaf.network_up, on_up).run, is_needed=True)
    if identity is not None:
        identity.load()  # here, where the console hears what is wrong
        supervisor.add("tls", identity.run)
    for name, factory in duties_of_push:
        supervisor.add(name, factory)
    gc.collect()
    if hasattr(gc, "threshold"):
        gc.threshold(-1)  # from here on once a second (app.upkeep)
    config_trial.end(store, config)
    await supervisor.run()


asyncio.run(run())
