# SPDX-License-Identifier: MIT
"""The PAN's line: one collision domain, contention, airtime, retries, losses (g3.md 1.2, 7.1).

Spatial reuse is not modelled: a frame on any hop keeps everybody quiet. Retries lower the modulation by
one step each. Every random choice comes from the seed, one stream per kind.
"""

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from tools.sim.g3 import airtime
from tools.sim.g3.codes import CHANNEL_ACCESS_FAILURE, NO_ACK, OK
from tools.sim.g3.contention import Contention
from tools.sim.g3.options import G3LineOptions
from tools.sim.g3.transfer import Hearer, Transfer
from tools.sim.kernel import Kernel, Timer

if TYPE_CHECKING:
    from tools.sim.g3.node import G3Node
    from tools.sim.g3.station import Station

_SNIFFED = 64
_UNSCALED_TIMERS = 100  # time_scale 0: what protocol timers are divided by
_LOWEST_US = 1.0


class G3Line:
    """The medium. `nodes` are the stations on it besides the modem."""

    def __init__(self, kernel: Kernel, options: G3LineOptions | None = None) -> None:
        self.kernel = kernel
        self.options = options or G3LineOptions()
        self.band = airtime.BANDS[self.options.band]
        self.counters: Counter = Counter()
        self.nodes: "list[G3Node]" = []
        self.coordinator: "Station" = None  # type: ignore[assignment] # set by the modem, before any node
        # what an eavesdropper near a joining device has heard: (agent, device, LBP NSDU)
        self.sniffed: "deque[tuple[Station, G3Node, bytes]]" = deque(maxlen=_SNIFFED)
        kinds = ("loss", "dup", "delay", "access", "topology")
        self.random = {kind: random.Random("%s/g3/%s" % (self.options.seed, kind)) for kind in kinds}
        self.on_packet: "Callable[[str, object, bytes], object]" = lambda *event: None
        self.on_lbp: "Callable[[str, bytes], object]" = lambda *event: None
        self.busy_us = 0
        self._contention = Contention(self.random["access"])
        self._outboxes: "dict[Hearer, deque[Transfer]]" = {}
        self._is_busy = False
        self._base_us = 0.0
        self._timer: "Timer | None" = None
        self._sent_cnt = 0

    # --- stations ---

    def link(self, one: Hearer, other: Hearer, lqi: int) -> None:
        """Both hear each other."""
        one.links[other] = other.links[one] = lqi

    def modulation(self, one: Hearer, other: Hearer) -> int:
        """What a link allows."""
        lqi = one.links.get(other, 0)
        return sum(lqi >= threshold for threshold in self.options.thresholds)

    # --- time ---

    def air_us(self, real_us: float) -> float:
        """Airtime as it passes here."""
        scale = self.options.time_scale
        return max(_LOWEST_US, real_us / scale) if scale > 0 else _LOWEST_US

    def timer_us(self, seconds: float) -> int:
        """A protocol timer of that many real seconds."""
        scale = self.options.time_scale or _UNSCALED_TIMERS
        return max(1, round(seconds * 1e6 / scale))

    def uplink_delay_us(self) -> int:
        """How long to hold back the next uplink (option delay_ms)."""
        limit = self.options.delay_ms
        return round(self.random["delay"].random() * limit * 1000) if limit else 0

    def is_duplicated(self) -> bool:
        """Roll the dice for one delivery."""
        return bool(self.options.dup) and self.random["dup"].random() < self.options.dup

    def report(self) -> dict:
        """Statistics as a plain dict."""
        return dict(self.counters, busy_us=self.busy_us, options=asdict(self.options))

    # --- sending ---

    def send(self, transfer: Transfer) -> None:
        """Queue a frame; a station sends one after the other."""
        waiting = self._outboxes.get(transfer.sender)
        if waiting is None:
            self._outboxes[transfer.sender] = deque()
            self._start(transfer)
        elif transfer.is_high:
            waiting.appendleft(transfer)
        else:
            waiting.append(transfer)

    def occupy(self, sender: Hearer, real_us: float, done: "Callable[[], object]") -> None:
        """Frames that are not modelled one by one (route and path requests) keep the line that long."""
        transfer = Transfer(sender, None, (0,), airtime.ROBO)
        transfer.fixed_us = real_us
        transfer.done = lambda status: done()
        self.send(transfer)

    def _start(self, transfer: Transfer) -> None:
        transfer.be = self.options.min_be
        transfer.born = self._sent_cnt
        self._enqueue(transfer)

    def _finish(self, transfer: Transfer, status: int) -> None:
        waiting = self._outboxes[transfer.sender]
        if waiting:
            self._start(waiting.popleft())
        else:
            del self._outboxes[transfer.sender]
        transfer.done(status)

    def _enqueue(self, transfer: Transfer) -> None:
        if self._is_busy:
            self._contention.put(transfer, 0)
            return
        now_us, slot_us = self.kernel.now_us, self.air_us(self.band.slot_us)
        starts_us = now_us + self.air_us(self.band.space_us)
        if not len(self._contention):
            self._base_us = starts_us
        since = max(0, -int(-(starts_us - self._base_us) // slot_us))
        self._contention.put(transfer, since)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at_us = self._base_us + self._contention.first_slot() * self.air_us(self.band.slot_us)
        self._timer = self.kernel.call_at(round(at_us), self._begin)

    def _begin(self) -> None:
        self._timer = None
        winners = self._contention.take()
        waited = self._sent_cnt - self.options.max_backoffs
        late = [transfer for transfer in winners if transfer.born < waited]
        winners = [transfer for transfer in winners if transfer.born >= waited]
        self._is_busy = True
        if winners:
            self._transmit(winners)
        else:
            self._idle()
        for transfer in late:
            self.counters["access_failures"] += 1
            self._finish(transfer, CHANNEL_ACCESS_FAILURE)

    def _transmit(self, winners: list[Transfer]) -> None:
        self._sent_cnt += 1
        self.counters["frames"] += len(winners)
        is_clash = len(winners) > 1
        self.counters["collisions"] += is_clash
        outcomes = [(transfer, not is_clash and self._is_heard(transfer)) for transfer in winners]
        span_us = round(max(self._span_us(*outcome) for outcome in outcomes))
        self.busy_us += span_us
        self.kernel.call_later(span_us, self._end, outcomes)

    def _span_us(self, transfer: Transfer, is_heard: bool) -> float:
        is_acked = transfer.receiver is not None
        if transfer.fixed_us:
            real_us = transfer.fixed_us
        elif is_heard or not is_acked:
            real_us = airtime.msdu_us(self.band, transfer.modulation, transfer.lens[0], is_acked)
        else:
            real_us = airtime.failed_us(self.band, transfer.modulation, transfer.lens[0])
        return self.air_us(real_us)

    def _is_heard(self, transfer: Transfer) -> bool:
        receiver = transfer.receiver
        if receiver is None:
            return True
        if receiver not in transfer.sender.links or not receiver.is_hearing or not transfer.is_wanted():
            return False
        if self.options.loss and self.random["loss"].random() < self.options.loss:
            self.counters["lost"] += 1
            return False
        return True

    def hears_broadcast(self) -> bool:
        """Roll the dice for one receiver of a broadcast frame."""
        if self.options.loss and self.random["loss"].random() < self.options.loss:
            self.counters["lost"] += 1
            return False
        return True

    def _end(self, outcomes: list[tuple[Transfer, bool]]) -> None:
        self._idle()
        for transfer, is_heard in outcomes:
            if is_heard and len(transfer.lens) > 1:
                transfer.lens = transfer.lens[1:]
                self._start(transfer)
            elif is_heard:
                self._finish(transfer, OK)
            else:
                self._missed(transfer)

    def _missed(self, transfer: Transfer) -> None:
        if transfer.receiver is None:
            self._finish(transfer, NO_ACK)  # collided: nobody heard it
            return
        if transfer.retries >= self.options.max_retries:
            self.counters["no_ack"] += 1
            self._finish(transfer, NO_ACK)
            return
        self.counters["retries"] += 1
        transfer.retries += 1
        transfer.modulation = max(airtime.ROBO, transfer.modulation - 1)
        transfer.be = min(transfer.be + 1, self.options.max_be)
        transfer.born = self._sent_cnt
        self._enqueue(transfer)

    def _idle(self) -> None:
        self._is_busy = False
        self._base_us = self.kernel.now_us + self.air_us(self.band.space_us)
        if len(self._contention):
            self._arm()
