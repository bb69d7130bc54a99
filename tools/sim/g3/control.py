# SPDX-License-Identifier: MIT
"""The control socket on a G3 segment: the commands of every medium and G3's own.

psk (node, or all), leave (LBP), pan_conflict, foreign_pan, modem_swap, rogue, wrong_psk, replay_lbp.
"""

from tools.sim.control import Control, ControlError, Number, Takes
from tools.sim.g3.node import G3Node
from tools.sim.g3.segment import G3Segment
from tools.sim.twins import NodeTwin

_EUI64_LEN = 8
_PSK_LEN = 16
_NODE = "EUI-64 of a node in hex, as stats has them"


class G3Control(Control):
    """Commands on a G3 segment."""

    line_faults: "dict[str, Number]" = {"loss": float, "dup": float, "delay_ms": int}

    takes: "Takes" = {
        **Control.takes,
        "psk": {"node": "optional, EUI-64 in hex; default all"},
        "wrong_psk": {"node": _NODE, "psk": "16 octets in hex"},
        "leave": {"node": _NODE},
        "rogue": {"node": "EUI-64 of a new device nobody has a PSK of, in hex"},
        "replay_lbp": {"node": "optional, EUI-64 in hex; default any"},
        "foreign_pan": {"pan": "2 octets in hex", "lqi": "optional, 0..255 (default 60)"},
    }

    @property
    def _g3(self) -> G3Segment:
        assert isinstance(self._segment, G3Segment)
        return self._segment

    def _g3_node(self, command: dict) -> G3Node:
        node = self._node(command)
        assert isinstance(node, G3Node)
        return node

    @staticmethod
    def _octets(command: dict, key: str, size: int) -> bytes:
        text = command.get(key)
        octets = bytes.fromhex(text) if isinstance(text, str) else b""
        if len(octets) != size:
            raise ControlError("%s: expected %d octets in hex" % (key, size))
        return octets

    def _do_psk(self, command: dict) -> dict:
        """The operator's other way to provision: EUI-64 -> PSK."""
        psks = self._g3.psks()
        if "node" not in command:
            return {"psk": psks}
        title = self._g3_node(command).title.hex().upper()
        if title not in psks:
            raise ControlError("nobody knows the PSK of " + title)
        return {"psk": {title: psks[title]}}

    def _do_wrong_psk(self, command: dict) -> None:
        """The device has another PSK than the operator believes, from its next join on."""
        self._g3_node(command).joining.supplicant.psk = self._octets(command, "psk", _PSK_LEN)

    def _do_leave(self, command: dict) -> None:
        if not self._g3_node(command).sign_off():
            raise ControlError("no member")

    def _do_rogue(self, command: dict) -> None:
        self._g3.add_rogue(self._octets(command, "node", _EUI64_LEN))

    def _do_replay_lbp(self, command: dict) -> None:
        title = self._node(command).title if "node" in command else None
        if not self._g3.replay_lbp(title):
            raise ControlError("nothing overheard")

    def _do_pan_conflict(self, command: dict) -> None:
        self._g3.chip.pan_conflict()

    def _do_foreign_pan(self, command: dict) -> None:
        pan_id = int.from_bytes(self._octets(command, "pan", 2), "big")
        self._g3.chip.add_foreign_pan(pan_id, self._number(command, "lqi", 60))

    def _do_modem_swap(self, command: dict) -> None:
        self._g3.chip.swap()

    def _node_stats(self, node: NodeTwin) -> dict:
        stats = super()._node_stats(node)
        if isinstance(node, G3Node):
            stats.update(hops=node.hops, key_index=node.active_key)
        return stats
