# SPDX-License-Identifier: MIT
"""Puts notifications together: queue, flash, own events, delivery, and their settings.

Imported only where somebody is to be told (`push.targets`): its parts would cost a board RAM for
nothing. Settings that say so work at once, the others at the next start.
"""

import gc

from micropython import const

from app import push_seal
from app.push_delivery import Delivery, Pace
from app.push_events import ALARM, JOIN, MOST_ROWS, SECURITY, TOPOLOGY, OwnEvents
from app.push_keeper import Keeper
from app.push_ring import SEGMENTS, PushRing
from app.push_turns import Turns
from dlms.axdr import Writer
from dlms.data_notification import write_with_origin
from dlms.wrapper import HEADER_LEN
from plc.medium import NODE_ONLINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config
    from app.own_device import Parts
    from app.push import PushRoute
    from app.push_delivery import Target
    from app.push_seal import Seal
    from app.settings import Settings
    from app.tls_identity import TlsIdentity
    from hal.store import FileStore

_CLOCK_IS_SET = const(1700000000)  # a wall clock before this (2023-11) has never been set


def targets(config: "Config") -> "list[Target]":
    """(host, port, client SAP) of each of `push.targets`: host:port, or host:port/SAP."""
    found = []
    for target in config["push.targets"]:  # type: ignore[attr-defined]
        host, tail = target.rsplit(":", 1)
        port, _, sap = tail.partition("/")
        found.append((host, int(port), int(sap or 1)))
    return found


class PushSide:
    """Everything about notifications; `parts` as for SAP 1. `duties`: (name, factory) for the supervisor."""

    def __init__(
        self,
        route: "PushRoute",
        parts: "Parts",
        store: "FileStore",
        random_octets: "Callable[[int], bytes]",
        seal: "Seal | None" = None,
    ) -> None:
        config, log = parts.config, parts.log
        self._parts = parts
        self._route = route
        self._random_octets = random_octets
        self._writer = Writer()
        self._sap_list = parts.sap_list()
        self._invoke_id = 0
        self._seal = seal
        self._sealed = seal.seal if seal is not None else None  # bound once: `apply` must not allocate
        self._origin = self._add_origin
        own = OwnEvents(log, parts.table, parts.serial, route.slab.size, parts.clock.calendar)  # type: ignore[attr-defined]
        own.health = self._health
        self.own = own
        self.pace = Pace()
        self.turns = Turns(route, own, log, self._wall_s)
        self.turns.ring = self._ring(config, store)
        self.delivery = Delivery(route, self.turns, targets(config), self.pace, self._random)
        self.keeper = Keeper(route, self.turns, self.delivery, log)
        self.duties = (("push", self.delivery.run), ("push-keeper", self.keeper.run))
        route.wake = self.delivery.wake
        route.on_save = self.keeper.save
        self.apply()
        self._register(parts.settings)

    def _ring(self, config: "Config", store: "FileStore") -> "PushRing | None":
        octets = 1024 * config.number("push.flash_kib")
        if not octets:
            return None
        return PushRing(store, octets // SEGMENTS, self._route.slab.size + HEADER_LEN)

    def apply(self) -> None:
        """Take over what settings may change while running. Allocates nothing (app.settings)."""
        config, pace, keeper = self._parts.config, self.pace, self.keeper
        relay, seal, own = config["push.relay"], self._seal if config["push.cipher"] else None, self.own
        self._route.is_relaying = relay != "drop"
        self._route.add_origin = self._origin if relay == "add_origin_header" else None
        self.turns.seal = self._sealed if seal is not None else None
        self.turns.is_mute = bool(config["push.cipher"]) and (seal is None or not seal.can_seal())
        own.front = push_seal.FRONT_LEN if seal is not None else 0
        own.back = push_seal.BACK_LEN if seal is not None else 0
        own.kinds = 0 if self.turns.is_mute else (
            (TOPOLOGY | JOIN) * config.number("push.topology")
            | ALARM * config.number("push.alarms")
            | SECURITY * config.number("push.security")
        )
        own.as_event = config["push.form"] == "event"
        self.turns.batch = min(config.number("push.batch"), MOST_ROWS)
        self.turns.late_s = config.number("push.late_s")
        pace.random_s, pace.retries = config.number("push.random_s"), config.number("push.retries")
        pace.min_s, pace.max_s = config.number("push.retry_min_s"), config.number("push.retry_max_s")
        pace.exponent = config.number("push.retry_exponent")
        keeper.heartbeat_s, keeper.after_s = config.number("push.heartbeat_s"), config.number("push.flash_after_s")
        keeper.writes_a_day = config.number("push.flash_writes")

    def use_tls(self, identity: "TlsIdentity") -> None:
        """Connect over TLS, never in the clear instead: what cannot be sent over TLS waits."""
        name = self._parts.config.text("tls.push_name")
        self.delivery.connect = lambda host, port: identity.connect(host, port, name or host)

    def _register(self, settings: "Settings") -> None:
        """Let `settings` put changes into effect here."""
        for name in (
            "relay", "cipher", "topology", "alarms", "security", "form", "batch", "late_s", "random_s", "retries",
            "retry_min_s", "retry_max_s", "retry_exponent", "heartbeat_s", "flash_after_s", "flash_writes",
        ):  # fmt: skip
            settings.register("push." + name, lambda ahead: self.apply)

    # --- what the parts ask for ---

    def _wall_s(self) -> int:
        wall: int = self._parts.clock.wall_s()  # type: ignore[attr-defined]
        return wall if wall > _CLOCK_IS_SET else 0

    def _random(self, n: int) -> int:
        return int.from_bytes(self._random_octets(3), "big") % n

    def _add_origin(self, sap: int, apdu: memoryview, dst: memoryview, off: int) -> int:
        """The meter's notification with the origin header at dst[off:]; its length, 0 = too long."""
        table = self._parts.table
        ldn = self._sap_list.ldn(table.title(table.row_of_sap(sap)))
        wall = self._wall_s()
        self._invoke_id += 1
        writer = self._writer
        writer.open(dst, off, off + self._route.slab.size)
        moment = self._parts.clock.calendar(wall) if wall else None  # type: ignore[attr-defined]
        write_with_origin(writer, (self._parts.serial, sap, ldn), apdu, self._invoke_id, moment)
        return 0 if writer.lost_cnt else writer.off - off

    def _health(self) -> str:
        """Text of a heartbeat: JSON."""
        table = self._parts.table
        online = sum([table.state(row) == NODE_ONLINE for row in range(table.end())])
        return '{"uptime_s":%d,"nodes":%d,"online":%d,"heap_free":%d,"waiting":%d,"version":"%s"}' % (
            self._parts.log.now_s,
            table.count(),
            online,
            gc.mem_free(),
            len(self._route) + len(self.turns.ring or ()),
            str(self._parts.version, "ascii"),
        )
