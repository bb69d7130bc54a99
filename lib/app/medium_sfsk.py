# SPDX-License-Identifier: MIT
"""Makes the S-FSK segment from the configuration; imported by app.media when it is the medium."""

from binascii import hexlify

from app.made_title import made_title
from app.media import Side
from app.own_sfsk import SfskSource
from dlms.cosem.sfsk import sfsk_objects
from plc.sfsk.segment import Segment
from plc.sfsk.settings import Settings, minute_of_day

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from app.media import Around
    from app.settings import Commit


def build(around: "Around") -> Side:
    """Segment and its objects."""
    settings = segment_settings(around.config, around.serial)
    segment = Segment(settings, around.port, around.table, around.sink, around.log)
    segment.initiator.registrar.access = around.access

    def prepare(ahead: "Config") -> "Commit":
        start, end = (minute_of_day(ahead.text("sfsk.operating_window." + edge)) for edge in ("start", "end"))
        return lambda: segment.window.change(start, end)  # counts from the next second on, when the time is told

    around.settings.register("sfsk.operating_window.start", prepare)
    around.settings.register("sfsk.operating_window.end", prepare)
    side = Side(segment, sfsk_objects(SfskSource(segment.cosem, around.settings)))
    side.management = segment.management
    return side


def segment_settings(config: "Config", serial: bytes) -> Settings:
    """Section `sfsk`; an empty initiator title is made of the unique id."""
    section = config.section("sfsk")
    if not section["initiator_title"]:
        title = made_title(serial, config.number("sfsk.title_len"))
        section["initiator_title"] = str(hexlify(title), "ascii")
    return Settings(section)
