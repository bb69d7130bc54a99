# SPDX-License-Identifier: MIT
"""Freezes firmware/manifest.py as a board build would, and looks whether everything is in it.

`python tools/check_freeze.py` after `make micropython`: compiles with the matching mpy-cross,
generates the frozen C, and compares the modules in it with the files of lib/.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.build import micropython as build  # noqa: E402

FROZEN = build.OUT / "frozen"


def freeze() -> str:
    """The generated C of the manifest; exits with the compiler's message when it fails."""
    tree, program = build.source_tree(), (build.OUT / "micropython-unix").resolve()
    target = FROZEN / "frozen_content.c"
    FROZEN.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(tree / "tools" / "makemanifest.py"), "-o", str(target), "-b", str(FROZEN)]
    command += ["-v", f"MPY_DIR={tree}", "-v", f"MPY_LIB_DIR={tree}/lib/micropython-lib", "-v", "PORT_DIR=."]
    command += ["--mpy-tool-flags=-q " + str(program.parent / "genhdr" / "qstrdefs.preprocessed.h")]
    command += [str(ROOT / "firmware" / "manifest.py")]
    environment = {"MICROPY_MPYCROSS": str(build.OUT / "mpy-cross"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"freezing failed:\n{done.stdout}{done.stderr}")
    return target.read_text()


def frozen_names(text: str) -> set[str]:
    """File names of the modules in the generated C."""
    return set(re.findall(r"^// frozen bytecode for file ([^,]+),", text, re.MULTILINE))


def main() -> int:
    """Freeze and compare; the exit code."""
    text = freeze()
    frozen = {name for name in frozen_names(text) if not name.startswith(("asyncio/", "uasyncio"))}
    wanted = {path.relative_to(ROOT / "lib").as_posix() for path in (ROOT / "lib").rglob("*.py")}
    wanted |= {"boot.py", "main.py"}
    for name in sorted(wanted ^ frozen):
        print(f"firmware/manifest.py: {name} is {'not frozen' if name in wanted else 'frozen but unknown'}")
    octets = sum(path.stat().st_size for path in FROZEN.rglob("*.mpy"))
    print(f"frozen: {len(frozen)} modules, {octets} octets of bytecode")
    return 1 if wanted ^ frozen else 0


if __name__ == "__main__":
    sys.exit(main())
