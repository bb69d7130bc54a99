# SPDX-License-Identifier: MIT
"""GET, SET and ACTION of one association, in clear: where its requests are served.

Law: a client that has not answered our challenge yet may do that and nothing else.
"""

from dlms import apdu, stats
from dlms.action_service import ActionService
from dlms.get_service import GetService
from dlms.set_service import SetService

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.association import Association
    from dlms.axdr import Reader, Writer
    from dlms.change_service import Audit
    from dlms.cosem.association_ln import AssociationView
    from dlms.reassembly import Reassembly
    from dlms.targets import Targets

# ACTION-request-normal of method 1, reply_to_HLS_authentication, of 0-0:40.0.0.255, class 15; the invoke id between.
_REPLY_HEAD = b"\xc3\x01"
_REPLY_TARGET = b"\x00\x0f\x00\x00\x28\x00\x00\xff\x01"


class Services:
    """`view` is told whose request is served, before each."""

    def __init__(
        self, targets: "Targets", view: "AssociationView", counters: "Counters", store: "Reassembly", audit: "Audit"
    ) -> None:
        self._view = view
        self._counters = counters
        self._get = GetService(targets, counters)
        self._set = SetService(targets, counters, store, audit)
        self._action = ActionService(targets, counters, store, audit)

    def serve(self, now: int, association: "Association", reader: "Reader", writer: "Writer") -> None:
        """Answer the APDU at the reader's place in the room the writer has. RemoteError: malformed."""
        tag = reader.mv[reader.off]
        needed = apdu.SERVICE_CONFORMANCE.get(tag, 0)
        if not needed:
            self._refuse(writer, apdu.STATE_UNKNOWN, apdu.SERVICE_NOT_SUPPORTED, stats.REFUSED_SERVICE)
        elif association.is_pending and not _is_hls_reply(reader):
            self._refuse(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_POSSIBLE, stats.REFUSED_NOT_ASSOCIATED)
        elif not association.conformance & needed and not association.is_pending:
            self._refuse(writer, apdu.STATE_NOT_ALLOWED, apdu.SERVICE_NOT_SUPPORTED, stats.REFUSED_SERVICE)
        else:
            self._view.association = association
            reader.octet()
            if tag == apdu.GET_REQUEST:
                self._get.request(association, reader, writer)
            elif tag == apdu.SET_REQUEST:
                self._set.request(now, association, reader, writer)
            else:
                self._action.request(now, association, reader, writer)

    def _refuse(self, writer: "Writer", state_error: int, service_error: int, count: int) -> None:
        self._counters.inc(count)
        apdu.write_exception(writer, state_error, service_error)


def _is_hls_reply(reader: "Reader") -> bool:
    mv, off = reader.mv, reader.off
    return reader.left > 12 and mv[off : off + 2] == _REPLY_HEAD and mv[off + 3 : off + 12] == _REPLY_TARGET
