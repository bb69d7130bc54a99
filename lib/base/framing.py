# SPDX-License-Identifier: MIT
"""The framing core in use: the one place where it is picked.

`import _framing` finds the user C module built into the interpreter, else `_framing.mpy` on
sys.path; the Python twin takes over when there is neither, or when what is there fails its
self-test or was built for another machine. IMPLEMENTATION says which ("user", "mpy",
"python"), BUILD_ID what it was compiled from. Contracts: base/framing_py.py; the C module
allocates nothing. Nobody else imports `_framing`.
"""

from base import framing_selftest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def _pick() -> "tuple[ModuleType, int]":
    """(module, self-test result of the C module: 0 = passed or absent)."""
    failed = 0
    try:
        import _framing

        failed = framing_selftest.first_failure(_framing)
        if not failed:
            return _framing, 0
    except ImportError:
        pass  # none here: the device boots all the same and says so in its health record
    except ValueError:
        failed = -1  # a .mpy for another machine or another .mpy version
    from base import framing_py

    return framing_py, failed


_core, C_MODULE_FAILED = _pick()
IMPLEMENTATION: str = _core.kind()
BUILD_ID: str = _core.build_id()

if TYPE_CHECKING:
    from base.framing_py import (
        deframe,
        encode_into,
        fcs16,
        ghash_finish,
        ghash_start,
        ghash_text,
        ghash_update,
        sum16,
        usi_crc,
        usi_deframe,
        usi_encode_into,
        wpdu_scan,
    )
else:
    deframe = _core.deframe
    encode_into = _core.encode_into
    fcs16 = _core.fcs16
    ghash_finish = _core.ghash_finish
    ghash_start = _core.ghash_start
    ghash_text = _core.ghash_text
    ghash_update = _core.ghash_update
    sum16 = _core.sum16
    usi_crc = _core.usi_crc
    usi_deframe = _core.usi_deframe
    usi_encode_into = _core.usi_encode_into
    wpdu_scan = _core.wpdu_scan


def self_test() -> int:
    """Run the self-test of the core in use; 0 = passed, else the number of the first check that failed."""
    return framing_selftest.first_failure(_core)


def health() -> str:
    """For the health record: `mpy 7101623dff3c00dc ok`; allocates the text."""
    result = self_test()
    verdict = "self-test %d failed" % result if result else "ok"
    if C_MODULE_FAILED:
        verdict += ", C module not used: %d" % C_MODULE_FAILED
    return "%s %s %s" % (IMPLEMENTATION, BUILD_ID or "-", verdict)


__all__ = (
    "BUILD_ID",
    "C_MODULE_FAILED",
    "IMPLEMENTATION",
    "deframe",
    "encode_into",
    "fcs16",
    "ghash_finish",
    "ghash_start",
    "ghash_text",
    "ghash_update",
    "health",
    "self_test",
    "sum16",
    "usi_crc",
    "usi_deframe",
    "usi_encode_into",
    "wpdu_scan",
)
