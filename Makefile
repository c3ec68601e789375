# The commands of the house. `make demo` and `make test` need nothing before them but
# Python 3.11 and make: they install what is missing, here (.venv, .tools) and, for root
# on Debian or Ubuntu, the few system packages.

# An empty, missing or read-only HOME must not matter: caches then live in .tools.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.tools/home
$(shell mkdir -p "$(CURDIR)/.tools/home")
endif

# Another project's environment must not leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench format clean

help: ## Say what can be typed
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

install: ## Install all that running and testing need
	@.ci/install test
	@.ci/install-system test

demo: ## Start Apéro with a workspace to look at (PORT, APERO_DATA, APERO_DATABASE_URL)
	@.ci/install demo
	@.ci/install-system demo
	@exec .venv/bin/apero demo

test: ## Check everything, as CI does
	@.ci/install test
	@.ci/install-system test
	@.ci/test

check: ## Check the fast half: format, lint, types, import contracts
	@.ci/install test
	@.ci/test fast

bench: ## Measure one scenario: make bench NAME=door
	@.ci/install test
	@exec .venv/bin/python -m benchmarks $(NAME)

format: ## Rewrite the code in the house's format
	@.ci/install test
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

clean: ## Remove what was built and measured; the data folder stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .coverage .coverage.* htmlcov dist server/static/built
	find . -name __pycache__ -not -path './data/*' -prune -exec rm -rf {} +
