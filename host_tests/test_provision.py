# SPDX-License-Identifier: MIT
"""tools/provision.py: what it writes is what the firmware reads, and it tells nobody a key."""

import json
import stat

import pytest

from dlms.security.key_store import KeyStore
from hal.aes import cipher
from host_tests.both import security_fakes
from tools import provision
from tools.sim import gateway_config

GUEK, GAK = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
ONE = {"master": "40" * 15 + "41", "clients": {"1": {"guek": GUEK, "gak": GAK}}}


class Record:
    """A file as the firmware's record."""

    def __init__(self, path):
        self.path = path

    def load(self):
        return self.path.read_bytes() if self.path.exists() else None


def keys_in(folder):
    return KeyStore(Record(folder / "keys.bin"), cipher)


def run(capsys, *words):
    code = provision.main(list(words))
    out = capsys.readouterr()
    return code, out.out, out.err


def put(tmp_path, told):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(told))
    return str(path)


def test_given_keys_are_what_the_firmware_finds(tmp_path, capsys):
    told = {
        "suite": 2,
        "master": "42" * 31 + "43",
        "broadcast": "52" * 31 + "53",
        "clients": {
            "1": {"guek": GUEK * 2, "gak": GAK * 2},
            "127": {"guek": GAK, "gak": GUEK, "suite": 0, "policy": "24"},
        },
    }
    code, out, err = run(capsys, "--state", str(tmp_path / "state"), "--keys", put(tmp_path, told))
    assert (code, err) == (0, "")
    keys = keys_in(tmp_path / "state")
    assert not keys.error and keys.has_master
    assert (keys.find(1).suite, keys.find(1).policy) == (2, 0x6C)
    assert keys.find(1).encryption_key == bytes.fromhex(GUEK * 2)
    assert (keys.find(127).suite, keys.find(127).policy) == (0, 0x24)
    assert keys.find(127).authentication_key == bytes.fromhex(GUEK)
    assert not keys.is_provisioned(32) and not keys.is_provisioned(64)
    for key in (GUEK, GAK, "4242", "5252"):
        assert key.lower() not in out.lower()


def test_the_record_is_octet_by_octet_the_one_that_the_firmwares_tests_describe():
    clients = {sap: provision.Client(*row) for sap, row in security_fakes.same_keys().items()}
    assert provision.record(clients, security_fakes.MASTER, b"", 1) == security_fakes.key_record(
        security_fakes.same_keys()
    )


def test_new_keys_are_all_different_and_shown_on_standard_output_only(tmp_path, capsys):
    code, out, err = run(capsys, "--state", str(tmp_path / "a"), "--show")
    assert code == 0 and "client 127" in err
    shown = json.loads(out)
    found = keys_in(tmp_path / "a")
    assert found.find(32).encryption_key.hex() == shown["clients"]["32"]["guek"]
    every = [shown["master"]] + [key for one in shown["clients"].values() for key in one.values()]
    assert len(set(every)) == 9 and {len(key) for key in every} == {32}
    code, _, err = run(capsys, "--state", str(tmp_path / "b"), "--show", "--suite", "2", "--clients", "1,64")
    again = keys_in(tmp_path / "b")
    assert code == 0 and again.find(64).suite == 2 and not again.is_provisioned(32)
    for sap in (1, 64):
        assert again.find(sap).encryption_key.hex() not in err
        assert again.find(sap).authentication_key.hex() not in err


def test_new_keys_that_nobody_would_see_are_not_made(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(capsys, "--state", str(tmp_path / "a"))
    assert "--show" in capsys.readouterr().err and not (tmp_path / "a").exists()


def test_help_says_what_the_file_of_keys_looks_like(capsys):
    with pytest.raises(SystemExit):
        run(capsys, "--help")
    out = capsys.readouterr().out
    assert all(word in out for word in ('"clients": {"1": {"guek"', "policy 6C", "127"))


def test_what_show_prints_is_a_file_that_keys_takes(tmp_path, capsys):
    _, shown, err = run(capsys, "--state", str(tmp_path / "a"), "--show")
    (tmp_path / "keys.json").write_text(shown)
    code, out, _ = run(capsys, "--state", str(tmp_path / "b"), "--keys", str(tmp_path / "keys.json"))
    assert code == 0 and json.loads(shown)["master"] not in err + out
    one, other = keys_in(tmp_path / "a"), keys_in(tmp_path / "b")
    for sap in (1, 32, 64, 127):
        assert one.find(sap).encryption_key == other.find(sap).encryption_key
        assert one.find(sap).authentication_key == other.find(sap).authentication_key


def test_keys_are_for_their_owner_only_also_when_a_write_was_cut_off_before(tmp_path, capsys):
    (tmp_path / "keys.bin.new").write_bytes(b"half")
    (tmp_path / "keys.bin.new").chmod(0o644)
    assert run(capsys, "--state", str(tmp_path), "--show")[0] == 0
    assert stat.S_IMODE((tmp_path / "keys.bin").stat().st_mode) == 0o600


def test_keys_that_are_there_stay_unless_told_otherwise(tmp_path, capsys):
    state = tmp_path / "state"
    assert run(capsys, "--state", str(state), "--show")[0] == 0
    (state / "counters.bin").write_bytes(b"x")
    before = (state / "keys.bin").read_bytes()
    code, _, err = run(capsys, "--state", str(state), "--show")
    assert code == 2 and "--replace" in err and (state / "keys.bin").read_bytes() == before
    assert run(capsys, "--state", str(state), "--keys", put(tmp_path, ONE), "--replace")[0] == 0
    assert (state / "counters.bin").exists()  # perhaps the same keys: their counters go on
    assert run(capsys, "--state", str(state), "--show", "--replace")[0] == 0
    assert not (state / "counters.bin").exists()  # keys never used before
    assert (state / "keys.bin").read_bytes() != before
    assert stat.S_IMODE((state / "keys.bin").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"clients": {}}, "clients"),
        ({"clients": {"16": {}}}, "16 is none of"),
        ({"clients": {"1": {"guek": GUEK}}}, "clients.1.gak"),
        ({"clients": {"1": {"guek": GUEK[:-2], "gak": GAK}}}, "clients.1.guek"),
        ({"clients": {"1": {"guek": "xx" * 16, "gak": GAK}}}, "clients.1.guek"),
        ({"clients": {"1": {"guek": "00" * 16, "gak": GAK}}}, "every octet"),
        ({"clients": {"1": {"guek": GUEK, "gak": GUEK}}}, "are the same"),
        ({"clients": {"1": {"guek": GUEK, "gak": GAK, "policy": "00"}}}, "policy"),
        ({"clients": {"1": {"guek": GUEK, "gak": GAK, "suite": 2}}}, "64 hex digits in suite 2"),
        ({"clients": {"1": {"guek": GUEK, "gak": GAK, "key": 1}}}, "no such field: key"),
        ({"suite": 3}, "suite"),
        ({"master": 5}, "master"),
        ({"kek": GUEK}, "no such field: kek"),
    ],
)
def test_what_is_wrong_is_named_without_a_key(tmp_path, capsys, change, complaint):
    code, out, err = run(capsys, "--state", str(tmp_path / "s"), "--keys", put(tmp_path, {**ONE, **change}))
    assert code == 2 and complaint in err and GUEK not in err + out and not (tmp_path / "s").exists()


def test_clients_that_share_a_key_are_warned_of(tmp_path, capsys):
    shared = {**ONE, "clients": {"1": {"guek": GUEK, "gak": GAK}, "32": {"guek": GUEK, "gak": GAK}}}
    code, out, _ = run(capsys, "--state", str(tmp_path), "--keys", put(tmp_path, shared))
    assert code == 0 and "clients 1 and 32 have one unicast key" in out


def test_the_board_is_asked_first_and_told_by_mpremote(tmp_path, monkeypatch, capsys):
    asked = []
    listing = ["", "   352 keys.bin\n    30 counters.bin\n"]

    def fake(port, *words):
        asked.append((port, words[0], words[-1]))
        if words[0] == "cp":
            asked.append(len(open(words[1], "rb").read()))
        return provision.subprocess.CompletedProcess(words, 0, listing[0] if words[0] == "ls" else "", "")

    monkeypatch.setattr(provision, "_mpremote", fake)
    assert run(capsys, "--board", "/dev/ttyX", "--show")[0] == 0
    assert asked == [
        ("/dev/ttyX", "ls", ":/flash/state/"),
        ("/dev/ttyX", "cp", ":/flash/state/keys.bin"),
        352,
    ]
    listing.reverse()
    code, _, err = run(capsys, "--board", "--show")
    assert code == 2 and "--replace" in err
    del asked[:]
    assert run(capsys, "--board", "--show", "--replace")[0] == 0
    assert ("", "rm", ":/flash/state/counters.bin") in asked


def test_a_simulated_gateway_has_the_test_keys_unless_its_configuration_says_otherwise(tmp_path):
    config = {"wan": {"port": 1}}
    keys = gateway_config.take_keys(config)
    assert config == {"wan": {"port": 1}} and sorted(keys.clients) == [1, 32, 64, 127]
    gateway_config.write_keys(tmp_path, keys)
    found = keys_in(tmp_path)
    for sap in (1, 32, 64, 127):
        assert found.find(sap).encryption_key.hex().upper() == GUEK
        assert found.find(sap).authentication_key.hex().upper() == GAK
    before = (tmp_path / "keys.bin").read_bytes()
    gateway_config.write_keys(tmp_path, provision.parse(ONE))
    assert (tmp_path / "keys.bin").read_bytes() == before
    config = {"keys": None}
    assert gateway_config.take_keys(config) is None and config == {}
    gateway_config.write_keys(tmp_path / "none", None)
    assert not (tmp_path / "none").exists()
    assert sorted(gateway_config.take_keys({"keys": ONE}).clients) == [1]
    with pytest.raises(gateway_config.ConfigError, match="keys"):
        gateway_config.take_keys({"keys": {"clients": 5}})
