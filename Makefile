# Every target works on a fresh checkout: the virtual environment is made on first use.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.10 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# It asks where pip asks, and trusts whom the system trusts.
UV = $(BIN)/python tests/packaging/run_uv.py
# Of its own, because aiobotocore, which the peer needs, holds boto3 back.
BENCH_VENV := .venv-bench
BENCH_READY := $(BENCH_VENV)/.ready
SYSTEM_VENV := .venv-system
SYSTEM_READY := $(SYSTEM_VENV)/.ready
SCREENSHOTS_VENV := .venv-screenshots
LOWEST_VENV := .venv-lowest
SCREENSHOTS_READY := $(SCREENSHOTS_VENV)/.ready
PLUGIN := airflow_wisdom/plugin/ui
PLUGIN_READY := $(PLUGIN)/node_modules/.ready
# What is supported besides the everyday Airflow of constraints.txt: the newest patch of each, and the day after its release.
AIRFLOWS := 3.0 3.1 3.2
AIRFLOW_3.0 := 3.0.6
AIRFLOW_3.1 := 3.1.8
AIRFLOW_3.2 := 3.2.2
DAY_AFTER_3.0 := 2025-08-30
DAY_AFTER_3.1 := 2026-03-12
DAY_AFTER_3.2 := 2026-05-30
# Newer than the Airflow beside them: boto3 and providers, as people upgrade them, and what those and moto need.
NEWEST := $(addprefix apache-airflow-providers-,amazon common-compat common-io common-sql http smtp sqlite standard) \
  boto3 botocore s3transfer pyathena redshift-connector sagemaker-studio watchtower \
  moto py-partiql-parser
# Without cached bytecode every Airflow process starts seconds later.
unexport PYTHONDONTWRITEBYTECODE
# An Airflow of the user's own must not shine through.
unexport AIRFLOW_HOME AIRFLOW_CONFIG

.PHONY: help demo playground test lint types unit docs linkcheck compat package bench system e2e screenshots plugin page format constraints clean

help: ## Show this list
	@grep -E '^[a-z0-9]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No python3 was found: on Debian, apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, $(PYTHON) is not" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"
	@$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group dev
	@touch $@

demo: $(READY) ## Import a file and sync a table through Airflow, against a fake service on this machine
	@$(BIN)/python dags_examples/demo.py

playground: $(READY) ## Airflow's UI with all examples ready to click, beside a fake service, until Ctrl-C
	@$(BIN)/python tests/playground/run.py

test: lint types unit docs ## Lint, types, tests and docs

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

# One more than a small machine has cores, since some tests wait for other processes.
unit: $(READY)
	$(BIN)/pytest -n 3

docs: $(READY) ## Build the docs into docs/_build
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --quiet docs docs/_build

linkcheck: $(READY) ## Follow the links of the docs to the outside; needs a network
	$(BIN)/sphinx-build --builder linkcheck --quiet docs docs/_build/linkcheck

.venv-3.%/.ready: pyproject.toml constraints-airflow-3.%.txt $(READY)
	@echo "Installing into $(@D) ..."
	@test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --constraint constraints-airflow-3.$*.txt --build-constraint constraints-airflow-3.$*.txt --editable '.[testing]' --group tests
	@touch $@

# Make would take them for something in between, and remove them.
.PRECIOUS: .venv-3.%/.ready

compat: $(addprefix compat-,$(or $(ONLY),lowest $(AIRFLOWS) 3.3)) ## Run the tests on every supported Airflow, and with the lowest versions; ONLY=3.0 for one, ONLY=lowest

compat-3.3: unit

$(LOWEST_VENV)/.ready: pyproject.toml constraints-lowest.txt $(READY)
	@echo "Installing into $(LOWEST_VENV) ..."
	@test -x $(LOWEST_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(LOWEST_VENV)
	@$(UV) pip install --quiet --python $(LOWEST_VENV)/bin/python --constraint constraints-lowest.txt --build-constraint constraints-lowest.txt --editable '.[testing]' --group tests
	@touch $@

compat-lowest: $(LOWEST_VENV)/.ready
	$(LOWEST_VENV)/bin/pytest -n 2

compat-3.%: .venv-3.%/.ready
	.venv-3.$*/bin/pytest -n 2

package: $(READY) ## Build wheel and sdist into dist, and check both; UNPINNED=1 with the newest of everything
	rm -rf dist
	$(UV) build --quiet --build-constraint constraints.txt --out-dir dist
	UNPINNED=$(UNPINNED) $(BIN)/python tests/packaging/run.py

# Node.js 20.19 or newer; `npm ci` installs exactly what the lock file names.
$(PLUGIN_READY): $(PLUGIN)/package.json $(PLUGIN)/package-lock.json $(PLUGIN)/.npmrc
	@command -v npm >/dev/null || { echo "npm was not found: Node.js 20.19 or newer is needed, with npm" >&2; exit 1; }
	cd $(PLUGIN) && npm ci
	@touch $@

plugin: $(PLUGIN_READY) ## Test and build the page in Airflow's UI; CHECK=1 fails if the built file was not up to date
	cd $(PLUGIN) && npm test && npm run build
	$(if $(CHECK),git diff --exit-code --stat -- airflow_wisdom/plugin/static)

page: $(SCREENSHOTS_READY) $(PLUGIN_READY) ## Look at that page in a whole Airflow with Chromium; ARGS=--serve to look yourself, ARGS=--help for more
	$(SCREENSHOTS_VENV)/bin/python tests/page/run.py $(ARGS)

$(BENCH_READY): pyproject.toml constraints-bench.txt $(READY)
	@echo "Installing into $(BENCH_VENV) ..."
	@test -x $(BENCH_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(BENCH_VENV)
	@$(UV) pip install --quiet --python $(BENCH_VENV)/bin/python --constraint constraints-bench.txt --build-constraint constraints-bench.txt --editable '.[testing]' --group bench
	@touch $@

bench: $(BENCH_READY) ## Measure against what others do; QUICK=1 for less, SYNC=1 or IMPORTS=1 for that alone, DOCS=1 for new tables and plots
	$(BENCH_VENV)/bin/python tests/benchmarks/run.py $(if $(QUICK),--quick) $(if $(SYNC),--sync) $(if $(IMPORTS),--imports) $(if $(DOCS),--docs)

$(SYSTEM_READY): pyproject.toml constraints.txt $(READY)
	@echo "Installing into $(SYSTEM_VENV) ..."
	@test -x $(SYSTEM_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(SYSTEM_VENV)
	@$(UV) pip install --quiet --python $(SYSTEM_VENV)/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group system
	@touch $@

system: $(SYSTEM_READY) ## Prove it against faults in a whole Airflow on Celery; ARGS=--short for a few, ARGS=--help for more
	$(SYSTEM_VENV)/bin/python tests/system/run.py $(ARGS)

e2e: $(SYSTEM_READY) ## Prove it in a whole Airflow on PostgreSQL, 500 deferred tasks first; ARGS=--help for more
	$(SYSTEM_VENV)/bin/python tests/e2e/run.py $(ARGS)

$(SCREENSHOTS_READY): pyproject.toml constraints.txt $(READY)
	@echo "Installing into $(SCREENSHOTS_VENV) ..."
	@test -x $(SCREENSHOTS_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(SCREENSHOTS_VENV)
	@$(UV) pip install --quiet --python $(SCREENSHOTS_VENV)/bin/python --constraint constraints.txt --build-constraint constraints.txt --editable '.[testing]' --group screenshots
	@touch $@

screenshots: $(SCREENSHOTS_READY) $(PLUGIN_READY) ## Take the screenshots of the docs in a whole Airflow; needs chromium and chromium-driver
	$(SCREENSHOTS_VENV)/bin/python docs/screenshots.py
	$(SCREENSHOTS_VENV)/bin/python tests/page/run.py --pictures

format: $(READY) ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.10 --no-python-downloads \
  --no-emit-index-url --no-header --no-annotate --upgrade
# An older Airflow gets what was there when it was released: with newer versions of what it needs, it breaks as it runs.
define COMPILE_FOR
echo apache-airflow==$(AIRFLOW_$1) | $(COMPILE) --extra testing --group tests \
	  --exclude-newer $(DAY_AFTER_$1)T00:00:00Z $(NEWEST:%=--exclude-newer-package %=false) \
	  pyproject.toml - --output-file constraints-airflow-$1.txt

endef

constraints: $(READY) ## Pin the newest versions of everything that is installed
	$(COMPILE) --extra testing --group dev --group system --group screenshots pyproject.toml --output-file constraints.txt
	$(COMPILE) --extra testing --group bench pyproject.toml --output-file constraints-bench.txt
	$(foreach airflow,$(AIRFLOWS),$(call COMPILE_FOR,$(airflow)))
	$(BIN)/python tests/packaging/lowest.py | $(filter-out --universal,$(COMPILE:3.10=3.11)) --extra testing --group tests \
	  --exclude-newer $(DAY_AFTER_3.0)T00:00:00Z $(NEWEST:%=--exclude-newer-package %=false) \
	  --exclude-newer-package backports.zstd=false pyproject.toml - --output-file constraints-lowest.txt

clean: ## Remove everything that these targets made
	rm -rf $(VENV) $(AIRFLOWS:%=.venv-%) $(LOWEST_VENV) $(BENCH_VENV) $(SYSTEM_VENV) $(SCREENSHOTS_VENV) $(PLUGIN)/node_modules .demo .airflow-tests docs/_build build dist .mypy_cache .pytest_cache .ruff_cache
