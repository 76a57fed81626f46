# `make run` flies first light on the emulated board, `make test` runs the tests; each sets itself up.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed

# Some images set it; but a rig starts hundreds of programs, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test test-long coverage test-qemu lint bench clean

setup: $(STAMP)

# Not compiled here: a third of the time would go into modules that nobody imports.
# Building the native core again is what makes a change in native/ count.
$(STAMP): pyproject.toml constraints.txt $(shell find native -name '*.[ch]' -o -name '*.py' -o -name 'CMakeLists.txt')
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "make: cannot make a virtual environment; install it with: apt install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (first time: a few minutes)"
	@CC="$$(sh native/find_compiler.sh $(BIN)/python)" && export CC && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[rig,dev]'
	@touch $@

run: setup
	@$(BIN)/vanallen run --scenario first-light

test: setup
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(OPTIONS)

# Ends with the table of figures F1 to F14; `make test-long F=F09` runs the tests behind one of them.
FIGURES := runs/figures.jsonl
test-long: setup
	@rm -f $(FIGURES)
	@VANALLEN_FIGURES=$(FIGURES) $(BIN)/pytest \
	  -m '(long or figure) and not release and not board and not qemu' $(if $(F),-k $(F)); \
	  status=$$?; $(BIN)/python -m tests.figures --tier long --records $(FIGURES) $(F) && exit $$status

# Every branch of the packages that may not fail.
coverage: setup
	$(BIN)/python -m tests.branches

# A Raspberry Pi 3 in QEMU: builds its card the first time; skips where programs are missing. A board takes
# one core, so two fly at a time.
test-qemu: setup
	$(BIN)/pytest -m qemu -rs -n 2 --dist loadfile tests/qemu

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: setup
	$(BIN)/vanallen bench native

clean:
	rm -rf $(VENV) build dist runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
