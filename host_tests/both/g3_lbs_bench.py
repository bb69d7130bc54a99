# SPDX-License-Identifier: MIT
"""A G3 segment of dialect L on a scripted modem: the test plays devices, LBP frame by LBP frame.

Group key and RAND_S are those of facts/g3.md 6.3, so that its transcripts hold octet by octet.
"""

from g3_aes import encrypt_block
from g3_bench import G3Bench, octets

RAND_S = octets("11848D16BC7676F635659012082B3A97")
GMK = octets("AF4D6DCCF14DE7C1C4235E6FEF6C151F")


class LbsBench(G3Bench):
    def __init__(self, euis=(), **changes):
        super().__init__(euis, dialect="L", encrypt=encrypt_block, **changes)
        self.bring_up()
        self.segment.record._keys[:16] = GMK
        self.segment.joins._random = lambda n: RAND_S

    def hears(self, nsdu, src=0xFFFF, is_secured=None):
        """LBP_INDICATION."""
        body = octets(nsdu) if isinstance(nsdu, str) else nsdu
        secured = (src != 0xFFFF) if is_secured is None else is_secured
        head = b"\x2a" + src.to_bytes(2, "big") + len(body).to_bytes(2, "big")
        return self.says(head + body + b"\x3c" + bytes([int(secured)]))

    def said(self):
        """(via, NSDU in hex digits) of the LBP requests since the last call; confirms them."""
        found = []
        for request in self.taken():
            if request[0] != 0x13:
                continue
            n = request[6]
            via = 0xFFFF if n == 8 else int.from_bytes(request[9:11], "big")
            assert request[5] == (0 if n == 8 else 1)
            assert int.from_bytes(request[7:9], "big") == len(request) - 9 - n
            found.append((via, request[9 + n :]))
            self.handle = request[1]
        return found

    def on_air(self, status=0):
        return self.says(bytes([0x29, status, self.handle]))
