# SPDX-License-Identifier: MIT
"""The segment of a real-time run, by medium: options to segment, control, trace and gateway configuration."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tools.sim import cli, gateway_config
from tools.sim.control import Control
from tools.sim.g3.adp import BANDS
from tools.sim.g3.control import G3Control
from tools.sim.g3.segment import G3Segment
from tools.sim.g3.trace import G3Trace
from tools.sim.meter import Meter
from tools.sim.realtime import RealTime
from tools.sim.segment import Segment, meter_title
from tools.sim.server import DlmsServer, LocalServer
from tools.sim.tcp_meter import TcpServer
from tools.sim.trace import Trace

PSK_FILE = "psk.json"
AnySegment = Segment | G3Segment


def _servers(options: argparse.Namespace, driver: RealTime) -> list[tuple[bytes, DlmsServer]]:
    """Built-in meters first, then those over TCP."""
    servers: list[tuple[bytes, DlmsServer]] = []
    for number in range(1, options.meters + 1):
        title = meter_title(number, options.title_len)
        servers.append((title, LocalServer(Meter(title, seed=options.seed + number))))
    return servers + [(meter.title, TcpServer(driver, meter.host, meter.port)) for meter in options.meter]


def build_segment(options: argparse.Namespace, driver: RealTime) -> AnySegment:
    """The segment of `--medium` with all its meters."""
    if options.medium == "g3":
        return _build_g3(options, driver)
    segment = Segment(cli.segment_options(options), kernel=driver.kernel)
    depth = options.depth or 0
    for index, (title, server) in enumerate(_servers(options, driver)):
        segment.add(title, server, replace(segment.options.node, depth=index % (depth + 1)))
    return segment


def _build_g3(options: argparse.Namespace, driver: RealTime) -> G3Segment:
    segment = G3Segment(cli.g3_options(options), kernel=driver.kernel)
    for index, (title, server) in enumerate(_servers(options, driver)):
        depth = None if options.depth is None else index % (options.depth + 1)
        segment.add(title, server, replace(segment.options.node, depth=depth))
    return segment


def build_control(driver: RealTime, segment: AnySegment, stats_of_process: "Callable[[], dict]") -> Control:
    """The control socket of the segment's medium."""
    kind = G3Control if isinstance(segment, G3Segment) else Control
    return kind(driver, segment, stats_of_process)


def build_trace(path: Path, segment: AnySegment) -> Trace:
    """A trace file that watches the segment from now on."""
    if isinstance(segment, G3Segment):
        trace = G3Trace(path)
        trace.watch_g3(segment)
        return trace
    plain = Trace(path)
    plain.watch(segment)
    return plain


def gateway_defaults(options: argparse.Namespace, wan_port: int) -> dict:
    """config.json of a gateway on this segment, before --config."""
    if options.medium == "g3":
        psk = "file" if options.psk == "file" else "demand"
        config = gateway_config.g3_defaults(wan_port, options.time_scale, options.widen, options.dialect, psk)
        config["g3"]["band"] = BANDS[options.band]
        return config
    config = gateway_config.simulator_defaults(wan_port, options.time_scale, options.widen, options.title_len)
    config["sfsk"]["chip"] = options.chip
    return config


def write_psks(options: argparse.Namespace, segment: AnySegment, state_dir: Path) -> None:
    """psk.json for a gateway that is provisioned by file: EUI-64 -> PSK, upper-case hex."""
    if isinstance(segment, G3Segment) and options.psk == "file":
        text = json.dumps(segment.psks(), indent=1)
        (state_dir / PSK_FILE).touch(mode=0o600)
        (state_dir / PSK_FILE).write_text(text, encoding="utf-8")
