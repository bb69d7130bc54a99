# SPDX-License-Identifier: MIT
"""Runs on MicroPython: journals NODES meters in FOLDER, then fills an empty table from it.

usage: micropython restore.py FOLDER NODES
Prints `nodes=N restore_ms=M` by the machine's own clock.
"""

import sys
import time

sys.path.append("lib")

from gateway.journal import Journal
from gateway.registration import Table
from hal.store import FileStore

_ROWS = 1792
_TITLE_LEN = 8


folder, nodes = sys.argv[1], int(sys.argv[2])
journal = Journal(FileStore(folder))
before = Table(_ROWS, _TITLE_LEN, journal, 0, 0)
journal.replay(before)  # begins the file
for number in range(nodes):
    before.set_state(before.add(b"BENCH" + bytes([0, number >> 8, number & 255])), 2, 1)
journal = Journal(FileStore(folder))
table = Table(_ROWS, _TITLE_LEN, journal, 0, 0)
began = time.ticks_ms()
journal.replay(table)
print("nodes=%d restore_ms=%d" % (table.count(), time.ticks_diff(time.ticks_ms(), began)))
