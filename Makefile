.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Most tests wait more than they work: two cores are half idle with two at once. A file's tests stay in
# one process, which has its own servers; what takes longest comes first (tests/support/scheduling.py).
AT_ONCE ?= 3
# For tests that take longer than pyproject.toml lets one take.
LONG := -o faulthandler_timeout=7200

# A stamp per lock: a second `make` costs nothing while the locks stand unchanged.
.venv/.installed: requirements.lock pyproject.toml saga/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; say make PYTHON=/path/to/a/newer/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo "installing $$(grep -c == requirements.lock) packages, once; this takes some minutes"
	$(BIN)/python -m pip install --progress-bar on --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e saga -e .
	touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

.venv/.installed-bench: requirements-bench.lock .venv/.installed-dev
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bench.lock
	touch $@


.PHONY: help run test check format verify bench docs build clean setup setup-dev setup-bench why images kernel-size reference openapi asyncapi lock

help: ## List the targets
	@awk '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{split($$0, a, /:.*## /); printf "  make %-13s %s\n", a[1], a[2]} \
	  /^suite-[a-z-]+:.*#: /{split($$0, a, /:.*#: /); printf "  make test SUITE=%-18s %s\n", substr(a[1], 7), a[2]}' $(MAKEFILE_LIST)

## Daily

run: setup ## Set up from nothing, then start the whole stack; ARGS="--port-offset 1000" and the like
	$(BIN)/saga up $(ARGS)

# All but the long ones; with SUITE=, one of those.
test: setup-dev ## Run all tests but the long ones; SUITE=name runs one of those below, TESTS=path a part
ifdef SUITE
	@grep -q '^suite-$(SUITE):' $(firstword $(MAKEFILE_LIST)) || { echo "there is no suite $(SUITE): see make help"; exit 1; }
	@$(MAKE) --no-print-directory suite-$(SUITE)
else
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile -m "not chaos and not rolling and not topology and not events and not verifier and not bench and not storm and not crowd and not console and not fuzz and not temporal_postgres and not compose and not restore and not words and not isolation and not timing" $(TESTS)
endif

check: setup-dev ## Lint, types, import rules, unused dependencies, names and folders, sagas
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m tests.support.layout
	$(BIN)/python -m workers.lint

format: setup-dev ## Format the code and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-dev ## Build the pages as a searchable site, with links checked; the API serves it at /handbook/
	$(BIN)/python -m tests.support.handbook
	$(BIN)/zensical build --strict --clean --config-file .build/handbook/zensical.toml

build: setup-dev ## Build the engine's wheel and sdist, temporal-saga, into dist/
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist saga

clean: ## Remove .venv and the caches; the stack's data in .saga/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info saga/*.egg-info dist

setup: .venv/.installed ## Create .venv with what `saga up` needs; every target does what it needs of this

setup-dev: .venv/.installed-dev ## … and with what tests and checks need

setup-bench: .venv/.installed-bench ## … and with the peers that `saga bench` measures

## Long

verify: setup-dev ## Break the sagas of orders at every point, and by 500 pairs of faults; reports/verifier.html
	mkdir -p reports
	$(BIN)/saga verify --pairs 250 --triples 50 --html reports/verifier.html

bench: setup-bench ## Measure an order beside its peers, about a quarter of an hour
	$(BIN)/saga bench

why: setup-dev ## Count the faults by which a saga as it is mostly written loses something; ours beside it
	cd examples/textbook && ../../$(BIN)/python -m textbook

suite-chaos: #: Kill processes at random during orders, in both topologies (about five minutes)
	$(BIN)/python -m pytest -m chaos $(LONG) -s

suite-rolling: #: Restart every process in turn under load: nothing fails, nothing is lost (about eight minutes)
	$(BIN)/python -m pytest -m rolling $(LONG) -s

suite-topology: #: Kill, stop and cut off services as processes of a stack (about six minutes)
	$(BIN)/python -m pytest -m topology $(LONG) -s

suite-events: #: Long runs of event store, outbox and bus, with processes killed
	$(BIN)/python -m pytest -m events $(LONG) -s

suite-restore: #: Restore each of the five databases to an earlier moment, amid 300 orders (about ten minutes)
	RESTORE_ORDERS=$(or $(RESTORE_ORDERS),300) $(BIN)/python -m pytest -m restore $(LONG) -s

suite-words: #: An operator says "retry" 3,000 times of one step, and the saga still ends
	$(BIN)/python -m pytest -m words $(LONG) -s

suite-isolation: #: 40 clients at once, and a checker of who read and wrote what; OPERATIONS=10000 SEED=1
	$(BIN)/python -m pytest -m isolation $(LONG) -s

suite-verifier: #: Break each saga at a part of all points, and let mutants be caught
	$(BIN)/python -m pytest -m verifier $(LONG)

suite-travel: #: Break the travel agency's sagas at every point, and by 500 pairs of faults
	cd examples/travel && ../../$(BIN)/python -m saga verify travel.insurance_subject:SUBJECT --pairs 50
	cd examples/travel && ../../$(BIN)/python -m saga verify travel.subject:SUBJECT --pairs 500

suite-bench: setup-bench #: See that `saga bench` works, in about a minute; asserts no time
	$(BIN)/python -m pytest -m bench $(LONG) -s

suite-storm: #: The provider away for two minutes at full load, and a picture of it (four minutes)
	STORM_PICTURE=$(CURDIR)/docs/storm.svg $(BIN)/python -m pytest -m storm $(LONG) -s

suite-crowd: #: A thousand subscribers of live events while the API is killed, under a minute
	$(BIN)/python -m pytest -m crowd $(LONG) -s

suite-console: #: Drive the console in Chromium, which must be installed (Debian: chromium)
	$(BIN)/python -m pytest -m console $(LONG)

suite-console-flow: #: Watch a live page for ten minutes at a thousand orders a minute; CONSOLE_MINUTES=2 for less
	$(BIN)/python -m pytest $(LONG) tests/console/test_flow.py -m timing -s

suite-fuzz: #: 20,000 requests from the OpenAPI document; FUZZ_REQUESTS=N for fewer
	$(BIN)/python -m pytest -m fuzz $(LONG) -s

suite-slow-clients: #: Compare ordinary requests alone and beside slow clients, three minutes of quiet
	$(BIN)/python -m pytest tests/api/test_slow_clients.py -m timing $(LONG) -s

# Of the clients at random, what finds a missing mechanism by chance is left to `SUITE=isolation`; pairs of
# sagas find each for certain, in `verifier`.
suite-proofs: setup-bench #: The bounded part of all long tests, as CI runs it: two at a time
	TOPOLOGY_OUTAGE=20 FUZZ_REQUESTS=2000 FUZZ_SEED=1 WORDS=400 OPERATIONS=240 $(BIN)/python -m pytest -n 2 --dist loadfile -o faulthandler_timeout=900 --durations=15 \
	  --deselect tests/isolation/test_missing_mechanisms.py \
	  -m "chaos or topology or verifier or bench or crowd or console or fuzz or restore or words or isolation"

suite-newcomer: #: From a fresh clone as an ordinary user: run, demo, stop, then all tests
	tests/newcomer.sh --test

suite-temporal-postgres: #: Build Temporal's server by Go, and run demo and chaos on it and PostgreSQL
	tests/temporal_postgres/build.sh
	$(BIN)/python -m pytest -m temporal_postgres $(LONG) -s

suite-compose: #: Bring docker-compose.yml up for real, as root and with Docker; see docs/deploying.md
	tests/compose/run.sh

## Release

reference: setup-dev ## Write the pages of settings, commands and errors anew, from the code
	$(BIN)/python -m tests.support.reference

openapi: setup-dev ## Write docs/openapi.json anew; BREAKING=yes if that may break clients
	$(BIN)/python -m tests.support.openapi $(if $(BREAKING),--breaking)

asyncapi: setup-dev ## Write docs/asyncapi.json and contracts/schemas/ anew, if that breaks no consumer
	$(BIN)/python -m tests.support.asyncapi

images: setup-dev ## Take the pictures of the console that the documents show
	$(BIN)/python -m tests.console.images

kernel-size: setup-dev ## Count the kernel's lines of code, without docstrings and comments
	$(BIN)/python -m tests.support.code_lines

lock: setup-dev ## Resolve the dependencies again, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --constraint requirements-dev.lock -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group bench --constraint requirements-dev.lock -o requirements-bench.lock
