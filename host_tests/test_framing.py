# SPDX-License-Identifier: MIT
"""The framing core against other people's code, and the tools around it.

The core itself is tested by host_tests/framing (`make framing`), on all interpreters.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from base import framing as picked
from base import framing_py, framing_words
from host_tests.framing import lanes
from plc.sfsk import local_frame
from tools import check_sizes
from tools.build import framing as build

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "firmware" / "framing"


def _ecb(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _tag(core: ModuleType, key: bytes, nonce: bytes, aad: bytes, text: bytes) -> bytes:
    """GCM tag from GHASH and single AES blocks (SP 800-38D 7.1, 96-bit IV)."""
    state, digest = bytearray(framing_words.GHASH_STATE_LEN), bytearray(16)
    core.ghash_start(state, _ecb(key, bytes(16)), 0)
    core.ghash_update(state, aad, 0, len(aad))
    core.ghash_text(state)
    core.ghash_update(state, text, 0, len(text))
    core.ghash_finish(state, digest, 0)
    mask = _ecb(key, nonce + b"\0\0\0\1")
    return bytes(a ^ b for a, b in zip(digest, mask, strict=True))


def test_ghash_gives_the_tag_openssl_gives() -> None:
    numbers = random.Random(38)
    for size in (0, 1, 15, 16, 17, 33, 200):
        key, nonce, aad = numbers.randbytes(16), numbers.randbytes(12), numbers.randbytes(size // 2)
        sealed = AESGCM(key).encrypt(nonce, numbers.randbytes(size), aad)
        assert _tag(framing_py, key, nonce, aad, sealed[:-16]) == sealed[-16:], size


@given(st.binary(max_size=400), st.integers(1, 40))
def test_local_frame_of_the_segment_and_the_core_see_the_same_stream(stream: bytes, piece: int) -> None:
    assert _events(framing_py.deframe, stream, piece) == _events(local_frame.deframe, stream, piece)


def _events(deframe: Callable[..., int], stream: bytes, piece: int) -> list[tuple[bytes, bytes, int]]:
    state, frame, seen = bytearray(4), bytearray(252), []
    for start in range(0, len(stream), piece):
        end, off = min(start + piece, len(stream)), start
        while off < end:
            off = deframe(state, memoryview(frame), 4, stream, off, end)
            seen.append((bytes(state), bytes(frame), off))
    return seen


@given(st.binary(max_size=247), st.integers(0, 255), st.integers(0, 9))
def test_local_frame_of_the_segment_and_the_core_encode_alike(octets: bytes, command: int, start: int) -> None:
    ours, theirs = bytearray(270), bytearray(270)
    for mv in (ours, theirs):
        mv[start + 3 : start + 3 + len(octets)] = octets
    size = framing_py.encode_into(ours, start, command, len(octets))
    assert size == local_frame.encode_into(theirs, start, command, len(octets)) and ours == theirs


def test_without_a_c_module_the_twin_is_in_use_and_said_to_be() -> None:
    assert picked.IMPLEMENTATION == "python" and picked.self_test() == 0
    assert picked.health() == "python - ok"


def test_c_core_needs_nobody_and_keeps_nothing(tmp_path: Path) -> None:
    text = (SOURCE / "framing.c").read_text() + (SOURCE / "framing.h").read_text()
    assert re.findall(r"#include .*", text) == ['#include "framing.h"', "#include <stddef.h>", "#include <stdint.h>"]
    target = tmp_path / "framing.o"
    options = ["-std=c99", "-Os", "-ffreestanding", "-fno-tree-loop-distribute-patterns", build.define()]
    subprocess.run(["gcc", *options, "-c", str(SOURCE / "framing.c"), "-o", str(target)], check=True)
    symbols = subprocess.check_output(["nm", str(target)], text=True).split("\n")
    kinds = {line.split()[-2] for line in symbols if line}
    assert kinds <= {"T", "t", "r"}, symbols  # code and constants: no data, no symbol from elsewhere


def test_words_of_c_and_python_have_the_same_values() -> None:
    header = (SOURCE / "framing.h").read_text()
    defined = dict(re.findall(r"#define ((?:LOCAL|USI|WPDU|GHASH)_\w+) \(?(-?\d+)\)?", header))
    for name, value in defined.items():
        if hasattr(framing_words, name):
            assert getattr(framing_words, name) == int(value), name
    assert {"USI_MAX_FRAME", "GHASH_STATE_LEN", "WPDU_BAD_LENGTH", "LOCAL_STATE_LEN"} <= set(defined)
    source = (SOURCE / "framing.c").read_text()
    events = re.search(r"enum \{ (USI_NONE[^}]*) \}", source)
    assert events is not None
    for value, name in enumerate(events[1].split(", ")):
        assert getattr(framing_words, name) == value


def test_every_lane_of_the_suite_says_what_it_must_find() -> None:
    assert {lane.kind for lane in lanes.LANES.values()} == {"python", "user", "mpy", "cpython"}
    assert lanes.expected_count() > 40
    assert re.fullmatch("[0-9a-f]{16}", build.source_id())


@pytest.mark.parametrize(("budget", "is_over"), ((99, True), (100, False), (101, False)))
def test_a_package_over_its_budget_is_named(budget: int, is_over: bool) -> None:
    (row,) = check_sizes.rows({"plc": 100}, {"plc": {"budget": budget, "recorded": 90}})
    assert row.is_over == is_over
    assert ("OVER" in str(row)) == is_over and "+10" in str(row)


def test_a_package_without_a_budget_is_over() -> None:
    (row,) = check_sizes.rows({"new": 1}, {})
    assert row.is_over
