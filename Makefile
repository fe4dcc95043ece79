# Two commands matter: `make validate` and `make test`. Each sets itself up on a bare machine.
PYTHON ?= python3
BIN := .venv/bin
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 MPLBACKEND=Agg

.PHONY: help validate validate-quick test test-all lint clean cupy-signatures test-gpu bench-gpu bench bench-quick
help:
	@echo "make validate   every validation case at full resolution; writes report/index.html"
	@echo "make test       the tests (minutes); make test-all: the slow ones too"
	@echo "make test-gpu   what only a GPU can show; make bench-gpu: how close its kernels come to its bandwidth"
	@echo "make bench      mudot beside its peers (15 minutes); make bench-quick: two minutes; report/bench.png"
	@echo "make lint       ruff and mypy;  make clean: remove what the others made"

$(BIN)/.user: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[fast,experiments]'
	@touch $@

$(BIN)/.dev: $(BIN)/.user
	$(BIN)/pip install -q -e '.[dev]'
	@touch $@

# Static tools do not see the package_dir mapping of an editable install; links show them the tree.
.links:
	mkdir -p .links/mudot
	ln -sfn ../../meshes .links/mudot/meshes
	ln -sfn ../../solvers .links/mudot/solvers
	ln -sfn ../../validation .links/mudot/validation

validate: $(BIN)/.user
	$(THREADS) $(BIN)/mudot validate --output report

validate-quick: $(BIN)/.user
	$(THREADS) $(BIN)/mudot validate --quick --output report

test: $(BIN)/.dev
	$(THREADS) $(BIN)/python -m pytest -q -n 2 -m "not slow"

test-all: $(BIN)/.dev
	$(THREADS) $(BIN)/python -m pytest -q -n 2

# On a machine with a GPU; elsewhere one line that says what is missing, and status 2.
$(BIN)/.gpu: $(BIN)/.dev
	@if command -v nvidia-smi > /dev/null; then $(BIN)/pip install -q 'cupy-cuda12x[ctk]>=14' && touch $@; fi

test-gpu: $(BIN)/.gpu
	@$(BIN)/python -m tests.gpu

bench-gpu: $(BIN)/.gpu
	@$(BIN)/python -m bench.gpu --json bench-gpu.json

# Needs the peers, which are installed here; every measurement in a process of its own.
$(BIN)/.bench: $(BIN)/.user
	$(BIN)/pip install -q -e '.[bench]'
	@touch $@

bench: $(BIN)/.bench
	@$(THREADS) $(BIN)/python -m bench --output report

bench-quick: $(BIN)/.bench
	@$(THREADS) $(BIN)/python -m bench --quick --output report

lint: $(BIN)/.dev .links
	$(BIN)/ruff check .
	$(BIN)/mypy .links/mudot

clean:
	rm -rf .venv .links report build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the oldest and the newest supported CuPy offer, for tests that need neither CuPy nor a device.
OLDEST_CUPY := 13.0.0
NEWEST_CUPY := 14.2.0
cupy-signatures:
	$(PYTHON) -m venv build/cupy-old && build/cupy-old/bin/pip install -q 'cupy-cuda12x==$(OLDEST_CUPY)' 'numpy<2'
	$(PYTHON) -m venv build/cupy-new && build/cupy-new/bin/pip install -q 'cupy-cuda12x==$(NEWEST_CUPY)' scipy
	build/cupy-old/bin/python tests/cupy_signatures.py > tests/data/cupy-$(OLDEST_CUPY).json
	build/cupy-new/bin/python tests/cupy_signatures.py > tests/data/cupy-$(NEWEST_CUPY).json
