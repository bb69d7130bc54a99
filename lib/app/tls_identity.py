# SPDX-License-Identifier: MIT
"""What the WAN's TLS shows and trusts: our certificate with its key, the CA of the head-ends.

tls-own.der = certificate and private key, DER, one behind the other (so that one rename changes
both); tls-ca.der = the certificate that signs the peers'. New ones come over DLMS, are tried in a
handshake with ourselves and are then in force on trial: in RAM, until a head-end has come in with
them; only then are they written. Sessions that are open keep what they began with. Laws: the key
can be written and never read; what nobody can come in with does not stay.
"""

import asyncio

from micropython import const

from base import events
from base.log import NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from app.line_pause import LinePause
    from app.supervisor import Duty
    from base.log import Log
    from hal.store import FileStore

    Active = tuple[bytes | None, bytes | None, object]  # own file, CA, the server's context

OWN_FILE = "tls-own.der"
CA_FILE = "tls-ca.der"
BOTH_FILE = "tls-both.der"  # the two, one behind the other, from a change's first write to its last
MAX_LEN = const(4096)  # octets of either; a P-256 certificate has 500 to 1,000, its key 121
_PIECE_LEN = const(512)
_SEQUENCE = const(0x30)
TRIAL_MS = const(900000)  # a head-end that rotates certificates connects again at once, its operator within this

# What became of the last change, and why TLS is off (event tls-off).
GOOD = const(0)
NOT_THERE = const(1)  # no interpreter with TLS, or no file
NOT_READABLE = const(2)  # no DER, or not two parts
NOT_A_PAIR = const(3)  # the key is not the certificate's
NOT_WRITTEN = const(4)  # flash refused; the old one is in force
CHECKING = const(5)
ON_TRIAL = const(6)  # in force, not on flash yet
NOT_PROVEN = const(7)  # nobody came in with it: the old one is in force again
RESULTS = (
    "good", "not there", "not readable", "key does not fit", "not written", "checking", "on trial",
    "taken back: nobody connected",
)  # fmt: skip


def split(octets: bytes) -> "tuple[bytes, bytes]":
    """(certificate, key) of a file of both. ValueError when it is not exactly two DER sequences."""
    cut = _sequence_len(octets, 0)
    if cut >= len(octets) or cut + _sequence_len(octets, cut) != len(octets):
        raise ValueError("not a certificate and a key")
    return octets[:cut], octets[cut:]


def _sequence_len(octets: bytes, off: int) -> int:
    """Octets of the DER sequence at `off`, head included."""
    head = octets[off : off + 4]
    if len(head) < 2 or head[0] != _SEQUENCE:
        raise ValueError("no DER sequence")
    if head[1] < 0x80:
        return 2 + head[1]
    if head[1] == 0x81 and len(head) > 2:
        return 3 + head[2]
    if head[1] == 0x82 and len(head) > 3:
        return 4 + (head[2] << 8 | head[3])
    raise ValueError("DER length")


class TlsIdentity:
    """`library` = hal.tls; `asks_peer` False: head-ends need no certificate; `listens` False: none come in by TLS,
    so none can be locked out."""

    def __init__(self, store: "FileStore", library: object, asks_peer: bool, log: "Log", listens: bool = True) -> None:
        self._store = store
        self._library = library
        self._asks_peer = asks_peer
        self._listens = listens
        self._log = log
        self._own: "bytes | None" = None
        self._ca: "bytes | None" = None
        self._offered: "tuple[bytes | None, bytes | None] | None" = None
        self._wake = asyncio.Event()
        self._server: object = None
        self._before: "Active | None" = None  # while something is on trial: what was in force before it
        self._trial = 0  # counts trials
        self.changes = 0  # of what is in force
        self._is_proven = False  # and is to be written
        self.trial_ms = TRIAL_MS
        self.last_result = NOT_THERE
        self.pause: "LinePause | None" = None  # of the line, for each step of a handshake

    # --- in force ---

    def load(self) -> int:
        """Read the files, make the server's context; GOOD or why there is no TLS."""
        result = NOT_THERE
        if self._library.is_available():  # type: ignore[attr-defined]
            try:
                own, self._ca = self._read_both()
                if own is not None:
                    split(own)  # NOTE: what cannot be cut apart has no certificate that SAP 1 could show
                self._own = own
                result = self._make_server(own, self._ca)
            except (ValueError, OSError, MemoryError):
                result = NOT_READABLE
        self.last_result = result
        if result != GOOD:
            self._log.add(WARNING, events.TLS_OFF, a=result)
        return result

    def secure(self, stream: object) -> object:
        """The server's end of TLS over an accepted stream. OSError: no memory, or no identity."""
        if self._server is None:
            raise OSError("no TLS identity")
        secured = self._library.secure(self._server, stream)  # type: ignore[attr-defined]
        secured.pause = self.pause
        if self._before is not None:
            secured.on_shaken = self._prover()
        return secured

    async def connect(self, host: str, port: int, name: str) -> object:
        """Open a connection to host:port over TLS: (reader, writer). OSError."""
        if self._ca is None:
            raise OSError("no CA to check the receiver by")
        why = ""
        try:
            cert, key = (None, None) if self._own is None else split(self._own)
            context = self._library.client_context(self._ca, cert, key)  # type: ignore[attr-defined]
            return await self._library.open_connection(context, host, port, name)  # type: ignore[attr-defined]
        except ValueError as error:
            why = str(error)
        raise OSError(why)

    def certificate(self) -> bytes:
        """Ours, DER, without its key; empty when there is none."""
        return b"" if self._own is None else split(self._own)[0]

    def ca(self) -> bytes:
        """The CA's certificate, DER; empty when there is none."""
        return self._ca or b""

    def fingerprint(self, der: bytes) -> bytes:
        """SHA-256 of a certificate, empty of none."""
        return bytes(self._library.sha256(der)) if der else b""  # type: ignore[attr-defined]

    # --- changes ---

    def offer(self, own: "bytes | None", ca: "bytes | None") -> bool:
        """Change what is not None, once it has passed the check; False while another is being checked."""
        if self._offered is not None:
            return False
        self._offered = (own, ca)
        self.last_result = CHECKING
        self._wake.set()
        return True

    async def run(self, duty: "Duty") -> None:
        """Checks what is offered, one at a time, and ends trials; for ever."""
        while True:
            if self._is_proven:
                self._tell(self._keep(GOOD))
            elif self._offered is not None:
                try:
                    result = await self._change(*self._offered)
                finally:
                    self._offered = None
                self._tell(result)
            elif not await self._is_woken():
                self._take_back()
                self._tell(NOT_PROVEN)

    def _tell(self, result: int) -> None:
        self.last_result = result
        self._log.add(WARNING if result == NOT_PROVEN else NOTICE, events.TLS_CHANGED, a=result)

    async def _is_woken(self) -> bool:
        """Wait for something to do; False: the time of a trial is over."""
        if self._before is None:
            await self._wake.wait()
        else:
            try:
                await asyncio.wait_for_ms(self._wake.wait(), self.trial_ms)
            except asyncio.TimeoutError:
                return self._is_proven or self._offered is not None
        self._wake.clear()
        return True

    async def _change(self, own: "bytes | None", ca: "bytes | None") -> int:
        try:
            if own is not None and not await self._library.pair_fits(*split(own)):  # type: ignore[attr-defined]
                return NOT_A_PAIR
            if ca is not None:
                self._library.client_context(ca, None, None)  # type: ignore[attr-defined]
            if self._is_proven:  # meanwhile
                self._tell(self._keep(GOOD))
            before = (self._own, self._ca, self._server)
            next_own, next_ca = own or self._own, ca or self._ca
            result = self._make_server(next_own, next_ca)
        except (ValueError, OSError, MemoryError):
            return NOT_READABLE
        self._own, self._ca = next_own, next_ca
        self._before = self._before or before
        self._trial += 1
        self.changes += 1
        if self._listens and before[2] is not None:
            return ON_TRIAL
        return self._keep(result)

    def _prover(self) -> "Callable[[], None]":
        """To be called when somebody has come in with what is in force now."""
        trial = self._trial

        def prove() -> None:
            # NOTE: whoever came in with the one before proves nothing.
            if self._before is not None and trial == self._trial:
                self._is_proven = True
                self._wake.set()

        return prove

    def _keep(self, result: int) -> int:
        """Write what is in force; when flash refuses, what was before it is."""
        try:
            self._write_both(self._own, self._ca)
        except OSError:
            self._take_back()
            return NOT_WRITTEN
        self._before, self._is_proven = None, False
        return result

    def _take_back(self) -> None:
        """What was in force before the trial is again; needs no memory."""
        if self._before is not None:
            self._own, self._ca, self._server = self._before
            self.changes += 1
        self._before, self._is_proven = None, False

    def _make_server(self, own: "bytes | None", ca: "bytes | None") -> int:
        """ValueError, and nothing changed, when one of them is not usable."""
        if own is None or (ca is None and self._asks_peer):
            return NOT_THERE
        cert, key = split(own)
        wanted = ca if self._asks_peer else None
        self._server = self._library.server_context(cert, key, wanted)  # type: ignore[attr-defined]
        return GOOD

    # --- files ---

    def _read_both(self) -> "tuple[bytes | None, bytes | None]":
        """What is on flash; a change that was cut off in its middle is brought to its end."""
        both = self._read(BOTH_FILE, 2 * MAX_LEN)
        if both is None:
            return self._read(OWN_FILE), self._read(CA_FILE)
        cut = _sequence_len(both, 0)
        cut += _sequence_len(both, cut)
        self._spread(both[:cut], both[cut:])
        return both[:cut], both[cut:]

    def _write_both(self, own: "bytes | None", ca: "bytes | None") -> None:
        """OSError: what is on flash has not changed."""
        if own is None or ca is None:
            self._write(OWN_FILE if ca is None else CA_FILE, own or ca)
        else:
            self._write(BOTH_FILE, own, ca)  # NOTE: a new one beside an old one might let nobody in
            self._spread(own, ca)

    def _spread(self, own: bytes, ca: bytes) -> None:
        try:
            self._write(OWN_FILE, own)
            self._write(CA_FILE, ca)
            self._store.remove(BOTH_FILE)
        except OSError:  # the file of both holds until the next start, which tries again
            pass

    def _read(self, name: str, most: int = MAX_LEN) -> "bytes | None":
        octets = b""
        piece = memoryview(bytearray(_PIECE_LEN))  # not of the longest file: a heap in use has no 8 kB in one piece
        n = self._store.load(name, piece, 0)
        while n:
            octets += piece[:n]
            if len(octets) > most:
                raise ValueError("over %d octets" % most)
            n = self._store.load(name, piece, len(octets))
        return octets or None

    def _write(self, name: str, first: "bytes | None", second: bytes = b"") -> None:
        self._store.begin(name)
        for octets in (first, second):
            if octets:
                self._store.write(octets)
        self._store.commit()
