# SPDX-License-Identifier: MIT
"""Octets that go on the board against firmware/sizes.toml: `python -m tools.check_sizes`.

Compiles every module of lib/ as the frozen manifest does (-O2) and the C module for its
machines, prints each size with its budget and the difference from the last recorded size, and
fails when one is over budget or missing in the table. `--record` writes the sizes of now down.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from tools.build import framing, micropython

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "firmware" / "sizes.toml"
OUT = ROOT / "build" / "sizes"
NATIVE = {"framing-armv7emdp": "armv7emdp", "framing-x64": "x64"}


class Row(NamedTuple):
    """One thing that has a size."""

    name: str
    octets: int
    budget: int  # 0 = not in the table
    recorded: int

    @property
    def is_over(self) -> bool:
        """Over its budget, or without one."""
        return self.octets > self.budget

    def __str__(self) -> str:
        verdict = "OVER" if self.is_over else "ok"
        return f"{self.name:20} {self.octets:8} of {self.budget:8}  {self.octets - self.recorded:+7}  {verdict}"


def package_octets(package: Path) -> int:
    """Size of all modules of a package as bytecode."""
    total = 0
    for source in sorted(package.rglob("*.py")):
        target = OUT / source.relative_to(ROOT / "lib").with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [str(micropython.OUT / "mpy-cross"), "-O2", "-s", source.name, "-o", str(target), str(source)]
        subprocess.run(command, check=True)
        total += target.stat().st_size
    return total


def measure() -> dict[str, int]:
    """Octets by name: the packages of lib/, and the C module for each machine."""
    micropython.ensure("unix")
    packages = [path for path in sorted((ROOT / "lib").iterdir()) if (path / "__init__.py").exists()]
    sizes = {package.name: package_octets(package) for package in packages}
    return sizes | {name: framing.ensure(arch).stat().st_size for name, arch in NATIVE.items()}


def rows(sizes: dict[str, int], table: dict[str, dict[str, int]]) -> list[Row]:
    """What was measured beside what the table says."""
    empty = {"budget": 0, "recorded": 0}
    found = {name: table.get(name, empty) for name in sizes}
    return [Row(name, octets, found[name]["budget"], found[name]["recorded"]) for name, octets in sizes.items()]


def record(sizes: dict[str, int]) -> None:
    """Write the sizes of now into the table; budgets stay."""
    text = TABLE.read_text()
    for name, octets in sizes.items():
        text = re.sub(rf"(?m)^({re.escape(name)} = .*recorded = )\d+", rf"\g<1>{octets}", text)
    TABLE.write_text(text)


def main() -> int:
    """The exit code: 1 when something is over budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the sizes of now into the table")
    sizes = measure()
    if parser.parse_args().record:
        record(sizes)
    found = rows(sizes, tomllib.loads(TABLE.read_text())["octets"])
    print(f"{'':20} {'octets':>8}    {'budget':>8}  {'change':>7}")
    print("\n".join(map(str, found)))
    print(f"{'bytecode in all':20} {sum(row.octets for row in found if row.name not in NATIVE):8}")
    return 1 if any(row.is_over for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
