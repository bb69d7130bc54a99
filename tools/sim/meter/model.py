# SPDX-License-Identifier: MIT
"""What the built-in meter measures and shows: its clock, energy and object tree.

Energy grows with the clock from a base and a power that the seed chooses, so a
test can work out what a register must say.  The law: everything readable comes
from here, and two meters of the same title, seed and clock say the same.
"""

import random
import time
from collections.abc import Callable

from tools.sim.meter import axdr
from tools.sim.meter.cipher import Suite0
from tools.sim.meter.image import Image
from tools.sim.meter.objects import Clock, CosemObject, Disconnector, obis, register, text
from tools.sim.meter.profile import Profile

PUBLIC_CLIENT, MANAGEMENT_CLIENT, MANAGEMENT_DEVICE = 16, 1, 1
_WATT, _WATT_HOUR, _AMPERE, _VOLT = 27, 30, 33, 35
_READ_VALUE = frozenset((1, 2))
_PROFILE_SPAN_S = 200 * 900


class Model:
    """The state of one meter behind its associations; `clock` gives seconds since 1970."""

    def __init__(self, title: bytes, clock: "Callable[[], float] | None", seed: int) -> None:
        chance = random.Random(f"{title.hex()} {seed}")
        self.title = title
        self.power_w = chance.randrange(100, 3000)
        self._base_wh = chance.randrange(1_000_000, 20_000_000)
        self.clock = Clock(clock or time.time)
        self._start_s = self.clock.now() - 2 * _PROFILE_SPAN_S
        self.disconnector = Disconnector()
        self.image = Image()
        self.profile = Profile(self.clock, self.energy_wh)
        self._volt = chance.randrange(2200, 2400)

    def energy_wh(self, at_s: "float | None" = None) -> int:
        """The active energy register at a time of the meter's clock, now when none is given."""
        elapsed_s = (self.clock.now() if at_s is None else at_s) - self._start_s
        return (self._base_wh + max(int(elapsed_s * self.power_w / 3600), 0)) & 0xFFFFFFFF

    def logical_device_name(self) -> bytes:
        """The title as 16 upper-case hex digits."""
        return self.title.hex().upper().encode()

    def objects(self, keys: Suite0) -> "list[CosemObject]":
        """All objects, in the order of the object list."""
        return [*self._identity(keys), *self._registers(), self.profile.cosem(), self.disconnector.cosem(),
                self.image.cosem(), _association_object()]

    def _identity(self, keys: Suite0) -> "list[CosemObject]":
        counters = {2: lambda: axdr.integer(axdr.UINT32, keys.last_client_ic)}
        return [
            self.clock.cosem(),
            text("0.0.42.0.0.255", self.logical_device_name, _READ_VALUE),
            text("0.0.96.1.0.255", lambda: self.title.hex()[-8:].encode()),
            text("1.0.0.2.0.255", lambda: self.image.running),
            CosemObject(1, 0, obis("0.0.43.1.0.255"), counters, public=_READ_VALUE),
            CosemObject(1, 0, obis("0.0.43.1.1.255"), counters, public=_READ_VALUE),
            CosemObject(17, 0, obis("0.0.41.0.0.255"), {2: self._sap_list}, public=_READ_VALUE),
        ]

    def _registers(self) -> "list[CosemObject]":
        unsigned = axdr.integer
        return [
            register("1.0.1.8.0.255", lambda: unsigned(axdr.UINT32, self.energy_wh()), 0, _WATT_HOUR),
            register("1.0.2.8.0.255", lambda: unsigned(axdr.UINT32, 0), 0, _WATT_HOUR),
            register("1.0.1.7.0.255", lambda: unsigned(axdr.UINT32, self.power_w), 0, _WATT),
            register("1.0.32.7.0.255", lambda: unsigned(axdr.UINT16, self._volt), -1, _VOLT),
            register("1.0.31.7.0.255", lambda: unsigned(axdr.UINT16, self.power_w * 1000 // self._volt), -2, _AMPERE),
        ]

    def _sap_list(self) -> bytes:
        return axdr.array([axdr.structure(axdr.integer(axdr.UINT16, MANAGEMENT_DEVICE),
                                          axdr.octet_string(self.logical_device_name()))])


def _association_object() -> CosemObject:
    partners = axdr.structure(axdr.integer(axdr.INT8, MANAGEMENT_CLIENT), axdr.integer(axdr.UINT16, MANAGEMENT_DEVICE))
    getters = {2: bytes, 3: lambda: partners, 8: lambda: axdr.integer(axdr.ENUM, 2)}  # 2 is answered by Association
    return CosemObject(15, 1, obis("0.0.40.0.0.255"), getters, public=_READ_VALUE)
