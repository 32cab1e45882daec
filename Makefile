# `make` alone lists the targets. Each does the set-up that it needs: a virtual
# environment in .venv with the packages pinned in requirements.txt.

PYTHON ?= python3
TESTS ?= tests

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PYTEST := $(PY) -m pytest -n 2 --dist=worksteal --durations=15
PIP_INSTALL := $(PY) -m pip --disable-pip-version-check install
# Apart from $(VENV): the packages of those that we are compared with are large.
BENCHMARK_VENV := .venv-benchmark
BENCHMARK_INSTALLED := $(BENCHMARK_VENV)/.installed-benchmark
# Apart from $(VENV) too: Sphinx needs Python 3.11 or newer.
DOCS_VENV := .venv-docs
DOCS_INSTALLED := $(DOCS_VENV)/.installed-docs

.DEFAULT_GOAL := help
.PHONY: help install demo benchmark test test-slow docs lint format clean \
    new-venv

help:
	@echo "usage: make TARGET [PYTHON=python3.12]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' \
	    $(MAKEFILE_LIST)

install: $(INSTALLED) ## set up .venv, as the targets below do by themselves

demo: $(INSTALLED) ## fit sine waves, tell letters apart; see results/demo
	$(PY) scripts/demo.py --workdir=results/demo

benchmark: $(BENCHMARK_INSTALLED) ## time it beside PyTorch and JAX
	$(BENCHMARK_VENV)/bin/python benchmarks/benchmark.py \
	    --output=results/benchmark.json

test: $(INSTALLED) ## run the tests but slow ones; or make test TESTS=tests/rl
	$(PYTEST) $(TESTS) $(if $(filter tests,$(TESTS)),-m "not slow")

test-slow: $(INSTALLED) ## run the slow tests
	$(PYTEST) $(TESTS) -m slow

docs: $(DOCS_INSTALLED) ## build the site in docs/_build/html; Python >= 3.11
	$(DOCS_VENV)/bin/python -m sphinx -W --keep-going -b html \
	    docs docs/_build/html

lint: $(INSTALLED) ## check style, format and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(INSTALLED) ## sort imports and format
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## remove virtual environments, caches and the site; results/ stays
	rm -rf $(VENV) $(BENCHMARK_VENV) $(DOCS_VENV) build dist *.egg-info
	rm -rf docs/_build docs/api docs/examples
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Packages that must be compiled on installation are built with the pinned
# setuptools, not with whichever is the newest that day.
$(INSTALLED): requirements.txt pyproject.toml setup.py
	@$(PY) -m pip --version >/dev/null 2>&1 \
	    || $(MAKE) --no-print-directory new-venv
	@echo "Installing into $(VENV), once; this takes some minutes."
	$(PIP_INSTALL) $$(grep -E '^(setuptools|wheel)==' requirements.txt)
	$(PIP_INSTALL) --no-build-isolation --requirement requirements.txt
	$(PIP_INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

$(BENCHMARK_INSTALLED): requirements.txt requirements-benchmark.txt \
    pyproject.toml setup.py
	@$(MAKE) --no-print-directory VENV=$(BENCHMARK_VENV) install
	$(BENCHMARK_VENV)/bin/python -m pip --disable-pip-version-check install \
	    --requirement requirements-benchmark.txt
	@touch $@

$(DOCS_INSTALLED): requirements.txt requirements-docs.txt pyproject.toml \
    setup.py
	@$(MAKE) --no-print-directory VENV=$(DOCS_VENV) install
	$(DOCS_VENV)/bin/python -m pip --disable-pip-version-check install \
	    --requirement requirements-docs.txt
	@touch $@

new-venv:
	@command -v "$(PYTHON)" >/dev/null || { \
	    echo "PYTHON: there is no '$(PYTHON)' here; name one of version 3.10" \
	    "to 3.13, as in: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; \
	    sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "PYTHON: '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1), and" \
	    "maml_tf needs Python 3.10 to 3.13; name one, as in:" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "PYTHON: '$(PYTHON)' has no venv module; install it (on Debian" \
	    "and Ubuntu: apt install python3-venv) or name another Python" >&2; \
	    exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
