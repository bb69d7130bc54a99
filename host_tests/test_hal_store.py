# SPDX-License-Identifier: MIT
"""FileStore on the shim's flash: what is durable when, and what a failing flash leaves behind."""

import pytest

from base.errors import LocalError
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

ROOT = "/flash/state"


def store_on(fs):
    device.fs = fs
    return FileStore(ROOT)


def content(fs, name):
    with fs.open(f"{ROOT}/{name}", "rb") as file:
        return file.read()


def test_what_append_has_returned_survives_a_cut_and_nothing_else_changes():
    def act(fs):
        store = store_on(fs)
        done.clear()
        for chunk in (b"one", b"two", b"three"):
            store.append("log", chunk)
            done.append(chunk)

    done = []
    for fs, name in every_cut(FileSystem, act):
        acknowledged = b"".join(done)
        found = content(fs, "log") if "log" in fs.listdir(ROOT) else b""
        assert found.startswith(acknowledged), name
        assert b"onetwothree".startswith(found), name


def test_commit_replaces_all_or_nothing_at_every_cut():
    def before():
        fs = FileSystem()
        store_on(fs).append("file", b"old")
        return fs

    def act(fs):
        store = store_on(fs)
        store.begin("file")
        store.write(b"new ")
        store.write(b"contents")
        store.commit()

    seen = set()
    for fs, _ in every_cut(before, act):
        seen.add(content(fs, "file"))
        act(fs)  # and again after the reboot, over what was left
        assert content(fs, "file") == b"new contents"
    assert seen == {b"old", b"new contents"}


def test_reading_goes_on_where_it_is_told_and_ends():
    store = store_on(FileSystem())
    store.append("file", b"0123456789")
    buf = bytearray(4)
    assert store.load("file", memoryview(buf), 8) == 2 and buf[:2] == b"89"
    assert store.load("file", memoryview(buf), 2) == 4 and buf == b"2345"
    assert store.load("file", memoryview(buf), 10) == 0
    assert store.load("other", memoryview(buf), 0) == 0
    assert store.load("file", memoryview(buf), 0) == 4
    store.append("file", b"ab")
    assert store.load("file", memoryview(buf), 9) == 3 and buf[:3] == b"9ab"


def test_text_is_bounded_and_must_be_text():
    store = store_on(FileSystem())
    assert store.read_text("config.json") is None
    store.append("config.json", b"x" * 16384)
    assert store.read_text("config.json") == "x" * 16384
    store.append("config.json", b"x")
    with pytest.raises(ValueError):
        store.read_text("config.json")
    store.append("garbage", b"\xff\xfe")
    with pytest.raises(ValueError):
        store.read_text("garbage")


def test_a_folder_in_the_place_of_a_file_is_an_error_and_not_a_missing_file():
    fs = FileSystem()
    store = store_on(fs)
    fs.mkdir(f"{ROOT}/nodes.jnl")
    with pytest.raises(OSError):
        store.load("nodes.jnl", memoryview(bytearray(4)), 0)
    with pytest.raises(OSError):
        store.read_text("nodes.jnl")


def test_write_and_commit_want_a_begin():
    store = store_on(FileSystem())
    for call in (lambda: store.write(b"x"), store.commit):
        with pytest.raises(LocalError):
            call()
    store.begin("file")
    store.write(b"x")
    store.append("log", b"y")  # abandons the new version
    with pytest.raises(LocalError):
        store.commit()


def test_a_close_that_fails_is_not_tried_for_ever():
    class Failing:
        closes = 0

        def close(self):
            Failing.closes += 1
            raise OSError(5)

    store = store_on(FileSystem())
    store._appending, store._appending_name = Failing(), "log"
    with pytest.raises(OSError):
        store.begin("file")
    store.begin("file")
    store.write(b"x")
    store.commit()
    assert Failing.closes == 1 and store.read_text("file") == "x"


def test_the_folder_is_made_and_a_second_start_finds_it():
    fs = FileSystem()
    device.fs = fs
    FileStore("/flash/elsewhere").append("a", b"1")
    assert FileStore("/flash/elsewhere").read_text("a") == "1"


def test_a_copy_is_whole_or_the_old_one_at_every_cut_and_is_written_once():
    text = bytes(range(256)) * 2 + b"end"

    def before():
        fs = FileSystem()
        store = store_on(fs)
        for name, octets in (("a", text), ("b", b"old")):
            store.begin(name)
            store.write(octets)
            store.commit()
        return fs

    seen = set()
    for fs, _ in every_cut(before, lambda fs: store_on(fs).copy("a", "b")):
        seen.add(content(fs, "b"))
        store_on(fs).copy("a", "b")
        steps = fs.step_cnt
        store_on(fs).copy("a", "b")
        assert content(fs, "b") == text and not [step for step in fs.steps[steps:] if step[0] != "mkdir"]
    assert seen == {b"old", text}


def test_a_copy_of_nothing_is_an_error():
    with pytest.raises(OSError):
        store_on(FileSystem()).copy("nowhere", "b")
