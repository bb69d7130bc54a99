# SPDX-License-Identifier: MIT
"""The gateway's sans-I/O core on the simulated segment, in one process and in virtual time.

Everything from the WPDU to the modem's UART is the shipped code, loaded under the shim;
only asyncio, sockets and the serial port are missing. For tests and benchmarks:

    rig = Rig(SegmentOptions(meters=8))
    rig.run_until_registered(8)
    hes = rig.connect()
    hes.request(client_sap=16, server_sap=0x10, apdu=bytes.fromhex("C001C100080000010000FF0200"))
    rig.run(5); hes.replies
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tests import shim
from tools.sim.g3.segment import G3Segment
from tools.sim.kernel import Timer
from tools.sim.options import SegmentOptions
from tools.sim.segment import Segment as SimSegment
from tools.sim.server import DlmsServer, EchoServer

shim.install()

from app import config as configuration  # noqa: E402 - after install: loads lib/ under the shim
from app import factory_reset, media  # noqa: E402
from app.access_list import AccessList  # noqa: E402
from app.forwarder import Forwarder  # noqa: E402
from app.own_device import Parts, own_device  # noqa: E402
from app.own_management import OwnManagement  # noqa: E402
from app.own_push import OwnPush  # noqa: E402
from app.own_security import KEY_FILE, own_security  # noqa: E402
from app.own_signature import Signature  # noqa: E402
from app.record_file import RecordFile  # noqa: E402
from app.replies import HEADROOM  # noqa: E402
from app.sessions import Listener  # noqa: E402
from app.settings import Settings  # noqa: E402
from app.startup import image_transfer, live_settings, router_extras, rules_from  # noqa: E402
from app.upkeep import Upkeep  # noqa: E402
from base.log import Log  # noqa: E402
from base.slab import Slab  # noqa: E402
from dlms.stats import new_counters  # noqa: E402
from gateway.journal import Journal  # noqa: E402
from gateway.registration import Table  # noqa: E402
from gateway.router import Router  # noqa: E402
from hal.aes import cipher  # noqa: E402
from hal.store import FileStore  # noqa: E402
from plc.access import Access  # noqa: E402

_TICKS_MASK = (1 << 30) - 1
SERIAL = b"RIG000000001"
WALL_START_S = 1_790_000_000


class Wire:
    """The modem port between the shipped segment and the chip's twin."""

    def __init__(self, chip: Any) -> None:
        self._chip = chip

    def write(self, mv: bytes) -> None:
        """Octets to the chip."""
        self._chip.host_write(bytes(mv))

    def t_req(self, asserted: bool) -> None:
        """T_REQ line."""
        self._chip.set_t_req(asserted)

    def reset(self, asserted: bool) -> None:
        """RESET line."""
        self._chip.set_reset(asserted)

    def power(self, on: bool) -> None:
        """Supply."""
        self._chip.set_power(on)


class VirtualClock:
    """hal.clock on the kernel's time."""

    shift_s = 0

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def ticks_ms(self) -> int:
        """Wrapping milliseconds."""
        return self._rig.now()

    def wall_s(self) -> int:
        """Seconds since 1970."""
        return WALL_START_S + self.shift_s + self._rig.kernel.now_us // 1_000_000

    def set_wall_s(self, wall: int) -> None:
        """As hal.clock.set_wall_s."""
        self.shift_s += wall - self.wall_s()

    def calendar(self, wall: int) -> tuple[int, ...]:
        """As hal.clock.calendar."""
        import time

        return tuple(time.gmtime(wall))


class Hes:
    """A head-end at the far end of one session: sends WPDUs, keeps what comes back."""

    def __init__(self, rig: Rig, number: int) -> None:
        self.number = number
        self.peer, self.service = bytes((10, 0, 0, number & 0xFF)), 0
        self.is_open = True
        self.is_reading = True
        self.replies: list[tuple[int, int, bytes]] = []  # (source, destination, APDU)
        self.times_us: list[int] = []
        self.on_reply: Callable[[int, int, bytes], object] = lambda *reply: None
        self._rig = rig

    def request(self, client_sap: int, server_sap: int, apdu: bytes) -> bool:
        """Send one APDU; False when the gateway would not read it now (no free buffer)."""
        rig = self._rig
        if not rig.forwarder.may_read():
            return False
        buf = rig.slab.alloc()
        rig.slab.view(buf)[HEADROOM : HEADROOM + len(apdu)] = apdu
        rig.forwarder.on_request(rig.now(), self, (client_sap, server_sap), buf, len(apdu))
        rig.reschedule()
        return True

    room = 8  # Session duck type

    def send(self, buf: int, off: int, length: int) -> bool:
        """Session duck type: a WPDU for this head-end."""
        if not (self.is_open and self.is_reading):
            return False
        wpdu = bytes(self._rig.slab.view(buf)[off : off + length])
        self._rig.slab.free(buf)
        version, source, destination, apdu_len = struct.unpack_from(">HHHH", wpdu)
        assert version == 1 and apdu_len == len(wpdu) - 8, wpdu.hex()
        self.replies.append((source, destination, wpdu[8:]))
        self.times_us.append(self._rig.kernel.now_us)
        self._rig.kernel.call_later(0, self.on_reply, source, destination, wpdu[8:])
        return True

    def close(self) -> None:
        """The connection is gone."""
        self.is_open = False
        self._rig.forwarder.on_session_end(self._rig.now(), self)
        self._rig.reschedule()


class Rig:
    """One gateway on one simulated segment. `config` is what config.json would say.

    `fs` is a shim FileSystem to keep state across rigs (None = a fresh one in memory); `keys` what
    keys.bin would hold (tools.provision.octets_of). Without, the public client reads everything and is alone.
    """

    def __init__(
        self,
        options: SegmentOptions | None = None,
        make_server: Callable[[bytes], DlmsServer] = lambda title: EchoServer(),
        config: dict[str, object] | None = None,
        fs: Any = None,
        sim: SimSegment | G3Segment | None = None,
        keys: bytes = b"",
    ) -> None:
        if fs is not None:
            shim.device.fs = fs
        else:
            shim.device.power_on()
        self.sim: Any = sim or SimSegment(options, make_server)
        self.kernel = self.sim.kernel
        self._timer: Timer | None = None
        self._upkeep_timer: Timer | None = None
        self._hes_cnt = 0
        self._feed = memoryview(bytearray(4096))
        self.restarts: list[int] = []  # virtual us at which the gateway wanted to restart
        self.events: list[tuple[int, int, int]] = []  # (virtual s, node, event)
        self._build(config or {}, keys)
        self.sim.chip.on_output = self._on_uart
        self.upkeep.restore()
        self.segment.start(self.now())
        self._each_second()

    def _build(self, tree: dict[str, object], keys: bytes) -> None:
        errors: list[str] = []
        self.config = configuration.Config(configuration.validate(tree, errors), "rig", errors)
        assert not errors, errors
        config, clock = self.config, VirtualClock(self)
        self.log = Log(config.number("log_records"))
        self.slab = Slab(config.number("wan.buffers"), config.number("wan.max_apdu"), HEADROOM, 16)
        self.store = FileStore("/state")
        self.wiped = factory_reset.finish(self.store)
        self.security = self._provision(keys) if keys else None
        self.settings = Settings(self.store, config, self.log)
        live_settings(self.settings, self.log)
        self.access_list = AccessList(self.store, Access(config.number("gateway.access_rows")), self.log)
        self.journal = Journal(self.store)
        self.table = Table(
            config.number("gateway.nodes"),
            media.title_len(config),
            self.journal,
            media.first_credit(config),
            config.number("gateway.quarantine_s"),
        )
        network_id = config.number("gateway.network_id")
        router = Router(self.table, router_extras(config), bool(config["gateway.prefix"]), network_id)
        self.forwarder = Forwarder(self.table, self.slab, router, rules_from(config))
        side = media.build(self._around())
        self.segment: Any = side.segment
        self.forwarder.medium = self.segment
        self.forwarder.on_event = lambda node, event: self.events.append((self.kernel.now_us // 1_000_000, node, event))
        self.listener = Listener(self.forwarder, self.slab, config, clock, self.log)
        parts = self._parts(clock, side.objects)
        self.management = self._manage(parts, side)
        self.forwarder.device = self.device = own_device(parts)
        self.upkeep = Upkeep(self.table, self.journal, self.log, clock)
        self.upkeep.ledger = self.forwarder.ledger
        self.upkeep.timed = (self.device, *side.timed, *parts.timed(), *self.management.timed)
        self.upkeep.medium = self.segment

    def _around(self) -> media.Around:
        around = media.Around()
        around.config, around.store, around.serial = self.config, self.store, SERIAL
        around.settings, around.access = self.settings, self.access_list.access
        around.access_list = self.access_list
        around.unwrap = self.security.keys.unwrap if self.security is not None else None
        around.random_octets = self._random().randbytes
        around.port, around.table, around.sink, around.log = Wire(self.sim.chip), self.table, self.forwarder, self.log
        return around

    def _provision(self, keys: bytes) -> Any:
        """Keys for SAP 1, unless there are some from before a power cut."""
        record = RecordFile(self.store, KEY_FILE, len(keys))
        if record.load() is None:
            assert record.save(keys)
        return own_security(self.config, self.store, cipher, self._random().randbytes, SERIAL)

    def _random(self) -> random.Random:
        return random.Random(f"{self.sim.options.line.seed}/{self.kernel.now_us}")

    def _parts(self, clock: VirtualClock, medium_objects: list[Any]) -> Parts:
        parts = Parts()
        parts.config, parts.clock, parts.log, parts.table = self.config, clock, self.log, self.table
        parts.settings, parts.medium_objects = self.settings, medium_objects
        parts.ledger = self.forwarder.ledger
        parts.channel_permille = self.forwarder.ledger.channel_permille
        parts.own, parts.security = new_counters(), self.security
        parts.counters = (self.forwarder.counters, self.listener.counters, self.segment.counters, parts.own)
        parts.serial, parts.version, parts.interpreter = SERIAL, b"rig", b"rig"
        parts.network_facts = lambda: ("127.0.0.1", "255.0.0.0", "0.0.0.0", "0.0.0.0", bytes(6), 0)
        parts.image = image_transfer(self.config, self.store, self.log)
        parts.signature, parts.slab, parts.exchanges = Signature(iter(())), self.slab, self.forwarder.exchanges
        return parts

    def _manage(self, parts: Parts, side: Any) -> OwnManagement:
        sink, restart = self.forwarder, lambda: self.restarts.append(self.kernel.now_us)
        management = OwnManagement(parts, side.management, self.access_list, sink, self.store, restart)
        parts.medium_objects.extend(management.objects)
        parts.medium_objects.extend(OwnPush(self.settings, None).objects())
        parts.connect = management.connect
        return management

    # --- time ---

    def now(self) -> int:
        """Wrapping milliseconds of virtual time, as the firmware sees it."""
        return self.kernel.now_us // 1000 & _TICKS_MASK

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.kernel.run_for(int(seconds * 1_000_000))

    def run_until(self, condition: Callable[[], bool], limit_s: float, step_s: float = 0.1) -> float:
        """Run until `condition()`; virtual seconds it took. AssertionError after `limit_s`."""
        began = self.kernel.now_us
        while not condition():
            assert self.kernel.now_us - began < limit_s * 1_000_000, f"not within {limit_s} s of virtual time"
            self.run(step_s)
        return (self.kernel.now_us - began) / 1_000_000

    def online(self) -> int:
        """Nodes the table has as online."""
        return sum(self.table.state(row) == 2 for row in range(self.table.end()))

    def run_until_registered(self, count: int, limit_s: float = 3600) -> float:
        """Run until `count` nodes are online; virtual seconds it took."""
        return self.run_until(lambda: self.online() >= count, limit_s)

    def connect(self) -> Hes:
        """One more head-end."""
        self._hes_cnt += 1
        return Hes(self, self._hes_cnt)

    def power_cut(self) -> Any:
        """The gateway's supply fails; the line goes on. Returns its flash: `Rig(fs=..., sim=rig.sim)`."""
        for timer in (self._timer, self._upkeep_timer):
            if timer is not None:
                timer.cancel()
        self.sim.chip.on_output = lambda octets: None
        self.sim.chip.set_t_req(False)
        shim.device.fs.reboot()
        return shim.device.fs

    # --- inside ---

    def _on_uart(self, octets: bytes) -> None:
        self._feed[: len(octets)] = octets
        self.segment.feed(self.now(), self._feed, len(octets))
        self.reschedule()

    def _each_second(self) -> None:
        self.upkeep.turn(self.now())
        self.reschedule()
        self._upkeep_timer = self.kernel.call_later(1_000_000, self._each_second)

    def reschedule(self) -> None:
        """Ask both engines when they want to be called next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        dues = [due for due in (self.segment.next_deadline(), self.forwarder.next_deadline()) if due is not None]
        if dues:
            wait_ms = min(((due - self.now() + (1 << 29)) & _TICKS_MASK) - (1 << 29) for due in dues)
            at_us = (self.kernel.now_us // 1000 + max(wait_ms, 0)) * 1000
            self._timer = self.kernel.call_at(at_us, self._on_due)

    def _on_due(self) -> None:
        self._timer = None
        now = self.now()
        for engine in (self.segment, self.forwarder):
            due = engine.next_deadline()
            if due is not None and ((due - now + (1 << 29)) & _TICKS_MASK) - (1 << 29) <= 0:
                engine.on_deadline(now)
        self.reschedule()


def fresh_flash(root: Path | None = None) -> Any:
    """A file system for `fs=`; in memory unless a host folder is given."""
    return shim.FileSystem(root)
