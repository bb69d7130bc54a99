# SPDX-License-Identifier: MIT
"""The medium contract: what S-FSK, G3 and any later segment look like from above.

Constants only; the shapes (Medium, MediumSink, Nodes, ModemPort) are Protocols in
`contract.pyi`, read by mypy and by people, never shipped.
"""

from micropython import const

BROADCAST = const(-1)

# What MediumSink.on_uplink answers.
UPLINK_LAST = const(0)  # the exchange is complete: the line may be released
UPLINK_MORE = const(1)  # part of the exchange, more APDUs will follow (block transfer)
UPLINK_FOREIGN = const(2)  # not part of the open exchange: keep holding the line for it

# How an accepted submit ended (MediumSink.on_done), exactly once each.
DONE_REPLIED = const(0)
DONE_NO_REPLY = const(1)
DONE_SENT = const(2)
DONE_NOT_SENT = const(3)
DONE_LINK_DOWN = const(4)

# What happened to a node (MediumSink.on_node).
NODE_UP_EVENT = const(0)
NODE_LOST_EVENT = const(1)
NODE_BACK_EVENT = const(2)
NODE_GONE_EVENT = const(3)

# What Management answers at once; how it ends is told or shown later.
ASK_STARTED = const(0)
ASK_BUSY = const(1)  # one of that kind is under way: ask again later
ASK_REFUSED = const(2)  # not now (modem down, window shut), not that node, or not this medium

# State of a row of the registration table (Nodes.state).
NODE_FREE = const(0)
NODE_ASSIGNED = const(1)  # has row, SAP and address on flash; not verified on the line yet
NODE_ONLINE = const(2)
NODE_LOST = const(3)
NODE_QUARANTINED = const(4)

# Per-node statistics (Nodes.note).
STAT_TX = const(0)
STAT_RX = const(1)
STAT_TIMEOUT = const(2)
STAT_LATE = const(3)
