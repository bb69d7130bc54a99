# SPDX-License-Identifier: MIT
"""How long the rows of removed nodes rest, when the clock is set or jumps and when the journal was damaged.

Law: a quarantine ends only by a clock that is known to be set, and lasts as long as it would have
had nobody touched the clock. What changes is in the journal (gateway.registration.Table.rest).
"""

from micropython import const

from plc.medium import NODE_FREE, NODE_QUARANTINED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.registration import Table

_CLOCK_IS_SET = const(1700000000)  # a wall clock before this (2023-11) has never been set


def until(table: "Table") -> int:
    """End of a quarantine that begins now, wall seconds; 0 = it waits for a set clock."""
    return table.wall_s + table.quarantine_s if table.wall_s > _CLOCK_IS_SET else 0


def settle(table: "Table", jump_s: int = 0) -> None:
    """`table.wall_s` is known now, or has been set `jump_s` ahead.

    NOTE: flash is flushed once, not for each row: that would stall the gateway for a minute, and wear it.
    """
    if table.wall_s <= _CLOCK_IS_SET:
        return
    last = -1
    for row in range(table.end()):
        if _settled(table, row, jump_s):
            if last >= 0:
                table.rest(last, _settled(table, last, jump_s), False)
            last = row
    if last >= 0:
        table.rest(last, _settled(table, last, jump_s))


def rest_free(table: "Table", cnt: int) -> None:
    """Quarantine the `cnt` lowest free rows: after damage to the journal one of them may be a meter's."""
    for row in range(table.capacity):
        if cnt and table.state(row) == NODE_FREE:
            table.put_assigned(row, b"")
            table.put_quarantined(row, 0)
            cnt -= 1


def _settled(table: "Table", row: int, jump_s: int) -> int:
    """New end of a row's quarantine, 0 = it stays as it is."""
    if table.state(row) != NODE_QUARANTINED:
        return 0
    end = table.until(row)
    if not end:
        return until(table)
    is_moved = jump_s and end > min(table.wall_s, table.wall_s - jump_s)  # else it is over by either clock
    return max(end + jump_s, 1) if is_moved else 0
