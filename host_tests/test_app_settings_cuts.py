# SPDX-License-Identifier: MIT
"""Power cuts while settings are changed: the next start has the old configuration or the new one, never less."""

from app.config import FROM_FILE, keep_good, load
from app.settings import Settings
from base.log import Log
from dlms.apdu import SUCCESS
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

_CHANGES = [("wan.idle_s", 60), ("gateway.nodes", 100), ("log_level", "ERROR")]


def _store_on(fs):
    device.fs = fs
    return FileStore("/state")


def _started():
    fs = FileSystem()
    store = _store_on(fs)
    store.begin("config.json")
    store.write(b'{"wan": {"idle_s": 30}}')
    store.commit()
    keep_good(store, load(store))
    return fs


def _change(fs):
    store = _store_on(fs)
    config = load(store)
    assert Settings(store, config, Log(8)).change_all(0, _CHANGES) == SUCCESS
    return config, store


def test_a_cut_anywhere_leaves_the_old_or_the_new_configuration():
    seen = set()
    for fs, _ in every_cut(_started, _change):
        config = load(_store_on(fs))
        assert config.source == FROM_FILE and not config.errors
        seen.add((config["wan.idle_s"], config["gateway.nodes"], config["log_level"]))
    assert seen == {(30, 1792, "NOTICE"), (60, 100, "ERROR")}


def test_the_last_good_copy_stays_that_of_the_last_start():
    config, store = _change(_started())
    keep_good(store, config)  # the listener has died and is started again
    assert store.read_text("config.good.json") == '{"wan": {"idle_s": 30}}'
    keep_good(store, load(store))  # the next start worked
    assert store.read_text("config.good.json") == store.read_text("config.json")
