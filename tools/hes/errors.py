# SPDX-License-Identifier: MIT
"""What can go wrong between a head-end and a meter, in words a person can read."""


class HesError(Exception):
    """The conversation failed; the text says how."""


class HesRefused(HesError):
    """The other side said no: an error result, an exception-response, a rejected association."""


class WireError(HesError):
    """The connection did not bring what a head-end waits for."""


class WireTimeout(WireError):
    """Nothing (more) came in time."""


class WireClosed(WireError):
    """The other side closed the connection."""
