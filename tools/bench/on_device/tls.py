# SPDX-License-Identifier: MIT
"""TLS handshakes with ourselves, both ends checking certificates: `micropython tls.py <folder> <count>`.

`folder` has own.der (certificate, then key) and ca.der. Instructions are counted from outside.
"""

import asyncio
import sys

sys.path.insert(0, "lib")

from app.tls_identity import split  # noqa: E402
from hal import tls  # noqa: E402


def _read(name):
    with open(sys.argv[1] + "/" + name, "rb") as file:
        return file.read()


async def main():
    cert, key = split(_read("own.der"))
    ca = _read("ca.der")
    server, client = tls.server_context(cert, key, ca), tls.client_context(ca, cert, key)
    done = 0
    for _ in range(int(sys.argv[2])):
        done += await tls.shake_hands(server, client, "127.0.0.1")
    print("handshakes=%d" % done)


asyncio.run(main())
