# SPDX-License-Identifier: MIT
"""The device's flash with crash points.

As littlefs promises: what was written is durable when the file is flushed or closed, a
rename replaces in one step. Every write, flush, close, rename, remove, mkdir is a *step*.
`cut_at(step, torn)` ends the power in that step: of what the file had pending, `torn`
octets reach the flash (a truncation counts as one), everything else un-synced is lost.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from host_tests.shim.open_file import File, TextFile
from host_tests.shim.store import DirStore, MemoryStore, PowerCut

_DIR, _FILE = 0x4000, 0x8000
_MOUNTS = (["flash"], ["state"])  # /flash/state, the board's folder of state, is the root as well


class FileSystem:
    """Files under a host directory, or in memory when `root` is None."""

    def __init__(self, root: Path | None = None) -> None:
        self.store: Any = MemoryStore() if root is None else DirStore(root)
        self.step_cnt = 0
        self.steps: list[tuple[str, str, int]] = []
        self._cut_step = -1
        self._torn = 0
        self.is_dead = False
        self._boot = 0
        self._cwd = "/"

    # -- crash points ------------------------------------------------------------------------
    def cut_at(self, step: int, torn: int = 0) -> None:
        """Cut the power in the step that many steps from now (0 = the next one)."""
        self._cut_step, self._torn = self.step_cnt + step, torn

    def reboot(self) -> None:
        """Power back on: open files are gone, what was durable is there."""
        self.is_dead, self._cut_step, self._boot = False, -1, self._boot + 1

    def step(self, kind: str, path: str, units: int, apply: Callable[[int], None]) -> None:
        """One step that needs `units`; `apply(n)` makes the first n of them durable."""
        if self.is_dead:
            raise PowerCut("the power is off")
        self.steps.append((kind, path, units))
        self.step_cnt += 1
        if self.step_cnt - 1 != self._cut_step:
            return
        apply(min(self._torn, units))
        self.is_dead = True
        raise PowerCut(f"power cut in step {self._cut_step}: {kind} {path}, {self._torn} of {units}")

    # -- what open() and os offer ------------------------------------------------------------
    def resolve(self, path: str) -> str:
        """`path` made absolute and plain; /flash and /flash/state are the root. PowerCut while the power is off."""
        if self.is_dead:
            raise PowerCut("the power is off")
        whole = path if path.startswith("/") else f"{self._cwd}/{path}"
        parts: list[str] = []
        for part in whole.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        for mount in _MOUNTS:
            if parts[: len(mount)] == mount:
                del parts[: len(mount)]
        return "/" + "/".join(parts)

    def open(self, path: str, mode: str = "r", encoding: str | None = None) -> Any:
        """As the device's open(); `encoding` is accepted for utf-8 only."""
        binary = File(self, self.resolve(path), mode.replace("t", ""))
        return binary if "b" in mode else TextFile(binary)

    def need(self, path: str) -> str:
        """`path` resolved; OSError(ENOENT) when there is nothing."""
        name = self.resolve(path)
        if not self.store.exists(name):
            raise OSError(errno.ENOENT, "")
        return name

    def remove(self, path: str) -> None:
        """Remove the file at `path`."""
        name = self.need(path)
        self._whole_step("remove", name, lambda: self.store.remove(name))

    def rename(self, old: str, new: str) -> None:
        """Rename in one step, replacing `new`."""
        source, target = self.need(old), self.resolve(new)
        self._whole_step("rename", target, lambda: self.store.rename(source, target))

    def mkdir(self, path: str) -> None:
        """Make the directory `path`."""
        name = self.resolve(path)
        if self.store.exists(name):
            raise OSError(errno.EEXIST, "")
        self._whole_step("mkdir", name, lambda: self.store.mkdir(name))

    def rmdir(self, path: str) -> None:
        """Remove the empty directory `path`."""
        name = self.need(path)
        if self.store.names(name):
            raise OSError(errno.EACCES, "")
        self._whole_step("rmdir", name, lambda: self.store.rmdir(name))

    def _whole_step(self, kind: str, name: str, act: Callable[[], None]) -> None:
        self.step(kind, name, 1, lambda units: act() if units else None)
        act()

    def ilistdir(self, path: str = "") -> Iterator[tuple[str, int, int, int]]:
        """(name, type, 0, size) of each entry; in no order a caller may rely on."""
        name = self.need(path)
        for entry in reversed(self.store.names(name)):
            inside = f"{name.rstrip('/')}/{entry}"
            is_dir = self.store.is_dir(inside)
            yield (entry, _DIR if is_dir else _FILE, 0, 0 if is_dir else self.store.size(inside))

    def listdir(self, path: str = "") -> list[str]:
        """The names in `path`."""
        return [entry[0] for entry in self.ilistdir(path)]

    def stat(self, path: str) -> tuple[int, ...]:
        """The device's 10-tuple: only type and size are meant."""
        name = self.need(path)
        is_dir = self.store.is_dir(name)
        return (_DIR if is_dir else _FILE, 0, 0, 0, 0, 0, 0 if is_dir else self.store.size(name), 0, 0, 0)

    def statvfs(self, path: str) -> tuple[int, ...]:
        """Two megabytes of 4 kB blocks, half of them free."""
        self.need(path)
        return (4096, 4096, 512, 256, 256, 0, 0, 0, 0, 255)

    def chdir(self, path: str) -> None:
        """Make `path` the current directory."""
        self._cwd = self.need(path)

    def getcwd(self) -> str:
        """The current directory."""
        return self._cwd

    @property
    def boot(self) -> int:
        """Number of reboots; a file opened before the last one is dead."""
        return self._boot


def every_cut(prepare: Callable[[], FileSystem], act: Callable[[FileSystem], None]) -> Iterator[tuple[FileSystem, str]]:
    """Run `act` once per possible power cut; yields the rebooted file system and the name of the cut.

    `prepare` makes the same starting state each time. Each step is cut at each torn length.
    """
    whole = prepare()
    start = len(whole.steps)
    act(whole)
    for number, (kind, path, units) in enumerate(whole.steps[start:]):
        for torn in range(units + 1):
            fs = prepare()
            fs.cut_at(number, torn)
            try:
                act(fs)
            except PowerCut:
                fs.reboot()
                yield fs, f"step {number}: {kind} {path}, {torn} of {units} durable"
            else:
                raise AssertionError(f"step {number} was not reached again: `act` is not repeatable")


def io_names(fs: Callable[[], FileSystem]) -> dict[str, Any]:
    """What `import io` has on the device."""
    return {"BytesIO": io.BytesIO, "StringIO": io.StringIO, "open": lambda *a, **k: fs().open(*a, **k)}
