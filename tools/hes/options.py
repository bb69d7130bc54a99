# SPDX-License-Identifier: MIT
"""Command line of tools.hes.

Keys come from the environment, from options, or are the simulator's when asked
for by name; without any the public client reads.  Nothing has a key by default.
"""

import argparse
import os
import ssl
from collections.abc import Callable
from pathlib import Path

from tools.hes.managing import ACTIONS
from tools.hes.session import Keys

_SIM_EK, _SIM_AK = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
_SIM_MASTER = "404142434445464748494A4B4C4D4E4F"
_MASTER_LENS = (16, 32)  # by the security suite
_KEY_LEN, _TITLE_LEN = 16, 8
_BROADCAST_SAP = 0x7F


def _octets(*sizes: int) -> Callable[[str], bytes]:
    def parse(text: str) -> bytes:
        try:
            octets = bytes.fromhex(text)
        except ValueError:
            octets = b""
        if len(octets) not in sizes:
            raise argparse.ArgumentTypeError(f"{' or '.join(str(2 * size) for size in sizes)} hex digits wanted")
        return octets
    return parse


def _sap(text: str) -> int:
    try:
        sap = int(text, 0)
    except ValueError:
        sap = 0
    if not 0 < sap < 0xFFFF or sap == _BROADCAST_SAP:
        raise argparse.ArgumentTypeError("a SAP is a number from 1 to 0xFFFE, and not 0x7F")
    return sap


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a TCP port is a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError("a positive number of seconds wanted")
    return seconds


def _connection() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--host", default="127.0.0.1", help="the gateway (default %(default)s)")
    common.add_argument("--port", default=4059, type=_port, help="its TCP port (default %(default)s)")
    common.add_argument("--timeout", default=20.0, type=_seconds, metavar="S",
                        help="longest wait for one answer, power line included (default %(default)s s)")
    _add_tls(common)
    return common


def _add_tls(parser: argparse.ArgumentParser) -> None:
    tls = parser.add_argument_group("TLS", "python -m tools.certificates makes files to try it with (docs/tls.md)")
    tls.add_argument("--tls", type=Path, metavar="CA.pem",
                     help="speak TLS (--port is the gateway's tls.port then); this authority signed its certificate")
    tls.add_argument("--tls-cert", type=Path, metavar="HES.pem", help="our own certificate and key, in one file")


def _meters() -> argparse.ArgumentParser:
    reading = argparse.ArgumentParser(add_help=False)
    which = reading.add_mutually_exclusive_group()
    which.add_argument("--sap", action="append", type=_sap, metavar="SAP", help="this meter; repeatable")
    which.add_argument("--all", action="store_true", help="every meter in the SAP list (the default)")
    _add_keys(reading, "the public client reads")
    return reading


def _add_keys(parser: argparse.ArgumentParser, without: str) -> argparse._ArgumentGroup:
    keys = parser.add_argument_group("keys", f"without any, {without}; HES_EK and HES_AK in the "
                                      "environment are better than options, which other users of a PC can see")
    keys.add_argument("--sim-keys", action="store_true", help="the simulator's test keys")
    keys.add_argument("--ek", type=_octets(_KEY_LEN), metavar="HEX", help="global unicast encryption key")
    keys.add_argument("--ak", type=_octets(_KEY_LEN), metavar="HEX", help="authentication key")
    keys.add_argument("--title", type=_octets(_TITLE_LEN), default=b"HES\x00\x00\x00\x00\x01", metavar="HEX",
                      help="our own system title (default 4845530000000001)")
    return keys


def _actions() -> argparse.ArgumentParser:
    asking = argparse.ArgumentParser(add_help=False)
    words = ", ".join(f"{name} {argument}".strip() for name, (argument, _) in ACTIONS.items())
    asking.add_argument("action", choices=list(ACTIONS), metavar="ACTION", help=words)
    asking.add_argument("argument", nargs="*", metavar="ARGUMENT",
                        help="what the action needs; PSK may be -: standard input. SERIAL: as list prints it")
    _add_keys(asking, "nothing is managed").add_argument(
        "--master", type=_octets(*_MASTER_LENS), metavar="HEX",
        help="master key, which wraps a PSK (or HES_MASTER)")
    return asking


def parse(arguments: "list[str] | None") -> argparse.Namespace:
    """The options; `keys` is a `Keys` or None. Leaves with a message when they make no sense."""
    parser = argparse.ArgumentParser(prog="tools.hes", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", parents=[_connection()], help="the meters behind the gateway")
    listing.add_argument("--probe", action="store_true", help="ask each meter for its time, as the public client")
    parents = [_connection(), _meters()]
    commands.add_parser("read", parents=parents, help="clock and energy of meters")
    watching = commands.add_parser("watch", parents=parents, help="read again and again until Ctrl-C")
    watching.add_argument("--interval", default=60.0, type=_seconds, metavar="S",
                          help="from one reading to the next (default %(default)s s)")
    commands.add_parser("action", parents=[_connection(), _actions()], help="manage the gateway itself")
    logging = commands.add_parser("log", parents=[_connection()], help="event logs of the gateway itself")
    logging.add_argument("log", nargs="?", choices=("standard", "security", "communication", "firmware"),
                         help="this one only (default: all four, in the order of their numbers)")
    _add_keys(logging, "the public client reads, where dlms.public_reads_all lets it")
    counting = commands.add_parser("counters", parents=[_connection()], help="what the gateway itself counts")
    counting.add_argument("--all", action="store_true", help="also those that are 0")
    _add_keys(counting, "the public client reads, where dlms.public_reads_all lets it")
    listening = commands.add_parser("listen", help="print what gateways push, until Ctrl-C")
    listening.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    listening.add_argument("--port", default=4060, type=_port, help="TCP port (default %(default)s)")
    listening.add_argument("--tls", dest="tls_cert", type=Path, metavar="CERT.pem",
                           help="speak TLS (the gateway's tls.push); our certificate and key, in one file")
    options = _parsed(parser, arguments)
    options.keys = _keys(parser, options) if "sim_keys" in options else None
    options.context = _context(parser, options)
    if options.command == "action":
        _check_action(parser, options)
    return options


def _parsed(parser: argparse.ArgumentParser, arguments: "list[str] | None") -> argparse.Namespace:
    """NOTE: argparse gives an action its (no) arguments as soon as it sees the action's name, so what stands behind
    an option that follows (action ping --sim-keys 0x10) would be left over."""
    options, left = parser.parse_known_args(arguments)
    is_wrong = options.command != "action" or any(one.startswith("-") and one != "-" for one in left)
    if left and is_wrong:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.argument = [*options.argument, *left]
    return options


def _context(parser: argparse.ArgumentParser, options: argparse.Namespace) -> "ssl.SSLContext | None":
    """Of TLS; None without."""
    is_listener = options.command == "listen"
    if not is_listener and options.tls is None:
        if options.tls_cert is not None:
            parser.error("--tls-cert goes with --tls CA.pem")
        return None
    if is_listener and options.tls_cert is None:
        return None
    wrong = options.tls_cert
    try:
        if is_listener:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        else:
            wrong = options.tls
            context = ssl.create_default_context(cafile=options.tls)
        if options.tls_cert is not None:
            wrong = options.tls_cert
            context.load_cert_chain(options.tls_cert)
    except OSError as error:
        parser.error(f"{wrong}: {error.strerror or error}")
    return context


def _check_action(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    wanted = ACTIONS[options.action][0]
    if len(wanted.split()) != len(options.argument):
        parser.error(f"{options.action} needs {wanted or 'no argument'}")
    options.argument = " ".join(options.argument)
    if options.keys is None:
        parser.error("the gateway's own keys are needed: --sim-keys for the simulator's, else HES_EK and HES_AK")


def _keys(parser: argparse.ArgumentParser, options: argparse.Namespace) -> "Keys | None":
    given = getattr(options, "master", None)
    try:
        master = _key(given, "HES_MASTER", *_MASTER_LENS) or b""
        if options.sim_keys:
            master = given or bytes.fromhex(_SIM_MASTER)
            return Keys(bytes.fromhex(_SIM_EK), bytes.fromhex(_SIM_AK), options.title, master)
        encryption = _key(options.ek, "HES_EK", _KEY_LEN)
        authentication = _key(options.ak, "HES_AK", _KEY_LEN)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    if encryption and authentication:
        return Keys(encryption, authentication, options.title, master)
    if encryption or authentication:
        parser.error("both keys are needed: encryption (--ek or HES_EK) and authentication (--ak or HES_AK)")
    return None


def _key(given: "bytes | None", variable: str, *sizes: int) -> "bytes | None":
    if given or variable not in os.environ:
        return given
    try:
        return _octets(*sizes)(os.environ[variable])
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{variable}: {error}") from error
