# Everything lives in .venv and in the user's cache; nothing else on the machine is touched (but see `browser`).
PYTHON ?= python3
PORT ?= 8501
SPLIT ?= dev
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
POSTGRES := $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))
NGINX := $(shell PATH=$$PATH:/usr/sbin command -v nginx)
MISSING := $(strip $(if $(POSTGRES),,postgresql) $(if $(NGINX),,nginx-light) $(if $(shell command -v openssl),,openssl) \
  $(if $(shell command -v strace),,strace) $(if $(shell command -v cc),,gcc libc6-dev))
# Compiled imports make every start seconds faster; some systems switch them off.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run setup test bench lint audit soak load fit evals replay browser clean

run: setup  ## Set up what is missing, then serve the page.
	@echo "Open http://127.0.0.1:$(PORT)"
	@$(BIN)/simulator serve --port $(PORT)

setup: $(VENV)/.installed  ## Virtual environment, pinned dependencies, model file.
	@$(BIN)/simulator model fetch > /dev/null

$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@echo "Building the passage index"
	@$(BIN)/simulator index
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements-dev.lock
	@touch $@

browser:  # The tests drive a real Chromium.
	@if [ -z "$(CHROMIUM)" ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q chromium; \
	  else echo "The tests need Chromium: sudo apt-get install chromium"; exit 1; fi; fi

servers:  # The tests, and `python -m deploy`, start PostgreSQL and nginx of their own; the tests watch with strace, too.
	@if [ -n "$(MISSING)" ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q $(MISSING); \
	  else echo "The tests need more programs: sudo apt-get install $(MISSING)"; exit 1; fi; fi

test: setup $(VENV)/.installed-dev browser servers  ## All tests, with the real model and a real browser.
	@$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

audit: $(VENV)/.installed-dev  ## Known faults of the pinned packages; says so where they cannot be looked up.
	@mkdir -p build && rm -f build/audit.json
	@$(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements.lock -f json -o build/audit.json > build/audit.log 2>&1 || true
	@$(BIN)/python .ci/audit.py build/audit.json

soak: setup $(VENV)/.installed-dev  ## Kills, power cuts, full disks in full counts; writes docs/soak.md.
	@PYTHONPATH=tests $(BIN)/python -m soak

load: setup $(VENV)/.installed-dev  ## A hundred visitors at once before a model of fixed speed; writes docs/load.md.
	@PYTHONPATH=tests $(BIN)/python -m load

bench: setup $(VENV)/.installed-dev browser  ## Ratios and memory, measured in one run.
	@$(BIN)/python -m evals.bench

fit: setup $(VENV)/.installed-dev  ## Fit sentence model and score rule anew, asking the model what is not recorded.
	@$(BIN)/python -m evals fit

evals: setup $(VENV)/.installed-dev  ## All suites with the model on SPLIT (default dev), report and gate; about an hour.
	@$(BIN)/python -m evals run --split $(SPLIT) --out $(SPLIT)
	@$(BIN)/python -m evals report $(SPLIT)
	@$(BIN)/python -m evals gate $(SPLIT)

replay: setup $(VENV)/.installed-dev  ## What is recorded of SPLIT, without the model, in seconds.
	@$(BIN)/python -m evals replay --suite agreement --suite gaming --split $(SPLIT)

clean:  ## Remove the virtual environment; the model and your interviews stay.
	rm -rf $(VENV) *.egg-info
