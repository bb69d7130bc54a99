# SPDX-License-Identifier: MIT
"""Airtime: the tables of g3.md 7.1 out of the line itself, retries, contention."""

import pytest

from tools.sim.g3 import airtime, mesh
from tools.sim.g3.line import G3Line
from tools.sim.g3.options import G3LineOptions
from tools.sim.g3.station import Station
from tools.sim.g3.transfer import Transfer
from tools.sim.kernel import Kernel

ROBO, BPSK, QPSK, PSK8 = range(4)
# (band, APDU octets, modulation, MAC segments, ms per hop): 7.1, from the five-hop column where there is one
TABLE = [
    ("cen-a", 13, ROBO, 1, 718 / 5),
    ("cen-a", 13, BPSK, 1, 412 / 5),
    ("cen-a", 100, ROBO, 2, 1592 / 5),
    ("cen-a", 100, BPSK, 1, 551 / 5),
    ("cen-a", 100, QPSK, 1, 426 / 5),
    ("cen-a", 100, PSK8, 1, 384 / 5),
    ("cen-a", 400, ROBO, 5, 4724 / 5),
    ("cen-a", 400, BPSK, 3, 1642 / 5),
    ("cen-a", 400, QPSK, 3, 1211 / 5),
    ("cen-a", 400, PSK8, 3, 1086 / 5),
    ("cen-a", 1000, ROBO, 11, 10715 / 5),
    ("cen-a", 1000, BPSK, 6, 3440 / 5),
    ("fcc", 400, ROBO, None, 145),
    ("fcc", 400, BPSK, None, 67),
    ("fcc", 100, ROBO, None, 52),
    ("fcc", 100, BPSK, None, 28),
]
LQI = {ROBO: 10, BPSK: 60, QPSK: 72, PSK8: 92}


@pytest.mark.parametrize(("band_name", "apdu_len", "modulation", "segments", "expected_ms"), TABLE)
def test_a_hop_costs_what_the_table_says(band_name, apdu_len, modulation, segments, expected_ms):
    band = airtime.BANDS[band_name]
    lens = airtime.fragments(apdu_len + 8 + airtime.HEADERS_LEN)
    if segments is not None:
        assert sum(len(airtime.segments(band, modulation, length)) for length in lens) == segments
    access_us = band.space_us + (8 + 3.5) * band.slot_us
    total_us = sum(access_us + airtime.msdu_us(band, modulation, length) for length in lens)
    assert total_us / 1000 == pytest.approx(expected_ms, rel=0.035)


def test_access_takes_21_and_a_half_ms_on_average():
    assert (airtime.CEN_A.space_us + 11.5 * airtime.CEN_A.slot_us) / 1000 == pytest.approx(21.5, abs=0.1)


def chain(hops, lqi, **options):
    """A line of stations that all hear their neighbours."""
    line = G3Line(Kernel(), G3LineOptions(**options))
    stations = [Station(line, bytes((0, 0, 0, 0, 0, 0, 0, number)), 100) for number in range(hops + 1)]
    for number, station in enumerate(stations):
        station.pan_id, station.short_addr, station.keys[0] = 1, number, bytes(16)
        if number:
            line.link(stations[number - 1], station, lqi)
    return line, stations


@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("modulation", "per_hop_ms"), [(ROBO, 944.8), (BPSK, 328.4), (PSK8, 217.2)])
def test_the_line_itself_takes_the_tables_time_over_many_hops(hops, modulation, per_hop_ms):
    line, stations = chain(hops, LQI[modulation])
    arrived = []
    lens = airtime.fragments(400 + 8 + airtime.HEADERS_LEN)
    for _ in range(40):
        mesh.Journey(stations, lens, lambda path: arrived.append(line.kernel.now_us)).start()
        line.kernel.run_until_idle(10**12)
    assert len(arrived) == 40
    assert arrived[-1] / 40 / 1000 == pytest.approx(hops * per_hop_ms, rel=0.03)


def test_time_scale_divides_all_of_it_and_zero_means_no_airtime():
    spans = []
    for scale in (1, 10, 0):
        line, stations = chain(1, 10, time_scale=scale)
        mesh.Journey(stations, (100,), lambda path, line=line: spans.append(line.kernel.now_us)).start()
        line.kernel.run_until_idle(10**9)
    assert spans[0] / spans[1] == pytest.approx(10, rel=0.01)
    assert spans[2] < 100


def test_a_lost_frame_is_repeated_five_times_with_lower_modulation_each_time():
    line, (one, other) = chain(1, LQI[PSK8], loss=1.0)
    transfer = Transfer(one, other, (100,), PSK8)
    statuses, tried = [], []
    transfer.done = statuses.append
    original = line._transmit
    line._transmit = lambda winners: (tried.append(winners[0].modulation), original(winners))
    line.send(transfer)
    line.kernel.run_until_idle(10**9)
    assert (tried, statuses) == ([PSK8, QPSK, BPSK, ROBO, ROBO, ROBO], [0xE9])


def test_stations_that_draw_the_same_slot_collide_and_both_get_through_later():
    line, stations = chain(1, 60, seed=3)
    hub = stations[0]
    senders = [Station(line, bytes((1, 0, 0, 0, 0, 0, 0, number)), 100) for number in range(30)]
    statuses = []
    for sender in senders:
        line.link(sender, hub, 60)
        transfer = Transfer(sender, hub, (50,), BPSK)
        transfer.done = statuses.append
        line.send(transfer)
    line.kernel.run_until_idle(10**9)
    assert line.counters["collisions"] > 0
    assert statuses == [0] * 30


def test_a_frame_of_high_priority_goes_before_waiting_normal_ones():
    line, stations = chain(1, 60)
    hub, order = stations[0], []
    for number in range(4):
        sender = Station(line, bytes((1, 0, 0, 0, 0, 0, 0, number)), 100)
        line.link(sender, hub, 60)
        transfer = Transfer(sender, hub, (300,), BPSK)
        transfer.is_high = number == 3
        transfer.done = lambda status, number=number: order.append(number)
        line.send(transfer)
    line.kernel.run_until_idle(10**9)
    assert order[0] == 3


def test_runs_with_the_same_seed_are_the_same():
    def run():
        line, stations = chain(3, 60, loss=0.3, seed=7)
        times = []
        for _ in range(20):
            mesh.Journey(stations, (120,), lambda path: times.append(line.kernel.now_us)).start()
            line.kernel.run_until_idle(10**10)
        return times

    assert run() == run()
