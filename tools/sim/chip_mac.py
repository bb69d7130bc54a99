# SPDX-License-Identifier: MIT
"""MAC services of the chip twin: data request, confirm, indication, synchronisation (sfsk.md 4.6).

A request goes out in the next slot; it is confirmed after the first transmission, while the buffer
stays busy for the IC repetitions. Choice [U]: 00 = a frame is being heard, 14 = first transmission
not over, 1E = repetitions not over.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.sim import chip_config, chips
from tools.sim.chip_db import Database
from tools.sim.chip_faults import ChipFaults
from tools.sim.mac_frame import ADDR_ALL, MacFrame, build_indication, parse_request
from tools.sim.options import ChipOptions

if TYPE_CHECKING:
    from tools.sim.kernel import Timer
    from tools.sim.line import Line, Transmission


class ChipMac:
    """The chip as a station on the line; depth 0, hears everything it is meant to."""

    depth = 0
    is_modem = True

    def __init__(
        self, line: "Line", options: ChipOptions, faults: ChipFaults, database: Database
    ) -> None:
        self._line, self._options, self._faults, self._db = line, options, faults, database
        self.emit: "Callable[[int, bytes], object]" = lambda command, payload: None
        self.has_room: "Callable[[], bool]" = lambda: True
        self.is_pll_locked = False
        self.is_synced = False
        self.mode = chips.MODE_NOT_SET
        self.lost_cnt = 0
        self._tx: "Transmission | None" = None
        self._is_first = False
        self._timer: "Timer | None" = None
        line.attach_modem(self)

    # --- state ---

    def reset(self) -> None:
        """Off the line, not set, a transmission under way is aborted."""
        if self._timer is not None:
            self._timer.cancel()
        if self._tx is not None:
            self._line.abort(self._tx)
        self._tx = None
        self.is_pll_locked = self.is_synced = False
        self.mode = chips.MODE_NOT_SET

    def configure(self, mode: int) -> None:
        """A configuration was accepted; the first one starts PLL and synchronisation."""
        if self.mode == mode:
            return
        self.mode = mode
        self._timer = self._line.kernel.call_later(self._options.pll_us, self._locked)

    def lose_sync(self, cause: int) -> None:
        """Synchronisation lost (cause 01..06); regained after sync_us."""
        self.is_synced = False
        local, initiator = self._db.values[0x01][:2], self._db.values[0x01][2:]
        tail = {4: bytes(4), 6: initiator * 2}.get(cause, b"")
        self.emit(chips.SYNCHRO_IND, bytes((4, cause)) + local + initiator + tail)
        self._timer = self._line.kernel.call_later(self._options.sync_us, self._synced)

    def lose_pll(self) -> None:
        """No mains zero crossings: neither lock nor synchronisation until `configure`-like relock."""
        self.is_pll_locked = self.is_synced = False
        self._timer = self._line.kernel.call_later(self._options.pll_us, self._locked)

    @property
    def is_busy(self) -> bool:
        """BufferBUSY of the status message."""
        return self._tx is not None or self._faults.stuck_busy

    @property
    def mac_addr(self) -> int:
        """Own address, for the line."""
        return self._db.local_mac

    @property
    def line_slot(self) -> int:
        """Slot counter; the master starts the grid."""
        return self._line.slot_now

    def _locked(self) -> None:
        self.is_pll_locked = True
        if self.mode != chips.MODE_SLAVE:  # a slave would have to find an initiator first
            self._timer = self._line.kernel.call_later(self._options.sync_us, self._synced)

    def _synced(self) -> None:
        self.is_synced = True
        if self._options.synchro_indication:
            # found: pad S0 N0 S1 N1 threshold, method 3 = FSK, synchro bit and gain
            self.emit(chips.SYNCHRO_IND, bytes((1, 0)) + bytes(10) + b"\x03\x00")

    # --- sending ---

    def request(self, payload: bytes) -> None:
        """MA_DATA_Request; every outcome ends in a confirm, but for the fault that knows none."""
        if self._faults.no_air:
            return
        frame, code = self._judge(payload)
        if code != chips.TX_OK or frame is None:
            self.emit(chips.DATA_CNF, bytes((code,)))
            return
        source = self._db.local_mac  # the master fills SA itself
        frame = MacFrame(source, frame.dest, frame.ic, frame.m_sdu)
        self._is_first = True
        self._tx = self._line.send(self, frame)

    def _judge(self, payload: bytes) -> tuple[MacFrame | None, int]:
        if self.mode != chips.MODE_MASTER or not self.is_synced:
            return None, chips.TX_NOT_ALLOWED
        frame = parse_request(payload)
        if frame is None:
            return None, chips.TX_SYNTAX
        if self._faults.tx_status:
            return None, self._faults.tx_status.pop(0)
        if self._faults.stuck_busy or (self._tx is not None and self._is_first):
            return None, chips.TX_BUFFER_BUSY
        if self._tx is not None:
            return None, chips.TX_LINE_BUSY
        if self._options.busy_while_receiving and self._line.is_busy:
            return None, chips.TX_MAC_BUSY
        return frame, chips.TX_OK

    def on_first_sent(self, tx: "Transmission") -> None:
        """The line: the first transmission is over."""
        if tx is not self._tx:
            return
        self._is_first = False
        self._db.counts["transmitted"] += 1
        self.emit(chips.DATA_CNF, bytes((chips.TX_OK,)))

    def on_sent(self, tx: "Transmission") -> None:
        """The line: all repetitions are over."""
        if tx is self._tx:
            self._db.counts["repeated"] += tx.frame.ic
            self._tx = None

    def repeater_call(self, payload: bytes) -> int:
        """ISA_Request: level, position. 0 or an error code; takes the line for one slot."""
        if len(payload) != 4:
            return chips.ERR_DATA
        if self.mode != chips.MODE_MASTER or not self.is_synced:
            return chips.ERR_NOT_ALLOWED
        if self.is_busy or self._line.is_busy:
            return chips.ERR_UNAVAILABLE
        self._line.occupy(1)
        return 0

    # --- hearing ---

    @property
    def is_hearing(self) -> bool:
        """True when the modem would notice a frame on the line."""
        return self.is_synced and self._tx is None

    def on_frame(self, frame: MacFrame, copy: int, end_slot: int) -> None:
        """The line: a frame was heard, `copy` repetitions had gone before."""
        self._db.counts["crc_ok"] += 1
        self._db.min_delta = min(self._db.min_delta, copy)
        if self._is_for_me(frame.dest):
            payload = build_indication(frame, frame.ic - copy, self._options.pad_in_indication)
            self._indicate(chips.DATA_IND, payload)

    def on_bad_frame(self, frame: MacFrame, copy: int) -> None:
        """The line: a frame was heard with errors."""
        self._db.counts["crc_nok"] += 1
        self._db.invalid_cnt += 1
        if self._options.bad_crc_indication:
            spoilt = bytes((frame.m_sdu[0] ^ 0x10,)) + frame.m_sdu[1:]
            bad = MacFrame(frame.source, frame.dest, frame.ic, spoilt)
            self._indicate(chips.BAD_CRC_IND, build_indication(bad, frame.ic - copy, False))

    def _is_for_me(self, dest: int) -> bool:
        lima = chip_config.word(self._db.values[0], 2)
        if dest > lima:
            return dest == ADDR_ALL or self._db.is_group(dest)
        return dest == self._db.local_mac

    def _indicate(self, command: int, payload: bytes) -> None:
        if self.has_room():
            self.emit(command, payload)
        else:
            self.lost_cnt += 1
