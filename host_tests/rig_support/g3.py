# SPDX-License-Identifier: MIT
"""The core on a simulated G3 PAN: the rig of tools.rig with PSKs where the gateway looks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from host_tests.rig_support.ledger import Ledger
from host_tests.rig_support.meters import Numbered
from tools.rig import Rig, fresh_flash
from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3Options
from tools.sim.g3.segment import G3Segment
from tools.sim.server import DlmsServer, EchoServer

DIALECTS = ("H", "L")


def g3_config(dialect: str = "H", **settings: Any) -> dict[str, Any]:
    """config.json of a G3 gateway that has its PSKs in a file."""
    return {"medium": "g3", "wan": {"max_apdu": 848}, "g3": {"dialect": dialect, "psk": "file", **settings}}


def g3_flash(psks: dict[str, str]) -> Any:
    """A flash with psk.json."""
    fs = fresh_flash()
    with fs.open("/state/psk.json", "w") as file:
        file.write(json.dumps(psks))
    return fs


def g3_rig(
    meters: int = 8,
    dialect: str = "H",
    make_server: Callable[[bytes], DlmsServer] = lambda title: EchoServer(),
    line: G3LineOptions | None = None,
    prepare: Callable[[G3Segment], object] = lambda sim: None,
    gateway: dict[str, Any] | None = None,
    keys: bytes = b"",
    **settings: Any,
) -> Rig:
    """A started gateway; `prepare` may change the PAN before it, after the PSKs were written down.

    `gateway` and `settings`: what those sections of config.json say."""
    modem = G3ModemOptions(dialect=dialect)
    sim = G3Segment(G3Options(meters=meters, modem=modem, line=line or G3LineOptions()), make_server)
    fs = g3_flash(sim.psks())
    prepare(sim)
    return Rig(sim=sim, fs=fs, config={**g3_config(dialect, **settings), "gateway": gateway or {}}, keys=keys)


def numbered_g3(meters: int, dialect: str = "H", **what: Any) -> tuple[Rig, Ledger]:
    """As rig_support.ledger.numbered_rig: meters whose answers tell, all joined; and the ledger."""
    what.setdefault("make_server", Numbered)
    rig = g3_rig(meters, dialect, **what)
    rig.run_until_registered(meters)
    rig.run(90)  # ways are looked up a minute after a join
    return rig, Ledger(rig)
