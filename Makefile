# What can be done with a checkout. Every command is safe to repeat and quick the second time.

PYTHON ?= python3
WORKERS ?= auto

# Paths stay relative: a checkout may lie in a folder whose name holds spaces.
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet --no-input
LOCK = cd requirements && ../$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links
say = @echo "==> $(1)"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install install-dev run test contract signin check bench lock clean

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.runtime ## Build .venv with all that running takes
	$(call say,.venv has all that running takes)

install-dev: .venv/.dev ## Add to .venv all that checking and testing takes
	$(call say,.venv has all that checking and testing takes)

run: .venv/.runtime ## Start everything with demo data, and print where and how to try it
	$(call say,Starting Stafett with its demo data. Ctrl-C stops it.)
	@$(BIN)/stafett serve --demo

test: .venv/.dev ## Run the tests in parallel and hold the coverage
	$(call say,Running the tests on a PostgreSQL of their own.)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term:skip-covered

contract: .venv/.dev ## Hold the running product to its OpenAPI document (some minutes)
	$(call say,Calling every operation with thousands of requests. Nothing leaves this machine.)
	@$(BIN)/python -m contract

signin: .venv/.dev ## Sign in with the tokens of a real OpenID provider (Node.js 20, npm)
	$(call say,Signing in at oidc-provider on loopback. npm fetches it into a temporary folder.)
	@$(BIN)/python -m signin

check: .venv/.dev ## Lint, types, import rules, migrations, security, container files
	$(call say,Style: ruff)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	$(call say,Types: mypy --strict)
	@$(BIN)/mypy
	$(call say,Rules of the house: import-linter)
	@$(BIN)/lint-imports
	$(call say,Migrations: from empty; against the tables; their SQL by squawk)
	@$(BIN)/python -m migrations.check
	$(call say,Security: bandit)
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive services migrations
	$(call say,Container files: hadolint and the compose schema)
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

bench: .venv/.dev ## Measure the speeds and print the table; SCALE=1: 100,000 handovers, and people to train, against 1,000
	$(call say,Measuring. This takes some minutes and wants a quiet machine.)
	@$(BIN)/python -m benchmarks $(if $(SCALE),--scale)

lock: .venv/.dev ## Pin the newest requirements, with hashes and without addresses
	$(call say,Resolving pyproject.toml and requirements/*.in)
	@$(LOCK) ../pyproject.toml dev.in --output-file dev.txt
	@$(LOCK) ../pyproject.toml --constraint dev.txt --output-file runtime.txt
	@$(LOCK) build.in --constraint dev.txt --output-file build.txt
	@! grep -n '://' requirements/*.txt

clean: ## Remove .venv and what the tools leave behind
	rm -rf .venv .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find services migrations tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

.venv/bin/python:
	$(call say,Making .venv with $(PYTHON))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stafett needs Python 3.11 or newer: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv

# The stamp is younger than all that it was made from; make compares nothing else.
.venv/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | .venv/bin/python
	$(call say,Installing what running takes into .venv)
	@$(PIP) install --require-hashes --no-deps -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	$(call say,Installing what checking and testing takes into .venv)
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	@touch $@
