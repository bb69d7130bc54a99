# SPDX-License-Identifier: MIT
"""Checks of the C framing core: `python -m tools.check_framing [--fuzz-seconds N]`.

Static analysis (cppcheck; clang-tidy where it can be had) and a fuzzing run under address and
undefined-behaviour sanitizers. With --fuzz-seconds over 60 only fuzzing is done (make fuzz).
Whether the code in use is ours is looked at by every lane of host_tests/framing: build ids.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.build import framing, system

ROOT = Path(__file__).resolve().parents[1]
C_FILES = ("firmware/framing/framing.c", "host_tests/framing/fuzz_framing.c", "host_tests/framing/fuzz_driver.c")
CPPCHECK = "cppcheck --quiet --std=c99 --inconclusive --error-exitcode=1 --suppress=missingIncludeSystem".split()
CPPCHECK += ["--enable=warning,style,performance,portability", "-Ifirmware/framing"]
CORPUS = framing.OUT / "fuzz" / "corpus"
LONG_RUN_S = 60
RUNS_PER_S = 100_000  # of our own driver, which does not watch the clock


def _run(command: list[str], cwd: Path = ROOT) -> str:
    """Output of a command that failed; empty when it went well."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    return (done.stdout + done.stderr)[-4000:] if done.returncode else ""


def check_static() -> list[str]:
    """Findings of the analysers; each is installed if it can be."""
    findings = []
    system.require("cppcheck")
    findings.append(_run([*CPPCHECK, framing.define(), *C_FILES]))
    if system.offer("clang-tidy"):
        options = ["-std=c99", "-Ifirmware/framing", framing.define()]
        findings.append(_run(["clang-tidy", "--quiet", C_FILES[0], "--", *options]))
    else:
        print("framing: no clang-tidy on this machine, cppcheck alone", flush=True)
    return findings


def fuzz(seconds: int) -> list[str]:
    """Findings of a fuzzing run; a new seed each time for long runs, a fixed one for short ones."""
    program = framing.ensure("fuzz")
    CORPUS.mkdir(parents=True, exist_ok=True)
    is_ours = "fuzz_driver.c" in (program.parent / "build.log").read_text()
    seed = int.from_bytes(os.urandom(3), "big") if seconds > LONG_RUN_S else 1
    command = [str(program), f"-seed={seed}"]
    if is_ours:
        command.append(f"-runs={seconds * RUNS_PER_S}")
    else:
        command += [f"-max_total_time={seconds}", "-max_len=600", "-print_final_stats=1", str(CORPUS)]
    print(f"framing: fuzzing for {seconds} s with {'our driver' if is_ours else 'libFuzzer'}, seed {seed}", flush=True)
    return [_run(command, program.parent)]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fuzz-seconds", type=int, default=4)
    seconds = parser.parse_args().fuzz_seconds
    findings = [] if seconds > LONG_RUN_S else check_static()
    findings = [finding for finding in [*findings, *fuzz(seconds)] if finding]
    print("\n".join(findings) if findings else f"framing: {len(C_FILES)} C files clean, nothing found by fuzzing")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
