# SPDX-License-Identifier: MIT
"""Memory that runs out while a setting is changed: at every line of the firmware up to the one that puts the file
in its place. Nothing has changed then, and the client is told to come later. That what follows allocates nothing is
shown on the device's interpreter (host_tests/both/test_app_settings_memory.py)."""

import sys

from dlms.apdu import SUCCESS, TEMPORARY_FAILURE
from host_tests.both import live_settings
from host_tests.both.fakes import RamStore

_ENTRIES = ("change_text", "change_all")  # their lines hold no more than calls, whose lines are struck


class _Tracer:
    """Sees the firmware's lines until the file is in place; raises MemoryError the first time `target` comes."""

    def __init__(self, store, target=None):
        self._store = store
        self._before = store.files["config.json"]
        self._target = target
        self.lines = {}
        self.has_struck = False

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if "/lib/" not in code.co_filename or code.co_name in _ENTRIES:
            return None
        line = (code.co_filename, frame.f_lineno)
        if event == "line" and self._store.files["config.json"] is self._before:
            self.lines[line] = True
            if line == self._target and not self.has_struck:
                self.has_struck = True
                raise MemoryError
        return self


def _change(live, target=None):
    tracer = _Tracer(live.store, target)
    sys.settrace(tracer)
    try:
        result = live.settings.change_text(live_settings.NOW, live_settings.CHANGE)
    finally:
        sys.settrace(None)
    return tracer, result


def test_memory_that_runs_out_anywhere_changes_nothing_and_says_so():
    seen, result = _change(live_settings.Live(RamStore()))
    assert result == SUCCESS and len(seen.lines) > 150
    for line in seen.lines:
        live = live_settings.Live(RamStore())
        before, records = live.state(), live.log.total
        tracer, result = _change(live, line)
        assert tracer.has_struck and result == TEMPORARY_FAILURE, line
        assert live.state() == before and live.log.total == records and live.settings.complaint, line
        assert live.settings.change_text(live_settings.NOW, live_settings.CHANGE) == SUCCESS, line
        assert live.state() != before, line
