# SPDX-License-Identifier: MIT
"""The four ways a call can fail, shared by every layer.

RemoteError: a peer sent something its standard forbids; counted, never fatal.
LocalError: our own caller broke a contract; a bug to be fixed, not handled.
Busy, LinkDown: states, not faults; the caller tries again or gives a typed refusal.
"""


class RemoteError(Exception):
    """A peer (head-end, modem chip, meter) broke its protocol."""


class LocalError(Exception):
    """The caller inside the firmware broke a documented contract."""


class Busy(Exception):
    """The resource is in use; nothing was taken."""


class LinkDown(Exception):
    """The medium or the uplink is not operating; nothing was taken."""
