# SPDX-License-Identifier: MIT
"""System packages a build needs: says what is missing, installs it, or tells how.

Runs on the machine's own Python, before .venv exists: standard library only. Nothing is
installed without a line that says so first; with GW_INSTALL=0 nothing is installed at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# Command looked for -> Debian package that brings it.
COMMANDS = {
    "gcc": "gcc libc6-dev",
    "make": "make",
    "xz": "xz-utils",
    "bzip2": "bzip2",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-arm-static": "qemu-user-static",
    "clang": "clang libclang-rt-dev",  # the second brings libFuzzer and the sanitizers
    "clang-tidy": "clang-tidy",
    "cppcheck": "cppcheck",
    "valgrind": "valgrind",
}
EXIT_MISSING = 3


def missing_packages(commands: tuple[str, ...]) -> list[str]:
    """Debian packages that bring those of `commands` that are not on PATH."""
    wanted = [COMMANDS[command] for command in commands if shutil.which(command) is None]
    return " ".join(wanted).split()


def _apt_get() -> list[str] | None:
    if shutil.which("apt-get") is None or os.environ.get("GW_INSTALL") == "0":
        return None
    if os.geteuid() == 0:
        return ["apt-get"]
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n", "apt-get"]
    return None


def install(packages: list[str]) -> None:
    """Install Debian `packages` system-wide, announced. Exits with EXIT_MISSING when it cannot."""
    names = " ".join(packages)
    apt_get = _apt_get()
    if apt_get is None:
        print(f"missing: {names}. Install with: apt-get install {names}", file=sys.stderr)
        sys.exit(EXIT_MISSING)
    print(f"missing: {names}. Installing SYSTEM-WIDE: {' '.join(apt_get)} install {names}", flush=True)
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    subprocess.run([*apt_get, "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
    subprocess.run([*apt_get, "install", "-y", "-qq", "--no-install-recommends", *packages], check=True, **quiet)  # type: ignore[call-overload]


def offer(*commands: str) -> bool:
    """Like `require` for what can be done without: False when `commands` cannot be had here."""
    packages = missing_packages(commands)
    if packages and _apt_get() is not None:
        try:
            install(packages)
        except subprocess.CalledProcessError:
            print(f"could not install {' '.join(packages)}; going on without", flush=True)
    return not missing_packages(commands)


def require(*commands: str) -> None:
    """Make sure that `commands` are on PATH, installing their packages when they are not."""
    packages = missing_packages(commands)
    if not packages:
        return
    install(packages)
    if missing_packages(commands):
        print(f"still not on PATH after installing: {commands}", file=sys.stderr)
        sys.exit(EXIT_MISSING)


if __name__ == "__main__":
    install(sys.argv[1:])
