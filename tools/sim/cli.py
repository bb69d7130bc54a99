# SPDX-License-Identifier: MIT
"""Command line of the simulator (interfaces.md), checked and turned into options."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from tools.sim.g3.options import G3LineOptions, G3ModemOptions, G3NodeOptions, G3Options
from tools.sim.gateway_process import RUNTIMES
from tools.sim.options import ChipOptions, LineOptions, NodeOptions, SegmentOptions
from tools.sim.segment import meter_title

_DEFAULT_METERS = 8
_MOST_METERS = 3071
_DEFAULT_HEAP = {"micropython": "2m", "micropython-arm": "1m", "cpython": "0"}
_INSTANT_QUEUE = 2048  # without airtime a whole discovery window arrives at once


@dataclass
class TcpMeter:
    """One --meter."""

    title: bytes
    host: str
    port: int


def tcp_meter(text: str) -> TcpMeter:
    """TITLE@HOST:PORT, the title 12 or 16 hex digits."""
    title_text, _, address = text.partition("@")
    host, _, port_text = address.rpartition(":")
    try:
        title, port = bytes.fromhex(title_text), int(port_text)
    except ValueError:
        title, port = b"", 0
    if len(title) not in (6, 8) or not host or not 0 < port < 65536:
        raise argparse.ArgumentTypeError("expected TITLE@HOST:PORT, TITLE as 16 hex digits (or all as 12): " + text)
    return TcpMeter(title, host.strip("[]"), port)


def chance(text: str) -> float:
    """A probability 0..1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("expected 0..1: " + text)
    return value


def natural(text: str) -> int:
    """A whole number >= 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("expected a whole number >= 0: " + text)
    return int(text)


def port_number(text: str) -> int:
    """A TCP port, 0 = any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("expected a TCP port, 0..65535: " + text)
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The options; those of interfaces.md first."""
    result = argparse.ArgumentParser(prog="tools.sim", description="A simulated PLC segment with the gateway firmware.")
    add = result.add_argument
    add("--medium", choices=("sfsk", "g3"), default="sfsk", help="PLC technology of the segment")
    add("--runtime", choices=RUNTIMES, default="micropython", help="interpreter of the firmware")
    add("--wan-port", type=port_number, default=4059, help="the gateway's listener on 127.0.0.1 (default 4059)")
    add("--meters", type=natural, help="built-in meters (default 8, with --meter 0)")
    add("--meter", type=tcp_meter, action="append", default=[], metavar="TITLE@HOST:PORT",
        help="a DLMS server behind the TCP wrapper, and the system title it is registered with; repeatable")
    add("--state-dir", type=Path, help="the gateway's file system, kept with its settings (default: a temporary one)")
    add("--config", type=Path, help="JSON file merged over config.json at the start; settings: docs/configuration.md")
    add("--loss", type=chance, default=0.0, help="chance that a copy of a frame is not heard")
    add("--dup", type=chance, default=0.0, help="chance that a frame is delivered twice")
    add("--delay-ms", type=natural, default=0, help="uplinks are held back by up to this")
    add("--seed", type=int, default=1, help="of every random choice")
    add("--time-scale", type=natural, default=20, help="slots this many times faster; 0 = no airtime (default 20)")
    add("--trace", type=Path, help="JSON lines of UART, line, meters and WAN")
    add("--control", type=port_number,
        help="JSON-lines control socket on this port; {\"cmd\": \"help\"} names the commands")
    _add_tuning(result)
    return result


def _add_tuning(result: argparse.ArgumentParser) -> None:
    add = result.add_argument
    add("--chip", choices=("amis49587", "st7570"), default="amis49587", help="modem chip")
    add("--depth", type=natural, help="repetitions (g3: hops - 1) of the farthest meter; meters get 0..DEPTH in turn")
    add("--think-ms", type=natural, default=20, help="a meter's time to answer")
    add("--widen", type=natural, default=10, help="factor on the chip's time limits for a busy PC (default 10)")
    add("--dialect", choices=("H", "L"), default="H", help="g3: modem firmware; L leaves the LBS to the host")
    add("--band", choices=("cen-a", "fcc"), default="cen-a", help="g3: frequency band")
    add("--usi-buffer", type=natural, default=1024, help="g3: octets of the longest frame to and from the modem")
    add("--psk", choices=("file", "control"), default="file",
        help="g3: psk.json has the PSKs; or {\"cmd\": \"psk\"} on --control tells them, for tools.hes action psk")
    add("--heap", help="heap of the firmware on MicroPython (default 2m; micropython-arm 1m)")
    add("--uart-port", type=port_number, default=0, help="TCP port of the modem's UART (default: any)")
    add("--no-gateway", action="store_true", help="only the segment; connect a gateway to --uart-port yourself")
    add("--verbose", action="store_true", help="show every line of the gateway")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Checked options; exits with code 2 and a clear text on bad ones."""
    result = parser()
    options = result.parse_args(arguments)
    if options.meters is None:
        options.meters = 0 if options.meter else _DEFAULT_METERS
    if options.heap is None:
        options.heap = _DEFAULT_HEAP[options.runtime]
    if not 1 <= options.meters + len(options.meter) <= _MOST_METERS:
        result.error("between 1 and %d meters have individual MAC addresses on one segment" % _MOST_METERS)
    if (options.depth or 0) > 7:
        result.error("--depth: a frame has at most 7 repetitions, a G3 path is at most 8 hops here")
    if options.widen < 1:
        result.error("--widen: at least 1")
    _check_titles(result, options)
    return options


def _check_titles(result: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    titles = [meter.title for meter in options.meter]
    built_in = {meter_title(number, len(title)) for number in range(1, options.meters + 1) for title in titles[:1]}
    if not built_in.isdisjoint(titles):
        result.error("--meter: a title is that of a built-in meter")
    if len(set(titles)) != len(titles):
        result.error("--meter: a title is given twice")
    if len({len(title) for title in titles}) > 1:
        result.error("--meter: titles of one segment have the same length")
    options.title_len = len(titles[0]) if titles else 8
    if options.medium == "g3" and options.title_len != 8:
        result.error("--meter: an EUI-64 has 16 hex digits")


def segment_options(options: argparse.Namespace) -> SegmentOptions:
    """Segment for a real-time run: UART as much faster as the line, so that it is no bottleneck."""
    time_scale = options.time_scale
    chip = ChipOptions(model=options.chip, widen=options.widen, chunk=0)
    chip.uart_speed = float(time_scale) if time_scale else 100.0
    if not time_scale:
        chip.rx_queue = _INSTANT_QUEUE
    line = LineOptions(time_scale=time_scale, seed=options.seed, loss=options.loss, dup=options.dup)
    line.delay_ms = options.delay_ms
    node = NodeOptions(think_us=options.think_ms * 1000)
    return SegmentOptions(title_len=options.title_len, chip=chip, line=line, node=node)


def g3_options(options: argparse.Namespace) -> G3Options:
    """The same for a G3 segment."""
    time_scale = options.time_scale
    modem = G3ModemOptions(dialect=options.dialect, usi_buffer=options.usi_buffer)
    modem.uart_speed = float(time_scale) if time_scale else 100.0
    line = G3LineOptions(time_scale=time_scale, seed=options.seed, loss=options.loss, dup=options.dup)
    line.band, line.delay_ms = options.band, options.delay_ms
    return G3Options(modem=modem, line=line, node=G3NodeOptions(think_us=options.think_ms * 1000))
