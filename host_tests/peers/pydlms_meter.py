# SPDX-License-Identifier: MIT
"""pydlms-client's simulator (GPL-3, test-time only) as the meter behind the gateway.

`python -m host_tests.peers.pydlms_meter --title 5059440000000001 --port 4070 --count 8`
hosts eight meters on eight ports of 127.0.0.1 and prints for each the value
that tools.sim takes as `--meter`.  What the simulator lacks of a meter is added
here: associations per client SAP rather than per TCP connection, a public
client that is pre-established and may only read, and a limit on what is sent.
"""

import argparse
import contextlib
import logging
import threading

from pydlms.apdu.xdlms import Conformance, ExceptionResponse
from pydlms.cosem.data import DlmsData
from pydlms.exceptions import DlmsError
from pydlms.obis import ObisCode
from pydlms.security.hls import Mechanism
from pydlms.simulator import ClientProfile, ImageTransferTarget, MeterSimulator, _Session, example_meter

from host_tests.peers.hes import AK, DISCONNECTOR, EK, IMAGE, MANAGEMENT, PUBLIC
from tools.sim.meter.server import MeterServer

MAX_PDU = 220
_DEVICE = 1
# The simulator counts plain octets, so a response of exactly its limit grows when it is ciphered with general-glo:
# tag 1, title 1 + 8, length 2, SC and counter 5, tag 12.  210 + 29 = 239, what one S-FSK frame carries.
_MAX_PLAIN = 210
_IMAGE_BLOCK = 128
_GET_REQUEST, _AARQ, _RLRQ, _BLOCKS = 0xC0, 0x60, 0x62, 0xE0
_PUBLIC_TAGS = (_GET_REQUEST, _AARQ, _RLRQ, _BLOCKS)

logging.getLogger("pydlms").setLevel(logging.ERROR)


class PydlmsMeter:
    """One simulated meter; `handle` is what `tools.sim.meter.Meter.handle` is. `gbt` offers general block transfer."""

    def __init__(self, title: bytes, max_pdu: int = MAX_PDU, gbt: bool = False) -> None:
        self.title = title
        self.simulator = _simulator(title, max_pdu, gbt)
        self.image = ImageTransferTarget(block_size=_IMAGE_BLOCK).install(self.simulator, IMAGE[1])
        self.sent: "list[int]" = []  # lengths of all APDUs sent
        self.received: "list[int]" = []
        self._max_pdu = max_pdu
        self._sessions: "dict[int, _Session]" = {}

    @property
    def is_connected(self) -> bool:
        """The output state of the disconnector."""
        return bool(self._disconnector()[2].value)

    def handle(self, client_sap: int, server_sap: int, apdu: bytes) -> "list[bytes]":
        """The APDUs the meter answers with; none on another SAP than the management device's."""
        self.received.append(len(apdu))
        if server_sap != _DEVICE:
            return []
        session = self._session(client_sap)
        if client_sap == PUBLIC and apdu[0] not in _PUBLIC_TAGS:
            replies = [ExceptionResponse(1, 1).to_bytes()]
        else:
            replies = self._answer(apdu, session)
        session.client_max_pdu = min(session.client_max_pdu, _MAX_PLAIN)
        self.sent.extend(map(len, replies))
        return replies

    def _answer(self, apdu: bytes, session: _Session) -> "list[bytes]":
        try:
            return self.simulator.handle_all(apdu, session)
        except (DlmsError, ValueError, LookupError):
            # NOTE: what the simulator cannot parse makes some of its decoders raise out of it.
            return [ExceptionResponse(2, 3).to_bytes()]

    def _session(self, client_sap: int) -> _Session:
        session = self._sessions.setdefault(client_sap, _Session(client_sap=client_sap))
        if client_sap == PUBLIC and not session.associated:
            session.associated, session.ciphered, session.profile = True, False, ClientProfile()
            session.client_max_pdu = self._max_pdu
        return session

    def _disconnector(self) -> "dict[int, DlmsData]":
        return self.simulator.objects[(DISCONNECTOR[0], ObisCode.parse(DISCONNECTOR[1]))]


def _simulator(title: bytes, max_pdu: int, gbt: bool) -> MeterSimulator:
    conformance = Conformance.default_ln() | Conformance.GENERAL_PROTECTION | Conformance.DATA_NOTIFICATION
    conformance &= ~Conformance.GENERAL_BLOCK_TRANSFER
    if gbt:
        conformance |= Conformance.GENERAL_BLOCK_TRANSFER
    meter = example_meter(system_title=title, encryption_key=EK, authentication_key=AK, max_pdu=max_pdu,
                          conformance=conformance)
    meter.clients[MANAGEMENT] = ClientProfile(Mechanism.HLS_GMAC, ciphered=True)
    meter.add_object(1, "0.0.42.0.0.255", {2: DlmsData.octet_string(title.hex().upper().encode())})
    for method, is_on in ((1, False), (2, True)):
        meter.add_method(*DISCONNECTOR, method, _switch(is_on))
    return meter


def _switch(is_on: bool):  # type: ignore[no-untyped-def]
    def invoke(meter: MeterSimulator, _: object) -> None:
        attributes = meter.objects[(DISCONNECTOR[0], ObisCode.parse(DISCONNECTOR[1]))]
        attributes[2], attributes[3] = DlmsData.boolean(is_on), DlmsData.enum(int(is_on))
    return invoke


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="host_tests.peers.pydlms_meter", description="pydlms-client meters over TCP")
    parser.add_argument("--title", default="5059440000000001", help="system title of the first meter, 16 hex digits")
    parser.add_argument("--port", type=int, default=0, help="TCP port of the first meter, 0 = any free ones")
    parser.add_argument("--count", type=int, default=1, help="how many meters: titles and ports count up")
    parser.add_argument("--max-pdu", type=int, default=MAX_PDU, help="PDU size the meters negotiate")
    parser.add_argument("--gbt", action="store_true", help="offer general block transfer")
    return parser.parse_args()


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    options = _options()
    first = int(options.title, 16)
    with contextlib.ExitStack() as stack:
        for number in range(options.count):
            meter = PydlmsMeter((first + number).to_bytes(8, "big"), options.max_pdu, options.gbt)
            port = options.port + number if options.port else 0
            server = stack.enter_context(MeterServer(meter.handle, port))
            print(f"{meter.title.hex().upper()}@127.0.0.1:{server.port}", flush=True)
        print(f"READY {options.count} meters", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
