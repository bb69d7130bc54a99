# SPDX-License-Identifier: MIT
"""An image on flash: power cuts at every write, and a transfer that goes on behind each of them."""

from hashlib import sha256

import pytest

from app.config import Config, defaults
from app.own_image import image_transfer
from base.log import Log
from dlms.cosem import image_transfer as image_transfer_module
from hal.store import FileStore
from host_tests.shim import FileSystem, device, every_cut

IMAGE = bytes(i * 31 % 251 for i in range(6 * 64 + 7))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_transfer_module, "_SAVE_EVERY", 2)  # a few blocks then tell as much as hundreds


def _transfer(fs: FileSystem):  # type: ignore[no-untyped-def]
    device.fs = fs
    config = Config(defaults() | {"update.block_size": 64, "update.max_image": 20000}, "test", [])
    return image_transfer(config, FileStore("/state"), Log(64))


def _send(fs: FileSystem) -> None:
    image = _transfer(fs)
    image.put(0, 0, 5, [1])
    if image.status == 0:
        assert image._initiate(b"gw-2", len(IMAGE)) == 0
    for number in range(image.first_missing(), image.block_cnt):
        assert image._take(number, IMAGE[64 * number : 64 * number + 64]) == 0
    results = [image._verify() for _ in range(3)]  # steps of 16 kB
    assert results[-1] == 0, (results, len(_content()))


def _begun() -> FileSystem:
    fs = FileSystem()
    _send(fs)  # an older image, verified, that the new one replaces
    image = _transfer(fs)
    assert image._initiate(b"old", 64) == 0
    return fs


def test_after_a_cut_anywhere_the_transfer_goes_on_and_ends_in_the_right_image() -> None:
    for make in (FileSystem, _begun):
        cut_cnt = 0
        for fs, _ in every_cut(make, _send):
            cut_cnt += 1
            image = _transfer(fs)
            if image.status == 1 and image.size == len(IMAGE):
                content = _content()
                for number in range(image.first_missing()):
                    assert content[64 * number : 64 * number + 64] == IMAGE[64 * number : 64 * number + 64]
            if image.size != len(IMAGE):
                assert image._initiate(b"gw-2", len(IMAGE)) == 0
            _send(fs)
            image = _transfer(fs)
            assert image.status == 3 and image.signature == sha256(IMAGE).digest()
        assert cut_cnt > 10


def _content() -> bytes:
    try:
        with FileStore("/state").open_in_place("image.bin", "rb") as file:
            return file.read()
    except OSError:
        return b""
