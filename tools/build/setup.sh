#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes .venv and .venv/typings from the pinned requirements. Idempotent: does nothing when the stamps match.
# Packages come through pip as the machine has it configured; no index is named here.
set -euo pipefail
cd "$(dirname "$0")/../.."

pins=tools/build/requirements
python=${PYTHON:-python3}

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

want_env=$(digest $pins/tools.txt $pins/test.txt)
want_stubs=$(digest $pins/stubs.txt tools/build/amend_stubs.py)
is_fresh() { [ -x .venv/bin/python ] && is_stamped .venv/.env-stamp "$want_env" && is_stamped .venv/.stubs-stamp "$want_stubs"; }

pip_quiet() {
    local log=build/pip.log
    .venv/bin/python -m pip install --disable-pip-version-check --quiet "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        exit 1
    }
}

make_env() {
    echo "setup: making .venv from $pins (a minute on the first run)"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "setup: Python 3.11 or later is needed; name one with PYTHON=…" >&2
        exit 3
    }
    "$python" -c 'import ensurepip, venv' 2>/dev/null || "$python" tools/build/system.py python3-venv
    "$python" -m venv --clear .venv
    pip_quiet -r $pins/test.txt
    echo "$want_env" >.venv/.env-stamp
}

make_stubs() {
    rm -rf .venv/typings
    grep -v '^#' $pins/stubs.txt | while read -r stub; do
        pip_quiet --no-deps --upgrade --target .venv/typings "$stub"
    done
    .venv/bin/python tools/build/amend_stubs.py .venv/typings
    echo "$want_stubs" >.venv/.stubs-stamp
}

if is_fresh; then exit 0; fi
mkdir -p build
exec 9>build/.setup-lock
flock 9
{ [ -x .venv/bin/python ] && is_stamped .venv/.env-stamp "$want_env"; } || make_env
is_stamped .venv/.stubs-stamp "$want_stubs" || make_stubs
