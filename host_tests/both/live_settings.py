# SPDX-License-Identifier: MIT
"""Settings with everything of the firmware that takes a change at once, over flash in RAM.

`state()` is all that a change may touch; `CHANGE` touches every one of them and one that waits.
"""

from app.config import load
from app.door import Door
from app.media import Around
from app.medium_sfsk import build
from app.own_clock import own_clock
from app.own_device import Parts
from app.own_restart import OwnRestart
from app.push import PushRoute
from app.push_side import PushSide
from app.replies import HEADROOM
from app.settings import Settings
from app.startup import live_settings
from base.log import Log
from base.slab import Slab
from gateway.journal import Journal
from gateway.registration import Table
from plc.access import Access

NOW = 1000
CHANGE = (
    b'{"log_level": "DEBUG", "firewall": ["deny tls 8.8.8.0/24"], "clock.zone_min": -60, "clock.summer": true,'
    b' "sfsk.operating_window.start": "22:00", "schedule.restart": "03000000FFFFFFFFFF", "push.relay":'
    b' "add_origin_header", "push.batch": 3, "push.retries": 7, "push.form": "event", "wan.idle_s": 60}'
)


class NoPort:
    """A modem that is not there."""

    def __getattr__(self, name):
        return lambda *args: None


class Live:
    """One gateway's settings, and who has registered for them."""

    def __init__(self, store):
        self.store = store
        store.files["config.json"] = b'{"push": {"targets": ["10.0.0.1:4060"]}}'
        self.config = config = load(store)
        self.log = log = Log(64)
        self.settings = settings = Settings(store, config, log)
        live_settings(settings, log)
        slab = Slab(4, 256, HEADROOM, 16)
        self.table = Table(8, 8, Journal(store), 2, 0)
        around = Around()
        around.config, around.settings, around.access, around.serial = config, settings, Access(4), b"SERIAL01"
        around.port, around.table, around.sink, around.log = NoPort(), self.table, self, log
        self.window = build(around).segment.window
        self.door = Door(config, [], 0)
        settings.register("firewall", self.door.prepare)
        parts = Parts()
        parts.config, parts.settings, parts.log, parts.table, parts.clock = config, settings, log, self.table, self
        parts.serial, parts.version = b"SERIAL01", b"1"
        self.clock = own_clock(self, log, config, settings)
        self.schedules = OwnRestart(parts, store, None)
        self.push = PushSide(PushRoute(slab, 4, log), parts, store, None)

    def wall_s(self):
        """hal.clock: not set."""
        return 0

    def calendar(self, wall_s):
        """hal.clock."""
        return (2026, 1, 1, 4, 0, 0, 0)

    def state(self):
        """All that a change touches, but the log."""
        side, rules, route = self.push, self.clock.rules, self.push._route
        return (
            self.store.files["config.json"], dict(self.config._values), self.settings.waiting(), self.log.level,
            self.door.firewall._rules, rules.zone_min, rules.is_enabled, rules.begin, self.window._start,
            self.window._end, self.schedules._times, route.add_origin is None, route.is_relaying, side.turns.batch,
            side.pace.retries, side.own.as_event, side.own.kinds,
        )  # fmt: skip
