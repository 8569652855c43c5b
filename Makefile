.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Most tests wait more than they work: two cores are half idle with two at once. A file's tests stay in
# one process, which has its own servers; what takes longest comes first (tests/support/scheduling.py).
AT_ONCE ?= 4
# For tests that take longer than pyproject.toml lets one take.
LONG := -o faulthandler_timeout=7200

# A stamp per lock: a second `make` costs nothing while the locks stand unchanged.
.venv/.installed: requirements.lock pyproject.toml saga/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; say make PYTHON=/path/to/a/newer/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e saga -e .
	touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

.venv/.installed-bench: requirements-bench.lock .venv/.installed-dev
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bench.lock
	touch $@

.PHONY: help setup setup-dev setup-bench run test test-chaos test-rolling test-topology test-events test-restore test-words test-verifier verify verify-travel why test-bench test-storm test-crowd test-console measure-console console-images build test-fuzz test-proofs test-slow-clients test-newcomer test-temporal-postgres test-compose bench check kernel-size format reference openapi asyncapi lock docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: .venv/.installed ## Create .venv with what `saga up` needs

setup-dev: .venv/.installed-dev ## … and with what tests and checks need

setup-bench: .venv/.installed-bench ## … and with the peers that `saga bench` measures

run: setup ## Set up from nothing, then start the whole stack
	$(BIN)/saga up

test: setup-dev ## Set up from nothing, then run all tests but the long ones
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile -m "not chaos and not rolling and not topology and not events and not verifier and not bench and not storm and not crowd and not console and not fuzz and not temporal_postgres and not compose and not restore and not words and not timing" $(TESTS)

test-chaos: setup-dev ## Kill processes at random during orders, in both topologies (about five minutes)
	$(BIN)/python -m pytest -m chaos $(LONG) -s

test-rolling: setup-dev ## Restart every process in turn under load: nothing fails, nothing is lost (about eight minutes)
	$(BIN)/python -m pytest -m rolling $(LONG) -s

test-events: setup-dev ## Long runs of event store, outbox and bus, with processes killed
	$(BIN)/python -m pytest -m events $(LONG) -s

test-topology: setup-dev ## Kill, stop and cut off services as processes of a stack (about six minutes)
	$(BIN)/python -m pytest -m topology $(LONG) -s

test-restore: setup-dev ## Restore each of the five databases to an earlier moment, amid 300 orders (about ten minutes)
	RESTORE_ORDERS=300 $(BIN)/python -m pytest -m restore $(LONG) -s

test-words: setup-dev ## An operator says "retry" 3,000 times of one step, and the saga still ends
	$(BIN)/python -m pytest -m words $(LONG) -s

test-verifier: setup-dev ## Break a saga at a part of all points, and let mutants be caught
	$(BIN)/python -m pytest -m verifier $(LONG)

verify: setup-dev ## Break both sagas at every point, and by 500 pairs of faults; reports/verifier.html
	mkdir -p reports
	$(BIN)/saga verify --pairs 250 --triples 50 --html reports/verifier.html

verify-travel: setup-dev ## Break the travel agency's saga at every point, and by 500 pairs of faults
	cd examples/travel && ../../$(BIN)/python -m saga verify travel.insurance_subject:SUBJECT --pairs 50
	cd examples/travel && ../../$(BIN)/python -m saga verify travel.subject:SUBJECT --pairs 500

why: setup-dev ## Count the faults by which a saga as it is mostly written loses something; ours beside it
	cd examples/textbook && ../../$(BIN)/python -m textbook

test-bench: setup-bench ## See that `saga bench` works, in about a minute; asserts no time
	$(BIN)/python -m pytest -m bench $(LONG) -s

bench: setup-bench ## Measure an order beside its peers, about a quarter of an hour
	$(BIN)/saga bench

test-storm: setup-dev ## The provider away for two minutes at full load, and a picture of it (four minutes)
	STORM_PICTURE=$(CURDIR)/docs/storm.svg $(BIN)/python -m pytest -m storm $(LONG) -s

test-crowd: setup-dev ## A thousand subscribers of live events while the API is killed, under a minute
	$(BIN)/python -m pytest -m crowd $(LONG) -s

test-console: setup-dev ## Drive the console in Chromium, which must be installed (Debian: chromium)
	$(BIN)/python -m pytest -m console $(LONG)

measure-console: setup-dev ## Watch a live page for ten minutes at a thousand orders a minute; CONSOLE_MINUTES=2 for less
	$(BIN)/python -m pytest $(LONG) tests/console/test_flow.py -m timing -s

console-images: setup-dev ## Take the pictures of the console that the documents show
	$(BIN)/python -m tests.console.images

test-fuzz: setup-dev ## 20,000 requests from the OpenAPI document; FUZZ_REQUESTS=N for fewer
	$(BIN)/python -m pytest -m fuzz $(LONG) -s

test-slow-clients: setup-dev ## Compare ordinary requests alone and beside slow clients, three minutes of quiet
	$(BIN)/python -m pytest tests/api/test_slow_clients.py -m timing $(LONG) -s

test-proofs: setup-bench ## The bounded part of all long tests, as CI runs it: two at a time
	TOPOLOGY_OUTAGE=20 FUZZ_REQUESTS=2000 FUZZ_SEED=1 $(BIN)/python -m pytest -n 2 --dist loadfile -o faulthandler_timeout=900 --durations=15 \
	  -m "chaos or topology or verifier or bench or crowd or console or fuzz or restore or words"

test-newcomer: ## From a fresh clone as an ordinary user: run, demo, stop, then all tests
	tests/newcomer.sh --test

test-temporal-postgres: setup-dev ## Build Temporal's server by Go, and run demo and chaos on it and PostgreSQL
	tests/temporal_postgres/build.sh
	$(BIN)/python -m pytest -m temporal_postgres $(LONG) -s

test-compose: setup-dev ## Bring docker-compose.yml up for real, as root and with Docker; see docs/deploying.md
	tests/compose/run.sh

check: setup-dev ## Lint, types, import rules, unused dependencies, sagas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m workers.lint

build: setup-dev ## Build the engine's wheel and sdist, temporal-saga, into dist/
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist saga

kernel-size: setup-dev ## Count the kernel's lines of code, without docstrings and comments
	$(BIN)/python -m tests.support.code_lines

format: setup-dev ## Format the code and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev ## Build the pages as a searchable site, with links checked; the API serves it at /handbook/
	$(BIN)/python -m tests.support.handbook
	$(BIN)/zensical build --strict --clean --config-file .build/handbook/zensical.toml

reference: setup-dev ## Write the pages of settings, commands and errors anew, from the code
	$(BIN)/python -m tests.support.reference

openapi: setup-dev ## Write docs/openapi.json anew; BREAKING=yes if that may break clients
	$(BIN)/python -m tests.support.openapi $(if $(BREAKING),--breaking)

asyncapi: setup-dev ## Write docs/asyncapi.json and contracts/schemas/ anew, if that breaks no consumer
	$(BIN)/python -m tests.support.asyncapi

lock: setup-dev ## Resolve the dependencies again, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --constraint requirements-dev.lock -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group bench --constraint requirements-dev.lock -o requirements-bench.lock

clean: ## Remove .venv and the caches; the stack's data in .saga/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info saga/*.egg-info dist
