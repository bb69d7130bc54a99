# SPDX-License-Identifier: MIT
"""Who may talk to SAP 1: the public client, and those with keys.

Law: a stranger, that is the public client, reads what he needs to begin, and nothing about the meters
but that they are there.
"""

from dlms.association import keyed_clients, public_client
from dlms.cosem.object import obis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from app.config import Config
    from dlms.association import Client
    from dlms.security.device_security import DeviceSecurity

# What the public client needs: who this is, the time, the SAPs, its association, and the counters with
# which an HES that has keys must begin (0-0:43.1.e).
_PUBLIC = (
    obis(0, 0, 42, 0, 0),
    obis(0, 0, 96, 1, 0),
    obis(1, 0, 0, 2, 0),
    obis(1, 1, 0, 2, 0),
    obis(0, 0, 1, 0, 0),
    obis(0, 0, 41, 0, 0),
    obis(0, 0, 40, 0, 0),
    obis(0, 0, 43, 1, 1),
    obis(0, 0, 43, 1, 2),
    obis(0, 0, 43, 1, 3),
    obis(0, 0, 43, 1, 4),
)


def own_clients(config: "Config", security: "DeviceSecurity | None") -> "tuple[Client, ...]":
    """The public client and those with keys; without `security` (a bench) it is alone and reads everything."""
    if security is None:
        return (public_client(),)
    return (public_client(names=None if config["dlms.public_reads_all"] else _PUBLIC),) + keyed_clients()
