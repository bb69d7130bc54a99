# SPDX-License-Identifier: MIT
"""What the tests of dlms.security share: records in memory, keys of a client, octets from hex."""

from binascii import crc32, unhexlify
from struct import pack

from hal.aes import cipher

EK = unhexlify("000102030405060708090A0B0C0D0E0F")
AK = unhexlify("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
MASTER = bytes(range(0x40, 0x50))
SERVER_TITLE = unhexlify("53494d0000bc614e")
SAPS = (1, 32, 64, 127)
FULL_POLICY = 0x6C

make_aes = cipher


class MemoryRecord:
    """A record in RAM that counts its writes and refuses them when told to."""

    def __init__(self, octets=None):
        self.octets = octets
        self.write_cnt = 0
        self.is_broken = False

    def load(self):
        return self.octets

    def save(self, octets):
        self.write_cnt += 1
        if self.is_broken:
            return False
        self.octets = bytes(octets)
        return True


def key_record(clients, first_send=1, flags=2, master=MASTER, device_suite=0):
    """keys.bin by its description: `clients` = {sap: (suite, policy, GUEK, GAK)}."""
    octets = b"GWKY" + bytes((1, flags, device_suite, 0)) + pack(">I", first_send)
    octets += pad(master) + bytes(32)
    for sap in SAPS:
        if sap in clients:
            suite, policy, guek, gak = clients[sap]
            octets += bytes((sap, suite, policy, 1)) + pad(guek) + pad(gak)
        else:
            octets += bytes((sap, 0, 0, 0)) + bytes(64)
    return octets + pack(">I", crc32(octets))


def pad(key):
    return bytes(key) + bytes(32 - len(key))


def same_keys(suite=0, policy=FULL_POLICY):
    """All four clients with the test keys."""
    guek, gak = (EK + EK, AK + AK) if suite == 2 else (EK, AK)
    return {sap: (suite, policy, guek, gak) for sap in SAPS}
