#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes .venv from the pinned requirements. Idempotent: does nothing when the stamp matches.
# Packages come through pip as the machine has it configured; no index is named here.
set -euo pipefail
cd "$(dirname "$0")/../.."

pins=tools/build/requirements
want=$(cat $pins/*.txt | sha256sum | cut -d' ' -f1)
stamp=.venv/.setup-stamp
fresh() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && [ -x .venv/bin/python ]; }

if fresh; then exit 0; fi
mkdir -p build
exec 9>build/.setup-lock
flock 9
if fresh; then exit 0; fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: Python 3.11 or later is needed; name one with PYTHON=…" >&2
    exit 3
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || "$python" tools/build/system.py python3-venv

pip_quiet() {
    local log=build/pip.log
    .venv/bin/python -m pip install --disable-pip-version-check --quiet "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        exit 1
    }
}

echo "setup: making .venv from $pins (a minute on the first run)"
"$python" -m venv --clear .venv
pip_quiet -r $pins/test.txt
grep -v '^#' $pins/stubs.txt | while read -r stub; do
    pip_quiet --no-deps --upgrade --target .venv/typings "$stub"
done
echo "$want" >"$stamp"
echo "setup: done"
