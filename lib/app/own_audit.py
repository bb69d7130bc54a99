# SPDX-License-Identifier: MIT
"""What the log keeps of clients of SAP 1: who authenticated, who failed, who changed or called what.

Law: numbers only; neither a value that was written nor a key has a place in a record.
"""

from micropython import const

from base import events
from base.allowance import Allowance
from base.log import NOTICE, WARNING
from dlms.apdu import SET_REQUEST, SUCCESS
from dlms.cosem.clock import CLOCK_CLASS
from dlms.cosem.object import ROLE_MANAGEMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.log import Log
    from dlms.association import Association
    from dlms.security.device_security import DeviceSecurity

_ASSOCIATION = const(15)
_REPLY_TO_HLS = const(1)
_IMAGE_TRANSFER = const(18)
_IMAGE_BLOCK = const(2)
_CLOCK_TIME = const(2)
_PRESET = const(5)  # preset_adjusting_time only says to what another method may set it
_REPLAY_S = const(60)
# Of each of these 32 records at once, then one in ten minutes: what clients other than management did or were refused,
# their authentications, and the failed ones of anybody. Their keys are spread wider, strangers have many addresses,
# and neither must wash the log of what management did. The counters have them all.
_MOST_AT_ONCE = const(32)
_REFILL_S = const(600)
_MANAGEMENT_SAP = const(1)
_TWO_IN_ONE = const(1000)  # a record has two arguments and this has four: two decimal numbers in each


class OwnAudit:
    """`notice` and `audit` as dlms.server.LogicalDevice calls them."""

    def __init__(self, log: "Log") -> None:
        self._log = log
        self._of_others = Allowance(_MOST_AT_ONCE, _REFILL_S)
        self._authentications = Allowance(_MOST_AT_ONCE, _REFILL_S)
        self._failures = Allowance(_MOST_AT_ONCE, _REFILL_S)
        self._is_told = True  # the failure before, whose lock-out follows it
        self._replay_s = 0  # until this uptime a replay is counted only

    def notice(self, event: int, a: int, b: int) -> None:
        """An authentication, or what stood in its way.

        A recorded AARQ costs its sender nothing and is no failed authentication: one record a minute, so that
        nobody can wash the log with it.
        """
        now_s = self._log.now_s
        if event == events.OWN_REPLAY:
            if now_s < self._replay_s:
                return
            self._replay_s = now_s + _REPLAY_S
        elif event == events.OWN_ASSOCIATED:
            if a != _MANAGEMENT_SAP and not self._authentications.take(now_s):
                return
        else:
            if event == events.OWN_AUTHENTICATION_FAILED:
                self._is_told = self._failures.take(now_s)
            if not self._is_told:
                return
        self._log.add(NOTICE if event == events.OWN_ASSOCIATED else WARNING, event, a=a, b=b)

    def audit(self, association: "Association", tag: int, class_id: int, index: int, result: int) -> None:
        """A SET or ACTION was answered with `result`."""
        if tag != SET_REQUEST and class_id == _ASSOCIATION and index == _REPLY_TO_HLS:  # `notice` tells
            return
        # NOTE: an image has thousands of blocks, and each would push out a record; its beginning and end are told.
        if tag != SET_REQUEST and class_id == _IMAGE_TRANSFER and index == _IMAGE_BLOCK and result == SUCCESS:
            return
        is_of_other = association.client.role != ROLE_MANAGEMENT
        if is_of_other and not _has_set_clock(tag, class_id, index, result):
            if not self._of_others.take(self._log.now_s):
                return
        event = events.OWN_SET if tag == SET_REQUEST else events.OWN_ACTION
        who = association.client.sap * _TWO_IN_ONE + result
        self._log.add(NOTICE if result == SUCCESS else WARNING, event, a=who, b=class_id * _TWO_IN_ONE + (index & 0xFF))

    def missing_keys(self, security: "DeviceSecurity") -> None:
        """One record for each client that has no keys where others have; when none has, start-up says so."""
        for keys in security.keys.clients:
            if not security.keys.error and not keys.is_provisioned:
                self._log.add(WARNING, events.OWN_UNPROVISIONED, a=keys.sap)


def _has_set_clock(tag: int, class_id: int, index: int, result: int) -> bool:
    """NOTE: who was it must not be missing beside the clock's own record; app.own_clock bounds how often."""
    if class_id != CLOCK_CLASS or result != SUCCESS:
        return False
    return index == _CLOCK_TIME if tag == SET_REQUEST else index != _PRESET
