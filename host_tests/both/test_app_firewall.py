# SPDX-License-Identifier: MIT
"""Firewall: rules in words, first match decides, defaults keep plain DLMS off the public Internet."""

from app_fakes import Wan, settle
from fakes import wpdu

from app.firewall import DLMS, LOCAL, TLS, Firewall, parse, parse_all
from app.own_firewall import firewall_object
from app.sessions import Listener


def _ip(text):
    return bytes([int(part) for part in text.split(".")])


def _parse_error(rule):
    try:
        parse(rule)
    except ValueError as error:
        return str(error)
    return ""


def test_rules_are_read_and_every_fault_is_named():
    assert parse("allow tls any") == (True, 2, 0, 0)
    assert parse("deny any 10.1.2.3") == (False, 7, 0x0A010203, 32)
    assert parse("allow local 10.0.0.0/8") == (True, 4, 0x0A000000, 8)
    assert parse("deny dlms 0.0.0.0/0") == (False, 1, 0, 0)
    faults = ["", "allow", "allow tls", "allow tls any any", "permit tls any", "allow ssh any", None, 7, []]
    for address in "10 10.0.0 10.0.0.0.0 10.0.0.256 10.0.0.a 10.0.0.0/ 10.0.0.0/33 10.0.0.0/-1 10.0.0.1/8".split():
        faults.append("allow any " + address)
    for rule in faults:
        assert _parse_error(rule), rule


def test_by_default_plain_dlms_is_for_private_networks_and_tls_for_all():
    wall = Firewall([])
    inside = "10.255.0.1", "172.16.0.1", "172.31.255.255", "192.168.9.9", "100.64.0.1", "127.0.0.1", "169.254.1.1"
    outside = "9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1", "192.169.0.1", "8.8.8.8", "100.128.0.1"
    for service in (DLMS, LOCAL):
        assert all([wall.allows(service, _ip(one)) for one in inside])
        assert not any([wall.allows(service, _ip(one)) for one in outside])
    assert all([wall.allows(TLS, _ip(one)) for one in inside + outside])
    assert wall.denied == [len(outside), 0, len(outside)]


def test_the_first_rule_that_fits_decides():
    wall = Firewall(["allow dlms 8.8.8.0/24", "deny dlms 10.1.0.0/16", "deny tls any", "allow dlms 10.1.2.3"])
    assert wall.allows(DLMS, _ip("8.8.8.8")) and not wall.allows(DLMS, _ip("8.8.9.8"))
    assert not wall.allows(DLMS, _ip("10.1.2.3")) and wall.allows(DLMS, _ip("10.2.0.0"))
    assert wall.allows(LOCAL, _ip("10.1.2.3")) and not wall.allows(TLS, _ip("10.2.0.0"))


async def test_changed_rules_bind_who_comes_next():
    wan = Wan(Listener)
    first = await wan.connect(peer=("10.0.0.1", 1))
    wan.config._values["firewall"] = ["deny dlms 10.0.0.0/8"]
    wan.listener.door.prepare(wan.config)()
    second = await wan.connect(peer=("10.0.0.1", 1))
    assert not first.is_closed and second.is_closed


def test_an_unknown_address_fits_only_rules_for_all():
    for nobody in (b"", b"\x7f\x00\x00", bytes(16)):
        wall = Firewall([])
        assert not wall.allows(DLMS, nobody) and wall.allows(TLS, nobody)
    assert Firewall(["allow dlms any"]).allows(DLMS, b"")
    assert not Firewall(["deny dlms 0.0.0.0/0", "allow dlms any"]).allows(DLMS, b"")


async def test_a_stranger_is_turned_away_before_an_octet_is_read():
    wan = Wan(Listener)
    stream = await wan.connect(peer=("8.8.8.8", 1))
    stream.feed(wpdu(16, 1, b"\xc0"))
    await settle()
    assert stream.is_closed and not stream.reads and not wan.listener.sessions
    assert wan.count("refused-by-firewall") == 1 and not wan.forwarder.got and wan.is_at_rest()
    friend = await wan.connect(peer=("10.0.0.1", 1))
    friend.feed(wpdu(16, 1, b"\xc0"))
    await settle()
    assert len(wan.forwarder.got) == 1 and wan.listener.sessions[0].peer == b"\x0a\x00\x00\x01"


async def test_addresses_come_as_text_or_as_a_raw_sockaddr():
    raw = bytearray(b"\x02\x00\x0f\xdb\x0a\x00\x00\x02" + bytes(8))
    for peer, known in ((raw, b"\x0a\x00\x00\x02"), (("fe80::1", 1, 0, 0), b""), (None, b""), (b"\x0a\x00", b"")):
        wan = Wan(Listener)
        await wan.connect(peer=peer)
        assert [session.peer for session in wan.listener.sessions] == ([known] if known else [])


async def test_strangers_who_are_turned_away_keep_nobody_else_out():
    wan = Wan(Listener, connects_per_s=2)
    for _ in range(40):
        await wan.connect(peer=("8.8.8.8", 1))
    friend = await wan.connect(peer=("10.0.0.1", 1))
    assert not friend.is_closed and wan.count("refused-by-firewall") == 40
    assert len(wan.log) <= 3


async def test_a_flood_from_one_address_keeps_no_other_address_out():
    wan = Wan(Listener, connects_per_s=2, sessions=8)
    for _ in range(20):
        flood = await wan.connect(peer=("10.0.0.66", 1))
    friend = await wan.connect(peer=("10.0.0.1", 1))
    again = await wan.connect(peer=("10.0.0.1", 1))
    assert flood.is_closed and not friend.is_closed and again.is_closed
    assert wan.count("refused-too-fast") == 19


async def test_connecting_and_hanging_up_for_an_hour_does_not_wash_the_log_away():
    wan = Wan(Listener, connects_per_s=5)
    for _ in range(3600):
        wan.clock.now += 1000
        wan.log.now_s += 1
        (await wan.connect(peer=("10.0.0.66", 1))).end()
        await wan.connect(peer=("8.8.8.8", 1))
        await settle()
    assert wan.count("opened") == 3600 and wan.count("refused-by-firewall") == 3600
    assert wan.log.total < 900


async def test_one_address_that_holds_every_session_makes_room_for_another():
    wan = Wan(Listener, sessions=3, connects_per_s=100)
    greedy = []
    for _ in range(3):
        wan.clock.now += 1000
        greedy.append(await wan.connect(peer=("10.0.0.66", 1)))
    again = await wan.connect(peer=("10.0.0.66", 1))
    stranger = await wan.connect(peer=("8.8.8.8", 1), service=TLS)
    assert again.is_closed and stranger.is_closed and not any([stream.is_closed for stream in greedy])
    friend = await wan.connect(peer=("10.0.0.1", 1))
    assert not friend.is_closed and [stream.is_closed for stream in greedy] == [True, False, False]
    third = await wan.connect(peer=("10.0.0.2", 1))  # nobody holds all any more: no session is taken away
    assert third.is_closed and not friend.is_closed and len(wan.listener.sessions) == 3


async def test_the_only_session_there_is_stays_with_who_has_it():
    wan = Wan(Listener, sessions=1)
    first = await wan.connect(peer=("10.0.0.66", 1))
    second = await wan.connect(peer=("10.0.0.1", 1))
    assert second.is_closed and not first.is_closed


def test_rules_that_are_changed_while_they_are_read_end_the_read_and_strangers_do_not():
    wall = Firewall([])
    value = firewall_object({"firewall": []}, wall).value(2)
    mark = value.begin()
    assert not wall.allows(DLMS, _ip("8.8.8.8")) and value.is_intact(mark, 0)
    wall.use(parse_all(["deny any any"]))
    assert not value.is_intact(mark, 0) and value.is_intact(value.begin(), 0)
