# SPDX-License-Identifier: MIT
"""Source archives from the machine's own Debian mirror, through a private apt tree.

The mirror's address is read from the machine's apt configuration at build time; no host is
named here. The system's own apt state is neither read nor changed. Every archive is
checked against a pinned SHA-256 before it is unpacked.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

SUITE = "trixie"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT_DIR = Path("/etc/apt")


class SourceError(Exception):
    """The archive cannot be had, or is not the pinned one."""


def _deb822_uris(text: str) -> list[str]:
    return re.findall(r"^URIs:\s*(\S+)", text, re.MULTILINE)


def _one_line_uris(text: str) -> list[str]:
    return re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)", text, re.MULTILINE)


def mirror_uri(apt_dir: Path = _APT_DIR) -> str:
    """URI of the main Debian archive this machine uses: the first source whose path ends in /debian."""
    uris: list[str] = []
    for path in sorted(apt_dir.glob("sources.list.d/*.sources")):
        uris += _deb822_uris(path.read_text())
    for path in [apt_dir / "sources.list", *sorted(apt_dir.glob("sources.list.d/*.list"))]:
        if path.is_file():
            uris += _one_line_uris(path.read_text())
    for uri in uris:
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise SourceError("no Debian archive in this machine's apt sources; set MPY_DIR to a MicroPython checkout")


def _apt_get(tree: Path, *arguments: str) -> None:
    command = ["apt-get", "-qq", "-o", f"Dir::State={tree}/state", "-o", f"Dir::Cache={tree}/cache"]
    command += ["-o", f"Dir::Etc::sourcelist={tree}/deb-src.list", "-o", "Dir::Etc::sourceparts=-"]
    command += ["-o", "APT::Sandbox::User="]  # the build tree need not be readable for user _apt
    done = subprocess.run([*command, *arguments], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        raise SourceError(f"apt-get {' '.join(arguments)}: {done.stdout}{done.stderr}")


def sha256(path: Path) -> str:
    """SHA-256 of the file at `path`, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _prepare(tree: Path) -> None:
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    line = f"deb-src [signed-by={_KEYRING}] {mirror_uri()} {SUITE} main\n"
    (tree / "deb-src.list").write_text(line)
    _apt_get(tree, "update")


def fetch(tree: Path, package: str, archive: str, pin: str) -> Path:
    """Path of `archive` of Debian source `package`, downloaded into `tree` if not there, SHA-256 equal to `pin`."""
    path = tree / archive
    if not path.exists():
        print(f"fetching source of {package} from this machine's Debian mirror", flush=True)
        _prepare(tree)
        _apt_get(tree, "source", "--download-only", package)
    if not path.exists():
        have = sorted(found.name for found in tree.glob(f"{package}_*"))
        raise SourceError(f"{SUITE} no longer carries {archive} (it has {have}); set MPY_DIR or renew the pin")
    if sha256(path) != pin:
        raise SourceError(f"{path}: SHA-256 is {sha256(path)}, pinned is {pin}")
    return path


def unpack(archive: Path, target: Path) -> None:
    """Unpack a source archive into `target`, without its top folder."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "xf", str(archive), "--strip-components=1", "-C", str(target)], check=True)


