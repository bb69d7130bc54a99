# SPDX-License-Identifier: MIT
"""Push setup (class 40, version 2) of the gateway's own notifications, and the event pushed last.

0-1:25.9.0 heartbeats, 0-4:25.9.0 alarms and security, 0-7:25.9.0 topology: the instances the
field uses for interval, alarm and installation. All three share destination and pace. The body of
a notification is the values of push_object_list: serial number, then both elements of 0-0:128.2.1.
"""

from micropython import const

from dlms.axdr import ARRAY, ENUM, INT8, NULL, OCTET_STRING, STRUCTURE, UINT16
from dlms.cosem.values import Const

HEARTBEATS = const(0)
ALARMS = const(1)
TOPOLOGY = const(2)
LAST_EVENT = const(3)

OBJECT_LIST = const(2)
DESTINATION = const(3)
RANDOMISATION = const(5)
RETRIES = const(6)
REPETITION = const(7)
CLIENT_SAP = const(9)
OPERATION_METHOD = const(11)
CONFIRMATION = const(12)
LAST_CONFIRMATION = const(13)
PUSH = const(1)  # method; 2 = reset: there is no state that it could reset

# push_object_list, send_destination_and_method {TCP, destination, A-XDR}, communication_window,
# randomisation_start_interval, number_of_retries, repetition_delay {min, exponent, max}, port_reference,
# push_client_SAP, push_protection_parameters, push_operation_method, confirmation_parameters, last_confirmation
_ATTRIBUTES = "* eoe:m [oo H:m B:m HHH:m o b:m [o e oI o"

ROWS = (
    (HEARTBEATS, 40, 2, b"\x00\x01\x19\x09\x00\xff", "m-", _ATTRIBUTES),
    (ALARMS, 40, 2, b"\x00\x04\x19\x09\x00\xff", "m-", _ATTRIBUTES),
    (TOPOLOGY, 40, 2, b"\x00\x07\x19\x09\x00\xff", "m-", _ATTRIBUTES),
)
LAST_EVENT_ROWS = ((LAST_EVENT, 1, 0, b"\x00\x00\x80\x02\x01\xff", "", "*"),)


def _element(logical_name: bytes, data_index: int) -> bytes:
    """Attribute 2 of a Data object: {class, name, attribute, element, {no restriction, null}, no columns}."""
    what = bytes((STRUCTURE, 6, UINT16, 0, 1, OCTET_STRING, 6)) + logical_name
    return what + bytes((INT8, 2, UINT16, 0, data_index, STRUCTURE, 2, ENUM, 0, NULL, ARRAY, 0))


def object_list() -> Const:
    """Attribute 2 of all three."""
    event = LAST_EVENT_ROWS[0][3]
    serial = b"\x00\x00\x60\x01\x00\xff"
    return Const(bytes((ARRAY, 3)) + _element(serial, 0) + _element(event, 1) + _element(event, 2))
