# make run    sets everything up in .venv and runs the main job
# make test   sets everything up in .venv and runs lint, types, the import contract and the tests
# make system-packages  installs SLURM and a browser (Debian or Ubuntu, as root); without them some tests are skipped
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test system-packages lint bench clean

run: $(READY)
	$(BIN)/cosim run ieee39-training

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -c "from grids.andes_runtime import prepare; prepare()"
	touch $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup

system-packages:
	@sh tests/install_system_packages.sh

bench: $(READY)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/metrics.py
	$(BIN)/python benchmarks/closed_loop.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/sweep.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/linear.py

clean:
	rm -rf $(VENV) results build dist
