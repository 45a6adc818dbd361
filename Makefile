# Two commands do everything: `make locate PHOTOS=path` and `make test`. The rest is for people who work on landsight.
# PHOTOS is one path, spaces and all, or several as a shell reads them: PHOTOS="'my photos' other.jpg". A $ is written $$.

PYTHON ?= python3
export PHOTOS ?=
OPTIONS ?=
# Processes that the tests are shared out to.
JOBS ?= 2

LIGHT := .venv-light
FULL := .venv
DOCS := .venv-docs
PIP := -m pip install --quiet --disable-pip-version-check --no-warn-script-location
# pip says where it did not look when it is set up with several places; that is no news.
QUIET := PIP_ROOT_USER_ACTION=ignore

.DEFAULT_GOAL := help
.PHONY: help locate serve docs test check bench sample picture wheel clean python-is-new-enough

help:
	@echo "make locate PHOTOS=path   where photos were taken, or what they show (without PHOTOS: a drawn sample)"
	@echo "make serve                the service on this machine, http://127.0.0.1:8765 (OPTIONS='--port 80')"
	@echo "make docs                 the docs site, as files in site/"
	@echo "make test                 all tests and checks, in the full environment"
	@echo "make check                style, types and layers only"
	@echo "make bench                speed and quality, beside plain baselines"
	@echo "make clean                remove environments and everything that was made"

python-is-new-enough:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "landsight needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11 ..." >&2; exit 1; }

# A stamp is renewed when a lock or pyproject.toml changes; the second call finds everything made. An environment that was copied or
# half made is made anew, because its stamp is written last.
$(LIGHT)/.stamp: requirements/light.lock requirements/build.lock pyproject.toml | python-is-new-enough
	@echo "making the light environment (no torch) in $(LIGHT) ..." >&2
	@rm -rf $(LIGHT) && $(PYTHON) -m venv $(LIGHT)
	@$(QUIET) $(LIGHT)/bin/python $(PIP) -r requirements/light.lock -r requirements/build.lock 2>$(LIGHT)/pip.log || { cat $(LIGHT)/pip.log >&2; exit 1; }
	@$(QUIET) $(LIGHT)/bin/python $(PIP) --no-build-isolation --no-deps -e . 2>$(LIGHT)/pip.log || { cat $(LIGHT)/pip.log >&2; exit 1; }
	@touch $@

# The service's packages come on top of the light environment.
$(LIGHT)/.serve: requirements/serve.lock $(LIGHT)/.stamp
	@echo "adding the service to $(LIGHT) ..." >&2
	@$(QUIET) $(LIGHT)/bin/python $(PIP) -r requirements/serve.lock 2>$(LIGHT)/pip.log || { cat $(LIGHT)/pip.log >&2; exit 1; }
	@touch $@

$(FULL)/.stamp: requirements/dev.lock requirements/build.lock pyproject.toml | python-is-new-enough
	@echo "making the full environment in $(FULL) ..." >&2
	@rm -rf $(FULL) && $(PYTHON) -m venv $(FULL)
	@$(QUIET) $(FULL)/bin/python $(PIP) -r requirements/dev.lock -r requirements/build.lock 2>$(FULL)/pip.log || { cat $(FULL)/pip.log >&2; exit 1; }
	@$(QUIET) $(FULL)/bin/python $(PIP) --no-build-isolation --no-deps -e . 2>$(FULL)/pip.log || { cat $(FULL)/pip.log >&2; exit 1; }
	@touch $@

# In a folder of its own: a hidden file would be a row of the sample, a hidden folder is not entered.
sample/.made/stamp: scripts/draw_sample.py $(wildcard scripts/drawings/*.py) | $(LIGHT)/.stamp
	@rm -rf sample && $(LIGHT)/bin/python scripts/draw_sample.py sample >&2
	@mkdir sample/.made && touch $@

sample: sample/.made/stamp

# Exit code 1 means that some photo could not be read (the sample has one, on purpose): an answer, not a failure of make.
ifeq ($(strip $(PHOTOS)),)
locate: $(LIGHT)/.stamp sample/.made/stamp
	@$(LIGHT)/bin/landsight locate sample $(OPTIONS) || [ $$? -eq 1 ]
else
locate: $(LIGHT)/.stamp
	@if [ -e "$$PHOTOS" ]; then set -- "$$PHOTOS"; else eval "set -- $$PHOTOS"; fi; $(LIGHT)/bin/landsight locate $(OPTIONS) -- "$$@"
endif

serve: $(LIGHT)/.serve
	@$(LIGHT)/bin/landsight serve $(OPTIONS)

$(DOCS)/.stamp: requirements/docs.lock | python-is-new-enough
	@echo "making the environment of the docs site in $(DOCS) ..." >&2
	@rm -rf $(DOCS) && $(PYTHON) -m venv $(DOCS)
	@$(QUIET) $(DOCS)/bin/python $(PIP) -r requirements/docs.lock 2>$(DOCS)/pip.log || { cat $(DOCS)/pip.log >&2; exit 1; }
	@touch $@

# Strict: a link that leads nowhere fails. The site needs no server: open site/index.html.
docs: $(DOCS)/.stamp
	@$(DOCS)/bin/zensical build --strict --clean && echo "site/index.html"

check: $(FULL)/.stamp
	@$(FULL)/bin/ruff check .
	@$(FULL)/bin/ruff format --check .
	@$(FULL)/bin/mypy --strict src
	@$(FULL)/bin/lint-imports --no-cache

# The tests of a file stay in one process, so that what they share is made once.
test: check
	@$(FULL)/bin/python -m pytest -n $(JOBS) --dist loadfile

bench: $(FULL)/.stamp
	@for name in cold_start speed_photos speed_small only_gps memory quality; do echo "== $$name"; $(FULL)/bin/python benchmarks/$$name.py || exit 1; done
	@echo "benchmarks/service.py needs wrk, benchmarks/page.py chromium: see their first lines"
	@echo "benchmarks/unknown.py needs the run folder of recipes/world.py: see its first lines"

# The picture of the README: the real table over the real sample.
picture: $(LIGHT)/.stamp sample/.made/stamp
	@$(LIGHT)/bin/python scripts/draw_readme_picture.py docs/images/locate.svg

wheel: $(LIGHT)/.stamp
	@rm -rf dist && $(QUIET) $(LIGHT)/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . && ls -l dist

clean:
	@rm -rf $(LIGHT) $(FULL) $(DOCS) site sample dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
