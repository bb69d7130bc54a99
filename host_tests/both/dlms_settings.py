# SPDX-License-Identifier: MIT
"""A logical device with two objects that let themselves be set and called, and requests for them."""

from dlms_device import Bench, name

from base.errors import RemoteError
from dlms.apdu import CONF_KEYED, SUCCESS, TEMPORARY_FAILURE
from dlms.association import Client, public_client
from dlms.axdr import ENUM, INT8, OCTET_STRING, UINT8, UINT16
from dlms.cosem.object import ROLE_MANAGEMENT, ROLE_READ_ONLY, ROLE_READ_WRITE, CosemObject
from dlms.cosem.values import Encoded, number
from dlms.server import LogicalDevice

NAME = "0.0.96.200.0.255"
OTHER = "0.0.96.200.1.255"


class Settings:
    """An object with a number (2), a text (3), a constant (4) and four methods; what was done to it."""

    def __init__(self, logical_name=NAME):
        self.value = 7
        self.text = b""
        self.calls = []
        values = [
            Encoded(lambda writer: writer.number(UINT16, self.value)),
            Encoded(lambda writer: writer.octets(self.text)),
            number(UINT8, 1),
        ]
        item = CosemObject(9000, 0, name(logical_name), values, 5)
        item.readers = ROLE_MANAGEMENT | ROLE_READ_ONLY
        item.writable(2, ROLE_MANAGEMENT | ROLE_READ_WRITE, self._set_value)
        item.writable(3, ROLE_MANAGEMENT, self._set_text)
        item.callable(1, ROLE_MANAGEMENT, self._double).callable(2, ROLE_MANAGEMENT, self._note)
        item.callable(3, ROLE_MANAGEMENT, self._long).callable(4, ROLE_MANAGEMENT, self._fail)
        item.selective(2, 0b101, self._select)
        self.item = item

    def _set_value(self, now, reader):
        value = reader.number(UINT16)
        if value == 13:
            return TEMPORARY_FAILURE
        self.value = value
        return SUCCESS

    def _set_text(self, now, reader):
        self.text = reader.string(OCTET_STRING, 1500)
        return SUCCESS

    def _double(self, now, reader, writer):
        writer.number(UINT16, 2 * reader.number(UINT16))
        self.calls.append(now)
        return SUCCESS

    def _note(self, now, reader, writer):
        self.calls.append(None if reader is None else reader.number(INT8))
        return SUCCESS

    def _long(self, now, reader, writer):
        self.calls.append("long")
        writer.octets(bytes(3000))
        return SUCCESS

    def _fail(self, now, reader, writer):
        writer.octets(b"half done")
        return TEMPORARY_FAILURE

    def _select(self, selector, reader):
        if selector == 1:
            return number(ENUM, reader.number(UINT8))
        if reader.number(UINT8) == 0:
            raise RemoteError("nothing is there")
        return None


def _client(sap, role):
    """One with every service that need not authenticate."""
    return Client(sap, role, CONF_KEYED, False, 512)


def settings_bench(records=None):
    """All clients associated on connection 0, with every service; `records` gets what the audit hears."""
    bench = Bench()
    bench.settings, bench.other = Settings(), Settings(OTHER)
    clients = (
        public_client(),
        _client(1, ROLE_MANAGEMENT),
        _client(32, ROLE_READ_WRITE),
        _client(127, ROLE_READ_ONLY),
    )
    audit = None
    if records is not None:

        def audit(association, tag, class_id, index, result):
            records.append((association.client.sap, tag, class_id, index, result))

    objects = bench.objects + [bench.settings.item, bench.other.item]
    bench.device = LogicalDevice(objects, clients, audit=audit)
    for client in clients:
        bench.associate(conformance=0xFFFFFF, sap=client.sap)
    return bench


def target_of(index, logical_name=NAME, class_id=9000):
    """Class, logical name, attribute or method."""
    return class_id.to_bytes(2, "big") + name(logical_name) + bytes([index & 0xFF])


def set_request(value, index=2, invoke=0xC1, selection=b"\x00", **target):
    """SET-request-normal."""
    return b"\xc1\x01" + bytes([invoke]) + target_of(index, **target) + selection + value


def action_request(index, parameter=None, invoke=0xC1, **target):
    """ACTION-request-normal; no parameter when there is none."""
    head = b"\xc3\x01" + bytes([invoke]) + target_of(index, **target)
    return head + (b"\x00" if parameter is None else b"\x01" + parameter)
