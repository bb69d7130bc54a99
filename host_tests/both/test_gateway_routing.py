# SPDX-License-Identifier: MIT
"""Router, admission and ownership: where an APDU goes, whether it may, and whose the meter is."""

from fakes import ALMOST_WRAPPED, FakeMedium, RamStore, make_table, title

from base.ticks import ticks_add
from gateway import refusal
from gateway.admission import ACCEPTED, Admission
from gateway.exchange import Exchanges
from gateway.ownership import Ownership
from gateway.router import TO_ALL, TO_BAD, TO_NOBODY, TO_NODE, TO_OWN, Router
from gateway.rules import Rules
from plc.medium import NODE_LOST, NODE_ONLINE

_GET = b"\xc0\x01\xc1\x00"
_AARQ = b"\x60\x1d\xa1\x09"
_OFF = 5


def _table(title_len=8):
    table, _ = make_table(RamStore(), 4, title_len)
    for n in range(3):
        row = table.add(title(n)[:title_len] if title_len == 8 else b"METER%d" % n)
        table.set_state(row, NODE_ONLINE, 1)
    return table


def _resolve(router, sap, apdu):
    """(target, node, server SAP, prefix octets)."""
    buf = memoryview(b"?" * _OFF + apdu + b"??")
    target = router.resolve(sap, buf, _OFF, len(apdu))
    return target, router.node, router.server_sap, router.prefix_len


def _e6(address, network=0, apdu=_GET):
    return b"\xe6" + bytes([network, len(address)]) + address + apdu


def test_a_sap_leads_to_its_meters_management_device():
    router = Router(_table(), {})
    for row in range(3):
        assert _resolve(router, 0x10 + row, _GET) == (TO_NODE, row, 1, 0)
    assert _resolve(router, 1, _GET)[0] == TO_OWN
    assert _resolve(router, 0x7F, _GET) == (TO_ALL, -1, 1, 0)
    for sap in (0, 2, 0x0F, 0x13, 0x80, 0x2010, 0xFFFF):
        assert _resolve(router, sap, _GET)[:2] == (TO_NOBODY, -1)


def test_an_extra_sap_leads_to_another_device_of_a_meter():
    router = Router(_table(), {0x1000: (title(2), 7), 0x1001: (title(9), 3)})
    assert _resolve(router, 0x1000, _GET) == (TO_NODE, 2, 7, 0)
    assert _resolve(router, 0x1001, _GET)[0] == TO_NOBODY  # that meter is not there
    assert _resolve(router, 0x10, _GET) == (TO_NODE, 0, 1, 0)  # and leaves nothing behind


def test_a_prefix_leads_to_a_meter_by_title_or_address_and_the_wport_inside_it():
    router = Router(_table(), {})
    assert _resolve(router, 5, _e6(title(1))) == (TO_NODE, 1, 5, 11)
    assert _resolve(router, 1, _e6(b"\x00\x03")) == (TO_NODE, 2, 1, 5)
    assert _resolve(router, 0x10, _e6(title(1))) == (TO_NODE, 1, 0x10, 11)  # the wPort is the meter's
    long_form = b"\xe6\x00\x81\x08" + title(1) + _GET
    assert _resolve(router, 1, long_form) == (TO_NODE, 1, 1, 12)


def test_titles_of_six_octets_are_addresses_too():
    router = Router(_table(6), {})
    assert _resolve(router, 1, _e6(b"METER2")) == (TO_NODE, 2, 1, 9)
    assert _resolve(router, 1, _e6(b"METER2\x00\x00"))[0] == TO_NOBODY


def test_a_prefix_to_nobody():
    router = Router(_table(), {})
    for address in (title(8), b"\x00\x00", b"\x00\x04", b"\xff\xff", b"\x01", title(1)[:7], title(1) + b"\x00"):
        assert _resolve(router, 1, _e6(address))[:2] == (TO_NOBODY, -1)


def test_a_malformed_prefix_is_bad_at_every_cut():
    router = Router(_table(), {})
    whole = _e6(title(1))
    for length in range(1, len(whole) - len(_GET) + 1):
        assert _resolve(router, 1, whole[:length])[0] == TO_BAD
    assert _resolve(router, 1, whole[: len(whole) - len(_GET) + 1])[0] == TO_NODE
    assert _resolve(router, 1, b"\xe6\x00\x00" + _GET)[0] == TO_BAD
    assert _resolve(router, 1, b"\xe6\x00\x21" + bytes(40))[0] == TO_BAD


def test_only_the_configured_network_is_served():
    router = Router(_table(), {}, True, 3)
    assert _resolve(router, 1, _e6(title(1), 3))[0] == TO_NODE
    assert _resolve(router, 1, _e6(title(1), 2))[0] == TO_NOBODY


def test_prefixes_can_be_switched_off():
    router = Router(_table(), {}, False)
    assert _resolve(router, 1, _e6(title(1)))[0] == TO_BAD
    assert _resolve(router, 0x10, _GET)[0] == TO_NODE


class _Gate:
    """Admission with its surroundings."""

    def __init__(self):
        self.table = _table()
        self.router = Router(self.table, {})
        self.rules = Rules()
        self.rules.exchanges_cnt, self.rules.per_node_cnt = 4, 2
        self.rules.associations_cnt, self.rules.association_ms = 2, 60000
        self.exchanges = Exchanges(4, 2)
        self.admission = Admission(self.table, self.router, self.exchanges, self.rules)
        self.medium = FakeMedium()
        self.now = ALMOST_WRAPPED

    def judge(self, session, sap=0x10, client=16, apdu=_GET):
        buf = memoryview(apdu)
        target = self.router.resolve(sap, buf, 0, len(apdu))
        inner = buf[self.router.prefix_len :]
        return self.admission.judge(self.now, self.medium, target, session, client, inner)


def test_each_reason_to_refuse():
    gate = _Gate()
    assert gate.judge("A") == ACCEPTED
    assert gate.judge("A", sap=0x99) == refusal.UNKNOWN_SAP
    assert gate.judge("A", apdu=b"\xe6\x00") == refusal.BAD_PREFIX
    for client in (0, 0x100, 0xFFFF):
        assert gate.judge("A", client=client) == refusal.CLIENT_SAP
    assert gate.judge("A", client=0xFF) == ACCEPTED
    for server in (0x100, 0xFFFF):
        assert gate.judge("A", server, apdu=_e6(title(1))) == refusal.CLIENT_SAP
    gate.table.set_state(0, NODE_LOST, 1)
    assert gate.judge("A") == refusal.NODE_AWAY
    assert gate.judge("A", sap=0x11) == ACCEPTED
    gate.table.add(title(3))  # assigned, not verified yet
    assert gate.judge("A", sap=0x13) == refusal.NODE_AWAY
    gate.medium.is_open = False
    assert gate.judge("A", sap=0x11) == refusal.OUTSIDE_WINDOW


def test_saps_of_two_octets_pass_where_the_medium_has_them_and_are_owned_apart():
    gate = _Gate()
    gate.medium.max_sap = 0xFFFF
    assert gate.judge("A", client=0xFFFF, apdu=_AARQ) == ACCEPTED
    assert gate.judge("A", client=0) == refusal.CLIENT_SAP
    assert gate.judge("B", client=0xFFFF) == refusal.PAIR_BUSY
    for client in (0xFF, 0x1FF, 0xFEFF):
        assert gate.judge("B", client=client) == ACCEPTED
        assert gate.judge("B", sap=0x11, client=client) == ACCEPTED
    assert gate.judge("B", sap=0x7F, client=0xFF) == ACCEPTED  # broadcast: only the pair's own SAP counts
    assert gate.judge("B", sap=0x7F, client=0xFFFF) == refusal.PAIR_BUSY


def test_the_meters_ciase_is_out_of_reach_for_head_ends():
    gate = _Gate()
    assert gate.judge("A", 0, apdu=_e6(title(1))) == refusal.CLIENT_SAP


def test_an_apdu_of_the_largest_size_passes_and_one_more_does_not():
    gate = _Gate()
    largest = _GET + bytes(gate.medium.max_apdu - len(_GET))
    assert gate.judge("A", apdu=largest) == ACCEPTED
    assert gate.judge("A", apdu=largest + b"\x00") == refusal.TOO_LONG
    assert gate.judge("A", apdu=_e6(title(0), 0, largest)) == ACCEPTED  # the prefix stays here
    assert gate.judge("A", apdu=_e6(title(0), 0, largest + b"\x00")) == refusal.TOO_LONG


def test_a_full_queue_refuses_the_node_and_a_full_pool_everybody():
    gate = _Gate()
    for _ in range(2):
        gate.exchanges.open(gate.now, "A", 0, 1000)
    assert gate.judge("A") == refusal.QUEUE_FULL
    assert gate.judge("B") == ACCEPTED  # has none waiting there
    assert gate.judge("B", sap=0x11) == ACCEPTED
    for _ in range(2):
        gate.exchanges.open(gate.now, "A", 1, 1000)
    assert gate.judge("B", sap=0x12) == refusal.QUEUE_FULL
    assert gate.judge("B", sap=0x7F) == refusal.QUEUE_FULL


def test_a_broadcast_belongs_to_nobody_and_needs_no_meter():
    gate = _Gate()
    for row in range(3):
        gate.table.set_state(row, NODE_LOST, 1)
    assert gate.judge("A", sap=0x7F, apdu=_AARQ) == ACCEPTED
    assert gate.judge("B", sap=0x7F, apdu=_AARQ) == ACCEPTED
    assert len(gate.admission.ownership) == 0


def test_a_pair_is_its_sessions_from_the_aarq_on():
    gate = _Gate()
    assert gate.judge("A") == ACCEPTED  # without an association nobody owns it
    assert gate.judge("B") == ACCEPTED
    assert gate.judge("A", apdu=_AARQ) == ACCEPTED
    assert gate.judge("B", apdu=_AARQ) == refusal.PAIR_BUSY
    assert gate.judge("B") == refusal.PAIR_BUSY
    assert gate.judge("B", client=17, apdu=_AARQ) == ACCEPTED  # another client SAP
    assert gate.judge("A", apdu=_AARQ) == ACCEPTED  # again by its owner
    assert gate.judge("A", sap=0x11, apdu=_AARQ) == refusal.OWNERS_FULL
    assert gate.judge("A", sap=0x11) == ACCEPTED


def test_what_is_refused_takes_no_pair():
    gate = _Gate()
    gate.medium.is_open = False
    assert gate.judge("A", apdu=_AARQ) == refusal.OUTSIDE_WINDOW
    gate.medium.is_open = True
    assert gate.judge("B", apdu=_AARQ) == ACCEPTED


def test_an_unused_pair_is_free_after_its_time_and_use_renews_it():
    gate = _Gate()
    gate.judge("A", apdu=_AARQ)
    gate.now = ticks_add(gate.now, 59999)
    assert gate.judge("B") == refusal.PAIR_BUSY
    assert gate.judge("A") == ACCEPTED
    gate.now = ticks_add(gate.now, 59999)
    assert gate.judge("B") == refusal.PAIR_BUSY
    gate.now = ticks_add(gate.now, 1)
    assert gate.judge("B", apdu=_AARQ) == ACCEPTED
    assert gate.judge("A") == refusal.PAIR_BUSY


def test_ownership_is_bounded_and_makes_room_by_time():
    owners = Ownership(2, 1000)
    now = ALMOST_WRAPPED
    assert owners.take(now, 0, 1, "A") and owners.take(now, 1, 1, "A")
    assert not owners.take(ticks_add(now, 999), 2, 1, "B")
    assert owners.take(now, 0, 1, "A")  # has it already
    assert owners.take(ticks_add(now, 1000), 2, 1, "B")
    assert len(owners) == 1
    assert owners.owner(ticks_add(now, 1000), 0, 1) is None
    assert owners.owner(ticks_add(now, 1000), 2, 1) == "B"


def test_a_forgotten_pair_never_comes_back_when_ticks_wrap():
    owners = Ownership(4, 1000)
    now = ALMOST_WRAPPED
    owners.take(now, 0, 1, "A")
    day = 86400000
    for days in range(1, 14):
        later = (now + days * day) % (1 << 30)  # ticks_add itself takes less than half a period
        owners.take(later, 9, 9, "B")
        assert owners.owner(later, 0, 1) is None


def test_a_session_that_ends_frees_its_pairs_and_no_others():
    owners = Ownership(8, 1000)
    now = ALMOST_WRAPPED
    for node in range(3):
        owners.take(now, node, 0xFF, "A")
    owners.take(now, 1791, 0xFF, "B")
    owners.release_session("A")
    assert [owners.owner(now, node, 0xFF) for node in (0, 1, 2, 1791)] == [None, None, None, "B"]
    owners.release(1791, 0xFF, "A")  # not its own
    assert owners.owner(now, 1791, 0xFF) == "B"
    owners.release(1791, 0xFF, "B")
    owners.release(1791, 0xFF, "B")  # nobody's already
    assert len(owners) == 0
    assert all(owners.take(now, node, 1, "C") for node in range(8))


def test_every_reason_has_its_name_and_its_words():
    assert len(refusal.NAMES) == refusal.SESSION_GONE + 1 == len(set(refusal.NAMES))
    for reason in range(len(refusal.NAMES)):
        expected = b"\xd8\x01\x04" if reason == refusal.TOO_LONG else b"\xd8\x01\x01"
        assert refusal.apdu_for(reason) == expected


def test_a_pair_left_for_a_week_is_not_owned_again_when_ticks_wrap():
    owners = Ownership(4, 1000)
    now = ALMOST_WRAPPED
    owners.take(now, 0, 1, "A")
    for _ in range(14 * 24):
        now = ticks_add(now, 3600000)
        owners.on_deadline(now)
        assert owners.owner(now, 7, 7) is None and len(owners) == 0


def test_one_head_end_that_never_releases_does_not_keep_the_others_from_associating():
    owners = Ownership(8, 1000)
    now = ALMOST_WRAPPED
    for node in range(8):
        assert owners.take(ticks_add(now, node), node, 1, "A")
    now = ticks_add(now, 100)
    owners.refresh(now, 0, 1)
    assert not owners.take(now, 8, 1, "A")
    assert owners.take(now, 8, 1, "B") and owners.take(now, 9, 1, "B")
    assert not owners.take(now, 10, 1, "B")  # a quarter is sure, no more
    held = [owners.owner(now, node, 1) for node in range(10)]
    assert held == ["A", None, None, "A", "A", "A", "A", "A", "B", "B"] and len(owners) == 8
    assert owners.take(now, 11, 1, "C") and owners.owner(now, 3, 1) is None and owners.owner(now, 8, 1) == "B"
