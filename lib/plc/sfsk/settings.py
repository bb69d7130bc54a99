# SPDX-License-Identifier: MIT
"""Settings of an S-FSK segment: configuration section `sfsk` over the defaults below.

Every item the standards' public sources leave UNCONFIRMED (sfsk.md 8) is here as a value,
so that a finding on hardware is a line of configuration, not a change of code. Checking
user input is the configuration's business (gateway); `limits` are what must hold here.
"""

from base.errors import LocalError

# Flat: a nested section of config.json (`discover: {slots}`) is the key `discover.slots`.
DEFAULTS = {
    "chip": "amis49587",
    "uart_baud": 38400,
    "uart_widen": 1,  # multiplies host-side time-outs; simulators on busy PCs only
    "mains_hz": 50,
    "baud": 2400,
    "time_scale": 1,  # divides the slot time; 0 = no airtime; simulators only
    "mark_hz": 63300,  # UNCONFIRMED carrier pair
    "space_hz": 74000,
    "mark_register": -1,  # -1: hz // register_step_hz
    "space_register": -1,
    "register_step_hz": 10,  # UNCONFIRMED: AMIS features say 10 Hz steps
    "max_frame_length": 242,
    "title_len": 8,
    "initiator_mac": 0xC00,
    "initiator_title": "",
    "fima": 0xC00,
    "lima": 0xDFF,  # UNCONFIRMED
    "new_mac": 0xFFE,
    "broadcast_mac": 0xFFF,
    "mac_msb_first": True,  # UNCONFIRMED order of the SA/DA triple on the UART
    "sap_ciase": 0x00,
    "sap_initiator": 0x01,
    "sap_report": 0xFD,
    "initial_credit": 0,
    "max_credit": 7,
    "credit_margin": 0,  # credits kept above the deepest repetition seen
    "restored_credit": 3,  # at least, towards a node not heard since start
    "discover.probability": 100,
    "discover.slots": 10,
    "discover.slots_max": 100,
    "discover.report_credit": 0,
    "discover.ic_equal_credit": 0,
    "discover.period_s": 300,
    "register_per_pdu": 12,
    "keepalive.time_out_not_addressed_min": 6000,  # UNCONFIRMED default of meters
    "keepalive.fraction": 4,
    "lost_after": 3,
    "lost_retry_s": 900,
    "lost_airtime_percent": 10,  # share of the line that retries of lost nodes may use
    "repeater_call.enabled": False,
    "repeater_call.period_s": 86400,
    "repeater_call.max_new_slots": 0,
    "repeater_call.level": 0,  # detection threshold for ISA_Request
    "repeater_call.last_octet": 0,  # UNCONFIRMED: A-XDR "default used" flag
    "operating_window.start": "00:00",
    "operating_window.end": "24:00",
    "think_ms": 1000,
    "think_margin_ms": 250,
    "busy_tries": 8,
    "heartbeat_ms": 1000,
    "alive_s": 300,  # a modem silent for longer is not alive (watchdog)
    "sync_timeout_ms": 10000,
    "synchro_confirm_s": 10,  # data configuration, unused by a master
    "frame_not_ok_s": 45,
    "search_initiator_s": 600,
    "zero_cross_adjust": 0,
    "tx_attenuation": 0x00,  # b7..4 alarms, b3..1 x 3 dB, b0 fixed
    "pin_select": 0,
    "search_octet": 0x01,  # b0 must be 1, b4 must be 0
    "gain_octet": 0x00,
    "repeater_octet": 0x80,  # b7: constant 10 ms between characters; position UNCONFIRMED
    "electrical_phase": 0,
    "search_initiator_threshold": 98,
}


class Settings:
    """The `sfsk` section as one object: `settings["discover.slots"]`.

    `overrides` may be nested as in config.json; unknown keys raise LocalError (the
    configuration check names them to people long before). `max_msdu` octets follow.
    """

    def __init__(self, overrides: "dict[str, object] | None" = None) -> None:
        self._values: "dict[str, object]" = dict(DEFAULTS)
        self._merge("", overrides or {})
        self._check()

    def __getitem__(self, key: str) -> "int":
        return self._values[key]  # type: ignore[return-value]

    def text(self, key: str) -> str:
        """A setting that is a string."""
        return str(self._values[key])

    @property
    def max_msdu(self) -> int:
        """Largest LLC frame in octets (class 55 max_frame_length)."""
        return self["max_frame_length"]

    def initiator_title(self) -> bytes:
        """The initiator's system title, title_len octets; zeros when not configured."""
        hexa = self.text("initiator_title")
        title = bytes([int(hexa[i : i + 2], 16) for i in range(0, len(hexa), 2)])
        length = self["title_len"]
        return (title + bytes(length))[:length]

    def _merge(self, prefix: str, section: "dict[str, object]") -> None:
        for key, value in section.items():
            name = prefix + key
            if isinstance(value, dict):
                self._merge(name + ".", value)
            elif name in self._values:
                self._values[name] = value
            else:
                raise LocalError("sfsk: no setting %s" % name)

    def _check(self) -> None:
        if not 26 <= self["max_frame_length"] <= 242:
            raise LocalError("sfsk: max_frame_length 26..242")
        if self["title_len"] not in (6, 8):
            raise LocalError("sfsk: title_len 6 or 8")
        if not 0 <= self["initial_credit"] <= self["max_credit"] <= 7:
            raise LocalError("sfsk: credits 0..7")


def minute_of_day(text: str) -> int:
    """Minutes of "HH:MM", 0..1440."""
    return int(text[:2]) * 60 + int(text[3:5])
