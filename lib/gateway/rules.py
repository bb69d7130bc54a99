# SPDX-License-Identifier: MIT
"""Limits and choices of the forwarding path; main.py fills them from the configuration."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gateway.traffic_class import ClassRule


class Rules:
    """Counts, and milliseconds; the defaults are those of docs/configuration.md."""

    exchanges_cnt = 32
    per_node_cnt = 4
    queue_ms = 60000
    guard_ms = 3000
    late_ms = 6000  # a ciphered APDU so long after an exchange of its pair is an answer, no push
    associations_cnt = 256
    association_ms = 300000
    refuse_by_exception = True
    sessions_cnt = 6  # with a share of the air each: wan.sessions, one that is closing and one for all beyond
    answer_ms = 120000
    keeps_quality = False  # of each node by time of day
    ledger_minutes = 60
    classes: "tuple[ClassRule, ...]" = ()
    uplink_reserve_cnt = 8
    own_saps: "tuple[int, ...]" = (0,)  # the medium's own, at both ends: nobody may use them from the WAN
