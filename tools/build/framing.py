# SPDX-License-Identifier: MIT
"""Builds the C framing core for everything that runs it: `python -m tools.build.framing [what …]`.

what: cpython (extension for host tests), x64 and armv7emdp (dynamic native modules; the latter
is the very file that goes on the board), fuzz (libFuzzer with sanitizers, or gcc's sanitizers
with a driver of ours). The interpreters with the user C module come from micropython.py.
Output: build/framing/<what>/. Nothing is done when the sources have not changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools.build import micropython, system

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "firmware" / "framing"
OUT = ROOT / "build" / "framing"
HARNESS = ROOT / "host_tests" / "framing"
WARNINGS = "-std=c99 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror".split()
SANITIZERS = "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all".split()
NATIVE_NEEDS = {"x64": ("gcc", "make"), "armv7emdp": ("make", "arm-none-eabi-gcc")}


def source_id() -> str:
    """What `build_id()` of a module built from the present sources says."""
    octets = (SOURCE / "framing.h").read_bytes() + (SOURCE / "framing.c").read_bytes()
    return hashlib.sha256(octets).hexdigest()[:16]


def fingerprint() -> str:
    """Changes with anything a build here depends on."""
    files = [*SOURCE.glob("*.[ch]"), SOURCE / "Makefile", *HARNESS.glob("*.c"), Path(__file__)]
    octets = b"".join(path.read_bytes() for path in sorted(files))
    return hashlib.sha256(octets + sys.version.encode()).hexdigest()


def define() -> str:
    """The compiler option that names the build."""
    return f'-DFRAMING_BUILD_ID="{source_id()}"'


def _run(command: list[str], log: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    log.write_text(" ".join(command) + "\n" + done.stdout + done.stderr)
    if done.returncode:
        sys.exit(f"{log.read_text()[-3000:]}\nfailed; the log is {log}")


def extension_path() -> Path:
    """Where the CPython extension is."""
    return OUT / "cpython" / f"_framing{sysconfig.get_config_var('EXT_SUFFIX')}"


def build_cpython() -> Path:
    """The extension for the running CPython."""
    include = Path(sysconfig.get_path("include"))
    system.require("gcc")
    if not (include / "Python.h").exists():
        system.install(["python3-dev"])
    target = extension_path()
    # CPython's own headers are not clean of conversions.
    options = [option for option in WARNINGS if not option.startswith(("-Wconv", "-Wshadow"))]
    command = ["gcc", *options, "-O2", "-shared", "-fPIC", define(), f"-I{include}", f"-I{SOURCE}"]
    command += [str(SOURCE / "framing.c"), str(SOURCE / "framing_cpython.c"), "-o", str(target)]
    _run(command, target.parent / "build.log")
    return target


def build_native(arch: str) -> Path:
    """`_framing.mpy` for `arch`, linked with the tools of the MicroPython tree."""
    system.require(*NATIVE_NEEDS[arch])
    micropython.ensure("unix")  # its source tree and mpy-cross
    folder = OUT / arch
    shutil.rmtree(folder / "build", ignore_errors=True)  # that makefile knows nothing of header files
    command = ["make", "-C", str(folder), "-f", str(SOURCE / "Makefile"), f"ARCH={arch}"]
    command += [f"MPY_DIR={micropython.source_tree()}", f"MPY_CROSS={micropython.OUT / 'mpy-cross'}"]
    command += [f"PYTHON={sys.executable}"]
    _run(command, folder / "build.log")
    # Under another name it is not shadowed by the module built into the interpreter: for tests.
    shutil.copy(folder / "_framing.mpy", folder / "native_framing.mpy")
    return folder / "_framing.mpy"


def build_fuzz() -> Path:
    """The fuzzer: with libFuzzer where clang has it, else with our own driver under gcc."""
    target = OUT / "fuzz" / "fuzz"
    sources = [str(SOURCE / "framing.c"), str(HARNESS / "fuzz_framing.c")]
    options = [*WARNINGS, *SANITIZERS, define(), f"-I{SOURCE}", "-o", str(target)]
    if system.offer("clang"):
        command = ["clang", *options, "-fsanitize=fuzzer", *sources]
        if subprocess.run(command, capture_output=True, cwd=ROOT).returncode == 0:
            (target.parent / "build.log").write_text(" ".join(command))
            return target
    system.require("gcc")
    _run(["gcc", *options, *sources, str(HARNESS / "fuzz_driver.c")], target.parent / "build.log")
    return target


BUILDERS = {
    "cpython": build_cpython,
    "x64": lambda: build_native("x64"),
    "armv7emdp": lambda: build_native("armv7emdp"),
    "fuzz": build_fuzz,
}


def ensure(what: str) -> Path:
    """Path of an up-to-date build of `what`."""
    folder = OUT / what
    folder.mkdir(parents=True, exist_ok=True)
    stamp, name = folder / "stamp", folder / "name"
    want = fingerprint()
    with (OUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == want and Path(name.read_text()).exists():
            return Path(name.read_text())
        built = BUILDERS[what]()
        name.write_text(str(built))
        stamp.write_text(want)
    return built


def main() -> int:
    """Build what is named on the command line, or all."""
    for what in sys.argv[1:] or list(BUILDERS):
        print(ensure(what).relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
