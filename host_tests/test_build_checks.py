# SPDX-License-Identifier: MIT
"""The checks of `make test` find what they are for, and the build finds this machine's mirror."""

import pytest

from tools import check_layers
from tools.build import debian_source, system


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lib/base/x.py", "import dlms.wrapper"),
        ("lib/base/x.py", "from time import ticks_diff"),
        ("lib/base/x.py", "import time"),
        ("lib/base/ticks.py", "from time import ticks_ms"),
        ("lib/base/ticks.py", "import time"),
        ("lib/dlms/x.py", "from plc.medium import BROADCAST"),
        ("lib/dlms/x.py", "import asyncio"),
        ("lib/plc/sfsk/x.py", "from gateway import router"),
        ("lib/plc/sfsk/x.py", "from dlms import wrapper"),
        ("lib/gateway/x.py", "from app import forwarder"),
        ("lib/gateway/x.py", "from hal import clock"),
        ("lib/gateway/x.py", "def f():\n    import machine"),
        ("lib/hal/x.py", "from gateway import router"),
        ("lib/app/x.py", "import machine"),
        ("lib/app/x.py", "import network"),
        ("lib/app/x.py", "import socket"),
        ("lib/app/x.py", "import os"),
        ("lib/app/x.py", "import tls"),
        ("lib/new/x.py", "pass"),
        ("main.py", "import machine"),
        ("lib/app/x.py", "print('x')"),
        ("lib/app/x.py", "try:\n    pass\nexcept:\n    pass"),
    ],
)
def test_a_forbidden_line_is_found(path, line):
    assert len(check_layers.check(path, line)) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lib/base/ticks.py", "from time import ticks_add, ticks_diff"),
        ("lib/gateway/x.py", "from dlms import wrapper\nfrom plc.medium import BROADCAST\nfrom base.log import Log"),
        ("lib/hal/x.py", "import machine, time, os"),
        ("lib/app/x.py", "import asyncio\nfrom hal import clock\nfrom gateway.router import Router"),
        ("lib/dlms/x.py", "if TYPE_CHECKING:\n    from typing import Protocol"),
        ("main.py", "from app.console import Console"),
    ],
)
def test_an_allowed_line_passes(path, line):
    assert check_layers.check(path, line) == []


def test_the_mirror_comes_from_deb822_sources(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "a.sources").write_text("Types: deb\nURIs: http://mirror.test/debian-security\n")
    (tmp_path / "sources.list.d" / "debian.sources").write_text("Types: deb\nURIs: http://mirror.test/debian\n")
    assert debian_source.mirror_uri(tmp_path) == "http://mirror.test/debian"


def test_the_mirror_comes_from_a_one_line_list(tmp_path):
    (tmp_path / "sources.list").write_text("# deb http://no.test/debian x main\ndeb [a=b] http://m.test/debian/ x\n")
    assert debian_source.mirror_uri(tmp_path) == "http://m.test/debian/"


def test_without_a_debian_mirror_the_error_names_the_way_out(tmp_path):
    with pytest.raises(debian_source.SourceError, match="MPY_DIR"):
        debian_source.mirror_uri(tmp_path)


def test_an_archive_with_another_hash_is_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"tampered")
    with pytest.raises(debian_source.SourceError, match="SHA-256"):
        debian_source.fetch(tmp_path, "a", "a.tar", "00" * 32)


def test_a_missing_command_names_its_package(monkeypatch):
    monkeypatch.setattr(system.shutil, "which", lambda command: None if command == "gcc" else "/bin/x")
    assert system.missing_packages(("gcc", "make")) == ["gcc", "libc6-dev"]


def test_nothing_is_installed_when_that_is_forbidden(monkeypatch, capsys):
    monkeypatch.setenv("GW_INSTALL", "0")
    monkeypatch.setattr(system.shutil, "which", lambda command: None if command == "gcc" else "/bin/x")
    with pytest.raises(SystemExit) as stop:
        system.require("gcc")
    assert stop.value.code == system.EXIT_MISSING
    assert "apt-get install gcc" in capsys.readouterr().err
