# SPDX-License-Identifier: MIT
"""Framing suite: base.framing uses the C module that is there, tests it, and names what it uses."""

import sys

FUNCTIONS = (
    "sum16 fcs16 encode_into deframe usi_crc usi_encode_into usi_deframe wpdu_scan"
    " ghash_start ghash_update ghash_text ghash_finish"
).split()


class Spoiled:
    """A C module with one function replaced, or missing when `function` is None."""

    def __init__(self, core: "object", name: str, function: "object") -> None:
        for each in dir(core):
            if not each.startswith("__"):
                setattr(self, each, getattr(core, each))
        if function is None:
            delattr(self, name)
        else:
            setattr(self, name, function)


def _picked_with(module: "object") -> "object":
    """base.framing as it is when `import _framing` gives `module`."""
    sys.modules["_framing"] = module
    sys.modules.pop("base.framing", None)
    try:
        __import__("base.framing")
        return sys.modules["base.framing"]
    finally:
        sys.modules.pop("_framing")
        sys.modules.pop("base.framing")


def _is_device() -> bool:
    """On CPython the shim hides every module the device has not, and so the extension."""
    return sys.implementation.name == "micropython"


def test_the_c_module_is_used_and_named(core: "object", twin: "object") -> None:
    framing = _picked_with(core)
    wanted = core if _is_device() else twin
    assert framing.IMPLEMENTATION == wanted.kind() and framing.BUILD_ID == wanted.build_id()
    assert framing.self_test() == 0 and framing.C_MODULE_FAILED == 0
    assert framing.health() == "%s %s ok" % (wanted.kind(), wanted.build_id() or "-")
    for name in FUNCTIONS:
        assert getattr(framing, name) is getattr(wanted, name), name


def test_a_c_module_that_fails_its_self_test_is_not_used(core: "object", twin: "object") -> None:
    if not _is_device():
        return
    for name in FUNCTIONS:
        for function in (None, lambda *args: 0, lambda *args: -1):
            framing = _picked_with(Spoiled(core, name, function))
            assert framing.IMPLEMENTATION == "python" and framing.C_MODULE_FAILED > 0, name
            assert framing.self_test() == 0 and framing.health().startswith("python - ok, C module not used: ")


def test_self_test_notices_each_function_gone_wrong(core: "object", twin: "object") -> None:
    from base import framing_selftest

    assert framing_selftest.first_failure(core) == 0
    for name in FUNCTIONS:
        assert framing_selftest.first_failure(Spoiled(core, name, lambda *args: 1)) > 0, name
