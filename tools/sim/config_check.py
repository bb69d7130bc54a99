# SPDX-License-Identifier: MIT
"""What the firmware's own checker finds wrong with settings: `python -m tools.sim.config_check < config.json`.

A process of its own: the simulator shares no code with the firmware that it is there to try.
"""

import subprocess
import sys

from tools.sim.gateway_process import ROOT

_WRONG = 1
_PATIENCE_S = 60


def complaints(text: str) -> str:
    """A line per error in the text of a config.json; empty when a gateway starts with it."""
    command = [sys.executable, "-m", "tools.sim.config_check"]
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=_PATIENCE_S)
    return "" if done.returncode == 0 else done.stdout.strip() or done.stderr.strip()


def main() -> int:
    """Check standard input; the exit code."""
    from host_tests import shim

    shim.install()
    from app import config

    errors: "list[str]" = []
    try:
        config.validate(config.parse(sys.stdin.read()), errors)
    except (ValueError, RuntimeError) as error:
        errors.append(str(error))
    print("\n".join(errors))
    return _WRONG if errors else 0


if __name__ == "__main__":
    sys.exit(main())
