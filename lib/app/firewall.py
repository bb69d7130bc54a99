# SPDX-License-Identifier: MIT
"""Who may reach which listener: a table of rules, first match decides, before an octet is read.

A rule is `allow|deny service network`: service dlms, tls, local or any; network an IPv4 network
as 10.0.0.0/8, or any. A listener stands on one interface by the address it is bound to, so a rule
for a service is a rule for an interface. Behind the configured rules stand the safe defaults:
plain DLMS for private networks only, TLS for everybody, for it asks for a certificate.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    Rule = tuple[bool, int, int, int]

DLMS = const(0)
TLS = const(1)
LOCAL = const(2)
SERVICES = ("dlms", "tls", "local")
_ANY_SERVICE = const(7)
_BITS = const(32)

# RFC 1918, RFC 6598 (carrier-grade NAT: cellular), loopback, link-local. No rule matching = deny.
DEFAULTS = (
    "allow tls any",
    "allow any 10.0.0.0/8",
    "allow any 172.16.0.0/12",
    "allow any 192.168.0.0/16",
    "allow any 100.64.0.0/10",
    "allow any 127.0.0.0/8",
    "allow any 169.254.0.0/16",
)


def parse_all(rules: "list[str]") -> "list[Rule]":
    """The rules with the defaults behind them. ValueError."""
    return [parse(rule) for rule in rules] + [parse(rule) for rule in DEFAULTS]


def parse(rule: object) -> "Rule":
    """(allows, mask of services, network, bits of it that count); ValueError in words."""
    words = rule.split() if isinstance(rule, str) else []
    if len(words) != 3 or words[0] not in ("allow", "deny"):
        raise ValueError("'allow|deny service network'")
    if words[1] != "any" and words[1] not in SERVICES:
        raise ValueError("service must be any, " + ", ".join(SERVICES))
    services = _ANY_SERVICE if words[1] == "any" else 1 << SERVICES.index(words[1])
    network, bits = (0, 0) if words[2] == "any" else parse_network(words[2])
    return words[0] == "allow", services, network, bits


def parse_network(text: str) -> "tuple[int, int]":
    """(network, bits of it that count) of `10.0.0.0/8` or of one address; ValueError in words."""
    address, _, width = text.partition("/")
    parts = address.split(".")
    bits = int(width) if width.isdigit() else _BITS if not width and "/" not in text else -1
    if len(parts) != 4 or not all([part.isdigit() and int(part) < 256 for part in parts]) or not 0 <= bits <= _BITS:
        raise ValueError("network must be any or as 10.0.0.0/8")
    network = 0
    for part in parts:
        network = network << 8 | int(part)
    if network & ((1 << (_BITS - bits)) - 1):
        raise ValueError("%s: bits behind the network's" % text)
    return network, bits


class Firewall:
    """`rules` as texts, all valid (ValueError); `denied` counts per service."""

    def __init__(self, rules: "list[str]") -> None:
        self._rules = parse_all(rules)
        self.denied = [0] * len(SERVICES)
        self.changes = 0  # of the rules

    def use(self, rules: "list[Rule]") -> None:
        """From now on these (of `parse_all`), for connections that come; those that are open stay."""
        self._rules = rules
        self.changes += 1

    def allows(self, service: int, peer: "bytes | bytearray | memoryview") -> bool:
        """May the IPv4 address `peer` (4 octets; empty = not known) use `service`? Counts a no."""
        address = int.from_bytes(peer, "big") if len(peer) == 4 else -1
        for is_allowed, services, network, bits in self._rules:
            if not services >> service & 1:
                continue
            # NOTE: an address nobody knows fits only rules for all: no network can vouch for it.
            if not bits or (address >= 0 and address >> (_BITS - bits) == network >> (_BITS - bits)):
                if not is_allowed:
                    break
                return True
        self.denied[service] += 1
        return False
