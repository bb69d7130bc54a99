# SPDX-License-Identifier: MIT
"""Flash under the shim: what littlefs promises, and a power cut in every step."""

import pytest

from host_tests.shim import FileSystem, PowerCut, every_cut


def stored(fs, path):
    """Durable octets at `path`, None when there is no file."""
    return fs.store.read(path) if fs.store.exists(path) else None


@pytest.fixture(params=["memory", "host directory"])
def fs(request, tmp_path):
    return FileSystem(None if request.param == "memory" else tmp_path / "flash")


def test_octets_are_durable_at_flush_and_not_before(fs):
    file = fs.open("a.bin", "wb")
    file.write(b"12")
    assert stored(fs, "/a.bin") is None
    file.flush()
    assert stored(fs, "/a.bin") == b"12"
    file.write(b"34")
    assert stored(fs, "/a.bin") == b"12"
    file.close()
    assert stored(fs, "/a.bin") == b"1234"


def test_what_was_not_synced_is_lost_with_the_power(fs):
    file = fs.open("a", "wb")
    file.write(b"safe")
    file.flush()
    file.write(b"gone")
    fs.cut_at(0)
    with pytest.raises(PowerCut):
        file.flush()
    fs.reboot()
    assert stored(fs, "/a") == b"safe"


def test_a_torn_write_leaves_the_first_octets(fs):
    with fs.open("log", "ab") as file:
        file.write(b"old")
    fs.cut_at(1, torn=2)
    with pytest.raises(PowerCut), fs.open("log", "ab") as file:
        file.write(b"new!")
        file.flush()
    fs.reboot()
    assert stored(fs, "/log") == b"oldne"


def test_rewriting_a_file_keeps_the_old_one_until_the_first_sync(fs):
    with fs.open("a", "wb") as file:
        file.write(b"old")
    fs.cut_at(0, torn=0)
    with pytest.raises(PowerCut):
        fs.open("a", "wb").write(b"new")
    fs.reboot()
    assert stored(fs, "/a") == b"old"


def test_nothing_works_while_the_power_is_off_and_old_files_stay_dead(fs):
    file = fs.open("a", "wb")
    fs.cut_at(0)
    with pytest.raises(PowerCut):
        file.write(b"1")
    for act in (lambda: fs.open("a"), lambda: fs.listdir("/"), lambda: fs.rename("a", "b"), lambda: file.write(b"2")):
        with pytest.raises(PowerCut):
            act()
    fs.reboot()
    with pytest.raises(PowerCut):
        file.write(b"3")
    assert fs.listdir("/") == []


def test_a_power_cut_passes_every_except_exception():
    assert not issubclass(PowerCut, Exception)


def test_rename_replaces_in_one_step(fs):
    for name in ("old", "new"):
        with fs.open(name, "wb") as file:
            file.write(name.encode())
    fs.cut_at(0, torn=0)
    with pytest.raises(PowerCut):
        fs.rename("new", "old")
    fs.reboot()
    assert (stored(fs, "/old"), stored(fs, "/new")) == (b"old", b"new")
    fs.rename("new", "old")
    assert (stored(fs, "/old"), fs.store.exists("/new")) == (b"new", False)


def test_files_read_back_as_on_the_device(fs):
    with fs.open("t.txt", "w") as file:
        file.write("äb\nc")
    with fs.open("t.txt") as file:
        assert (file.readline(), file.read()) == ("äb\n", "c")
    with fs.open("t.txt", "rb") as file:
        buf = bytearray(3)
        assert file.seek(-3, 2) == 2 and file.readinto(buf) == 3 and bytes(buf) == b"b\nc"
        assert file.readinto(buf) == 0
    with fs.open("t.txt", "r+b") as file:
        file.seek(6)
        file.write(b"!")
    assert stored(fs, "/t.txt") == "äb\nc".encode() + b"\0!"
    assert fs.stat("t.txt")[0] == 0x8000 and fs.stat("t.txt")[6] == 7


@pytest.mark.parametrize(
    ("act", "number"),
    [
        (lambda fs: fs.open("none"), 2),
        (lambda fs: fs.remove("none"), 2),
        (lambda fs: fs.rename("none", "x"), 2),
        (lambda fs: fs.stat("none"), 2),
        (lambda fs: fs.listdir("none"), 2),
        (lambda fs: (fs.mkdir("d"), fs.mkdir("d")), 17),
        (lambda fs: (fs.mkdir("d"), fs.open("d", "wb")), 21),
        (lambda fs: fs.open("a", "x"), 22),
    ],
)
def test_errors_have_the_device_numbers(fs, act, number):
    with pytest.raises(OSError) as caught:
        act(fs)
    assert caught.value.args[0] == number


def test_directories_and_mount_points(fs):
    fs.mkdir("/flash/d")
    with fs.open("/flash/state/d/f", "wb") as file:
        file.write(b"1")
    assert fs.listdir("/d") == ["f"] and list(fs.ilistdir("/")) == [("d", 0x4000, 0, 0)]
    fs.chdir("d")
    assert fs.stat("f")[6] == 1 and fs.stat("../d")[0] == 0x4000
    with pytest.raises(OSError):
        fs.rmdir("/d")
    fs.remove("f")
    fs.rmdir("/d")
    assert fs.listdir("/") == []


def _prepare():
    fs = FileSystem()
    with fs.open("count", "wb") as file:
        file.write(b"1")
    return fs


def _replace(fs):
    with fs.open("count.new", "wb") as file:
        file.write(b"22")
    fs.rename("count.new", "count")


def test_every_cut_finds_no_fault_in_write_then_rename():
    outcomes = [stored(fs, "/count") for fs, _ in every_cut(_prepare, _replace)]
    assert set(outcomes) == {b"1", b"22"}
    # write: truncation + 2 octets = 3 units, flush: the same, rename: 1; each unit count from 0.
    assert len(outcomes) == 4 + 4 + 2


def test_every_cut_finds_the_fault_of_overwriting_in_place():
    def overwrite(fs):
        with fs.open("count", "wb") as file:
            file.write(b"22")

    outcomes = {stored(fs, "/count") for fs, _ in every_cut(_prepare, overwrite)}
    assert outcomes == {b"1", b"", b"2", b"22"}
