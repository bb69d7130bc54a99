# SPDX-License-Identifier: MIT
"""The security of SAP 1 from the configuration and two files: keys.bin, counters.bin.

keys.bin comes from `tools/provision.py` or is changed by class 64; the firmware never makes one,
and has no key of its own to fall back on. docs/security.md says what is in both.
"""

from binascii import unhexlify

from micropython import const

from app.made_title import made_title
from app.record_file import RecordFile
from dlms.security.device_security import DeviceSecurity
from dlms.security.key_store import RECORD_LEN
from dlms.security.lockout import Lockout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Config
    from dlms.security.gcm import MakeAes
    from hal.store import FileStore

KEY_FILE = "keys.bin"
COUNTER_FILE = "counters.bin"
_COUNTERS_MAX = const(64)


def system_title(config: "Config", serial: bytes) -> bytes:
    """8 octets, as configured or made of the unique id."""
    text = config.text("gateway.system_title")
    return unhexlify(text) if text else made_title(serial)


def own_security(
    config: "Config", store: "FileStore", make_aes: "MakeAes", random_octets: "Callable[[int], bytes]", serial: bytes
) -> DeviceSecurity:
    """Reads both files; what is wrong with them is in `keys.error`."""
    lockout = Lockout(
        config.number("security.lock_rows"),
        1000 * config.number("security.lock_first_s"),
        1000 * config.number("security.lock_longest_s"),
        1000 * config.number("security.lock_slow_s"),
    )
    return DeviceSecurity(
        RecordFile(store, KEY_FILE, RECORD_LEN),
        RecordFile(store, COUNTER_FILE, _COUNTERS_MAX),
        make_aes,
        random_octets,
        system_title(config, serial),
        lockout,
    )
