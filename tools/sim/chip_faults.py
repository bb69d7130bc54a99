# SPDX-License-Identifier: MIT
"""What can be made to go wrong inside the chip twin, on demand.

Counters count down: `faults.corrupt_sum = 2` spoils the next two frames. All of it is off at start.
"""

from dataclasses import dataclass, field

HUNG_NO = 0
HUNG_LINE = 1  # only the reset line or power brings it back
HUNG_POWER = 2  # only power does
HUNG_EVER = 3  # nothing does


@dataclass
class ChipFaults:
    """Fault switches of one chip; read by its parts."""

    silent: bool = False  # says nothing at all, whatever is done to it
    hung: int = HUNG_NO
    no_air: int = HUNG_NO  # takes data requests, confirms and sends none; what cures it, or HUNG_EVER
    stuck_busy: bool = False  # BufferBUSY stays 1, requests are refused with 14; a reset clears it
    corrupt_sum: int = 0  # next frames to the host carry a wrong sum
    omit_sum: int = 0  # next frames to the host end before the sum
    answer_previous: int = 0  # next confirms repeat the confirm before
    drop_acks: int = 0  # next host frames are obeyed but neither ACKed nor NAKed
    nak_next: int = 0  # next valid host frames are NAKed and not obeyed
    drop_status: int = 0  # next T_REQ are not answered
    wrong_echo: int = 0  # next WriteConfig confirms have one bit flipped
    drop_confirms: int = 0  # next confirms and errors never come
    reset_in_frame: int = 0  # reset after that many octets of the next frame to the host
    tx_status: list = field(default_factory=list)  # statuses for the next data requests (not sent)
    db_errors: list = field(default_factory=list)  # error codes for the next 41/90
    config_errors: list = field(default_factory=list)  # error codes for the next 71/31

    def take(self, name: str) -> bool:
        """Use up one count of `name`; False when there is none."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0
