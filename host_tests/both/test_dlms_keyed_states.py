# SPDX-License-Identifier: MIT
"""Every state of a keyed association against every event: the answer and the state after it.

States: NONE, PENDING (our challenge is out), OPEN, LONG_GET, LONG_SET, RETURN (p-blocks going out), GBT (a request
half there). Answers: aare, no-aare, rlre, silence, D8 xx yy as "d8.xx.yy", else what was inside: its first two octets.
"""

from dlms_device import get, get_next
from dlms_keyed import Hes, KeyedBench
from dlms_settings import action_request, set_request, target_of

from dlms import reassembly

_STATES = ("NONE", "PENDING", "OPEN", "LONG_GET", "LONG_SET", "RETURN", "GBT")
_LONG = get(17, "0.0.41.0.0.255", 2)
_FIRST = b"\xc1\x02\xc1" + target_of(2) + b"\x00\x00\x00\x00\x00\x01\x01\x12"
_SECOND = b"\xc1\x03\xc1\x01\x00\x00\x00\x02\x02\x00\x09"
_NO, _NOT_BELIEVED = "d8.1.1", "d8.1.5"

# event: answer and state after, in the order of _STATES; "=" = the state stays. One entry = the same in all.
_TABLE = {
    "aarq": ("aare PENDING",),
    "aarq of a stranger": ("no-aare =",),
    "aarq again": ("d8.1.6 =",),
    "aarq in clear": ("no-aare =",),
    "reply": (_NO + " =", "c7.1 OPEN") + ("c7.1 =",) * 3 + ("c7.1 OPEN", "c7.1 ="),
    "reply wrong": (_NO + " =", "c7.1 NONE") + ("c7.1 =",) * 3 + ("c7.1 OPEN", "c7.1 ="),
    "get": (_NO + " =", _NO + " =", "c4.1 =", "c4.1 OPEN", "c4.1 =", "c4.1 =", "c4.1 ="),
    "get long": (_NO + " =", _NO + " =") + ("c4.2 LONG_GET",) * 2 + ("c4.2 =",) * 3,
    "get next": (_NO + " =", _NO + " =", "c4.2 =", "c4.2 =", "c4.2 =", "c4.2 =", "c4.2 ="),
    "get in clear": (_NO + " =",),
    "get changed": (_NO + " =",) + (_NOT_BELIEVED + " =",) * 6,
    "set": (_NO + " =", _NO + " =") + ("c5.1 =",) * 5,
    "set first block": (_NO + " =", _NO + " =") + ("c5.2 LONG_SET",) * 5,
    "set next block": (_NO + " =", _NO + " =", "c5.3 =", "c5.3 =", "c5.3 OPEN", "c5.3 OPEN", "c5.3 OPEN"),
    "action next block": (_NO + " =", _NO + " =", "c7.1 =", "c7.1 =", "c7.1 OPEN", "c7.2 =", "c7.1 OPEN"),
    "gbt block": (_NO + " =", "e0.8 GBT", "e0.8 GBT", "e0.8 GBT", "e0.8 GBT", "e0.8 GBT", "e0.8 ="),
    "gbt end of nothing": (_NO + " =", "d8.1.3 =", "d8.1.3 =", "d8.1.3 =", "d8.1.3 OPEN", "d8.1.3 OPEN", "e0.8 ="),
    "rlrq": ("rlre NONE",),
    "unknown tag": ("d8.2.2 =",),
    "exception": ("silence =",),
    "close": ("silence NONE",),
    "close other": ("silence =",),
    "40 s": ("silence =", "silence NONE") + ("silence =",) * 5,
    "600 s": ("silence NONE",),
}


def _bench_in(state):
    bench = KeyedBench()
    bench.saps.node_cnt = 200
    bench.settings.item.callable(5, 0x02, lambda now, reader, writer: writer.octets(bytes(1500)) or 0)
    hes = Hes(bench)
    hes.old = hes.aarq()
    hes.ask_plain(hes.old)
    bench.device.close_connection(0)
    if state == "PENDING":
        hes.begin(max_pdu=512)
    elif state != "NONE":
        hes.associate(max_pdu=512)
    if state == "LONG_GET":
        hes.ask(_LONG)
    elif state == "LONG_SET":
        hes.ask(_FIRST)
    elif state == "RETURN":
        hes.ask(action_request(5))
    elif state == "GBT":
        hes.ask_plain(b"\xe0\x01\x00\x01\x00\x00\x01\xc9")
    return bench, hes


def _state_of(bench):
    slot = bench.device._associations.find(0, 1)
    if slot is None:
        return "NONE"
    store = bench.device._blocks._store
    for purpose, name in ((reassembly.SET_BLOCKS, "LONG_SET"), (reassembly.ACTION_RETURN, "RETURN")):
        if store.is_held(slot, purpose):
            return name
    if store.is_held(slot, reassembly.GBT_REQUEST):
        return "GBT"
    if slot.transfer.is_open:
        return "LONG_GET"
    return "PENDING" if slot.is_pending else "OPEN"


def _requests(hes):
    """What each event sends, made when it is wanted."""
    wrong = Hes(hes.bench, ek=bytes(16), counter=1 << 20)
    wrong_token = bytes(17)
    reply = b"\xc3\x01\xc1\x00\x0f\x00\x00\x28\x00\x00\xff\x01\x01\x09\x11"
    plain = b"\x01\x00\x00\x00\x06\x5f\x1f\x04\x00\xff\xff\xff\x04\x00"
    return {
        "aarq": lambda: hes.aarq(),
        "aarq of a stranger": lambda: wrong.aarq(),
        "aarq again": lambda: hes.old,
        "aarq in clear": lambda: hes.aarq(plain),
        "reply": lambda: hes.seal(reply + hes.token(hes.stoc or bytes(16))),
        "reply wrong": lambda: hes.seal(reply + wrong_token),
        "get": lambda: hes.seal(get(1, "0.0.42.0.0.255", 2)),
        "get long": lambda: hes.seal(_LONG),
        "get next": lambda: hes.seal(get_next(1)),
        "get in clear": lambda: get(1, "0.0.42.0.0.255", 2),
        "get changed": lambda: hes.seal(get(1, "0.0.42.0.0.255", 2))[:-1] + b"\x00",
        "set": lambda: hes.seal(set_request(b"\x12\x00\x01")),
        "set first block": lambda: hes.seal(_FIRST),
        "set next block": lambda: hes.seal(_SECOND),
        "action next block": lambda: hes.seal(b"\xc3\x02\xc1\x00\x00\x00\x01"),
        "gbt block": lambda: b"\xe0\x01\x00\x01\x00\x00\x01\xc9",
        "gbt end of nothing": lambda: b"\xe0\x81\x00\x07\x00\x00\x01\xc9",
        "rlrq": lambda: b"\x62\x03\x80\x01\x00",
        "unknown tag": lambda: b"\x0f\x00",
        "exception": lambda: b"\xd8\x01\x01",
    }


def _do(bench, hes, event):
    if event == "close":
        bench.device.close_connection(0)
    elif event == "close other":
        bench.device.close_connection(1)
    elif event[-1] == "s" and event[:-2].isdigit():
        bench.device.on_deadline(bench.now + 1000 * int(event[:-2]))
    else:
        return hes.ask_plain(_requests(hes)[event]())
    return b""


def _named(hes, answer):
    if not answer:
        return "silence"
    if answer[0] == 0x61:
        return "no-aare" if answer[17 if answer[1] < 0x80 else 18] else "aare"
    if answer[0] == 0x63:
        return "rlre"
    if answer[0] == 0xD8:
        return "d8.%d.%d" % (answer[1], answer[2])
    if answer[0] == 0xE0:
        return "e0.%d" % (answer[1] & 0x3F)
    plain = hes.open(answer)
    return "%02x.%d" % (plain[0], plain[1])


def test_every_state_answers_every_event_and_ends_where_the_table_says():
    wrong = []
    for event, row in _TABLE.items():
        for i, state in enumerate(_STATES):
            expected = row[i if len(row) > 1 else 0]
            bench, hes = _bench_in(state)
            assert _state_of(bench) == state, state
            name = _named(hes, _do(bench, hes, event))
            after = _state_of(bench)
            found = name + " " + ("=" if after == state and expected[-1] == "=" else after)
            if found != expected:
                wrong.append((state, event, found, expected))
    assert not wrong, wrong
