# SPDX-License-Identifier: MIT
"""Class 18: every method in every status, blocks in any order, what a restart remembers, what the flash refuses.

Statuses and steps: Blue Book 4.4.6 (shared facts dlms 5).
"""

from hashlib import sha256

from cosem_calls import call, encoded, put, read

from base import events
from base.log import Log
from dlms.cosem.image_transfer import ImageTransfer, record_len
from dlms.cosem.object import ROLE_FIRMWARE, ROLE_KEYED, ROLE_MANAGEMENT, ROLE_PUBLIC, ROLE_READ_ONLY, ROLE_READ_WRITE

BLOCK, MOST = 64, 8192
IMAGE = bytes([i * 7 & 0xFF for i in range(1000)])  # 16 blocks, the last of 40 octets


class Store:
    """An image in RAM; `refuses` names calls that fail; a hash takes `steps` steps."""

    def __init__(self):
        self.image, self.flushed, self.record = bytearray(), b"", None
        self.refuses, self.steps, self.left, self.saves = (), 1, 0, 0

    def _can(self, what):
        return what not in self.refuses

    def begin(self):
        if self._can("begin"):
            self.image = bytearray()
        return self._can("begin")

    def put(self, off, octets):
        if self._can("put"):
            self.image += bytes(max(0, off + len(octets) - len(self.image)))
            self.image[off : off + len(octets)] = octets
        return self._can("put")

    def flush(self):
        if self._can("flush"):
            self.flushed = bytes(self.image)
        return self._can("flush")

    def hash_step(self, size):
        if not self._can("hash"):
            self.left = 0
            return None
        self.left = (self.left or self.steps) - 1
        return b"" if self.left else sha256(bytes(self.image[:size])).digest()

    def load(self):
        return self.record

    def save(self, octets):
        self.saves += 1
        if self._can("save"):
            self.record = bytes(octets)
        return self._can("save")


class Bench:
    def __init__(self, store=None, block=BLOCK, most=MOST):
        self.store = store or Store()
        self.log = Log(64)
        self.image = ImageTransfer(self.store, block, most, self.log)
        self.made = self.image.objects()[0]

    def enable(self):
        assert put(self.made, 5, b"\x03\xff", ROLE_FIRMWARE) == 0

    def initiate(self, size=1000, name=b"gw-2"):
        return call(
            self.made,
            1,
            b"\x02\x02\x09" + bytes((len(name),)) + name + b"\x06" + size.to_bytes(4, "big"),
            ROLE_FIRMWARE,
        )

    def block(self, number, octets=None):
        if octets is None:
            octets = IMAGE[number * BLOCK : (number + 1) * BLOCK]
        head = b"\x02\x02\x06" + number.to_bytes(4, "big") + b"\x09"
        return call(self.made, 2, head + bytes((len(octets),)) + octets, ROLE_FIRMWARE)

    def verify(self):
        return call(self.made, 3, b"\x0f\x00", ROLE_FIRMWARE)

    def activate(self):
        return call(self.made, 4, b"\x0f\x00", ROLE_FIRMWARE)

    def transferred(self, skip=()):
        self.enable()
        assert self.initiate() == 0
        for number in range(16):
            assert number in skip or self.block(number) == 0
        return self

    def verified(self):
        assert self.transferred().verify() == 0
        return self

    def status(self):
        return read(self.made, 6)


def test_a_new_gateway_has_no_image_and_takes_none():
    bench = Bench()
    assert (bench.made.class_id, bench.made.version, bench.made.logical_name) == (18, 0, b"\x00\x00\x2c\x00\x00\xff")
    assert [read(bench.made, index) for index in range(2, 8)] == [64, b"", 0, 0, 0, []]
    assert [encoded(bench.made.value(index))[0] for index in range(2, 8)] == [0x06, 0x04, 0x06, 0x03, 0x16, 0x01]
    assert [bench.initiate(), bench.block(0), bench.verify(), bench.activate()] == [250] * 4
    assert bench.store.saves == 0


def test_rights_are_the_firmware_clients_and_managements():
    bench = Bench()
    for role in (ROLE_PUBLIC, ROLE_READ_WRITE, ROLE_READ_ONLY, ROLE_KEYED & ~(ROLE_MANAGEMENT | ROLE_FIRMWARE)):
        assert put(bench.made, 5, b"\x03\xff", role) == "denied"
        assert [call(bench.made, method, b"\x0f\x00", role) for method in (1, 2, 3, 4)] == ["denied"] * 4
    assert put(bench.made, 5, b"\x03\x01", ROLE_MANAGEMENT) == 0 and read(bench.made, 5) == 0xFF
    assert [put(bench.made, index, b"\x11\x00", ROLE_MANAGEMENT) for index in (1, 2, 3, 4, 6, 7)] == ["denied"] * 6
    assert not bench.made.is_seen_by(ROLE_PUBLIC)


def test_an_image_goes_through_to_verified_and_is_not_installed():
    bench = Bench()
    bench.enable()
    assert bench.initiate() == 0 and bench.status() == 1
    for number in range(16):
        assert read(bench.made, 4) == number
        assert bench.block(number) == 0
    assert read(bench.made, 4) == 16
    assert encoded(bench.made.value(3)) == b"\x04\x10\xff\xff"
    assert bytes(bench.store.flushed) == IMAGE
    assert read(bench.made, 7) == []
    assert bench.verify() == 0 and bench.status() == 3
    assert read(bench.made, 7) == [[1000, b"gw-2", sha256(IMAGE).digest()]]
    assert bench.activate() == 250 and bench.status() == 7
    assert read(bench.made, 7) == [[1000, b"gw-2", sha256(IMAGE).digest()]]
    noted = [bench.log.record(back)[2] for back in (2, 1, 0)]
    assert noted == [events.IMAGE_INITIATED, events.IMAGE_VERIFIED, events.IMAGE_NOT_INSTALLED]


def test_blocks_may_come_in_any_order_and_twice():
    bench = Bench()
    bench.enable()
    bench.initiate()
    for number in (15, 3, 3, 0, 15):
        assert bench.block(number) == 0
    assert encoded(bench.made.value(3)) == b"\x04\x10\x90\x01" and read(bench.made, 4) == 1
    assert bench.verify() == 250 and bench.status() == 1  # not all here: go on
    for number in range(15, -1, -1):
        assert bench.block(number) == 0
    assert bench.verify() == 0 and bytes(bench.store.image) == IMAGE


def test_blocks_of_a_wrong_number_or_length_are_refused():
    bench = Bench()
    bench.enable()
    bench.initiate()
    for number, length, result in (
        (0, 63, 250), (0, 0, 250), (0, 65, "type"), (15, 40, 0), (15, 41, 250), (14, 40, 250), (16, 64, 250),
        (16, 0, 250), (0xFFFFFFFF, 64, 250),
    ):  # fmt: skip
        assert bench.block(number, bytes(length)) == result, (number, length)
    assert encoded(bench.made.value(3)) == b"\x04\x10\x00\x01"


def test_sizes_at_their_limits():
    bench = Bench()
    bench.enable()
    for size, result, blocks in (
        (1, 0, 1),
        (64, 0, 1),
        (65, 0, 2),
        (MOST, 0, 128),
        (MOST + 1, 250, 128),
        (0, 250, 128),
    ):
        assert bench.initiate(size) == result, size
        assert bench.image.block_cnt == blocks
    assert bench.initiate(0xFFFFFFFF) == 250
    assert bench.initiate(1, bytes(32)) == 0 and bench.initiate(1, bytes(33)) == "type"
    assert len(encoded(bench.made.value(3))) == 3
    bench.initiate(MOST)
    assert encoded(bench.made.value(3)) == b"\x04\x81\x80" + bytes(16)


def _at(status):
    """A bench in that status, with every block there from 1 on."""
    bench = Bench()
    bench.enable()
    if status == 1:
        bench.transferred()
    if status == 2:
        bench.store.steps = 9
        assert bench.transferred().verify() == 2
    if status in (3, 7):
        bench.verified()
    if status == 4:
        bench.transferred()
        bench.store.refuses = ("hash",)
        assert bench.verify() == 250
        bench.store.refuses = ()
    if status == 7:
        bench.activate()
    assert bench.status() == status
    return bench


def test_every_method_in_every_status():
    expected = {  # status: (initiate, block, verify, activate), each (result, status after it)
        0: ((0, 1), (250, 0), (250, 0), (250, 0)),
        1: ((0, 1), (0, 1), (0, 3), (250, 1)),
        2: ((0, 1), (250, 2), (2, 2), (250, 2)),
        3: ((0, 1), (250, 3), (0, 3), (250, 7)),
        4: ((0, 1), (250, 4), (0, 3), (250, 4)),
        7: ((0, 1), (250, 7), (0, 3), (250, 7)),
    }
    for status, cells in expected.items():
        for i in range(4):
            bench = _at(status)
            result = (bench.initiate, lambda bench=bench: bench.block(0), bench.verify, bench.activate)[i]()
            assert (result, bench.status()) == cells[i], (status, i)
        bench = _at(status)
        assert put(bench.made, 5, b"\x03\x00", ROLE_FIRMWARE) == 0
        assert [bench.initiate(), bench.block(0), bench.verify(), bench.activate()] == [250] * 4
        assert bench.status() == status


def test_a_long_verification_answers_at_once_and_goes_on_in_steps():
    bench = Bench().transferred()
    bench.store.steps = 4
    assert bench.verify() == 2 and bench.status() == 2
    bench.image.on_deadline(1)
    assert bench.verify() == 2
    bench.image.on_deadline(2)
    assert bench.status() == 3 and bench.verify() == 0
    bench.image.on_deadline(3)
    assert read(bench.made, 7)[0][2] == sha256(IMAGE).digest()


def test_a_restart_remembers_what_is_on_flash_and_nothing_else():
    for point in range(17):
        bench = Bench()
        bench.enable()
        bench.initiate(MOST)
        for number in range(4 * point):
            assert bench.block(number, bytes((number,)) * 64) == 0
        again = Bench(bench.store)
        kept = 64 if 4 * point >= 64 else 0
        assert (again.status(), read(again.made, 4), read(again.made, 5)) == (1, kept, 0xFF)
        assert again.image.identifier == b"gw-2"
        assert len(bench.store.flushed) >= 64 * kept
    for status, after in ((2, 1), (3, 3), (4, 1), (7, 7)):
        store = _at(status).store
        store.steps, store.left = 1, 0
        again = Bench(store)
        assert again.status() == after and again.verify() == 0
        assert read(again.made, 7) == [[1000, b"gw-2", sha256(IMAGE).digest()]]


def test_a_record_that_is_damaged_or_of_other_settings_is_none():
    good = Bench().verified().store.record
    assert len(good) == record_len(BLOCK, MOST)
    bad = [good[:n] for n in range(0, len(good), 5)] + [good + b"\x00"]
    bad += [good[:i] + bytes((good[i] ^ 1,)) + good[i + 1 :] for i in range(len(good))]
    for octets in bad:
        store = Store()
        store.record = octets
        assert Bench(store).status() == 0
    store = Store()
    store.record = good
    assert Bench(store, 128).status() == 0 and Bench(store, BLOCK, MOST // 2).status() == 0


def test_flash_that_refuses_is_a_hardware_fault_and_never_a_block_that_is_not_there():
    for refused in ("save", "begin"):
        bench = Bench()
        bench.enable()
        bench.store.refuses = (refused,)
        assert bench.initiate() == 1 and bench.status() == 0
    bench = Bench()
    bench.store.refuses = ("save",)
    assert put(bench.made, 5, b"\x03\x01", ROLE_FIRMWARE) == 1 and read(bench.made, 5) == 0
    for refused in ("put", "flush", "save"):
        bench = Bench().transferred(skip=(7,))
        bench.store.refuses = (refused,)
        assert bench.block(7) == 1 and read(bench.made, 4) == 7, refused
        bench.store.refuses = ()
        assert bench.block(7) == 0 and bench.verify() == 0
    bench = Bench().transferred()
    bench.store.refuses = ("save",)
    assert bench.verify() == 250 and bench.status() == 4 and read(bench.made, 7) == []


def test_parameters_of_the_wrong_shape_are_refused():
    bench = Bench().transferred()
    for method in (1, 2, 3, 4):
        assert call(bench.made, method, None, ROLE_FIRMWARE) == 12
        for octets in (b"", b"\x00", b"\x11\x00", b"\x02\x01\x06\x00\x00\x00\x00", b"\x02\x02\x09\x84\xff\xff\xff\xff"):
            assert call(bench.made, method, octets, ROLE_FIRMWARE) == "type", (method, octets)
