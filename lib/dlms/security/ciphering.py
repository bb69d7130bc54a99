# SPDX-License-Identifier: MIT
"""Ciphered APDUs of a server: opened in place, answered in the form they came in (Green Book 9.2.7).

AES-GCM with the client's keys: IV = title | counter, additional data = SC | AK (| plaintext when only
authenticated). Law: cheap checks first, then the tag, and only then is anything believed: the
counter noted, the text deciphered. An APDU without a tag is refused, whatever the policy.
"""

from micropython import const

from base.errors import LocalError, RemoteError
from dlms.axdr import Reader, Writer
from dlms.security import stats
from dlms.security.envelope import (
    FORM_DED,
    FORM_GENERAL,
    FORM_GENERAL_BOUND,
    FORM_GENERAL_DED,
    FORM_GENERAL_GLO,
    FORM_GLO,
    FORM_NONE,
    HEADER_LEN,
    SC_AUTHENTICATED,
    SC_BOTH,
    SC_BROADCAST,
    SC_COMPRESSED,
    SC_ENCRYPTED,
    SC_SUITE,
    TAG_GENERAL,
    TAG_GENERAL_DED,
    TAG_GENERAL_GLO,
    TAG_LEN,
    TITLE_LEN,
    Envelope,
    is_dedicated,
    service_tag,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from base.counters import Counters
    from dlms.security.client_keys import ClientKeys
    from dlms.security.gcm import Gcm
    from dlms.security.invocation_counters import InvocationCounters
    from dlms.security.protection import Protection

# service-error of the exception-response (facts/dlms.md 4).
OTHER_REASON = const(3)
DECIPHERING_ERROR = const(5)
INVOCATION_COUNTER_ERROR = const(6)
NO_COUNTER = const(-1)


class CipheringError(RemoteError):
    """An APDU that is not believed. `reason` = its counter in dlms.security.stats.

    `service_error` goes into the exception-response; with INVOCATION_COUNTER_ERROR the four
    octets of `expected`, the lowest acceptable counter, follow.
    """

    def __init__(self, reason: int, service_error: int = DECIPHERING_ERROR, expected: int = NO_COUNTER) -> None:
        super().__init__("ciphering: %d" % reason)
        self.reason = reason
        self.service_error = service_error
        self.expected = expected


class Ciphering:
    """One per device. After `unwrap` the plain APDU is `length` octets from `off` in the same buffer."""

    def __init__(
        self, gcm: "Gcm", system_title: bytes, invocation_counters: "InvocationCounters", counters: "Counters"
    ) -> None:
        if len(system_title) != TITLE_LEN:
            raise LocalError("system title of %d octets" % len(system_title))
        self.gcm = gcm
        self.system_title = system_title
        self.invocation_counters = invocation_counters
        self.counters = counters
        self.off = 0
        self.length = 0
        self._reader = Reader()
        self._writer = Writer()
        self._envelope = Envelope()

    def is_usable_title(self, title: bytes) -> bool:
        """8 octets and not our own: with our title, a client's counters would meet ours under one key."""
        return len(title) == TITLE_LEN and title != self.system_title

    # --- opening ---

    def unwrap(self, mv: memoryview, off: int, length: int, protection: "Protection") -> None:
        """Open the APDU at `mv[off : off + length]` in place; `off`, `length` and the protection's `form`,
        `control` and `transaction` are set.

        CipheringError: refused, nothing was noted, and unless the tag was good nothing was changed.
        """
        envelope = self._envelope
        try:
            self._reader.open(mv, off, length)
            envelope.read(self._reader)
            keys = self._check(envelope, protection)
            self._open(mv, envelope, protection, keys)
        except CipheringError as error:
            self.counters.inc(error.reason)
            raise
        except RemoteError:
            self.counters.inc(stats.MALFORMED)
            raise CipheringError(stats.MALFORMED)  # noqa: B904 - MicroPython keeps no chain
        self.counters.inc(stats.OPENED)

    def _check(self, envelope: Envelope, protection: "Protection") -> "ClientKeys":
        """All that can be refused without a key; the keys of the client."""
        keys = protection.keys
        if keys is None or not keys.is_provisioned:
            raise CipheringError(stats.UNPROVISIONED)
        if envelope.has_foreign_key or envelope.uses_broadcast:
            raise CipheringError(stats.KEY)
        control = envelope.control
        if control & SC_SUITE != keys.suite:
            raise CipheringError(stats.SUITE)
        if control & SC_BROADCAST:
            raise CipheringError(stats.KEY)
        if control & SC_COMPRESSED:
            raise CipheringError(stats.COMPRESSED)
        needed = keys.needed_of_request | SC_AUTHENTICATED
        if control & needed != needed:
            raise CipheringError(stats.POLICY)
        if envelope.title and envelope.title != protection.title or not self.is_usable_title(protection.title):
            raise CipheringError(stats.TITLE)
        if envelope.recipient and envelope.recipient != self.system_title:
            raise CipheringError(stats.TITLE)
        self._check_counter(envelope, protection, keys)
        return keys

    def _check_counter(self, envelope: Envelope, protection: "Protection", keys: "ClientKeys") -> None:
        if is_dedicated(envelope.form):
            if not protection.dedicated:
                raise CipheringError(stats.KEY)
            expected = protection.last_dedicated + 1
        else:
            expected = self.invocation_counters.expected(keys.row)
        if envelope.counter < expected:
            raise CipheringError(stats.STALE, INVOCATION_COUNTER_ERROR, expected)

    def _open(self, mv: memoryview, envelope: Envelope, protection: "Protection", keys: "ClientKeys") -> None:
        form = envelope.form
        is_bound = form == FORM_GENERAL and keys.suite != 0
        is_good = self._is_genuine(mv, envelope, protection, keys, is_bound)
        if not is_good and form == FORM_GENERAL:
            is_bound = not is_bound
            is_good = self._is_genuine(mv, envelope, protection, keys, is_bound)
        if not is_good or envelope.has_extras and not is_bound:  # what nobody vouches for is not carried along
            raise CipheringError(stats.TAG)
        if is_bound:
            form = FORM_GENERAL_BOUND
        # NOTE: before the counter is noted: the tag outside is not covered, and with one bit of it
        # changed on the way, an APDU that is noted and refused would make the real one stale.
        if form in (FORM_GLO, FORM_DED) and service_tag(form, mv[envelope.text_off]) != envelope.tag:
            raise CipheringError(stats.MALFORMED)
        self._note_counter(envelope, protection, keys)
        protection.form = form
        protection.control = envelope.control
        protection.transaction = envelope.transaction
        protection.has_key_info = envelope.has_key_info
        self.off = envelope.text_off
        self.length = envelope.text_len

    def _is_genuine(
        self, mv: memoryview, envelope: Envelope, protection: "Protection", keys: "ClientKeys", is_bound: bool
    ) -> bool:
        """The tag is right; then the text is deciphered too."""
        gcm = self.gcm
        gcm.start(_key(protection, keys, envelope.form), protection.title, envelope.counter)
        self._add_control(mv, envelope.control_off, keys)
        if is_bound:
            gcm.add(mv, envelope.bound_off, envelope.bound_len)
        if envelope.control & SC_ENCRYPTED:
            return gcm.open(mv, envelope.text_off, envelope.text_len, envelope.tag_off)
        gcm.add(mv, envelope.text_off, envelope.text_len)
        return gcm.open(mv, envelope.text_off, 0, envelope.tag_off)

    def _note_counter(self, envelope: Envelope, protection: "Protection", keys: "ClientKeys") -> None:
        if is_dedicated(envelope.form):
            protection.last_dedicated = envelope.counter
        elif not self.invocation_counters.accept(keys.row, envelope.counter):
            raise CipheringError(stats.COUNTER, OTHER_REASON)

    # --- sealing ---

    def wrap(self, mv: memoryview, off: int, plain_off: int, plain_len: int, protection: "Protection") -> int:
        """Protect the APDU at `mv[plain_off : plain_off + plain_len]` as the last request was; octets from `off`.

        `plain_off` must be at least `off + protection.header_len(plain_len)`; 12 octets behind the text are
        written. CipheringError when there is no counter left or none could be reserved; LocalError when
        the form has no tag for this APDU (only a general form carries it).
        """
        keys = protection.keys
        if keys is None or not keys.is_provisioned:
            raise LocalError("wrap without keys")
        counter = self._take_counter()
        start = off + protection.header_len(plain_len)
        if start != plain_off:
            mv[start : start + plain_len] = mv[plain_off : plain_off + plain_len]
        control = protection.control & SC_BOTH | keys.needed_of_response | SC_AUTHENTICATED | keys.suite
        self._writer.open(mv, off, start)
        bound_len = self._write_head(mv[start], protection)
        self._writer.count(HEADER_LEN + plain_len + TAG_LEN)
        self._writer.octet(control)
        self._writer.unsigned(counter, 4)
        self.gcm.start(_key(protection, keys), self.system_title, counter)
        self._add_control(mv, start - HEADER_LEN, keys)
        if protection.form == FORM_GENERAL_BOUND:
            self.gcm.add(mv, off + 1, bound_len)
        self._seal(mv, start, plain_len, control)
        return start + plain_len + TAG_LEN - off

    def _take_counter(self) -> int:
        counter = self.invocation_counters.next_send()
        if counter == NO_COUNTER:
            self.counters.inc(stats.COUNTER)
            raise CipheringError(stats.COUNTER, OTHER_REASON)
        return counter

    def _add_control(self, mv: memoryview, control_off: int, keys: "ClientKeys") -> None:
        """What every tag covers: SC | AK."""
        self.gcm.add(mv, control_off, 1)
        self.gcm.add(keys.authentication_key, 0, len(keys.authentication_key))

    def _seal(self, mv: memoryview, start: int, plain_len: int, control: int) -> None:
        tag_off = start + plain_len
        if not control & SC_ENCRYPTED:
            self.gcm.add(mv, start, plain_len)
            plain_len = 0
        self.gcm.seal(mv, start, plain_len, tag_off)
        self.counters.inc(stats.SEALED)

    def _write_head(self, plain_tag: int, protection: "Protection") -> int:
        """Everything before the length of the ciphered text; how many octets behind the tag a bound tag covers."""
        writer = self._writer
        form = protection.form
        if form in (FORM_GLO, FORM_DED):
            tag = service_tag(form, plain_tag)
            if not tag:
                raise LocalError("no service-specific form of APDU %02x" % plain_tag)
            writer.octet(tag)
            return 0
        if form in (FORM_GENERAL_GLO, FORM_GENERAL_DED):
            writer.octet(TAG_GENERAL_GLO if form == FORM_GENERAL_GLO else TAG_GENERAL_DED)
            _put_string(writer, self.system_title)
            return 0
        writer.octet(TAG_GENERAL)
        at = writer.off
        _put_string(writer, protection.transaction)
        _put_string(writer, self.system_title)
        _put_string(writer, protection.title)
        writer.unsigned(0, 2)  # neither date-time nor other-information
        bound_len = writer.off - at
        writer.octet(1 if protection.has_key_info else 0)
        if protection.has_key_info:
            writer.unsigned(0, 2)  # identified-key, global unicast
        return bound_len


def _key(protection: "Protection", keys: "ClientKeys", form: int = FORM_NONE) -> "bytearray | memoryview":
    """The encryption key of a request in `form`, of an answer when it is not given."""
    return protection.dedicated if is_dedicated(form or protection.form) else keys.encryption_key


def _put_string(writer: "Writer", octets: bytes) -> None:
    writer.count(len(octets))
    writer.raw(octets, 0, len(octets))
