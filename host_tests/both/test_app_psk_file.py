# SPDX-License-Identifier: MIT
"""psk.json: whole or not at all, at any length, in 24 octets a node; the reason for a refusal is said."""

import json
from binascii import hexlify

from fakes import RamStore

from app import psk_file


def hexed(octets):
    return str(hexlify(octets), "ascii").upper()


def eui(n):
    return b"SIM" + n.to_bytes(5, "big")


def psk(n):
    return bytes([n & 0xFF, n >> 8]) * 8


def table(count):
    return {hexed(eui(n)): hexed(psk(n)) for n in range(count)}


def read(text):
    store = RamStore()
    store.files[psk_file.FILE] = text.encode()
    return psk_file.read(store)


def refusal(text):
    try:
        read(text)
    except ValueError as error:
        return str(error)
    return ""


def known(psks, eui64):
    dst = bytearray(16)
    return bytes(dst) if psks.psk_into(memoryview(eui64), dst) else None


class LongFile:
    """A store with a psk.json of so many nodes, made as it is read: it would not fit a board's heap."""

    def __init__(self, count):
        self._count = count

    def load(self, name, mv, off):
        got = 0
        while got < len(mv):
            n, within = divmod(off + got, 54)
            entry = '%s"%s":"%s"' % ("," if n else "{", hexed(eui(n)), hexed(psk(n))) if n < self._count else "}"
            chunk = entry.encode()[within : within + len(mv) - got] if n <= self._count else b""
            if not chunk:
                break
            mv[got : got + len(chunk)] = chunk
            got += len(chunk)
        return got


def test_a_table_full_of_nodes_is_read_and_takes_24_octets_each():
    for count in (1, 17, 1200, 1792):
        psks = psk_file.read(LongFile(count))
        assert len(psks.rows) == 24 * count
        for n in (0, count // 2, count - 1):
            assert known(psks, eui(n)) == psk(n)
        assert known(psks, eui(count)) is None and known(psks, bytes(8)) is None
    for nobody in ("{}", " {\n} "):
        assert known(read(nobody), eui(0)) is None
    try:
        psk_file.read(LongFile(1793))
        raise AssertionError("read")
    except ValueError as error:
        assert str(error) == "1793 nodes, a table has 1792 at most"


def test_space_lower_case_and_a_key_for_all_others_are_taken_wherever_pieces_end():
    for shift in range(0, 512, 7):
        text = "{" + " " * (shift % 100) + '\n"%s"\t:\r\n "%s" ,' % (hexed(eui(1)).lower(), hexed(psk(1)))
        text += " " * (shift // 5) + '"": "%s",' % hexed(psk(2))
        text += ", ".join(['"%s": "%s"' % (hexed(eui(n)), hexed(psk(n))) for n in range(3, 14)]) + "\n}\n"
        psks = read(text)
        assert [known(psks, eui(n)) for n in (1, 3, 13, 14)] == [psk(1), psk(3), psk(13), psk(2)]


def test_a_file_cut_off_anywhere_is_not_used():
    text = json.dumps(table(3))
    for length in range(len(text)):
        assert refusal(text[:length]), length


def test_what_is_wrong_is_said_with_its_place():
    good = '"%s": "%s"' % (hexed(eui(1)), hexed(psk(1)))
    other = '"%s": "%s"' % (hexed(eui(2)), hexed(psk(2)))
    no_table = 'entry 1: not {"EUI-64": "PSK", ...}'
    for text, reason in (
        ("", "there is none"),
        ("[]", "cut off behind entry 0"),
        ("null", "cut off behind entry 0"),
        ("}", "cut off behind entry 0"),
        ("[%s]" % good, no_table),
        ("{%s, %s}" % (good, good), "entry 2: there already"),
        ('{"": "%s", "": "%s"}' % (hexed(psk(1)), hexed(psk(1))), "entry 1: there already"),
        ("{%s %s}" % (good, other), 'entry 2: not {"EUI-64": "PSK", ...}'),
        ("{%s} %s}" % (good, other), 'entry 2: not {"EUI-64": "PSK", ...}'),
        ("{%s}x" % good, "cut off behind entry 1"),
        ("{%s,}" % good, "cut off behind entry 1"),
        ('{%s, "%s"}' % (good, hexed(eui(2))), "cut off behind entry 1"),
        ('{"%s"}' % hexed(eui(1)), "cut off behind entry 0"),
        ('{"%s", "%s"}' % (hexed(eui(1)), hexed(psk(1))), no_table),
        ('{"%s": "00"}' % hexed(eui(1)), "entry 1: expected 32 hex digits"),
        ('{"53": "%s"}' % hexed(psk(1)), "entry 1: expected 16 hex digits"),
        ('{%s, "zz": "yy"}' % good, "entry 2: expected 16 hex digits"),
        ('{"%s": 5}' % hexed(eui(1)), "cut off behind entry 0"),
        ('{"%s": null, %s}' % (hexed(eui(1)), good), no_table),
        ('{"' + "0" * 3000, 'not {"EUI-64": "PSK", ...}'),
        ("{" + " " * 3000, 'not {"EUI-64": "PSK", ...}'),
    ):
        assert refusal(text) == reason, (text[:40], refusal(text))
