# SPDX-License-Identifier: MIT
"""A power cut at every write of keys.bin and counters.bin, at every torn length.

The real FileStore on the shim's flash. After each cut the gateway starts again: no counter that was
used is used again, none that was accepted is accepted, and keys are the old ones or the new ones.
"""

import os

import pytest

from app.own_security import COUNTER_FILE, KEY_FILE, own_security
from dlms.apdu import SUCCESS
from dlms.security import keywrap
from dlms.security.key_store import KEY_UNICAST
from hal.aes import cipher
from hal.store import FileStore
from host_tests.shim import FileSystem, every_cut
from tools import provision

KEYS = {"guek": bytes(range(16)), "gak": bytes(range(16, 32))}
MASTER = bytes(range(0x40, 0x50))
NEW = bytes(range(0x80, 0x90))


class Settings:
    """What own_security asks the configuration for."""

    def number(self, path):
        return {"security.lock_rows": 4}.get(path, 5)

    def text(self, path):
        return ""


def provisioned():
    """A flash with keys that were never used."""
    fs = FileSystem()
    clients = {sap: provision.Client(0, 0x6C, KEYS["guek"], KEYS["gak"]) for sap in (1, 32, 64, 127)}
    with fs.open("/flash/state/" + KEY_FILE, "wb") as file:
        file.write(provision.record(clients, MASTER, b"", 1000))
    return fs


def start(fs):
    from host_tests.shim import device

    device.fs = fs
    return own_security(Settings(), FileStore("/flash/state"), cipher, os.urandom, b"UID")


class Used:
    """Every counter that was handed out or accepted, and which keys the peer may have."""

    def __init__(self):
        self.sent = 999
        self.received = 0
        self.may_be_new = False
        self.is_new = False


def story(used, fs):
    security = start(fs)
    for _ in range(3):
        used.received_now = used.received + 40
        if security.invocation_counters.accept(0, used.received_now):
            used.received = used.received_now
        for _ in range(150):
            sent = security.invocation_counters.next_send()
            assert sent > used.sent
            used.sent = sent
    used.may_be_new = True
    wrapped = keywrap.wrap(cipher, MASTER, NEW)
    assert security.keys.replace(1, ((KEY_UNICAST, wrapped),)) == SUCCESS
    used.is_new = True
    security.activate_keys()


def check(used, fs, name):
    security = start(fs)
    assert not security.keys.error, name
    key = security.keys.find(1).encryption_key
    if used.is_new:
        assert key == NEW, name
    else:
        assert key == KEYS["guek"] or used.may_be_new and key == NEW, name
    assert security.invocation_counters.next_send() > used.sent, name
    if key == KEYS["guek"]:  # the old key: what was accepted under it must never be again
        assert not security.invocation_counters.accept(0, used.received), name
    assert security.keys.find(32).encryption_key == KEYS["guek"], name


def test_no_cut_brings_a_counter_or_a_key_back():
    runs = []

    def act(fs):
        runs.append(Used())
        story(runs[-1], fs)

    cuts = 0
    for fs, name in every_cut(provisioned, act):
        cuts += 1
        check(runs[-1], fs, name)
        check(runs[-1], fs, name + ", again")
    assert cuts > 100
    whole = provisioned()
    act(whole)
    check(runs[-1], whole, "no cut")
    assert start(whole).invocation_counters.accept(0, 1)  # a new key counts from the beginning


@pytest.mark.parametrize("name", [KEY_FILE, COUNTER_FILE])
def test_a_file_that_is_gone_or_unreadable_ends_the_keys(name):
    fs = provisioned()
    assert not start(fs).keys.error
    fs.remove("/flash/state/" + name)
    assert start(fs).keys.error
    with fs.open("/flash/state/" + name, "wb") as file:
        file.write(b"x" * 2000)
    assert start(fs).keys.error


def test_one_apdu_sent_or_received_seldom_costs_a_write():
    fs = provisioned()
    security = start(fs)
    before = fs.step_cnt
    for counter in range(1, 61):
        assert security.invocation_counters.accept(0, counter)
    assert fs.step_cnt - before <= 6
