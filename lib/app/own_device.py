# SPDX-License-Identifier: MIT
"""SAP 1 of this gateway: which objects it shows, and where their live values come from.

The list of what is published is here and nowhere else; the app.own_* modules hold a subject each.
"""

from app.config import Config
from app.own_audit import OwnAudit
from app.own_clients import own_clients
from app.own_clock import own_clock
from app.own_facts import Facts
from app.own_ledger import ledger_objects
from app.own_network import OwnNetwork
from app.own_nodes import NodeList, SapList
from dlms.cosem import basic
from dlms.cosem.event_log import EventLogs
from dlms.cosem.object import ROLE_MANAGEMENT, obis
from dlms.cosem.security_setup import SecuritySetups
from dlms.cosem.values import Array
from dlms.server import Limits, LogicalDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.own_network import Facts as NetworkFacts
    from app.own_signature import Signature
    from app.settings import Settings
    from base.counters import Counters
    from base.log import Log
    from base.slab import Slab
    from dlms.cosem.clock import Clock
    from dlms.cosem.image_transfer import ImageTransfer
    from dlms.cosem.object import CosemObject, Method
    from dlms.security.device_security import DeviceSecurity
    from gateway.exchange import Exchanges
    from gateway.ledger import Ledger
    from gateway.registration import Table


def _sap_assignment(parts: "Parts") -> "CosemObject":
    """0-0:41.0.0 with its method, where there is somebody to do it."""
    found = basic.sap_assignment(parts.sap_list())
    return found if parts.connect is None else found.callable(1, ROLE_MANAGEMENT, parts.connect)


def own_objects(parts: "Parts") -> "list[CosemObject]":
    """Every object of SAP 1 but its association view, which the device adds."""
    clock = parts.own_clock()
    objects = Facts(parts).objects()
    objects.append(_sap_assignment(parts))
    objects.append(clock.cosem_object())
    objects.append(basic.data(obis(0, 0, 128, 3, 0), Array(NodeList(parts.table))))
    for e_group, counter_set in enumerate(parts.counters):
        objects.append(basic.counters(e_group, counter_set))
    objects.extend(ledger_objects(parts.ledger, parts.table))
    if parts.security is not None:
        objects += SecuritySetups(parts.security, parts.log).objects()
    if parts.network_facts is not None:
        objects += OwnNetwork(parts.settings, parts.network_facts).objects()
    if parts.image is not None:
        objects += parts.image.objects()
    return objects + EventLogs(parts.log, clock, parts.table.sap).objects() + parts.medium_objects


class Parts:
    """What the objects are about; filled in by main.py, read when a client asks.

    `counters`: counter sets in the order of 0-0:128.1.e (0 forwarding, 1 sessions, 2 segment,
    3 push, 4 `own`: what this device itself served and refused, 5 what its security refused).
    """

    config: Config
    settings: "Settings"
    clock: "object"
    _own_clock: "Clock | None" = None
    log: "Log"
    table: "Table"
    ledger: "Ledger"
    medium_objects: "list[CosemObject]"
    connect: "Method | None" = None  # of the SAP assignment
    counters: "tuple[Counters, ...]"
    own: "Counters"
    serial: bytes
    version: bytes
    interpreter: bytes
    signature: "Signature"
    slab: "Slab"
    exchanges: "Exchanges"
    network_facts: "Callable[[], NetworkFacts] | None" = None
    image: "ImageTransfer | None" = None
    security: "DeviceSecurity | None" = None
    channel_permille: "Callable[[], int] | None" = None  # the line's use, where somebody measures it
    reset_cause = 0

    def own_clock(self) -> "Clock":
        """The one Clock, made when it is first asked for."""
        if self._own_clock is None:
            self._own_clock = own_clock(self.clock, self.log, self.config, self.settings)
        return self._own_clock

    def timed(self) -> "tuple[object, ...]":
        """Engines whose `on_deadline(now)` is due each second."""
        return (self.signature,) if self.image is None else (self.signature, self.image)

    def own_ldn(self) -> bytes:
        """Logical device name of SAP 1."""
        return self.config.text("gateway.ldn").encode()

    def sap_list(self) -> SapList:
        """Source of the SAP assignment list."""
        extras = [(one["sap"], one["ldn"].encode()) for one in self.config["gateway.extra_saps"]]  # type: ignore[attr-defined]
        return SapList(self.table, self.own_ldn(), self.config.text("gateway.ldn_prefix"), sorted(extras))


def own_device(parts: Parts) -> LogicalDevice:
    """The logical device at SAP 1, for the public client and, where there is security, those with keys."""
    config, security = parts.config, parts.security
    limits = Limits(
        # A public client on each session, one that is just closing.
        associations_cnt=config.number("wan.sessions") + 1 + config.number("dlms.associations"),
        max_pdu=config.number("wan.max_apdu"),
        timeout_ms=1000 * config.number("dlms.association_s"),
        reassembly_len=config.number("dlms.reassembly"),
    )
    audit = OwnAudit(parts.log)
    if security is not None:
        audit.missing_keys(security)
    clients = own_clients(config, security)
    return LogicalDevice(own_objects(parts), clients, limits, parts.own, security, audit.audit, audit.notice)
