# Raseed: every command of the project. `make` or `make help` lists them.
#
#   PYTHON=/usr/bin/python3.12   the interpreter everything stands on: 3.11 or 3.12
#   ARGS="-k ledger -x"          handed to pytest by test and test-long, to the benchmarks by bench

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# Neither the repository nor an environment is touched by a stray setting of the shell.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help run demo test test-long check bench gen lock clean venv venv-dev system

help: ## lists the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: venv ## installs what is needed and starts the platform
	@# exec: a signal reaches the supervisor itself, and no shell stands between.
	@exec $(BIN)/raseed up

demo: venv ## the same with emulated payment providers beside it: buy credit without an account anywhere
	@exec $(BIN)/raseed up --demo

test: venv-dev ## the whole suite, in at most 10 minutes
	@# Two at a time; a file's tests stay together, with what they share. ARGS="-n 0" runs them one after the other.
	@$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile $(ARGS)

test-long: system venv-dev ## campaigns of minutes to hours
	@$(BIN)/python -m pytest -m long --timeout 0 $(ARGS)

check: venv-dev ## format, lint, types, layers, contracts, generated code
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/buf_check.py
	$(BIN)/python scripts/gen.py --check
	$(BIN)/python scripts/settings_doc.py --check
	$(BIN)/python scripts/check_tracked.py

bench: system venv-dev ## benchmarks against the budgets
	@$(BIN)/python -m tests.bench $(ARGS)

gen: venv-dev ## writes generated/ with the OpenAPI file, the tables of docs/api.md, and docs/configuration.md
	@$(BIN)/python scripts/gen.py
	@$(BIN)/python scripts/settings_doc.py

lock: venv-dev ## writes the lock files from pyproject.toml
	@$(BIN)/python scripts/lock.py

clean: ## removes environments, caches and builds; keeps the data in .raseed
	@rm -rf .venv .venv-triton .venv-clients tests/e2e/clients/node/node_modules dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@scripts/prerequisites.sh $(PYTHON)

venv: system
	@$(PYTHON) scripts/install.py run

venv-dev:
	@scripts/prerequisites.sh $(PYTHON) build
	@$(PYTHON) scripts/install.py dev
