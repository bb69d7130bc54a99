# SPDX-License-Identifier: MIT
"""The gateway's folder in a simulated run: what is kept, what the simulator insists on, what is back after a reset."""

import json
import stat
from types import SimpleNamespace

import pytest

from tools.sim import cli, runner, worlds
from tools.sim.gateway_config import ConfigError
from tools.sim.kernel import Kernel
from tools.sim.screen import Screen
from tools.sim.state_folder import StateFolder

GOOD = '{"wan": {"address": "127.0.0.1"}}'


class Run:
    """One start of the simulator with a state folder."""

    def __init__(self, path, *arguments):
        self.said = []
        self.options = cli.parse(["--state-dir", str(path), "--meters", "1", *arguments])
        self.segment = worlds.build_segment(self.options, SimpleNamespace(kernel=Kernel()))
        self.folder = StateFolder(path, self.options, self.said.append)
        self.folder.prepare(4711, self.segment)
        self.path = path

    @property
    def config(self):
        return json.loads((self.path / "config.json").read_text())

    def change(self, **sections):
        """As a change over DLMS does."""
        (self.path / "config.json").write_text(json.dumps({**self.config, **sections}))


def test_a_new_folder_gets_the_simulators_settings_and_nothing_is_said(tmp_path):
    run = Run(tmp_path)
    assert run.config["wan"] == {"address": "127.0.0.1", "port": 4711}
    assert run.config["sfsk"]["time_scale"] == 20 and run.config["dlms"] == {"public_reads_all": True}
    assert run.said == []


@pytest.mark.parametrize("medium", ["sfsk", "g3"])
def test_no_listener_of_a_simulated_gateway_leaves_the_pc_unless_told(tmp_path, medium):
    config = Run(tmp_path, "--medium", medium).config
    assert [config[name]["address"] for name in ("wan", "tls", "local")] == ["127.0.0.1"] * 3


def test_what_a_gateway_falls_back_on_without_config_json_listens_on_the_pc_and_the_port_too(tmp_path):
    (tmp_path / "over.json").write_text('{"wan": {"address": "0.0.0.0"}}')
    Run(tmp_path / "s", "--config", str(tmp_path / "over.json"))
    good = json.loads((tmp_path / "s" / "config.good.json").read_text())
    assert good["wan"] == {"address": "127.0.0.1", "port": 4711}


def test_a_good_configuration_of_before_stays(tmp_path):
    (tmp_path / "config.good.json").write_text(GOOD)
    Run(tmp_path)
    assert (tmp_path / "config.good.json").read_text() == GOOD


def test_a_kept_file_with_a_setting_that_does_not_exist_is_named_and_left_as_it_is(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"wan": {"prt": 1}}')
    with pytest.raises(ConfigError, match="config.json: the gateway refuses(.|\n)*wan.prt: no such setting"):
        Run(tmp_path)
    assert path.read_text() == '{"wan": {"prt": 1}}' and [one.name for one in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("wan", [{"address": "127.0.0.1", "port": 2}, {"address": "127.0.0.1"}])
def test_a_port_set_over_dlms_is_put_back_at_the_restart_and_it_is_said(tmp_path, wan):
    """The second: the firmware's default port, which it does not write down."""
    run = Run(tmp_path)
    run.change(wan=wan)
    run.folder.before_start()
    assert run.config["wan"]["port"] == 4711
    assert run.said == ["wan.port was set to {0}: a simulated gateway stays on port 4711; another one: --wan-port {0}"
                        .format(wan.get("port", 4059))]


def test_what_was_set_over_dlms_is_there_at_the_next_start(tmp_path):
    Run(tmp_path).change(dlms={"public_reads_all": False}, gateway={"quarantine_s": 77})
    again = Run(tmp_path)
    assert again.config["gateway"] == {"quarantine_s": 77} and again.config["dlms"] == {"public_reads_all": False}
    assert again.said == ["settings of %s are kept" % (tmp_path / "config.json")]


def test_what_only_the_simulator_knows_is_not_kept(tmp_path):
    run = Run(tmp_path)
    wan = {"address": "0.0.0.0", "port": 1, "sessions": 3}
    run.change(medium="g3", wan=wan, sfsk={"time_scale": 1, "think_ms": 19})
    config = Run(tmp_path, "--time-scale", "50").config
    assert config["medium"] == "sfsk" and config["wan"] == {"address": "127.0.0.1", "port": 4711, "sessions": 3}
    assert config["sfsk"]["time_scale"] == 50 and config["sfsk"]["think_ms"] == 19


def test_config_is_over_what_was_kept_and_the_port_over_that(tmp_path):
    (tmp_path / "over.json").write_text('{"gateway": {"quarantine_s": 5}, "wan": {"port": 2}, "keys": null}')
    Run(tmp_path / "s").change(gateway={"quarantine_s": 77, "nodes": 9})
    config = Run(tmp_path / "s", "--config", str(tmp_path / "over.json")).config
    assert config["gateway"] == {"quarantine_s": 5, "nodes": 9} and config["wan"]["port"] == 4711


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_kept_file_that_is_broken_is_named_and_nothing_starts(tmp_path, capsys, text):
    (tmp_path / "config.json").write_text(text)
    assert runner.main(["--state-dir", str(tmp_path)]) == 2
    assert str(tmp_path / "config.json") in capsys.readouterr().err


def test_after_a_factory_reset_the_simulators_settings_and_the_test_keys_are_back(tmp_path):
    run = Run(tmp_path)
    run.change(gateway={"quarantine_s": 77})
    old_keys = (tmp_path / "keys.bin").read_bytes()
    for name in ("counters.bin", "journal", "factory-reset"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "keys.bin").write_bytes(b"other")
    run.folder.before_start()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.good.json", "config.json", "keys.bin"]
    assert "gateway" not in run.config and run.config["wan"]["port"] == 4711
    assert len((tmp_path / "keys.bin").read_bytes()) == len(old_keys)
    assert len(run.said) == 1 and "factory reset: 5 files removed" in run.said[0] and "test keys" in run.said[0]


def test_after_a_factory_reset_without_keys_there_are_none_and_it_is_said(tmp_path):
    (tmp_path / "over.json").write_text('{"keys": null}')
    run = Run(tmp_path / "s", "--config", str(tmp_path / "over.json"))
    (tmp_path / "s" / "factory-reset").touch()
    run.folder.before_start()
    assert not (tmp_path / "s" / "keys.bin").exists() and "no keys (tools.provision)" in run.said[-1]


def test_a_start_without_a_reset_changes_nothing_and_one_without_settings_gets_them(tmp_path):
    run = Run(tmp_path)
    run.change(gateway={"quarantine_s": 77})
    run.folder.before_start()
    assert run.config["gateway"] == {"quarantine_s": 77} and run.said == []
    (tmp_path / "config.json").unlink()
    run.folder.before_start()
    assert run.config["wan"]["port"] == 4711 and len(run.said) == 1


def test_keys_and_psks_are_for_their_owner_only(tmp_path):
    Run(tmp_path, "--medium", "g3")
    for name in ("keys.bin", "psk.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_banner_names_listeners_beside_the_wans_and_what_tls_lacks(tmp_path, capsys):
    run = Run(tmp_path)
    assert run.folder.listeners() == []
    run.change(tls={"address": "127.0.0.1", "port": 4061}, local={"address": "127.0.0.1", "port": 4062})
    (tmp_path / "tls-ca.der").touch()
    tls, local = run.folder.listeners()
    assert tls.startswith("tls 127.0.0.1:4061: no tls-own.der") and local == "local 127.0.0.1:4062"
    (tmp_path / "tls-own.der").touch()
    assert run.folder.listeners()[0] == "tls 127.0.0.1:4061"
    table = runner.console.SapTable()
    Screen(1, False).ready(1, 4711, run.folder.listeners(), table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["READY 1 nodes, wan 127.0.0.1:4711", "      tls 127.0.0.1:4061", "      local 127.0.0.1:4062"]
