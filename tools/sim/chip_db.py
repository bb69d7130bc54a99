# SPDX-License-Identifier: MIT
"""The chip's data base (idents 0000..0015) and its counters (sfsk.md 4.6.4).

Reads carry no value, writes a full one; both are confirmed with ident and value. Gains and
attenuation are written as 2N+1 and confirmed as N. Choice [U]: a read is allowed of every ident.
"""

from tools.sim import chip_config, chips

_STEP_CODED = (0x08, 0x09, 0x0A)
_COUNTERS = ("crc_ok", "crc_nok", "repeated", "transmitted", "corrected", "fi_nok")


class DbError(Exception):
    """Carries the error code for the 43 frame."""

    def __init__(self, code: int) -> None:
        super().__init__("error %02X" % code)
        self.code = code


class Database:
    """Values of one chip; `reset()` brings the defaults back."""

    def __init__(self, version: int) -> None:
        self._version = version
        self.config = b""
        self.reset()

    def reset(self) -> None:
        """As after a reset: not configured."""
        self.config = b""
        self.values = {ident: item.default for ident, item in chips.IDENTS.items()}
        self.values[0x13] = bytes((self._version,))
        self.counts = dict.fromkeys(_COUNTERS, 0)
        self.invalid_cnt = 0
        self.min_delta = 7

    def set_config(self, config: bytes) -> None:
        """Take over a checked Data_Config."""
        self.config = bytes(config)
        for ident, offset in chip_config.FIELDS.items():
            length = chips.IDENTS[ident].length
            self.values[ident] = self.config[offset : offset + length]
        fima, lima = chip_config.initiator_range(config)
        self.values[0x00] = fima.to_bytes(2, "little") + lima.to_bytes(2, "little")

    @property
    def local_mac(self) -> int:
        """Local MAC address."""
        return chip_config.word(self.values[0x01], 0)

    @property
    def initiator_mac(self) -> int:
        """Active initiator, 0 in a master."""
        return chip_config.word(self.values[0x01], 2)

    def is_group(self, mac_addr: int) -> bool:
        """True when a frame to this group address is for the host."""
        groups = [chip_config.word(self.values[0x05], i) for i in range(0, 10, 2)]
        return groups[0] == 0xFFF or mac_addr in groups

    def read(self, ident: int, arg: bytes) -> bytes:
        """Value of an ident as it goes into the confirm; DbError on a bad one."""
        item = chips.IDENTS.get(ident)
        if item is None:
            raise DbError(chips.ERR_UNKNOWN)
        if len(arg) != item.arg_len or (arg and arg[0] > 1):
            raise DbError(chips.ERR_DATA)
        special = getattr(self, "_read_%02x" % ident, None)
        return special(arg) if special else self.values[ident]

    def write(self, ident: int, value: bytes, mode: int) -> bytes:
        """Store and return the confirmed value; DbError on a bad one."""
        item = chips.IDENTS.get(ident)
        if item is None:
            raise DbError(chips.ERR_UNKNOWN)
        if not item.can_write:
            raise DbError(chips.ERR_NOT_ALLOWED)
        if len(value) != item.length:
            raise DbError(chips.ERR_DATA)
        stored = self._checked(ident, value, mode)
        self.values[ident] = stored
        offset = chip_config.FIELDS.get(ident)
        if offset is not None and self.config:
            head, tail = self.config[:offset], self.config[offset + len(stored) :]
            self.config = head + stored + tail
        return stored

    def _checked(self, ident: int, value: bytes, mode: int) -> bytes:
        if ident in _STEP_CODED:
            return self._step(ident, value[0])
        if ident == 0x0B and value[0] > 3:
            raise DbError(chips.ERR_DATA)
        if ident == 0x00:
            self._check_range(value)
        if ident == 0x01:
            self._check_macs(value, mode)
        if ident == 0x05:
            self._check_groups(value)
        return value

    def _step(self, ident: int, octet: int) -> bytes:
        if ident == 0x0A and octet == 0:
            return b"\x08"
        if not octet & 1 or octet >> 1 > 7:
            raise DbError(chips.ERR_DATA)
        return bytes((octet >> 1,))

    def _check_range(self, value: bytes) -> None:
        fima, lima = chip_config.word(value, 0), chip_config.word(value, 2)
        if not 0 < fima <= lima < 0xFFC:
            raise DbError(chips.ERR_DATA)

    def _check_macs(self, value: bytes, mode: int) -> None:
        limits = self.values[0x00]
        pair = chip_config.word(limits, 0), chip_config.word(limits, 2)
        local, initiator = chip_config.word(value, 0), chip_config.word(value, 2)
        code = chip_config.check_addresses(mode, pair, local, initiator)
        if code:
            raise DbError(code)

    def _check_groups(self, value: bytes) -> None:
        lima = chip_config.word(self.values[0x00], 2)
        groups = [chip_config.word(value, i) for i in range(0, 10, 2)]
        if groups[0] == 0xFFF:
            return
        if any(group and not lima < group < 0xFFC for group in groups):
            raise DbError(chips.ERR_DATA)

    # --- idents that are not just stored ---

    def _read_06(self, arg: bytes) -> bytes:
        value, self.invalid_cnt = self.invalid_cnt, 0
        return bytes((value & 0xFF,))

    def _read_07(self, arg: bytes) -> bytes:
        value, self.min_delta = self.min_delta, 7
        return bytes((value,))

    def _read_0d(self, arg: bytes) -> bytes:
        value = b"".join((self.counts[key] & 0xFFFFFFFF).to_bytes(4, "little") for key in _COUNTERS)
        if arg[0]:
            self.counts = dict.fromkeys(_COUNTERS, 0)
        return value

    def _read_0f(self, arg: bytes) -> bytes:
        cnt = chip_config.alarm_cnt(self.config) if self.config else 0
        if not cnt:
            raise DbError(chips.ERR_NOT_ALLOWED)
        return bytes((cnt,))

    def _read_10(self, arg: bytes) -> bytes:
        return bytes(36 if arg[0] else 30)  # S/N values; which argument gives which length is [U]

    def _read_12(self, arg: bytes) -> bytes:
        return self.config
