# `make` alone lists the targets. PYTHON=python3.13 chooses the interpreter of a new .venv.
# ARGS="…" is passed to the command that a target runs.

PYTHON ?= python3
ARGS ?=
SEEDS ?= 1-500
ARCH ?=

BIN := .venv/bin
READY := .venv/.ready
COG := $(BIN)/python -m cogapp --verbosity 1 -P -I . -p "from tests.docs import tables"
# --no-deps: the requirements files are complete, and older versions of pip fail to resolve extras.
# --no-compile: only what is imported gets compiled, which saves a third of the install time.
PIP_INSTALL := -m pip install --disable-pip-version-check --no-input --no-deps --no-compile -qq
UV_COMPILE := $(BIN)/uv pip compile --no-config --quiet --generate-hashes --custom-compile-command "make lock" $(ARGS)
COMPILE := $(UV_COMPILE) --universal --python-version 3.11
COMPILE_FOR_LAMBDA := $(UV_COMPILE) --no-annotate --python-platform linux --python-version 3.13

# Otherwise nothing in .venv would ever be compiled, and each command would start seconds later.
unexport PYTHONDONTWRITEBYTECODE

# A person's habits that do not go with a virtual environment and complete locks, be they variables or in
# pip's configuration, which these override. The index that is configured stays.
unexport PYTHONHOME PYTHONPATH PIP_PREFIX PIP_ROOT PIP_TARGET
export PIP_USER := 0
export PIP_CONSTRAINT := /dev/null
export PIP_REQUIRE_VIRTUALENV := 0

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run page up down psql test test-full check fix build rds-ca rehearse sam-local bench bench-full docs lock clean chaos fuzz

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## Make .venv with the package and everything for development and tests

$(READY): requirements/dev.txt pyproject.toml .venv/pyvenv.cfg
	@echo "Setting up .venv from requirements/dev.txt (half a minute at first) ..."
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@$(BIN)/python $(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

.venv/pyvenv.cfg:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is not Python 3.11 or later. Name one that is: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; \
		exit 1; }
	@"$(PYTHON)" -m venv --clear .venv

# Tools that pin their own boto3 have their own environment: .venv-sam, .venv-checkov.
.venv-%/.ready: requirements/%.txt | $(READY)
	@echo "Setting up .venv-$* from $< (half a minute) ..."
	@$(BIN)/python -m venv --clear .venv-$*
	@.venv-$*/bin/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

run: setup ## Run everything on this machine: a synthetic fleet, the real handler, the stored rows
	@$(BIN)/python -m ingest_fn.cli.stack $(ARGS)

up: setup ## Keep PostgreSQL and an AWS emulator running, for every command: then . .local/env
	@$(BIN)/python -m ingest_fn.cli.stack up $(ARGS)

down: setup ## End what `make up` keeps running; the data stay
	@$(BIN)/python -m ingest_fn.cli.stack down

page: setup ## Open the page over what `make run` stored, after running it where there is none
	@$(BIN)/python -m ingest_fn.cli.stack page

psql: setup ## Query what `make run` stored
	@$(BIN)/python -m ingest_fn.cli.stack psql $(ARGS)

test: setup .venv-sam/.ready .venv-checkov/.ready ## Run the tests that need nothing but this folder
	$(BIN)/pytest tests/unit tests/integration tests/cli tests/docs tests/template tests/artifact tests/chaos tests/fuzz $(ARGS)

test-full: test ## Run these tests, then those that need PgBouncer, a TLS server, Chromium or Docker
	$(BIN)/pytest tests/system $(ARGS)

chaos: setup ## Play schedules of faults against the real handler (SEEDS=1-500), on PostgreSQL 15 and 18
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) $(ARGS)

fuzz: setup ## Try 50,000 odd events, parameters, answers, environments and arguments (20 minutes)
	FUZZ=long $(BIN)/pytest tests/fuzz --timeout=3600 $(ARGS)

check: setup ## Lint Python and SQL, format, types, and which module may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/sqlfluff lint --processes 0 src/ingest_fn/postgres
	bash -n .ci/run

fix: setup ## Correct what the linter and the formatter can correct
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

build: .venv-sam/.ready ## Build for Lambda into .aws-sam/build (only one with ARCH=arm64 or x86_64)
	SAM_CLI_TELEMETRY=0 ARCH=$(ARCH) PYTHON="$(CURDIR)/$(BIN)/python" .venv-sam/bin/sam build
	@$(if $(ARCH),echo "The layers are for $(ARCH) only: deploy with Architecture=$(ARCH).")

rds-ca: setup ## Refresh RDS's certificates in layers/rds-ca from the bundles in ARGS: see its README
	$(BIN)/python -m layers.rds_ca $(ARGS)

rehearse: .venv-sam/.ready ## Play create, updates, failures and delete of both stacks, without AWS
	$(BIN)/python -m tests.rehearsal $(ARGS)

sam-local: setup ## Run the sample events by `sam local invoke`, if Docker is running
	@if docker info >/dev/null 2>&1; then \
		$(MAKE) build && $(BIN)/python -m tests.sam_local $(ARGS); \
	else \
		echo "Nothing was run: sam local invoke needs a Docker engine on Linux, and none is running."; \
	fi

docs: setup ## Fill in the generated parts of README.md and docs/
	$(COG) -r README.md docs/*.md

bench: setup .venv-sam/.ready ## Measure speed, memory and what is written, as ratios (two minutes)
	$(BIN)/python -m benchmarks $(ARGS)

bench-full: setup .venv-sam/.ready ## Measure fleets of up to 50,000 instances, into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks --full --keep benchmarks/RESULTS.md $(ARGS)

lock: setup ## Pin what pyproject.toml needs (ARGS=--upgrade takes the newest)
	$(COMPILE) --output-file requirements/function.txt pyproject.toml
	$(COMPILE) --output-file requirements/dev.txt pyproject.toml --all-extras --group dev
	$(COMPILE) --output-file requirements/sam.txt --group sam
	$(COMPILE) --output-file requirements/checkov.txt --group checkov
	echo awslambdaric | $(COMPILE) --no-annotate --output-file requirements/lambda-runtime.txt -
	$(COMPILE_FOR_LAMBDA) -c requirements/function.txt --output-file layers/dependencies/requirements.txt pyproject.toml
	printf 'alembic\nsqlalchemy\n' | $(COMPILE_FOR_LAMBDA) -c requirements/dev.txt --output-file layers/migration/requirements.txt -

clean: ## Remove everything that make has made, also the database of `make run`
	rm -rf .venv .venv-* .local .aws-sam .hypothesis .import_linter_cache .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
