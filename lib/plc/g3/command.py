# SPDX-License-Identifier: MIT
"""A request to the modem chip: its payload, the confirm that ends it, who hears how.

Source: g3.md 2.4. Commands are made once and reused. The owner hears exactly one result per
`Desk.push`. A confirm belongs to a request when its code fits and it repeats the request's
address (attribute and index, or destination).
"""

from micropython import const

from plc.g3 import adp, pib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plc.g3.contract import CommandOwner

# Results.
CMD_OK = const(0)  # the confirm came; its status is its first octet
CMD_REFUSED = const(1)  # the serial interface refused the request (its status in the first octet)
CMD_TIMEOUT = const(2)
CMD_DOWN = const(3)  # the modem went down

_NO_CONFIRM = const(-1)
_ATTRIBUTE_LEN = const(6)


class Command:
    """One reusable request with a buffer of `size` octets."""

    def __init__(self, owner: "CommandOwner", size: int = 48) -> None:
        self.owner = owner
        self.mv = memoryview(bytearray(size))
        self.length = 0
        self.confirm = _NO_CONFIRM
        self.echo_len = 0  # octets of the request the confirm repeats behind its status
        self.timeout_ms = 0

    @property
    def code(self) -> int:
        """The request's command."""
        return self.mv[0]

    def load(self, length: int, timeout_ms: int, echo_len: int = 0) -> None:
        """`length` octets of payload stand in `mv`; the confirm follows from the command."""
        self.length = length
        self.timeout_ms = timeout_ms
        self.echo_len = echo_len
        self.confirm = adp.CONFIRM_OF.get(self.mv[0], _NO_CONFIRM)

    def load_get(self, space: int, attribute: int, index: int, timeout_ms: int) -> None:
        """Read an attribute."""
        self.load(pib.put_get(self.mv, space, attribute, index), timeout_ms, _ATTRIBUTE_LEN)

    def load_set(
        self, space: int, attribute: int, index: int, value: "bytes | bytearray | memoryview", timeout_ms: int
    ) -> None:
        """Write an attribute."""
        self.load(pib.put_set(self.mv, space, attribute, index, value), timeout_ms, _ATTRIBUTE_LEN)

    def is_confirmed_by(self, mv: memoryview, off: int, n: int) -> bool:
        """mv[off:off+n] (status first) repeats what this request addressed."""
        if n < 1 + self.echo_len:
            return False
        for i in range(self.echo_len):
            if mv[off + 1 + i] != self.mv[1 + i]:
                return False
        return True
