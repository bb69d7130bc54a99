# SPDX-License-Identifier: MIT
"""Power cuts around a factory reset: before the mark is on flash nothing is lost, after it nothing stays."""

import pytest

from app import factory_reset
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

_FILES = ("config.json", "config.good.json", "nodes.jnl", "keys.bin", "access.jnl", "psk.json")


def _store_on(fs):
    device.fs = fs
    return FileStore("/state")


def _provisioned():
    fs = FileSystem()
    store = _store_on(fs)
    for name in _FILES:
        store.append(name, b"what it has learned")
    return fs


def _decided():
    fs = _provisioned()
    factory_reset.begin(_store_on(fs))
    return fs


def test_a_cut_while_it_is_decided_leaves_everything_or_ends_in_nothing():
    outcomes = set()
    for fs, _ in every_cut(_provisioned, lambda fs: factory_reset.begin(_store_on(fs))):
        store = _store_on(fs)
        factory_reset.finish(store)
        left = {name for name in store.names() if not name.endswith(".new")}
        assert left in (set(), set(_FILES))
        outcomes.add(len(left))
    assert outcomes == {0, len(_FILES)}


def test_a_cut_while_it_wipes_is_made_good_by_the_next_start():
    cuts = 0
    for fs, _ in every_cut(_decided, lambda fs: factory_reset.finish(_store_on(fs))):
        store = _store_on(fs)
        factory_reset.finish(store)
        assert store.names() == []
        cuts += 1
    assert cuts > len(_FILES)


def test_folders_beside_the_files_are_left_alone():
    fs = _decided()
    fs.mkdir("/state/slots")
    store = _store_on(fs)
    assert factory_reset.finish(store) == len(_FILES) + 1
    assert store.names() == [] and factory_reset.finish(store) == 0
    assert fs.listdir("/state") == ["slots"]


@pytest.mark.parametrize("name", ["config.json", "no-such-file"])
def test_a_removed_file_is_gone_and_a_missing_one_is_told(name):
    store = _store_on(_provisioned())
    assert store.remove(name) == (name in _FILES)
    assert name not in store.names()
    assert store.read_text(name) is None


