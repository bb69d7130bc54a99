# SPDX-License-Identifier: MIT
"""Setting `gateway.classes`: rules as text, turned into what gateway.traffic_class reads.

A rule is `class condition value condition value ..`, for example `control client 3 answer_s 30`.
Classes: control, on-demand, bulk. Conditions: client (SAP), hes (network as 10.0.0.0/8), service
(dlms, tls, local), apdu (beginnings in hex, commas between). `answer_s` is no condition: it is
how long the head-end waits for the answer.
"""

from binascii import unhexlify

from app.firewall import SERVICES, parse_network
from gateway.traffic_class import NAMES, ClassRule

_NUMBERS = {"client": 0xFFFF, "answer_s": 3600}


def parse(rule: object) -> ClassRule:
    """The rule; ValueError in words."""
    words = rule.split() if isinstance(rule, str) else []
    if len(words) % 2 == 0 or words[0] not in NAMES:
        raise ValueError("'control|on-demand|bulk condition value ..'")
    made = ClassRule(NAMES.index(words[0]))
    for at in range(1, len(words), 2):
        _condition(made, words[at], words[at + 1])
    return made


def _condition(rule: ClassRule, name: str, value: str) -> None:
    if name in _NUMBERS:
        if not value.isdigit() or not 1 <= int(value) <= _NUMBERS[name]:
            raise ValueError("%s must be 1 to %d" % (name, _NUMBERS[name]))
        if name == "client":
            rule.client_sap = int(value)
        else:
            rule.answer_ms = 1000 * int(value)
    elif name == "hes":
        rule.network, rule.network_bits = parse_network(value)
    elif name == "service" and value in SERVICES:
        rule.service = SERVICES.index(value)
    elif name == "apdu":
        rule.prefixes = tuple([_octets(digits) for digits in value.split(",")])
    else:
        raise ValueError("no such condition: %s %s" % (name, value))


def _octets(digits: str) -> bytes:
    if not digits or len(digits) % 2 or digits.strip("0123456789abcdefABCDEF"):
        raise ValueError("apdu must be hex digits, two per octet, commas between")
    return unhexlify(digits)
