# SPDX-License-Identifier: MIT
"""What the log keeps of clients of SAP 1."""

from app.own_audit import OwnAudit
from base import events
from base.log import NOTICE, WARNING, Log
from dlms.apdu import ACTION_REQUEST, READ_WRITE_DENIED, SET_REQUEST, SUCCESS


class _Association:
    class client:
        sap = 127
        role = 0x10


class _Management:
    class client:
        sap = 1
        role = 0x02


def test_changes_calls_and_failures_are_kept_as_numbers_and_authentication_once():
    log = Log(64)
    audit = OwnAudit(log)
    audit.audit(_Association(), SET_REQUEST, 8, 2, SUCCESS)
    assert log.record()[1:] == (NOTICE, events.OWN_SET, -1, 127000, 8002)
    audit.audit(_Association(), ACTION_REQUEST, 20002, 5, READ_WRITE_DENIED)
    assert log.record()[1:] == (WARNING, events.OWN_ACTION, -1, 127003, 20002005)
    audit.notice(events.OWN_LOCKED, 1, 5)
    assert log.record()[1:] == (WARNING, events.OWN_LOCKED, -1, 1, 5)
    audit.notice(events.OWN_ASSOCIATED, 1, 0x7F000001)
    assert log.record()[1:] == (NOTICE, events.OWN_ASSOCIATED, -1, 1, 0x7F000001)
    kept = len(log)
    audit.audit(_Association(), ACTION_REQUEST, 15, 1, SUCCESS)
    assert len(log) == kept
    audit.audit(_Association(), SET_REQUEST, 15, 7, READ_WRITE_DENIED)
    assert len(log) == kept + 1


def test_a_recorded_request_sent_for_ever_does_not_wash_the_log():
    log = Log(64)
    audit = OwnAudit(log)
    for log.now_s in range(1, 181):
        audit.notice(events.OWN_REPLAY, 1, 7)
        audit.notice(events.OWN_REPLAY, 32, 7)
    assert len(log) == 3


def test_other_clients_do_not_wash_away_what_management_did():
    log = Log(4096)
    audit = OwnAudit(log)
    for log.now_s in range(3000):
        audit.audit(_Association(), SET_REQUEST, 8, 2, READ_WRITE_DENIED)
    assert len(log) == 32 + 2999 // 600
    before = len(log)
    audit.audit(_Association(), SET_REQUEST, 8, 2, SUCCESS)  # who has set the clock is always told
    audit.audit(_Association(), ACTION_REQUEST, 8, 6, SUCCESS)
    audit.audit(_Association(), ACTION_REQUEST, 8, 5, SUCCESS)  # has not set it yet
    assert len(log) == before + 2
    before = len(log)
    for _ in range(200):
        audit.audit(_Management(), SET_REQUEST, 8, 2, SUCCESS)
    assert len(log) == before + 200


def test_the_blocks_of_an_image_do_not_wash_the_log_and_one_that_is_refused_is_told():
    log = Log(64)
    audit = OwnAudit(log)
    for method in [1] + [2] * 1000 + [3]:
        audit.audit(_Management(), ACTION_REQUEST, 18, method, SUCCESS)
    assert [log.record(back)[5] for back in (1, 0)] == [18001, 18003] and len(log) == 2
    audit.audit(_Management(), ACTION_REQUEST, 18, 2, READ_WRITE_DENIED)
    audit.audit(_Management(), SET_REQUEST, 18, 2, SUCCESS)
    assert len(log) == 4


def test_whoever_fails_to_authenticate_or_comes_and_goes_for_a_day_does_not_wash_the_log():
    log = Log(4096)
    audit = OwnAudit(log)
    for log.now_s in range(0, 86400, 20):
        audit.notice(events.OWN_AUTHENTICATION_FAILED, 1, log.now_s)
        audit.notice(events.OWN_LOCKED, 1, 5)
        audit.notice(events.OWN_ASSOCIATED, 127, 7)
    kinds = [log.at(1, serial)[2] for serial in range(log.end(1))]
    assert [kinds.count(event) for event in (events.OWN_AUTHENTICATION_FAILED, events.OWN_LOCKED)] == [175, 175]
    assert kinds.count(events.OWN_ASSOCIATED) == 175
    for _ in range(100):
        audit.notice(events.OWN_ASSOCIATED, 1, 7)
    assert len(log) == 3 * 175 + 100
