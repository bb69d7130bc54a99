# SPDX-License-Identifier: MIT
"""Stand-ins around one part of the S-FSK segment: pins, owners, a table, a sink; no chip twin.

Every octet the host writes and every callback it makes is kept in one list, in order.
"""

from base.counters import Counters
from base.ticks import ticks_add, ticks_diff
from plc.medium import NODE_ASSIGNED, NODE_FREE, UPLINK_LAST
from plc.sfsk import counts
from plc.sfsk.settings import Settings

START = ticks_add(0, -300)  # ticks wrap in the middle of every scenario, wherever they wrap


def at(ms):
    """Tick `ms` after START."""
    return ticks_add(START, ms)


def is_due(due, ms):
    """A deadline (or None) has come at `ms`."""
    return due is not None and ticks_diff(at(ms), due) >= 0


# What happens on the pins beside octets; numbers, because they share a list with bytes.
T_LOW, T_HIGH, RESET_LOW, RESET_HIGH, POWER_OFF, POWER_ON = range(6)


def frame(command, body=b""):
    """A local frame, made here and not by the code under test."""
    length = len(body) + 3
    total = length + command + sum(body)
    return bytes([2, length, command]) + body + bytes([total & 0xFF, total >> 8])


STATUS_NOT_SET = b"\x3f\x02\x00\x15"
STATUS_OK = b"\x3f\x00\x01\x00"
STATUS_BUSY = b"\x3f\x01\x01\x00"
STATUS_NO_SYNC = b"\x3f\x04\x01\x00"


class Pins:
    """plc.contract.ModemPort; `log` holds octets and line changes."""

    def __init__(self):
        self.log = []

    def write(self, mv):
        self.log.append(bytes(mv))

    def t_req(self, asserted):
        self.log.append(T_LOW if asserted else T_HIGH)

    def reset(self, asserted):
        self.log.append(RESET_LOW if asserted else RESET_HIGH)

    def power(self, on):
        self.log.append(POWER_ON if on else POWER_OFF)

    def take(self):
        """What happened since the last call."""
        log, self.log = self.log, []
        return log

    def octets(self):
        """Octets written since the last call."""
        return b"".join([entry for entry in self.take() if isinstance(entry, bytes)])


class Nodes:
    """plc.contract.Nodes in plain lists."""

    def __init__(self, capacity=8, title_len=8):
        self.capacity = capacity
        self.title_len = title_len
        self.rows = []

    def _new(self, title):
        return {"title": bytes(title), "state": NODE_ASSIGNED, "credit": 0, "heard": 0, "to": 0, "think": 0}

    def count(self):
        return len(self.rows)

    def end(self):
        return len(self.rows)

    def find(self, title):
        for i, row in enumerate(self.rows):
            if row["title"] == bytes(title):
                return i
        return -1

    def add(self, title):
        if len(self.rows) == self.capacity:
            return -1
        self.rows.append(self._new(title))
        return len(self.rows) - 1

    def hand_over(self, row, title):
        self.rows[row] = self._new(title)
        return row

    def addr(self, row):
        return row + 1

    def row_of_addr(self, addr):
        return addr - 1 if 0 < addr <= len(self.rows) else -1

    def title_into(self, row, dst, off):
        dst[off : off + self.title_len] = self.rows[row]["title"]
        return self.title_len

    def state(self, row):
        return self.rows[row]["state"] if row < len(self.rows) else NODE_FREE

    def set_state(self, row, state, now_s):
        self.rows[row]["state"] = state

    def credit(self, row):
        return self.rows[row]["credit"]

    def set_credit(self, row, credit):
        assert 0 <= credit <= 7
        self.rows[row]["credit"] = credit

    def heard(self, row, now_s):
        self.rows[row]["heard"] = now_s

    def last_heard_s(self, row):
        return self.rows[row]["heard"]

    def addressed(self, row, now_s):
        self.rows[row]["to"] = now_s

    def addressed_s(self, row):
        return self.rows[row]["to"]

    def think_ms(self, row):
        return self.rows[row]["think"]

    def note_think(self, row, ms):
        self.rows[row]["think"] = ms

    def note(self, row, what):
        pass


class Sink:
    """plc.contract.MediumSink; `log` in order of the calls."""

    is_held = False

    def __init__(self):
        self.log = []
        self.verdict = UPLINK_LAST
        self.on_free_do = None
        self.has_control = False

    def is_control_waiting(self):
        return self.has_control

    def on_free(self, now):
        if self.on_free_do is not None:
            self.on_free_do(now)

    def on_sent(self, now, node):
        self.log.append(("sent", node))

    def on_uplink(self, now, node, client_sap, server_sap, mv, off, length):
        self.log.append(("up", node, client_sap, server_sap, bytes(mv[off : off + length])))
        return self.verdict

    def on_done(self, now, node, outcome):
        self.log.append(("done", node, outcome))

    def on_node(self, now, node, event):
        self.log.append(("node", node, event))

    def on_link(self, now, is_up):
        self.log.append(("link", is_up))

    def take(self):
        log, self.log = self.log, []
        return log


def counters():
    return Counters(counts.NAMES)


def settings(**changes):
    """Settings with `a__b=..` for `a.b`."""
    made = Settings()
    for name, value in changes.items():
        made._values[name.replace("__", ".")] = value
    return made
