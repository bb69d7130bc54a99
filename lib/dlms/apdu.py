# SPDX-License-Identifier: MIT
"""xDLMS service APDUs of a server with logical names: tags, codes, request heads.

COSEMpdu ASN.1 of the Green Book; only what SAP 1 takes or gives. Law: a request is read
to its last octet, and one octet too many is as wrong as one missing.
"""

from micropython import const

from base.errors import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Reader, Writer

AARQ = const(0x60)
AARE = const(0x61)
RLRQ = const(0x62)
RLRE = const(0x63)
GET_REQUEST = const(0xC0)
SET_REQUEST = const(0xC1)
ACTION_REQUEST = const(0xC3)
GET_RESPONSE = const(0xC4)
SET_RESPONSE = const(0xC5)
ACTION_RESPONSE = const(0xC7)
EXCEPTION_RESPONSE = const(0xD8)
GENERAL_BLOCK_TRANSFER = const(0xE0)

# Smallest PDU size taken from a client: an AARE (43 octets) must fit, and a data block
# should carry more payload than head. No number is given in a source reached.
MIN_PDU = const(64)
# The same where APDUs are ciphered: the longest envelope (general-ciphering) takes 59 octets of it.
MIN_CIPHERED_PDU = const(128)
MIN_ANSWER_ROOM = const(192)  # the longest AARE with a ciphered InitiateResponse has 161 octets

# Kinds of GET-request and of GET-response.
GET_NORMAL = const(1)
GET_NEXT = const(2)
GET_WITH_DATABLOCK = const(2)
GET_WITH_LIST = const(3)

# Kinds of SET-request and SET-response, of ACTION-request and ACTION-response.
SET_NORMAL = const(1)
SET_FIRST_BLOCK = const(2)
SET_BLOCK = const(3)
SET_WITH_LIST = const(4)
SET_LIST_FIRST_BLOCK = const(5)
SET_RESPONSE_BLOCK = const(2)
SET_RESPONSE_LAST_BLOCK = const(3)
SET_RESPONSE_LAST_BLOCK_LIST = const(4)
SET_RESPONSE_WITH_LIST = const(5)
ACTION_NORMAL = const(1)
ACTION_NEXT_BLOCK = const(2)
ACTION_WITH_LIST = const(3)
ACTION_FIRST_BLOCK = const(4)
ACTION_LIST_FIRST_BLOCK = const(5)
ACTION_BLOCK = const(6)
ACTION_RESPONSE_BLOCK = const(2)
ACTION_RESPONSE_NEXT_BLOCK = const(4)

# Data-Access-Result; Action-Result has the same numbers for what both know.
SUCCESS = const(0)
HARDWARE_FAULT = const(1)
TEMPORARY_FAILURE = const(2)
READ_WRITE_DENIED = const(3)
OBJECT_UNDEFINED = const(4)
OBJECT_CLASS_INCONSISTENT = const(9)
OBJECT_UNAVAILABLE = const(11)
TYPE_UNMATCHED = const(12)
SCOPE_OF_ACCESS_VIOLATED = const(13)
DATA_BLOCK_UNAVAILABLE = const(14)
LONG_GET_ABORTED = const(15)
NO_LONG_GET_IN_PROGRESS = const(16)
LONG_SET_ABORTED = const(17)
NO_LONG_SET_IN_PROGRESS = const(18)
LONG_ACTION_ABORTED = const(15)  # of Action-Result, as the next
NO_LONG_ACTION_IN_PROGRESS = const(16)
DATA_BLOCK_NUMBER_INVALID = const(19)
OTHER_REASON = const(250)

# exception-response: state-error, service-error.
STATE_NOT_ALLOWED = const(1)
STATE_UNKNOWN = const(2)
SERVICE_NOT_POSSIBLE = const(1)
SERVICE_NOT_SUPPORTED = const(2)
SERVICE_OTHER_REASON = const(3)
SERVICE_PDU_TOO_LONG = const(4)
SERVICE_DECIPHERING = const(5)
SERVICE_COUNTER = const(6)

# Conformance block, bit 0 of the standard = 0x800000.
CONF_GENERAL_PROTECTION = const(0x400000)
CONF_GENERAL_BLOCK_TRANSFER = const(0x200000)
CONF_ATTRIBUTE_0_GET = const(0x002000)
CONF_BLOCK_GET = const(0x001000)
CONF_BLOCK_SET = const(0x000800)
CONF_BLOCK_ACTION = const(0x000400)
CONF_MULTIPLE_REFERENCES = const(0x000200)
CONF_GET = const(0x000010)
CONF_SET = const(0x000008)
CONF_SELECTIVE_ACCESS = const(0x000004)
CONF_ACTION = const(0x000001)
CONF_KEYED = const(0x603E1D)  # all that is served here

# What each request needs to have been agreed.
SERVICE_CONFORMANCE = {GET_REQUEST: CONF_GET, SET_REQUEST: CONF_SET, ACTION_REQUEST: CONF_ACTION}

# Bit 6 of invoke-id-and-priority: set when the client wants an answer.
SERVICE_CONFIRMED = const(0x40)
BLOCK_LAST_OFF = const(3)  # of last-block in a GET-response-with-datablock

# Most targets one with-list request may name. The libraries' clients ask for 10 at most
# in one PDU of 512 octets; 32 bounds the list of values an association holds.
MAX_LIST = const(32)


class Descriptor:
    """What a request points at: class, logical name, attribute or method; reused."""

    def __init__(self) -> None:
        self.class_id = 0
        self.logical_name = b""
        self.index = 0
        self.is_selective = False
        self.selection_off = 0
        self.selection_end = 0

    def read(self, reader: "Reader") -> None:
        """Read class id, instance id and attribute or method id (9 octets)."""
        self.class_id = reader.unsigned(2)
        self.logical_name = reader.octets(6)
        index = reader.octet()
        self.index = index - 0x100 if index & 0x80 else index
        self.is_selective = False

    def read_with_selection(self, reader: "Reader") -> None:
        """Read an attribute descriptor; its access selection, if any, is passed over.

        The selection, access-selector and Data value, stays at [selection_off, selection_end) of the APDU.
        """
        self.read(reader)
        self.is_selective = reader.is_present()
        self.selection_off = reader.off
        if self.is_selective:
            reader.octet()
            reader.skip_value()
        self.selection_end = reader.off


def expect_end(reader: "Reader") -> None:
    """RemoteError when octets follow the APDU."""
    if reader.left:
        raise RemoteError("%d octets behind the APDU" % reader.left)


def read_list_count(reader: "Reader") -> int:
    """Number of targets of a with-list request, 1 to MAX_LIST; RemoteError for any other."""
    count = reader.count()
    if not 0 < count <= MAX_LIST:
        raise RemoteError("list of %d" % count)
    return count


def read_block(reader: "Reader") -> "tuple[bool, int, int]":
    """(is last, block number, length) of a data block or p-block that ends the APDU; its octets come next."""
    is_last = reader.octet() != 0
    number = reader.unsigned(4)
    length = reader.count()
    if length != reader.left:
        raise RemoteError("block of %d octets, %d there" % (length, reader.left))
    return is_last, number, length


def expect_room(writer: "Writer", length: int) -> None:
    """RemoteError when an answer of `length` more octets would not fit: ask for less at once."""
    if writer.off + length > writer.end:
        raise RemoteError("no room for %d octets of results" % length)


def write_exception(writer: "Writer", state_error: int, service_error: int) -> None:
    """exception-response, 3 octets."""
    writer.octet(EXCEPTION_RESPONSE)
    writer.octet(state_error)
    writer.octet(service_error)


def write_head(writer: "Writer", tag: int, kind: int, invoke: int) -> None:
    """First three octets of every GET-, SET- and ACTION-response."""
    writer.octet(tag)
    writer.octet(kind)
    writer.octet(invoke)


def write_block_head(writer: "Writer", invoke: int, is_last: bool, number: int) -> None:
    """GET-response-with-datablock up to, not including, the choice of raw data or result."""
    write_head(writer, GET_RESPONSE, GET_WITH_DATABLOCK, invoke)
    writer.octet(1 if is_last else 0)
    writer.unsigned(number, 4)


def write_block_error(writer: "Writer", invoke: int, number: int, result: int) -> None:
    """GET-response-with-datablock that ends a long get with a Data-Access-Result."""
    write_block_head(writer, invoke, True, number)
    writer.octet(1)
    writer.octet(result)
