# SPDX-License-Identifier: MIT
# Every entry point. `make run` and `make test` are the two to know; `make setup` is part of each.
PY := .venv/bin/python
METERS ?= 8
MEDIUM ?= sfsk
RUNTIME ?= micropython
WAN_PORT ?= 4059
SIM_ARGS ?=
BENCH_ARGS ?=

.PHONY: setup run test lint pytest test-micropython test-freeze bench micropython micropython-arm clean

setup:
	@tools/build/setup.sh

run: setup
	@GW_INSTALL=0 tools/build/runtime.sh $(RUNTIME)
	@exec $(PY) -m tools.sim --medium $(MEDIUM) --runtime $(RUNTIME) --wan-port $(WAN_PORT) --meters $(METERS) $(SIM_ARGS)

test: lint pytest test-micropython test-freeze

lint: setup
	$(PY) -m ruff check .
	$(PY) -m mypy --config-file host_tests/mypy-firmware.ini lib boot.py main.py
	$(PY) -m mypy
	$(PY) -m codespell_lib
	$(PY) tools/check_layers.py
	$(PY) tools/check_dialect.py

pytest: setup micropython
	$(PY) -m pytest -q -x -n 2

test-micropython: setup micropython
	$(PY) host_tests/micropython/run.py

test-freeze: setup micropython
	$(PY) tools/check_freeze.py

bench: setup micropython
	@exec $(PY) -m tools.bench $(BENCH_ARGS)

# MicroPython's unix port under build/, from Debian's source or from MPY_DIR=<checkout>.
micropython micropython-arm: setup
	@python3 tools/build/micropython.py $(if $(findstring arm,$@),arm,unix)

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
