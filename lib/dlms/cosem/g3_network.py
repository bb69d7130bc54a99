# SPDX-License-Identifier: MIT
"""G3 network management, class 20002: a manufacturer's class that head-ends in the field know (facts dlms 7).

Attribute and method numbers are theirs where the facts have them (2, 18-25; 3, 4, 7-9); 26-29 and 10-12
are ours, as are 1 and 2 for path and route. The fields of a row are UNCONFIRMED. Data, no logic.
"""

from dlms.cosem.rows import objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.cosem.object import CosemObject
    from dlms.cosem.rows import RowSource

NODE_LIST = 2
JOINING = 18
BLACKLISTED = 19
AVAILABLE = 20
ROUND_TRIP = 21
HOPS = 22
DLMS_PORT = 23
PUSH_PORT = 24
ASSOCIATION_S = 25
RESULTS = 26
REKEY = 27
STRANGERS = 28
WHITELIST = 29

PATH_REQUEST = 1
ROUTE_REQUEST = 2
PING = 3
DETACH = 4
BLOCK = 7
UNBLOCK = 8
PROVIDE_PSK = 9
BEGIN_REKEY = 10
ALLOW = 11
DISALLOW = 12

# Attributes 2 to 29, one word each:
#  2 node_list: EUI-64, parent's EUI-64, short address, last heard and last path request (uptime s), parent's
#    short address, state, modulation, LQI, phase, round trip ms, link cost, hops (what is not known: 0 or empty)
#  3 to 17: keep-alive and what the facts do not name
#  18 nodes joining, 19 blacklist: EUI-64, 20 nodes available, 21 mean round trip ms, 22 mean hops in tenths
#  23 port of the meters, 24 port their notifications come to, 25 association time-out s
#  26 results of methods 1 to 3: method, EUI-64, state, value, when (uptime s)
#  27 rekey: phase, nodes to do, with the new key, using it, missed; index of the key in use
#  28 strangers: EUI-64, event number of the reason, knocks, last (uptime s); 29 whitelist: EUI-64
ROWS = (
    (0, 20002, 2, b"\x00\x00\x80\x00\x02\xff", "wwwm--mmmmmm",
     "[ooHIIHeBBBHHB - - - - - - - - - - - - - - - H [o H H B H H I [BoeII eHHHHB [oBHI [o"),
)  # fmt: skip


def g3_network(source: "RowSource", readers: int) -> "list[CosemObject]":
    """0-0:128.0.2.255."""
    return objects(ROWS, source, readers)
