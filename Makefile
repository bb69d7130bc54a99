# SPDX-License-Identifier: MIT
# Every entry point. `make run` and `make test` are the two to know; `make setup` is part of each.
PY := .venv/bin/python
METERS ?= 8
MEDIUM ?= sfsk
RUNTIME ?= micropython
WAN_PORT ?= 4059
SIM_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 600
E2E ?= host_tests/e2e

.PHONY: setup run test lint pytest test-micropython test-freeze test-arm framing fuzz sizes budget e2e-arm smoke-arm bench soak airtime-picture micropython micropython-arm clean

setup:
	@tools/build/setup.sh

run: setup
	@GW_INSTALL=0 tools/build/runtime.sh $(RUNTIME)
	@exec $(PY) -m tools.sim --medium $(MEDIUM) --runtime $(RUNTIME) --wan-port $(WAN_PORT) --meters $(METERS) $(SIM_ARGS)

test: lint pytest test-micropython test-freeze framing sizes budget smoke-arm

lint: setup
	$(PY) -m ruff check .
	$(PY) -m mypy --config-file host_tests/mypy-firmware.ini lib boot.py main.py
	$(PY) -m mypy
	$(PY) -m codespell_lib
	$(PY) tools/check_layers.py
	$(PY) tools/check_dialect.py

# Whole files to a worker: those in e2e/ share one running gateway per file.
pytest: setup micropython
	$(PY) -m pytest -q -x -n 2 --dist loadfile

test-micropython: setup micropython
	$(PY) host_tests/micropython/run.py

test-freeze: setup micropython
	$(PY) tools/check_freeze.py

# The C framing core: static analysis, a short fuzzing run, its suite on CPython, MicroPython and 32-bit ARM,
# ten times fewer instructions than its twin.
framing: setup
	$(PY) -m tools.check_framing
	$(PY) -m host_tests.framing.lanes
	$(PY) -m tools.bench.framing

# As long as you like: FUZZ_SECONDS=3600.
fuzz: setup
	$(PY) -m tools.check_framing --fuzz-seconds $(FUZZ_SECONDS)

# Octets of bytecode and of the native module against firmware/sizes.toml.
sizes: setup micropython
	$(PY) -m tools.check_sizes

# The full gateway in the board's heap: firmware frozen in, 32-bit ARM.
budget: setup
	@python3 tools/build/micropython.py arm-frozen
	$(PY) -m tools.check_budget

# The end-to-end suite on the frozen ARM firmware in a board's heap (GW_E2E_HEAP, 256k); `make test` runs two files of it.
e2e-arm: setup
	@python3 tools/build/micropython.py arm-frozen
	GW_E2E_RUNTIME=micropython-arm $(PY) -m pytest -q -x $(E2E)

smoke-arm:
	@$(MAKE) --no-print-directory e2e-arm E2E="host_tests/e2e/test_libraries.py host_tests/e2e/test_sap1.py"

# The device tests on 32-bit ARM under emulation.
test-arm: setup micropython-arm
	$(PY) host_tests/micropython/run.py --runtime arm

bench: setup micropython
	@exec $(PY) -m tools.bench $(BENCH_ARGS)

# Thirty days of the whole firmware on MicroPython, faults on, in virtual time; several minutes.
soak: setup micropython
	@exec $(PY) -m tools.bench.soak

# The airtime of a simulated day on both media, drawn into docs/.
airtime-picture: setup
	$(PY) -m tools.bench.day --medium sfsk
	$(PY) -m tools.bench.day --medium g3
	$(PY) -m tools.bench.day_picture

# MicroPython's unix port under build/, from Debian's source or from MPY_DIR=<checkout>.
micropython micropython-arm: setup
	@python3 tools/build/micropython.py $(if $(findstring arm,$@),arm,unix)

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
