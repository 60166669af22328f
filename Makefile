# Every target works on a fresh checkout: the virtual environment is made on first use.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.10 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Of its own, because aiobotocore, which the peer needs, holds boto3 back.
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.ready
E2E_VENV := .venv-e2e
E2E_READY := $(E2E_VENV)/.ready
SCREENSHOTS_VENV := .venv-screenshots
SCREENSHOTS_READY := $(SCREENSHOTS_VENV)/.ready
# Without cached bytecode every Airflow process starts seconds later.
unexport PYTHONDONTWRITEBYTECODE
# An Airflow of the user's own must not shine through.
unexport AIRFLOW_HOME AIRFLOW_CONFIG

.PHONY: help demo test lint types unit docs bench e2e screenshots format constraints clean

help: ## Show this list
	@grep -E '^[a-z0-9]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No python3 was found: on Debian, apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, $(PYTHON) is not" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group dev
	@touch $@

demo: $(READY) ## Import a CSV of quick responses through Airflow, against a fake service on this machine
	@$(BIN)/python dags_examples/demo.py

test: lint types unit docs ## Lint, types, tests and docs

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest -n 2

docs: $(READY) ## Build the docs into docs/_build
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --quiet docs docs/_build

$(BENCH_READY): pyproject.toml constraints-bench.txt $(READY)
	@echo "Installing into $(BENCH_VENV) ..."
	@test -x $(BENCH_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(BENCH_VENV)
	@$(BIN)/uv pip install --quiet --python $(BENCH_VENV)/bin/python --constraint constraints-bench.txt --build-constraint constraints-bench.txt --editable . --group bench
	@touch $@

bench: $(BENCH_READY) ## Measure against the amazon provider's pattern; QUICK=1 for less, DOCS=1 for new plots
	$(BENCH_VENV)/bin/python tests/benchmarks/run.py $(if $(QUICK),--quick) $(if $(DOCS),--docs)

$(E2E_READY): pyproject.toml constraints.txt $(READY)
	@echo "Installing into $(E2E_VENV) ..."
	@test -x $(E2E_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(E2E_VENV)
	@$(BIN)/uv pip install --quiet --python $(E2E_VENV)/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group e2e
	@touch $@

e2e: $(E2E_READY) ## Prove it in a whole Airflow on PostgreSQL, 500 deferred tasks first; ARGS=--help for more
	$(E2E_VENV)/bin/python tests/e2e/run.py $(ARGS)

$(SCREENSHOTS_READY): pyproject.toml constraints.txt $(READY)
	@echo "Installing into $(SCREENSHOTS_VENV) ..."
	@test -x $(SCREENSHOTS_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(SCREENSHOTS_VENV)
	@$(BIN)/uv pip install --quiet --python $(SCREENSHOTS_VENV)/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group screenshots
	@touch $@

screenshots: $(SCREENSHOTS_READY) ## Take the screenshots of the docs in a whole Airflow; needs chromium and chromium-driver
	$(SCREENSHOTS_VENV)/bin/python docs/screenshots.py

format: $(READY) ## Format the code and mend what lint can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

constraints: $(READY) ## Pin the newest versions of everything that is installed
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-header --no-annotate \
	  --upgrade --extra testing --group dev --group e2e --group screenshots pyproject.toml --output-file constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-header --no-annotate \
	  --upgrade --group bench pyproject.toml --output-file constraints-bench.txt

clean: ## Remove everything that these targets made
	rm -rf $(VENV) $(BENCH_VENV) $(E2E_VENV) $(SCREENSHOTS_VENV) .demo .airflow-tests docs/_build build dist .mypy_cache .pytest_cache .ruff_cache
