# SPDX-License-Identifier: MIT
"""Which class a request is in: the defaults, every kind of rule, what the pool keeps free for control."""

from fakes import Rig

from app.class_rules import parse
from app.config import defaults, validate
from gateway.exchange import Exchanges
from gateway.traffic_class import BULK, CONTROL, ON_DEMAND, Classes

_GET = b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00"
_ACTION = b"\xc3\x01\xc1\x00\x46\x00\x00\x60\x03\x0a\xff\x01\x01\x0f\x00"
_REFUSED = b"\xd8\x01\x01"


class _Session:
    def __init__(self, peer=b"\x0a\x00\x00\x01", service=0):
        self.peer = peer
        self.service = service


def class_rules(rows):
    return tuple([parse(row) for row in rows])


def _class_of(rows, apdu, client=16, session=None):
    classes = Classes(class_rules(rows), 120000)
    return classes.of(session or _Session(), client, memoryview(apdu)), classes.answer_ms


def test_the_defaults_know_actions_firmware_and_long_transfers():
    rows = defaults()["gateway.classes"]
    cases = (
        # APDU (tags of the Green Book, COSEMpdu), client SAP, class
        (b"\xc3\x01\xc1", 1, CONTROL), (b"\xcb\x20\x30", 1, CONTROL), (b"\xd3\x20\x30", 1, CONTROL),
        (b"\xcb\x20\x30", 64, BULK), (b"\xe0\x81\x00", 1, BULK), (b"\xc0\x02\xc1", 16, BULK),
        (b"\xc0\x01\xc1", 16, ON_DEMAND), (b"\xc8\x20\x30", 1, ON_DEMAND), (b"\xdb\x08\x00", 1, ON_DEMAND),
        (b"\xc0", 16, ON_DEMAND), (b"\x60\x1d", 1, ON_DEMAND), (b"\xc1\x01\xc1", 1, ON_DEMAND),
    )  # fmt: skip
    for apdu, client, expected in cases:
        assert _class_of(rows, apdu, client)[0] == expected, (apdu, client)


def test_a_rule_fits_when_all_it_names_does_and_the_first_one_decides():
    rows = [
        "control client 3 hes 10.0.0.9 answer_s 20",
        "bulk service tls",
        "on-demand client 3 apdu C0",
        "bulk client 3",
        "bulk hes 192.168.0.0/16",
    ]
    home, away = _Session(b"\x0a\x00\x00\x09"), _Session(b"\x0a\x00\x00\x08")
    assert _class_of(rows, _GET, 3, home) == (CONTROL, 20000)
    assert _class_of(rows, _GET, 3, away) == (ON_DEMAND, 120000)
    assert _class_of(rows, _ACTION, 3, away) == (BULK, 120000)
    assert _class_of(rows, _ACTION, 4, _Session(b"\x0a\x00\x00\x09", 1)) == (BULK, 120000)
    assert _class_of(rows, _ACTION, 4, home) == (ON_DEMAND, 120000)
    assert _class_of(rows, _ACTION, 4, _Session(b"\xc0\xa8\x07\x01")) == (BULK, 120000)
    assert _class_of(rows, _ACTION, 4, _Session(b"")) == (ON_DEMAND, 120000)
    assert _class_of([], _ACTION, 4, home) == (ON_DEMAND, 120000)


def test_rules_that_are_not_right_are_named():
    for rule in (
        "", "urgent", "bulk tag 1", "bulk client", "bulk client 0", "bulk client 65536", "bulk client -1",
        "bulk apdu C", "bulk apdu C0,", "bulk apdu xx", "bulk hes 10.0.0.1/8", "bulk hes ten", "bulk service ftp",
        "bulk answer_s 3601", 5, None,
    ):  # fmt: skip
        errors = []
        validate({"gateway": {"classes": [rule]}}, errors)
        assert len(errors) == 1 and errors[0].startswith("gateway.classes: in each rule: "), rule
    errors = []
    rule = "bulk client 65535 apdu C0,c3 hes 10.0.0.1 service local answer_s 3600"
    values = validate({"gateway": {"classes": [rule] * 16}}, errors)
    assert not errors and len(class_rules(values["gateway.classes"])) == 16
    validate({"gateway": {"classes": [rule] * 17}}, errors)
    assert len(errors) == 1


def _fill(pool, session, traffic_class, nodes):
    count = 0
    for node in nodes:
        if pool.has_room(node, session, traffic_class):
            pool.open(0, session, node, 1000).traffic_class = traffic_class
            count += 1
    return count


def test_bulk_of_all_head_ends_together_leaves_slots_for_control():
    pool = Exchanges(32, 4)
    names = "ABCD"
    filled = sum([_fill(pool, name, BULK, range(20)) for name in names])
    filled += sum([_fill(pool, name, BULK, range(20, 40)) for name in names])
    assert filled == 28 and not pool.has_room(99, "A", BULK) and not pool.has_room(99, "A", ON_DEMAND)
    assert _fill(pool, "A", CONTROL, range(10)) == 4  # at nodes that have bulk waiting, too
    assert not pool.has_room(50, "A", CONTROL)


def test_a_head_end_that_floods_with_every_class_leaves_slots_for_another():
    pool = Exchanges(32, 4)
    _fill(pool, "A", BULK, range(40))
    assert _fill(pool, "A", CONTROL, range(40)) >= 4  # its own bulk does not keep its control from going
    assert pool.has_room(99, "B", BULK) and pool.has_room(99, "B", CONTROL)
    assert _fill(pool, "B", CONTROL, range(40, 80)) >= 4


def test_a_nodes_bulk_does_not_keep_control_from_it_but_control_does():
    pool = Exchanges(32, 4)
    assert _fill(pool, "A", BULK, [7] * 9) == 4
    assert _fill(pool, "B", CONTROL, [7] * 9) == 4


def test_a_control_request_finds_a_slot_and_goes_next_when_bulk_has_filled_the_pool():
    rig = Rig(16, 40, classes=class_rules(defaults()["gateway.classes"]), exchanges_cnt=16)
    reader, operator = rig.session(), rig.session()
    for client in (64, 65):  # 65 is on demand
        for node in range(16):
            rig.ask(reader, _GET, 0x10 + node, client)
    assert _REFUSED in [wpdu[8:] for wpdu in reader.got] and rig.count("refused-queue-full")
    rig.ask(operator, _ACTION, 0x1F, 1)
    assert not operator.got
    rig.answer(b"\xc4" + _GET[1:])
    assert rig.medium.taken[2] == _ACTION


def test_a_request_whose_answer_cannot_be_in_time_is_refused_and_never_on_the_air():
    rig = Rig(answer_ms=6000)  # FakeMedium: an exchange takes 2 s
    session = rig.session()
    rig.ask(session, _GET, 0x10)
    rig.ask(session, _GET, 0x11)
    rig.pass_ms(3999)
    assert not session.got
    rig.pass_ms(1)
    assert [wpdu[8:] for wpdu in session.got] == [_REFUSED]
    assert rig.count("refused-too-late") == 1 and not rig.count("refused-queue-expired")
    rig.answer(b"\xc4" + _GET[1:])
    assert len(rig.medium.submits) == 1 and rig.is_at_rest()


def test_what_a_vanished_head_end_has_queued_never_uses_air_and_is_counted():
    rig = Rig()
    session = rig.session()
    for node in range(4):
        rig.ask(session, _GET, 0x10 + node)
    rig.forwarder.on_session_end(rig.now, session)
    assert rig.count("dropped-session-gone") == 3
    rig.answer(b"\xc4" + _GET[1:])
    assert len(rig.medium.submits) == 1 and rig.is_at_rest()


def test_one_late_answer_does_not_keep_short_deadlines_from_a_node_for_ever():
    # the think time rises at once and falls only with answers, and there are none without requests
    rig = Rig(1, answer_ms=10000)
    session = rig.session()
    rig.table.note_think(0, 15000)
    rig.medium.airtime_ms = lambda node, request_len, response_len: 1000 + rig.table.think_ms(0)
    for _ in range(10):
        rig.ask(session, _GET, 0x10)
        rig.pass_ms(1)
        if rig.medium.submits:
            break
    assert rig.medium.submits and rig.count("refused-too-late") >= 1
    rig.answer(b"\xc4" + _GET[1:])
    assert rig.is_at_rest()


def test_a_request_that_waited_too_long_teaches_nothing_about_its_node():
    rig = Rig(answer_ms=6000)
    session = rig.session()
    rig.table.note_think(1, 800)
    rig.ask(session, _GET, 0x10)
    rig.ask(session, _GET, 0x11)
    rig.pass_ms(4000)
    assert rig.count("refused-too-late") == 1 and rig.table.think_ms(1) == 800
