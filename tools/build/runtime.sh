#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes sure that the interpreter of RUNTIME ($1) is there: built on first use. Nothing to do for cpython.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "${1:-micropython}" in
cpython) exit 0 ;;
micropython) variant=unix ;;
micropython-arm) variant=arm ;;
*)
    echo "RUNTIME=$1: there are micropython, micropython-arm, cpython" >&2
    exit 2
    ;;
esac

code=0
"${PYTHON:-python3}" tools/build/micropython.py "$variant" 2>&1 | tee build/runtime.log |
    sed -un -E '/^(fetching|building|missing:) /p' || code=$?
if [ $code -ne 0 ]; then
    cat build/runtime.log >&2
    echo "No MicroPython could be built here. The same firmware runs without a compiler: make run RUNTIME=cpython" >&2
fi
exit $code
