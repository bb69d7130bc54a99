# SPDX-License-Identifier: MIT
"""The security of one logical device, put together: keys, counters, ciphering, HLS, lock-out.

Law: keys without the counters they were used with are no keys. What is wrong with either is in
`keys.error`, and then only the public client is served.
"""

from dlms.security import stats
from dlms.security.ciphering import Ciphering
from dlms.security.gcm import Gcm
from dlms.security.hls import Hls
from dlms.security.invocation_counters import InvocationCounters
from dlms.security.key_store import CLIENTS, KeyStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dlms.security.gcm import MakeAes
    from dlms.security.key_store import Record
    from dlms.security.lockout import Lockout


class DeviceSecurity:
    """Made once. `key_record` and `counter_record` are two records; `system_title` has 8 octets."""

    def __init__(
        self,
        key_record: "Record",
        counter_record: "Record",
        make_aes: "MakeAes",
        random_octets: "Callable[[int], bytes]",
        system_title: bytes,
        lockout: "Lockout",
    ) -> None:
        self.counters = stats.new_counters()
        self.keys = KeyStore(key_record, make_aes)
        self.invocation_counters = InvocationCounters(counter_record, len(CLIENTS))
        self.ciphering = Ciphering(Gcm(make_aes), system_title, self.invocation_counters, self.counters)
        self.hls = Hls(self.ciphering, random_octets)
        self.lockout = lockout
        if not self.keys.error:
            self._take_up_counters()

    def _take_up_counters(self) -> None:
        first_send = self.keys.first_send
        if not self.invocation_counters.start(first_send):
            self.keys.stop("invocation counters lost or damaged: provision again")
        elif first_send is not None and not self.keys.begin():
            self.keys.stop("key record cannot be written")

    def activate_keys(self) -> None:
        """After a response was sealed: keys that `keys.replace` took are used from here on."""
        changed_rows = self.keys.activate()
        if not changed_rows:
            return
        for keys in self.keys.clients:
            if changed_rows & 1 << keys.row:
                self.invocation_counters.restart(keys.row)
        self.ciphering.gcm.forget()
