# SPDX-License-Identifier: MIT
"""Refusals of the gateway's management in words: what docs/management.md says of each answer, and what to do.

The law: the standard's name of the answer stays in the sentence, so that it can be looked up.
"""

_ANSWERS = {
    "TEMPORARY_FAILURE": "not now: one is under way, the node is on the air, it is too soon after the last or after the"
                         " start, or the modem is down; try again",
    "OBJECT_UNAVAILABLE": "no such node, the segment is down or outside its window, this medium has no such thing,"
                          " or the lists are full",
    "OTHER_REASON": "the value is not allowed",
    "HARDWARE_FAULT": "the flash refused it, nothing has changed",
    "TYPE_UNMATCHED": "the value has not the form or the length that is wanted",
    "READ_WRITE_DENIED": "this client may not, or the configuration does not allow it",
    "OBJECT_UNDEFINED": "this gateway has no such thing: another medium, or another version",
    "REJECTED_PERMANENT": "no association: wrong keys, or the gateway has none (docs/security.md)",
    "REJECTED_TRANSIENT": "no association now: locked out after a failure, 5 s at first and longer after each"
                          " (docs/security.md); wait, then try again",
}


def in_words(said: str) -> str:
    """`said` by the library, its answer explained; unchanged when there is nothing to explain."""
    found = next((name for name in _ANSWERS if name in said), "")
    return f"{_ANSWERS[found]} ({found.lower().replace('_', '-')})" if found else said
