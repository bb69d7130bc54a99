# SPDX-License-Identifier: MIT
"""What can be made to go wrong inside the modem twin, on demand.

Counters count down: `faults.corrupt_crc = 2` spoils the next two frames. All of it is off at start.
"""

from dataclasses import dataclass, field


@dataclass
class G3ModemFaults:
    """Fault switches of one modem; read by its parts."""

    silent: bool = False  # says nothing at all, whatever is done to it
    no_data: int = 0  # data requests are taken, neither sent nor confirmed; 1 = until its power goes, 2 = for ever
    hung: bool = False  # deaf and dumb until reset line or power
    never_ready: int = 0  # next INITIALIZEs get no status
    corrupt_crc: int = 0  # next frames to the host have a wrong CRC
    drop_frames: int = 0  # next frames to the host never leave
    cut_frames: int = 0  # next frames to the host end before the CRC and the closing 7E
    repeat_frames: int = 0  # next frames to the host come twice
    garbage_before: int = 0  # next frames to the host follow a few octets of noise
    drop_confirms: int = 0  # next confirms (not indications) never leave
    reset_in_frame: int = 0  # reset after that many octets of the next frame to the host
    hide_buffers: bool = False  # BUFFER_IND says none free, data requests get NO_BUFFERS
    data_status: list[int] = field(default_factory=list)  # statuses for the next data requests (not sent)
    set_status: list[int] = field(default_factory=list)  # for the next SET, MAC_SET, LBP_SET
    start_status: list[int] = field(default_factory=list)  # for the next NETWORK_STARTs
    discovery_status: list[int] = field(default_factory=list)  # for the next DISCOVERYs, at once
    route_status: list[int] = field(default_factory=list)  # for the next ROUTE and PATH_DISCOVERYs

    def take(self, name: str) -> bool:
        """Use up one count of `name`; False when there is none."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0
