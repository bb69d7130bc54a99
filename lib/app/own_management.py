# SPDX-License-Identifier: MIT
"""What management may do over SAP 1, put together: settings, segment and nodes, restart.

Law: nothing here can stall forwarding: one step per second, one flash write per request.
"""

from app.own_restart import OwnRestart
from app.own_segment import DISCOVERY, OwnSegment
from app.own_settings import OwnSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.access_list import AccessList
    from app.own_device import Parts
    from hal.store import FileStore
    from plc.contract import Management, MediumSink


class OwnManagement:
    """`objects` for SAP 1, `connect` of its SAP assignment, `timed`: engines due each second."""

    def __init__(
        self,
        parts: "Parts",
        management: "Management",
        access_list: "AccessList",
        sink: "MediumSink",
        store: "FileStore",
        restart: "Callable[[], None]",
    ) -> None:
        segment = OwnSegment(parts, management, access_list, sink)
        restarting = OwnRestart(parts, store, restart)
        clock = parts.own_clock()
        restarting.moment, restarting.shown_s = clock.calendar, clock.shown_s
        restarting.discover = lambda now: segment.execute(now, DISCOVERY)
        is_sfsk = parts.config.text("medium") == "sfsk"
        self.objects = OwnSettings(parts.settings).objects(is_sfsk) + segment.objects() + restarting.objects()
        self.connect = segment.connect
        self.timed = (segment, restarting)
