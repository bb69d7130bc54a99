# SPDX-License-Identifier: MIT
"""Every state of an association against every event: the answer and the state after it.

States: NONE, PRE (pre-established, used), OPEN (by AARQ), LONG (OPEN, second data block due),
PRE_LONG (the same without AARQ). An answer is named by its first octets; `18`, `19`, `16`
are Data-Access-Results that end a long GET.
"""

from dlms_device import Bench, aarq, get, get_next

_SHORT = get(1, "0.0.42.0.0.255", 2)
_LONG = get(17, "0.0.41.0.0.255", 2)
_STATES = ("NONE", "PRE", "OPEN", "LONG", "PRE_LONG")
_TIMEOUT_MS = 1000

# event: (answer, state after) in the order of _STATES; "=" for a state that stays
_TABLE = {
    "aarq": ("aare OPEN",) * 5,
    "aarq refused": ("no-aare =",) * 5,
    "rlrq": ("rlre NONE",) * 5,
    "get": ("data PRE", "data =", "data =", "data OPEN", "data PRE"),
    "get long": ("block PRE_LONG", "block PRE_LONG", "block LONG", "block =", "block ="),
    "get undefined": ("error PRE", "error =", "error =", "error OPEN", "error PRE"),
    "next": ("16 PRE", "16 =", "16 =", "block =", "block ="),
    "next wrong": ("16 PRE", "16 =", "16 =", "19 OPEN", "19 PRE"),
    "next after change": ("16 PRE", "16 =", "16 =", "15 OPEN", "15 PRE"),
    "set": ("except PRE", "except =", "except =", "except =", "except ="),
    "unknown tag": ("except =",) * 5,
    "cut off get": ("except PRE", "except =", "except =", "except =", "except ="),
    "exception": ("silence =",) * 5,
    "close": ("silence NONE",) * 5,
    "close other": ("silence =",) * 5,
    "time-out": ("silence NONE",) * 5,
}


def _bench_in(state):
    bench = Bench(node_cnt=200, timeout_ms=_TIMEOUT_MS)
    if state in ("OPEN", "LONG"):
        bench.associate()
    if state == "PRE":
        bench.ask(_SHORT)
    if state in ("LONG", "PRE_LONG"):
        bench.ask(_LONG)
    return bench


def _next_number(bench):
    slot = bench.device._associations.find(0, 16)
    return slot.transfer.block_number if slot else 1


def _do(bench, event):
    """Let the event happen; the answer's octets."""
    if event == "next after change":
        bench.saps.generation += 1
        event = "next"
    if event == "next":
        return bench.ask(get_next(_next_number(bench)))
    if event == "close":
        bench.device.close_connection(0)
    elif event == "close other":
        bench.device.close_connection(1)
    elif event == "time-out":
        bench.device.on_deadline(bench.now + _TIMEOUT_MS)
    else:
        return bench.ask(_REQUESTS[event])
    return b""


_REQUESTS = {
    "aarq": aarq(),
    "aarq refused": aarq(conformance=0),
    "rlrq": b"\x62\x00",
    "get": _SHORT,
    "get long": _LONG,
    "get undefined": get(1, "0.0.42.0.1.255", 2),
    "next wrong": get_next(77),
    "set": b"\xc1\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00\x00",
    "unknown tag": b"\x0f\x00",
    "cut off get": _SHORT[:-1],
    "exception": b"\xd8\x01\x01",
}


def _named(answer):
    if not answer:
        return "silence"
    if answer[0] == 0x61:
        return "no-aare" if answer[17] else "aare"
    if answer[0] != 0xC4:
        return {0x63: "rlre", 0xD8: "except"}[answer[0]]
    if answer[1] == 1:
        return "error" if answer[3] else "data"
    return str(answer[9]) if answer[8] else "block"


def _state_of(bench):
    slot = bench.device._associations.find(0, 16)
    if slot is None:
        return "NONE"
    by_aarq = slot.max_send == 0xFFFF
    if slot.transfer.is_open:
        return "LONG" if by_aarq else "PRE_LONG"
    return "OPEN" if by_aarq else "PRE"


def test_every_state_answers_every_event_and_ends_where_the_table_says():
    for event, row in _TABLE.items():
        for i, expected in enumerate(row):
            bench = _bench_in(_STATES[i])
            if _state_of(bench) != _STATES[i]:  # LONG needs a PDU the list does not fit
                raise AssertionError(_STATES[i])
            name = _named(_do(bench, event))
            after = _state_of(bench)
            found = name + " " + ("=" if after == _STATES[i] and expected[-1] == "=" else after)
            assert found == expected, (_STATES[i], event, found)
