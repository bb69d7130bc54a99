# SPDX-License-Identifier: MIT
"""scripts of a Script table (class 9): array of structure{script_identifier, actions}.

The scripts here are built in: what they do is not a list of COSEM actions, so `actions` is empty.
"""

from dlms.axdr import UINT16
from dlms.cosem.values import Encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlms.axdr import Writer


class Scripts(Encoded):
    """Attribute 2 with these identifiers."""

    def __init__(self, identifiers: "tuple[int, ...]") -> None:
        self._identifiers = identifiers
        super().__init__(self._write)

    def _write(self, writer: "Writer") -> None:
        writer.array(len(self._identifiers))
        for identifier in self._identifiers:
            writer.structure(2)
            writer.number(UINT16, identifier)
            writer.array(0)
