# SPDX-License-Identifier: MIT
"""Six hours of the line, 30 meters, 3 head-ends, every fault at random: each reply belongs to one
outstanding request of its session, once; afterwards every meter is readable. GW_SOAK_SEED, GW_SOAK_H.
"""

from __future__ import annotations

import os

from host_tests.rig_support import meters
from host_tests.rig_support.ledger import ANSWERED, REFUSED, assert_all_readable, assert_at_rest, chances, numbered_rig
from host_tests.rig_support.trouble import Trouble
from tools.rig import fresh_flash
from tools.sim.options import ChipOptions, LineOptions, SegmentOptions

SEED = os.environ.get("GW_SOAK_SEED", "1")
HOURS = float(os.environ.get("GW_SOAK_H", "6"))
METERS, HEAD_ENDS = 30, 3
TAGS = (meters.GET, meters.GLO_GET, meters.GENERAL_GLO)


def ask_at_random(trouble: Trouble) -> None:
    """Each head-end asks some meter something, now and then."""
    chance = trouble.chance
    for hes in trouble.hess:
        if chance.random() < 0.5:
            row = min(int(chance.expovariate(0.15)), METERS - 1)
            what = chance.choice(TAGS), chance.choice((13, 40, 120, 230)), chance.choice((0, 40, 220))
            trouble.ledger.ask(hes, row, chance.choice((1, 16, 17)), *what)


def soak(seed: str, hours: float) -> Trouble:
    """The run; ends calm."""
    chance = chances(seed)
    options = SegmentOptions(chip=ChipOptions(chunk=0), line=LineOptions(seed=chance.randrange(10**6)))
    rig, ledger = numbered_rig(METERS, options=options, fs=fresh_flash())
    trouble = Trouble(rig, ledger, HEAD_ENDS, chance)
    until_us = rig.kernel.now_us + hours * 3600e6
    next_us = 0
    last = ""
    while trouble.rig.kernel.now_us < until_us:
        if trouble.rig.kernel.now_us >= next_us:
            last = trouble.one()
            next_us = trouble.rig.kernel.now_us + chance.expovariate(1 / 30) * 1e6
        ask_at_random(trouble)
        trouble.rig.run(chance.expovariate(1 / 0.7))
        ledger.give_up()
        assert not ledger.wrong, (last, ledger.wrong[:3])
    trouble.calm()
    return trouble


def test_six_hours_of_every_trouble():
    trouble = soak(SEED, HOURS)
    rig, ledger = trouble.rig, trouble.ledger
    titles = {title: rig.table.find(title) for title in rig.sim.nodes}
    assert sorted(titles.values()) == list(range(METERS))
    rig.run_until(lambda: rig.online() == METERS, 3600)
    rig.run(300)
    for hes in trouble.hess:
        ledger.close(hes)
    assert_all_readable(ledger, METERS)
    ledger.check()
    rig.run(10)
    assert_at_rest(rig)
    assert ledger.count(ANSWERED) > 400 * HOURS and min(trouble.count.values()) > 0
    print("answered %d, refused %d of %d" % (ledger.count(ANSWERED), ledger.count(REFUSED), len(ledger.asked)))
    print(trouble.count)
