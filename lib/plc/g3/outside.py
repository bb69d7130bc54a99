# SPDX-License-Identifier: MIT
"""What a G3 segment needs from outside: a store, randomness, AES, PSKs, who may join, a listener.

Law: no key comes from anywhere else. `random_octets(n)` must be the machine's real random
source, `encrypt_block(key, block)` AES-128 of one block (dialect L only).
"""

from plc.access import Access

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from plc.g3.contract import EventListener, PskProvider, RecordStore
    from plc.g3.eax import Encrypt


class Outside:
    """Plain attributes, set before the segment is made. `on_event(now, kind, eui64, number)` may be None."""

    def __init__(self, store: "RecordStore", random_octets: "Callable[[int], bytes]", psks: "PskProvider") -> None:
        self.store = store
        self.random_octets = random_octets
        self.psks = psks
        self.access = Access(0)
        self.encrypt_block: "Encrypt | None" = None
        self.on_event: "EventListener | None" = None
