# SPDX-License-Identifier: MIT
"""How a node becomes and stays a member: beacons, an agent, LBP through it, retries, kick, rekey (g3.md 3.5, 3.6).

A join that fails for any reason is tried again after a random wait that grows up to a limit.
"""

from typing import TYPE_CHECKING

from tools.sim.g3 import lbp, mesh
from tools.sim.g3.codes import NO_ADDR
from tools.sim.g3.supplicant import Parameters, Supplicant

if TYPE_CHECKING:
    from tools.sim.g3.node import G3Node
    from tools.sim.g3.station import Station
    from tools.sim.kernel import Timer

_WINDOW_SHARE = 0.6  # of the scan: when beacons may start


class Joining:
    """The joining side of one node."""

    def __init__(self, node: "G3Node", psk: bytes) -> None:
        self._node, self._line = node, node.line
        self.supplicant = Supplicant(node.eui64, psk, node.options, node.counters)
        self.supplicant.random_bytes = node.random.randbytes
        self.supplicant.on_success = self._succeeded
        self.agent: "Station | None" = None
        self._failed_agent: "Station | None" = None
        self._pan_id = NO_ADDR
        self._beacons: "dict[Station, int]" = {}
        self._is_scanning = False
        self._failures = self._silences = 0
        self._timer: "Timer | None" = None

    # --- phases ---

    def start(self, after_s: float) -> None:
        """Look for a PAN after that many seconds."""
        self._failures = self._silences = 0
        self._phase(after_s, self._scan)

    def stop(self) -> None:
        """Do nothing until started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_scanning = False
        self.agent = None
        self.supplicant.reset()
        self.supplicant.is_member = False

    def _phase(self, after_s: float, then: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert callable(then)
        self._timer = self._line.kernel.call_later(self._line.timer_us(after_s), then)

    def _scan(self) -> None:
        node = self._node
        if not node.is_hearing:
            self._again()
            return
        node.counters["scans"] += 1
        self._beacons.clear()
        self._is_scanning = True
        scan_s = node.options.scan_ms / 1000
        mesh.ask_beacons(node, self._line.timer_us(scan_s * _WINDOW_SHARE), self._heard_beacon)
        self._phase(scan_s, self._choose)

    def _heard_beacon(self, station: "Station") -> None:
        is_nearer = station.hops < self._node.hops
        if self._is_scanning and is_nearer and self._node.is_hearing:
            self._beacons[station] = station.pan_id

    def _choose(self) -> None:
        self._is_scanning = False
        if not self._beacons:
            self._node.counters["no_beacon"] += 1
            self._silences += 1
            self._wait(self._node.options.rescan_s, self._silences)
            return
        self.agent = self._best_agent()
        self._pan_id = self._beacons[self.agent]
        self._node.counters["attempts"] += 1
        self.supplicant.reset()
        self._phase(self._node.options.join_wait_s, self._timed_out)
        self._send(b"")

    def _best_agent(self) -> "Station":
        """Not the one over which the last join got nowhere, unless there is no other."""
        links = self._node.links
        others = [station for station in self._beacons if station is not self._failed_agent]
        return min(others or self._beacons, key=lambda station: (station.hops, -links[station]))

    def _timed_out(self) -> None:
        self._node.counters["join_timeouts"] += 1
        self._failed_agent = self.agent
        self._again()

    def _again(self) -> None:
        self.agent = None
        self._failures += 1
        self._wait(self._node.options.backoff_s, self._failures)

    def _wait(self, waits: tuple[float, float, float], tries: int) -> None:
        first_s, longest_s, growth = waits
        limit_s = min(longest_s, first_s * growth ** min(tries - 1, 64))
        self._phase(limit_s * (0.5 + self._node.random.random() / 2), self._scan)

    # --- LBP ---

    def _send(self, bootstrap: bytes) -> None:
        node = self._node
        if not node.is_hearing:
            return
        nsdu = lbp.build(lbp.JOINING, node.eui64, bootstrap)
        if node.is_member:
            self._line.on_lbp("up", nsdu)
            node.send_lbp_up(nsdu)
        elif self.agent is not None:
            self._line.on_lbp("up", nsdu)
            self._line.sniffed.append((self.agent, node, nsdu))
            mesh.send_bare(node, self.agent, nsdu, lambda status: None, self._pan_id)

    def on_lbp(self, nsdu: bytes, is_secured: bool) -> None:
        """An LBP frame for this device. A member obeys secured ones only."""
        node = self._node
        if node.is_member != is_secured:
            node.counters["lbp_wrong_security"] += 1
            return
        self._line.on_lbp("down", nsdu)
        frame = lbp.split(nsdu)
        if frame.code in (lbp.CHALLENGE, lbp.ACCEPTED):
            self._challenge(frame)
        elif frame.code == lbp.DECLINE and self.agent is not None and not node.is_member:
            node.counters["declined"] += 1
            self._again()
        elif frame.code == lbp.KICK_TO_LBD and node.is_member:
            node.counters["kicked"] += 1
            self._phase(node.options.kick_wait_s, self._rejoin)

    def _challenge(self, frame: lbp.Frame) -> None:
        node = self._node
        if not node.is_member and self.agent is None:
            node.counters["lbp_unexpected"] += 1
            return
        if frame.is_config:
            self._configured(frame)
            return
        answer = self.supplicant.respond(frame.bootstrap)
        if answer is not None:
            self._send(answer)

    def _configured(self, frame: lbp.Frame) -> None:
        """ACCEPTED with a parameter: only key activation and removal reach a member this way."""
        node = self._node
        if not node.is_member or frame.code != lbp.ACCEPTED:
            node.counters["lbp_unexpected"] += 1
            return
        try:
            parameters = lbp.parse_parameters(frame.bootstrap)
        except lbp.LbpError:
            node.counters["eap_refused"] += 1
            return
        result, header = self._refusal(parameters)
        if result == lbp.RESULT_OK:
            self._apply(parameters)  # NOTE: before the answer, which is sealed with the new key already
        self._send(self.supplicant.result_parameter(result, header))

    def _refusal(self, parameters: Parameters) -> tuple[int, int]:
        for header, value in parameters:
            if header not in (lbp.PARAM_ACTIVATION, lbp.PARAM_REMOVAL):
                return lbp.RESULT_UNKNOWN, header
            if len(value) != 1 or value[0] not in self._node.keys:
                return lbp.RESULT_INVALID, header
        return lbp.RESULT_OK, 0

    # --- outcome ---

    def _succeeded(self, parameters: Parameters) -> None:
        node = self._node
        was_member = node.is_member
        self._apply(parameters)
        if was_member:
            node.counters["rekeyed"] += 1
            return
        agent, self._failures = self.agent, 0
        assert agent is not None
        short_addr = next(value for header, value in parameters if header == lbp.PARAM_SHORT_ADDR)
        self.supplicant.is_member = True
        node.become_member(self._pan_id, int.from_bytes(short_addr, "big"), self._route_over(agent))
        self.agent = None
        self._watch()

    def _route_over(self, agent: "Station") -> "list[Station]":
        rest = mesh.climb(agent, self._line.coordinator)
        return [self._node, *(rest or [agent])]

    def _apply(self, parameters: Parameters) -> None:
        node = self._node
        for header, value in parameters:
            if header == lbp.PARAM_GMK:
                node.keys[value[0]] = value[1:]
            elif header == lbp.PARAM_REMOVAL:
                node.keys.pop(value[0], None)
            elif header == lbp.PARAM_ACTIVATION and node.active_key != value[0]:
                node.active_key = value[0]
                node.forget_counters()

    def _rejoin(self) -> None:
        self._node.reset()
        self.stop()
        self.start(self._node.random.random() * self._node.options.start_s)

    def _watch(self) -> None:
        """One timer looks after silence from the PAN."""
        orphan_s = self._node.options.orphan_s
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not orphan_s or not self._node.is_member:
            return
        due_us = self._node.heard_us + self._line.timer_us(orphan_s)
        if due_us > self._line.kernel.now_us:
            self._timer = self._line.kernel.call_at(due_us, self._watch)
            return
        self._node.counters["orphaned"] += 1
        self._rejoin()
