# SPDX-License-Identifier: MIT
"""psk.json: the PSKs of a site whose operator chose to have them here.

{"EUI-64": "PSK", ...} in hex digits, the key "" for all others.
Law: read in pieces into 24 octets a node, so that a table's worth of nodes fits the heap; a file that is not
right from end to end is not used at all, and the error says where it is not.
"""

from binascii import unhexlify

from micropython import const

from gateway.registration import MAX_NODES
from plc.g3.psks import LocalPsks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hal.store import FileStore

FILE = "psk.json"
_PIECE_LEN = const(512)
_TOKEN_MAX = const(128)  # a key or what stands between two strings, with some space
_EUI_LEN = const(8)
_PSK_LEN = const(16)
_ROW_LEN = const(24)


def read(store: "FileStore") -> LocalPsks:
    """The PSKs of the file. ValueError, with the reason, when it is missing or not right; OSError, MemoryError."""
    count = 0
    for eui64, _ in _entries(store):
        count += bool(eui64)
    if count > MAX_NODES:
        raise ValueError("%d nodes, a table has %d at most" % (count, MAX_NODES))
    rows, at = bytearray(count * _ROW_LEN), 0
    found = LocalPsks(rows)
    for eui64, psk in _entries(store):
        if found.has(eui64):
            raise ValueError("entry %d: there already" % (at // _ROW_LEN + 1))
        if eui64:
            rows[at : at + _EUI_LEN] = eui64
            rows[at + _EUI_LEN : at + _ROW_LEN] = psk
            at += _ROW_LEN
        else:
            found.other = psk
    return found


def _entries(store: "FileStore") -> "Iterator[tuple[bytes, bytes]]":
    """(EUI-64 or empty, PSK), one after the other."""
    number = 0
    eui64 = before = b""
    for token in _tokens(store):
        turn = number % 4  # before a key, key, before a PSK, PSK
        if turn == 1:
            _expect(number, before, b"," if number > 1 else b"{")
            eui64 = _octets(number, token, (0, _EUI_LEN))
        elif turn == 3:
            _expect(number, before, b":")
            yield eui64, _octets(number, token, (_PSK_LEN,))
        before = token.strip()
        number += 1
    if not number:
        raise ValueError("there is none")
    if number == 1:
        before = b"}" if before[:1] == b"{" and before[1:].strip() == b"}" else b""
    if number % 4 != 1 or before != b"}":  # NOTE: a key without a PSK ends with a brace too
        raise ValueError("cut off behind entry %d" % (number // 4))


def _expect(number: int, before: bytes, what: bytes) -> None:
    if before != what:
        raise ValueError("entry %d: not {\"EUI-64\": \"PSK\", ...}" % (number // 4 + 1))


def _octets(number: int, token: bytes, lens: "tuple[int, ...]") -> bytes:
    try:
        octets = unhexlify(token)
    except ValueError:
        octets = b"?"
    if len(octets) not in lens:
        raise ValueError("entry %d: expected %d hex digits" % (number // 4 + 1, 2 * lens[-1]))
    return octets


def _tokens(store: "FileStore") -> "Iterator[bytes]":
    """What stands before, between and behind the quotation marks, in turn."""
    piece = bytearray(_PIECE_LEN)
    rest, at = b"", 0
    n = store.load(FILE, memoryview(piece), 0)
    while n:
        at += n
        tokens = (rest + piece[:n]).split(b'"')
        rest = tokens.pop()
        if len(rest) > _TOKEN_MAX:
            raise ValueError("not {\"EUI-64\": \"PSK\", ...}")
        for token in tokens:
            yield bytes(token)
        n = store.load(FILE, memoryview(piece), at)
    if at:
        yield bytes(rest)
