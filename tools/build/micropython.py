# SPDX-License-Identifier: MIT
"""Builds MicroPython's unix port: `python3 tools/build/micropython.py [unix|arm|unix-frozen|arm-frozen]`.

Source: MPY_DIR (a user's own checkout) or Debian's source package of 1.25.0, unpatched, with
Mbed TLS from Debian too. Output: build/micropython/micropython-<variant> and mpy-cross.
The frozen variants hold the firmware as the board does, in the program and not on the heap:
what a heap limit means there. A second run with the same inputs does nothing. Runs on the machine's own Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.build import debian_source, system

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "micropython"
USER_C_MODULES = ROOT / "firmware"  # the framing core is part of every interpreter built here
# Debian trixie: (source package, archive, SHA-256). 1.25.0+ds-1 has its submodules stripped, hence Mbed TLS.
MICROPYTHON = (
    "micropython",
    "micropython_1.25.0+ds.orig.tar.xz",
    "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
)
MBEDTLS = (
    "mbedtls",
    "mbedtls_3.6.6.orig.tar.bz2",
    "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
)
OPTIONS = (
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_BLUETOOTH=0",
    "MICROPY_PY_FFI=0",
    "CFLAGS_EXTRA=-DMICROPY_PY_CRYPTOLIB_CTR=1",
)
SUBMODULES = ("mbedtls/Makefile", "micropython-lib/README.md")
CROSS = {"unix": "", "arm": "arm-linux-gnueabihf-"}
NEEDS = {"unix": ("gcc", "make"), "arm": ("gcc", "make", "arm-linux-gnueabihf-gcc", "qemu-arm-static")}
FROZEN = "-frozen"
VARIANTS = (*CROSS, *(machine + FROZEN for machine in CROSS))


def source_tree() -> Path:
    """The MicroPython tree to build from: MPY_DIR, or Debian's source unpacked under build/."""
    own = os.environ.get("MPY_DIR")
    if own:
        tree = Path(own).expanduser().resolve()
        if not (tree / "ports" / "unix" / "Makefile").is_file():
            sys.exit(f"MPY_DIR={own} is not a MicroPython checkout (no ports/unix/Makefile)")
        if not all((tree / "lib" / part).is_file() for part in SUBMODULES):
            sys.exit(f"MPY_DIR={own} lacks submodules; get them with: make -C {tree}/ports/unix submodules")
        return tree
    tree = OUT / "source"
    stamp = tree / ".unpacked"
    if not stamp.exists():
        system.require("xz", "bzip2")
        debian_source.unpack(debian_source.fetch(OUT / "apt", *MICROPYTHON), tree)
        debian_source.unpack(debian_source.fetch(OUT / "apt", *MBEDTLS), tree / "lib" / "mbedtls")
        (tree / "lib" / "micropython-lib").mkdir(exist_ok=True)
        (tree / "lib" / "micropython-lib" / "README.md").touch()  # frozen manifests insist on the file
        stamp.touch()
    return tree


def make(folder: Path, log: Path, *variables: str) -> None:
    """Run make in `folder`, its output in `log`; exits with the log's end when it fails."""
    command = ["make", "-C", str(folder), f"-j{os.cpu_count() or 1}", *variables]
    with log.open("w") as output:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # leave a user's own tree as it is
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        sys.exit("\n".join([*log.read_text().splitlines()[-30:], f"failed; the whole log is {log}"]))


def build_dir(tree: Path, what: str) -> Path:
    """Folder of object files; one per source tree, so that changing MPY_DIR mixes nothing."""
    return OUT / f"build-{what}-{hashlib.sha256(str(tree).encode()).hexdigest()[:8]}"


def build_mpy_cross(tree: Path) -> Path:
    """Path of the compiler that matches `tree`."""
    build = build_dir(tree, "mpy-cross")
    make(tree / "mpy-cross", OUT / "mpy-cross.log", f"BUILD={build}")
    return build / "mpy-cross"


def build_unix(tree: Path, variant: str) -> Path:
    """Build the unix port for the host (`unix…`) or 32-bit ARM (`arm…`); path of the program."""
    mpy_cross = build_mpy_cross(tree)
    manifest = ROOT / "firmware" if variant.endswith(FROZEN) else tree / "extmod" / "asyncio"
    build = build_dir(tree, variant)
    variables = [*OPTIONS, f"BUILD={build}", f"FROZEN_MANIFEST={manifest}/manifest.py"]
    variables += [f"MICROPY_MPYCROSS={mpy_cross}", f"CROSS_COMPILE={CROSS[machine(variant)]}"]
    variables += [f"USER_C_MODULES={USER_C_MODULES}"]
    make(tree / "ports" / "unix", OUT / f"{variant}.log", *variables)
    return build / "micropython"


def machine(variant: str) -> str:
    """unix or arm."""
    return variant.removesuffix(FROZEN)


def inputs(tree: Path, variant: str) -> str:
    """Fingerprint of everything a build depends on."""
    parts = [Path(__file__).read_text(), str(tree)]
    if variant.endswith(FROZEN):
        files = [*(ROOT / "lib").rglob("*.py"), ROOT / "boot.py", ROOT / "main.py", ROOT / "firmware" / "manifest.py"]
        parts += [path.read_text() for path in sorted(files)]
    parts += [path.read_text() for path in sorted(USER_C_MODULES.glob("*/*")) if path.suffix in (".c", ".h", ".mk")]
    if (tree / ".git").exists():
        parts.append(subprocess.check_output(["git", "-C", str(tree), "describe", "--always", "--dirty"], text=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def ensure(variant: str) -> Path:
    """Path of an up-to-date MicroPython for `variant`, built when it is not there."""
    OUT.mkdir(parents=True, exist_ok=True)
    program, stamp = OUT / f"micropython-{variant}", OUT / f"{variant}.stamp"
    with (OUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        system.require(*NEEDS[machine(variant)])
        tree = source_tree()
        want = inputs(tree, variant)
        if program.exists() and stamp.exists() and stamp.read_text() == want:
            return program
        print(f"building MicroPython ({variant}) from {tree}, about half a minute", flush=True)
        built = build_unix(tree, variant)
        link(program, built)
        link(OUT / "mpy-cross", build_dir(tree, "mpy-cross") / "mpy-cross")
        stamp.write_text(want)
    return program


def link(name: Path, target: Path) -> None:
    """Make `name` a relative symbolic link to `target`, in one step."""
    fresh = name.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(target, name.parent))
    fresh.replace(name)


def main() -> None:
    """Build the variants named on the command line (default: unix)."""
    for variant in sys.argv[1:] or ["unix"]:
        if variant not in VARIANTS:
            sys.exit(f"unknown variant {variant}; there are {', '.join(VARIANTS)}")
        try:
            print(ensure(variant))
        except debian_source.SourceError as error:
            sys.exit(f"no MicroPython source: {error}")


if __name__ == "__main__":
    main()
