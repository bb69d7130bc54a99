# SPDX-License-Identifier: MIT
"""The modem port over TCP: RFC 2217 escapes both ways, at every split; the link's end."""

import socket

from hal.unix import TcpModemPort

_READ = 64


class _Link:
    """A port connected to a listener of this test."""

    def __init__(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = _bind(listener)
        listener.listen(1)
        self.port = TcpModemPort("127.0.0.1", port)
        self.chip = listener.accept()[0]
        listener.close()

    def sent(self, length):
        """The next `length` octets the port has sent."""
        octets = b""
        while len(octets) < length:
            octets += self.chip.recv(length - len(octets))
        return octets

    def close(self):
        self.chip.close()
        self.port._socket.close()


def _bind(listener):
    """Bind to the first port that is free; its number."""
    for port in range(42700, 42800):
        try:
            listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
        except OSError:
            continue
        return port
    raise OSError("no free port")


def test_octets_255_are_doubled_and_lines_are_controls():
    link = _Link()
    link.port.write(b"\x02\xff\x00\xff\xff")
    assert link.sent(8) == b"\x02\xff\xff\x00\xff\xff\xff\xff"
    for call, value in (
        (lambda: link.port.t_req(True), 11),
        (lambda: link.port.t_req(False), 12),
        (lambda: link.port.reset(False), 8),
        (lambda: link.port.reset(True), 9),
        (lambda: link.port.power(False), 5),
        (lambda: link.port.power(True), 6),
    ):
        call()
        assert link.sent(7) == bytes([255, 250, 44, 5, value, 255, 240])
    link.port.write(b"\xff" * 252)  # the longest local frame, at its worst
    assert link.sent(504) == b"\xff" * 504
    for length in (299, 300, 301, 598, 599, 600, 601, 4096):  # a G3 modem takes frames of up to 4 kB
        link.port.write(b"\xff" * length)
        assert link.sent(2 * length) == b"\xff" * (2 * length)
        link.port.write(bytes([length & 0x7F]) * length)
        assert link.sent(length) == bytes([length & 0x7F]) * length
    assert link.port.dropped_writes == 0
    link.close()


async def test_doubled_octets_come_back_single_wherever_the_stream_is_split():
    octets = b"\x02\xff\xff\x00\xff\xff\xff\xff\x03"
    for cut in range(1, len(octets)):
        link = _Link()
        view = memoryview(bytearray(_READ))
        link.chip.send(octets[:cut])
        n = await link.port.readinto(view)
        got = bytes(view[:n])
        link.chip.send(octets[cut:])
        while len(got) < 6:
            n = await link.port.readinto(view)
            got += bytes(view[:n])
        assert got == b"\x02\xff\x00\xff\xff\x03"
        link.close()


async def test_the_end_of_the_link_is_an_error_with_a_number():
    link = _Link()
    link.chip.close()
    try:
        await link.port.readinto(memoryview(bytearray(_READ)))
    except OSError as error:
        assert isinstance(error.args[0], int)
    else:
        raise AssertionError("not noticed")
    link.port.write(b"\x02")  # into the void: lost as on a wire, no error
