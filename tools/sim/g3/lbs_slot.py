# SPDX-License-Identifier: MIT
"""One of the LBS's parallel exchanges. A free slot keeps what was last written into it."""

from tools.sim.kernel import Timer

FREE, WAIT_2, WAIT_4, WAIT_SENT = range(4)


class Slot:
    """State of one exchange; `assigned` is stale during a rekey, as in the firmware."""

    def __init__(self) -> None:
        self.state = FREE
        self.eui64: bytes | None = None
        self.agent_addr: int | None = None  # None = heard directly
        self.rekey_addr: int | None = None  # None = a join
        self.media = 0
        self.assigned = 0
        self.ak = self.kdk = self.tek = self.rand_s = b""
        self.nonce = 0
        self.last: tuple[int, bytes] = (0, b"")
        self.retries = 0
        self.turn = 0  # counts uses, so that late confirms are recognised
        self.timer: "Timer | None" = None
