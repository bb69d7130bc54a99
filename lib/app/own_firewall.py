# SPDX-License-Identifier: MIT
"""SAP 1: the firewall's rules and what they turned away (manufacturer's object 0-0:128.5.3)."""

from app.firewall import DEFAULTS, SERVICES
from dlms.axdr import UINT32, VISIBLE_STRING
from dlms.cosem import basic
from dlms.cosem.object import ROLE_KEYED, obis
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from app.firewall import Firewall
    from dlms.axdr import Writer
    from dlms.cosem.object import CosemObject


class _Rules:
    """Value of 0-0:128.5.3."""

    def __init__(self, config: "Config", firewall: "Firewall") -> None:
        self._config = config
        self._firewall = firewall

    def encode(self, writer: "Writer") -> None:
        """structure{array of configured rules, array of the default ones, array of {service, denied}}."""
        configured: "list[str]" = self._config["firewall"]  # type: ignore[assignment]
        writer.structure(3)
        for rules in (configured, DEFAULTS):
            writer.array(len(rules))
            for rule in rules:
                writer.string(VISIBLE_STRING, rule.encode())
        writer.array(len(SERVICES))
        for service, name in enumerate(SERVICES):
            writer.structure(2)
            writer.string(VISIBLE_STRING, name.encode())
            writer.number(UINT32, self._firewall.denied[service])


def firewall_object(config: "Config", firewall: "Firewall") -> "CosemObject":
    """0-0:128.5.3: the rules, first match decides, and what they turned away."""
    item = basic.data(obis(0, 0, 128, 5, 3), Encoded(_Rules(config, firewall).encode, lambda: firewall.changes))
    item.readers = ROLE_KEYED
    return item
