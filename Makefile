# The whole house from a fresh checkout: needs Python 3.11 or newer and nothing else.
# Everything is installed into .venv, at the versions of constraints.txt.

# The first Python that is new enough. Choose another one: make PYTHON=python3.13 test
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$python; break; }; done)
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
TOO_OLD := aivideo-async needs Python 3.11 or newer: install one, or name it: make PYTHON=/path/to/python3

VENV := .venv/bin/python
INSTALL := $(VENV) -m pip --disable-pip-version-check install --quiet -c constraints.txt

# Where a missed branch could cost money: all are tested, but for one that a seed may miss.
STRICT := aivideo_async/errors.py,aivideo_async/journal/*,aivideo_async/models/*,aivideo_async/policy/*,aivideo_async/transport/*,aivideo_async/engine/*

.PHONY: help demo test check lint coverage docs bench clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 - \2/p' Makefile

demo: .venv/.user ## Make sample product shots offline: no key, no network, no cost
	$(VENV) -m aivideo_async demo

test: .venv/.developer ## Run the whole test suite, and note which lines it reaches
	$(VENV) -m coverage erase
	$(VENV) -m coverage run -m pytest -n auto
	$(VENV) -m coverage combine --quiet

check: lint docs test coverage ## Check everything that a change has to pass

lint: .venv/.developer ## Check format, lint, types and floors
	$(VENV) -m ruff format --check .
	$(VENV) -m ruff check .
	$(VENV) -m mypy
	.venv/bin/lint-imports --no-logo

coverage: .venv/.developer ## Check how much of the code the last `make test` reached
	$(VENV) -m coverage report
	$(VENV) -m coverage report --include='$(STRICT)' --fail-under=99

docs: .venv/.developer ## Build the documentation into site/; a link that leads nowhere fails
	.venv/bin/zensical build --strict --clean

bench: .venv/.developer ## Measure speed, memory and flow control, offline, in a few minutes
	$(VENV) -m benchmarks.cpu_per_task --rounds 3
	$(VENV) -m benchmarks.in_flight
	$(VENV) -m benchmarks.submit_burst
	$(VENV) -m benchmarks.lost_answer
	$(VENV) -m benchmarks.rate_control --short
	$(VENV) -m benchmarks.polling --short
	$(VENV) -m benchmarks.journal --rounds 1

clean: ## Remove the environment and what the tools left behind
	rm -rf .venv .cache .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each environment, so that a second run starts at once.
.venv/.user: pyproject.toml constraints.txt | $(VENV)
	$(INSTALL) --upgrade pip
	$(INSTALL) --build-constraint constraints.txt --editable '.[cli]'
	@touch $@

.venv/.developer: .venv/.user
	$(INSTALL) --group dev
	@touch $@

$(VENV):
	@'$(PYTHON)' -c '$(NEW_ENOUGH)' 2>/dev/null || { echo '$(TOO_OLD)' >&2; exit 1; }
	@'$(PYTHON)' -m venv --clear .venv || { rm -rf .venv; \
		echo 'Debian and Ubuntu keep venv apart: apt install python3-venv' >&2; exit 1; }
