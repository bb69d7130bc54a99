# SPDX-License-Identifier: MIT
"""What stands against an association request: its AARQ (ACSE diagnostics), its InitiateRequest (initiate errors).

Green Book 9.4.2. Law: the first thing wrong, in the order in which the fields were agreed on, is
what the client is told.
"""

from dlms import acse, apdu
from dlms.security.envelope import TITLE_LEN
from dlms.security.hls import MECHANISM_GMAC, is_challenge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.association import Client


def diagnose(aarq: acse.Aarq, client: "Client | None") -> int:
    """What ACSE has against this request of a client without keys; DIAG_NULL = nothing."""
    if not aarq.is_version_1:
        return acse.DIAG_NO_COMMON_VERSION
    if aarq.context != acse.CONTEXT_LN:
        return acse.DIAG_CONTEXT
    if aarq.mechanism != acse.MECHANISM_NONE:
        return acse.DIAG_MECHANISM
    if aarq.has_authentication and not aarq.has_mechanism:
        return acse.DIAG_MECHANISM_REQUIRED
    if client is None:
        return acse.DIAG_NO_REASON
    return acse.DIAG_NULL


def diagnose_secured(aarq: acse.Aarq) -> int:
    """The same for a client with keys: ciphering and HLS mechanism 5, nothing less."""
    if not aarq.is_version_1:
        return acse.DIAG_NO_COMMON_VERSION
    if aarq.context != acse.CONTEXT_LN_CIPHERED:
        return acse.DIAG_CONTEXT
    if not aarq.has_mechanism:
        return acse.DIAG_MECHANISM_REQUIRED if aarq.has_authentication else acse.DIAG_REQUIRED
    if aarq.mechanism != MECHANISM_GMAC:
        return acse.DIAG_MECHANISM
    if len(aarq.title) != TITLE_LEN:
        return acse.DIAG_CALLING_TITLE
    if not is_challenge(aarq.challenge) or aarq.has_initiate:  # in clear: nobody has proven anything
        return acse.DIAG_FAILURE
    return acse.DIAG_NULL


def check_initiate(aarq: acse.Aarq, client: "Client", least_pdu: int = apdu.MIN_PDU) -> int:
    """What xDLMS has against this request; INITIATE_NONE = nothing."""
    if not aarq.has_initiate:
        return acse.INITIATE_OTHER
    if aarq.dlms_version < acse.DLMS_VERSION:
        return acse.INITIATE_VERSION_TOO_LOW
    if aarq.client_max_pdu and aarq.client_max_pdu < least_pdu:
        return acse.INITIATE_PDU_TOO_SHORT
    if not aarq.conformance & client.conformance & apdu.CONF_GET:
        return acse.INITIATE_CONFORMANCE
    return acse.INITIATE_NONE
