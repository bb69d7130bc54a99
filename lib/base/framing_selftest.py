# SPDX-License-Identifier: MIT
"""Known answers for a framing core at start: one for each function, a few milliseconds.

Vectors: ST7570 manual p. 104 (sfsk.md 6.1), USI frames of g3.md 6.6, IEC 62056-4-7, the check
values of the CRCs, test case 2 of the GCM specification (McGrew, Viega). The conformance
suite (host_tests/framing) is the thorough one; this finds a wrong or broken build.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_LOCAL = b"\x02\x09\x41\x01\x00\x01\x00\x00\x0c\x58\x00"  # WriteDB 0001 of the ST7570 manual
_USI = b"\x7e\x01\x25\x15\x7d\x5e\x7d\x5d\x0f\x05\x52\x7e"  # PATH_DISCOVERY of node 7E7D: both escapes
_DIGITS = b"123456789"
_H = b"\x66\xe9\x4b\xd4\xef\x8a\x2c\x3b\x88\x4c\xfa\x59\xca\x34\x2b\x2e"
_TEXT = b"\x03\x88\xda\xce\x60\xb6\xa3\x92\xf3\x28\xc2\xb9\x71\xb2\xfe\x78"
_GHASH = b"\xf3\x8c\xbb\x1a\xd6\x92\x23\xdc\xc3\x45\x7a\xe5\xb6\xb0\xf8\x85"


def first_failure(core: "ModuleType") -> int:
    """Number of the first check that fails, from 1; 0 when all pass. Allocates about 3 kB for a moment."""
    checks = (_sums, _local, _usi, _usi_crcs, _wrapper, _ghash, _bad_state)
    for number, check in enumerate(checks):
        try:
            passed = check(core)
        except (AttributeError, TypeError, ValueError, IndexError):
            passed = False  # a build with other functions is as wrong as one with other answers
        if not passed:
            return number + 1
    return 0


def _sums(core: "ModuleType") -> bool:
    return bool(core.sum16(_LOCAL, 1, 8) == 0x58 and core.fcs16(_DIGITS, 0, 9) == 0x906E)


def _local(core: "ModuleType") -> bool:
    frame, state = bytearray(252), bytearray(4)
    frame[3:9] = _LOCAL[3:9]
    encoded = core.encode_into(frame, 0, 0x41, 6) == 11 and frame[:11] == _LOCAL
    return bool(encoded and core.deframe(state, frame, 4, _LOCAL, 0, 11) == 11 and state[1] == 1 and state[2] == 11)


def _usi(core: "ModuleType") -> bool:
    frame, state = bytearray(16), bytearray(4)
    encoded = core.usi_encode_into(frame, 0, 0x25, b"\x15\x7e\x7d\x0f", 0, 4) == 12 and frame[:12] == _USI
    taken = core.usi_deframe(state, frame, _USI, 0, 12)
    return bool(encoded and taken == 12 and state[1] == 1 and frame[2 : state[3]] == b"\x15\x7e\x7d\x0f")


def _usi_crcs(core: "ModuleType") -> bool:
    crc = bytearray(7)
    octets = core.usi_crc(0x25, _DIGITS, 0, 9, crc, 0) + core.usi_crc(0x31, _DIGITS, 0, 9, crc, 2)
    octets += core.usi_crc(0, _DIGITS, 0, 9, crc, 3)
    return bool(octets == 7 and crc == b"\xbe\xef\x31\x89\xa1\x89\x7f")


def _wrapper(core: "ModuleType") -> bool:
    header = b"\x00\x01\x00\x10\x00\x01\x00\x1f"
    return bool(core.wpdu_scan(header, 0, 8, 65535) == 31 and core.wpdu_scan(header, 0, 7, 65535) == 0)


def _ghash(core: "ModuleType") -> bool:
    state, out = bytearray(281), bytearray(16)
    core.ghash_start(state, _H, 0)
    core.ghash_text(state)
    core.ghash_update(state, _TEXT, 0, 16)
    core.ghash_finish(state, out, 0)
    return bool(out == _GHASH and not any(state))


def _bad_state(core: "ModuleType") -> bool:
    try:
        core.deframe(bytearray(b"\x09\x00\x00\x00"), bytearray(252), 4, _LOCAL, 0, 11)
    except ValueError:
        return True
    return False
