# SPDX-License-Identifier: MIT
"""Turns the configuration into what the constructors take; used once, by main.py."""

import sys
from binascii import unhexlify

from app import class_rules
from app.media import guard_ms, own_saps
from app.own_firewall import firewall_object
from app.own_push import OwnPush
from base import events
from base.log import LEVELS, NOTICE, WARNING
from gateway.rules import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.config import Config
    from app.console import Console
    from app.firewall import Firewall
    from app.forwarder import Forwarder
    from app.own_device import Parts
    from app.push import PushRoute
    from app.settings import Commit, Settings
    from app.supervisor import Duty
    from app.tls_identity import TlsIdentity
    from base.log import Log
    from dlms.cosem.image_transfer import ImageTransfer
    from dlms.cosem.object import CosemObject
    from dlms.security.device_security import DeviceSecurity
    from gateway.registration import Table
    from hal.store import FileStore


def rules_from(config: "Config") -> Rules:
    """Limits of the forwarding path."""
    rules = Rules()
    rules.exchanges_cnt = config.number("gateway.exchanges")
    rules.per_node_cnt = config.number("gateway.exchanges_per_node")
    rules.queue_ms = 1000 * config.number("gateway.queue_s")
    rules.guard_ms = guard_ms(config)
    rules.late_ms = 2 * config.number("gateway.guard_ms")
    rules.associations_cnt = config.number("gateway.associations")
    rules.association_ms = 1000 * config.number("gateway.association_s")
    rules.sessions_cnt = config.number("wan.sessions") + 2  # one that is closing, and one for all beyond
    rules.answer_ms = 1000 * config.number("gateway.answer_s")
    rules.keeps_quality = bool(config["gateway.node_quality"])
    rules.ledger_minutes = config.number("gateway.ledger_minutes")
    rules.classes = tuple([class_rules.parse(rule) for rule in config["gateway.classes"]])  # type: ignore
    rules.own_saps = own_saps(config)
    rules.refuse_by_exception = config.text("gateway.refuse") == "exception"
    return rules


def router_extras(config: "Config") -> "dict[int, tuple[bytes, int]]":
    """Extra SAP -> (title, server SAP inside the meter)."""
    extras = config["gateway.extra_saps"]
    return {one["sap"]: (unhexlify(one["title"]), one["server_sap"]) for one in extras}  # type: ignore[attr-defined]


def push_duties(
    route: "PushRoute",
    parts: "Parts",
    store: "FileStore",
    random_octets: "Callable[[int], bytes]",
    identity: "TlsIdentity | None",
    security: "DeviceSecurity | None" = None,
) -> "tuple[tuple[str, Callable[[Duty], Coroutine[object, object, None]]], ...]":
    """What the supervisor has to keep running so that `push.targets` are told; nothing without any.

    The objects that say and set how it is done join those of SAP 1 in any case.
    """
    side = None
    if parts.config["push.targets"]:
        from app.push_side import PushSide  # only where it is wanted: RAM

        seal = None
        if security is not None:
            from app.push_seal import Seal

            seal = Seal(security)
        side = PushSide(route, parts, store, random_octets, seal)
        if parts.config["tls.push"] and identity is not None:
            side.use_tls(identity)
    parts.medium_objects.extend(OwnPush(parts.settings, side).objects())
    return () if side is None else side.duties


def live_settings(settings: "Settings", log: "Log") -> None:
    """Settings of nobody in particular that a change puts into effect at once."""

    def prepare(ahead: "Config") -> "Commit":
        level = LEVELS.index(ahead.text("log_level"))

        def commit() -> None:
            log.level = level

        return commit

    settings.register("log_level", prepare)


def image_transfer(config: "Config", store: "FileStore", log: "Log") -> "ImageTransfer | None":
    """Of SAP 1; None where no image may be transferred: its code is not imported then."""
    if not config.number("update.max_image"):
        return None
    from app import own_image

    return own_image.image_transfer(config, store, log)


def tls_identity(
    config: "Config", store: "FileStore", log: "Log", forwarder: "Forwarder", clock: object
) -> "TlsIdentity | None":
    """What TLS on the WAN shows and trusts, still to be loaded; None when nothing uses TLS (nor takes RAM for it)."""
    if not config.number("tls.port") and not config["tls.push"]:
        return None
    from app.line_pause import LinePause
    from app.tls_identity import TlsIdentity
    from hal import tls

    listens = config.number("tls.port") != 0
    identity = TlsIdentity(store, tls, bool(config["tls.client_certificate"]), log, listens)
    identity.pause = LinePause(forwarder, clock, config.number("tls.line_wait_ms"))
    return identity


def access_objects(
    config: "Config", firewall: "Firewall", identity: "TlsIdentity | None"
) -> "list[CosemObject]":
    """What SAP 1 shows of who may come in."""
    found = [firewall_object(config, firewall)]
    if identity is not None:
        from app.own_tls import tls_objects

        found.extend(tls_objects(identity))
    return found


def log_start(log: "Log", table: "Table", console: "Console") -> None:
    """The gateway is reachable: say so, and which nodes it knows."""
    log.add(NOTICE, events.GATEWAY_UP)
    if table.published_cnt:
        log.add(NOTICE, events.NODES_RESTORED, a=table.published_cnt)
        console.print_restored(log.now_s)


def log_configuration(log: "Log", config: "Config", wiped: int = 0) -> None:
    """What was wrong with config.json, if anything; `wiped` files of a factory reset that was due."""
    if wiped:
        log.add(WARNING, events.FACTORY_RESET_DONE, a=wiped)
    if config.errors:
        log.add(WARNING, events.CONFIG_BAD, a=len(config.errors))
    for error in config.errors:  # in words, which a record cannot hold
        sys.stdout.write("%d WARNING config %s\n" % (log.now_s, error))


def log_keys(log: "Log", error: str) -> None:
    """Why SAP 1 has no keys (client=0: none of its clients), and what to do; nothing when it has."""
    if error:
        log.add(WARNING, events.OWN_UNPROVISIONED)
        sys.stdout.write("%d WARNING keys %s; see docs/security.md, tools/provision.py\n" % (log.now_s, error))
