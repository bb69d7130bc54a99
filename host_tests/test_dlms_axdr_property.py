# SPDX-License-Identifier: MIT
"""A-XDR written by our writer, in any windows, read by dlms-cosem's decoder: the same value.

Bit-strings are left out: that decoder takes their length for octets.
"""

from __future__ import annotations

from typing import Any

from dlms_cosem.utils import parse_as_dlms_data
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import RemoteError
from dlms import axdr
from dlms.axdr import Reader, Writer
from dlms.cosem.basic import data
from dlms.server import LogicalDevice
from host_tests.shim import both, guard

_DEVICE = guard.load(both.BOTH / "dlms_device.py", "dlms_device", both.RULES)
_WIDTHS = {
    axdr.INT8: (1, True), axdr.INT16: (2, True), axdr.INT32: (4, True), axdr.INT64: (8, True), axdr.UINT8: (1, False),
    axdr.UINT16: (2, False), axdr.UINT32: (4, False), axdr.UINT64: (8, False),
}  # fmt: skip


def _numbers(tag: int) -> st.SearchStrategy[tuple[str, int, int]]:
    width, is_signed = _WIDTHS[tag]
    low, high = (-(1 << 8 * width - 1), (1 << 8 * width - 1) - 1) if is_signed else (0, (1 << 8 * width) - 1)
    return st.tuples(st.just("number"), st.just(tag), st.integers(low, high))


_LEAVES = st.one_of(
    *(_numbers(tag) for tag in _WIDTHS),
    st.tuples(st.just("number"), st.just(axdr.BOOLEAN), st.booleans()),
    st.tuples(st.just("octets"), st.just(0), st.binary(max_size=300)),
    st.tuples(st.just("visible"), st.just(0), st.text("abcXYZ 019.-", max_size=200)),
    st.tuples(st.just("null"), st.just(0), st.none()),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.tuples(st.sampled_from(("array", "structure")), st.just(0), st.lists(inner, max_size=6)),
    max_leaves=20,
)


def _write(writer: Writer, value: Any) -> None:
    kind, tag, content = value
    if kind == "number":
        writer.number(tag, content)
    elif kind == "octets":
        writer.octets(content)
    elif kind == "visible":
        writer.string(axdr.VISIBLE_STRING, content.encode())
    elif kind == "null":
        writer.null()
    else:
        (writer.array if kind == "array" else writer.structure)(len(content))
        for item in content:
            _write(writer, item)


def _plain(value: Any) -> Any:
    kind, _, content = value
    return [_plain(item) for item in content] if kind in ("array", "structure") else content


def _normal(value: Any) -> Any:
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return bytes(value) if isinstance(value, bytearray) else value


def _encoded(value: Any) -> bytes:
    writer, dst = Writer(), bytearray(20000)
    writer.open(dst, 0, len(dst))
    _write(writer, value)
    assert not writer.lost_cnt
    return bytes(dst[: writer.off])


@given(_VALUES)
@settings(max_examples=300)
def test_another_decoder_reads_what_was_written(value: Any) -> None:
    assert _normal(parse_as_dlms_data(_encoded(value))) == _plain(value)


@given(_VALUES, st.binary(max_size=3))
def test_our_reader_passes_over_exactly_what_was_written(value: Any, rest: bytes) -> None:
    octets = _encoded(value)
    reader = Reader()
    reader.open(memoryview(octets + rest), 0, len(octets + rest))
    try:
        reader.skip_value(100)
    except RemoteError as error:
        raise AssertionError(octets.hex()) from error
    assert reader.off == len(octets)


class _OneChunk:
    """The value as one piece, whatever its length."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def begin(self) -> int:
        return 0

    def chunk_cnt(self, mark: int) -> int:
        return 1

    def is_intact(self, mark: int, chunk: int) -> bool:
        return True

    def encode_chunk(self, chunk: int, writer: Writer, mark: int) -> None:
        _write(writer, self._value)


@given(_VALUES, st.integers(64, 400))
def test_blocks_of_any_size_join_to_the_value(value: Any, max_pdu: int) -> None:
    bench = _DEVICE.Bench()
    name = _DEVICE.name("0.0.96.1.0.255")
    bench.device = LogicalDevice([data(name, _OneChunk(value))], (_DEVICE.public_client(),))
    bench.associate(max_pdu=max_pdu)
    assert bench.read(1, "0.0.96.1.0.255", 2) == _encoded(value)


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_octets_are_answered_within_the_room_and_the_device_lives_on(octets: bytes) -> None:
    bench = _DEVICE.Bench()
    bench.ask(octets, out_max=64)
    assert bench.ask(_DEVICE.get(1, "0.0.42.0.0.255", 2))[:4] == b"\xc4\x01\xc1\x00"
