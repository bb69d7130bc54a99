# SPDX-License-Identifier: MIT
"""Makes the G3 segment from the configuration; imported by app.media when it is the medium.

Where its keys come from: the group key from the machine's random source, kept in g3net.bin;
PSKs from a head-end into RAM, or from psk.json, as the operator chose (docs/g3.md says what
each costs).
"""

from app.g3_actions import G3Actions
from app.g3_events import G3Events
from app.g3_network import G3Network
from app.g3_nodes import G3NodeList
from app.media import Side
from app.record_file import RecordFile
from dlms.cosem import basic
from dlms.cosem.g3 import g3_objects
from dlms.cosem.g3_network import g3_network
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_READ_WRITE, obis
from dlms.cosem.values import Array
from plc.g3.management import Management
from plc.g3.outside import Outside
from plc.g3.psks import LocalPsks, PskCache
from plc.g3.segment import Segment
from plc.g3.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from app.media import Around
    from dlms.cosem.object import CosemObject
    from hal.store import FileStore
    from plc.g3.contract import PskProvider

RECORD_FILE = "g3net.bin"
_RECORD_MAX = 128
_OWN = ("psk", "psk_cache", "psk_ttl_s")  # rows of the section that the segment does not take


class Ageing:
    """What the PSKs in RAM want done each second."""

    def __init__(self, cache: PskCache) -> None:
        self._cache = cache

    def on_deadline(self, now: int) -> None:
        """Wipe what has expired."""
        self._cache.at(now)


def build(around: "Around") -> Side:
    """Segment and its objects."""
    config = around.config
    cache = None if config.text("g3.psk") == "file" else _cache(config)
    psks: "PskProvider" = local_psks(around.store, config.errors) if cache is None else cache
    outside = Outside(RecordFile(around.store, RECORD_FILE, _RECORD_MAX), around.random_octets, psks)
    outside.access = around.access
    told = G3Events(around.table, around.log)
    outside.on_event = told
    settings = segment_settings(config)
    if settings.is_dialect_l:
        from hal.aes import encrypt_block

        outside.encrypt_block = encrypt_block
    segment = Segment(settings, around.port, around.table, around.sink, outside, around.log)
    told.rekey = segment.rekey
    objects = g3_objects(segment.cosem)
    objects.append(basic.data(obis(0, 0, 128, 3, 1), Array(G3NodeList(around.table, segment.links))))
    objects += _management(around, segment, told, cache)
    side = Side(segment, objects, () if cache is None else (Ageing(cache),))
    side.management = Management(segment, around.table)
    return side


def _management(
    around: "Around", segment: Segment, told: G3Events, cache: "PskCache | None"
) -> "list[CosemObject]":
    """Class 20002, for those who manage."""
    actions = G3Actions(segment, around.table, around.access_list, around.log)
    actions.psks, actions.unwrap = cache, around.unwrap
    told.answers = actions.ended
    network = G3Network(segment, around.table, actions, told.strangers, around.access)
    network.association_s = around.config.number("gateway.association_s")
    return g3_network(network, ROLE_MANAGEMENT | ROLE_READ_WRITE)


def segment_settings(config: "Config") -> Settings:
    """Section `g3` without the application's own rows."""
    section = config.section("g3")
    for key in _OWN:
        section.pop(key)
    return Settings(section)


def _cache(config: "Config") -> PskCache:
    return PskCache(config.number("g3.psk_cache"), config.number("g3.psk_ttl_s"))


def local_psks(store: "FileStore", errors: "list[str]") -> LocalPsks:
    """Those of psk.json. What is wrong is added to `errors`, and then no node can join; those in the network stay."""
    from app import psk_file

    try:
        return psk_file.read(store)
    except (ValueError, OSError, MemoryError) as error:
        errors.append("%s: not usable (%s)" % (psk_file.FILE, error))
        return LocalPsks(b"")
