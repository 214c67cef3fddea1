# make run    a virtual environment, the requirements, demo data, the app
# make test   the same for the tests, and runs them all
# make chaos  every fault of docs/TRAINING.md, in full: about an hour and a half
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8501
BIN    := $(VENV)/bin
REQS   := $(if $(GPU),requirements-gpu.txt,requirements.txt)

.PHONY: run test test-browser test-chaos chaos lint screenshots clean

run: $(VENV)/.installed-$(REQS)
	@test -n "$$(ls -A data 2>/dev/null)" || $(BIN)/python -m brainseg demo --to data/demo
	$(BIN)/streamlit run streamlit_app.py --server.port $(PORT)

test: $(VENV)/.installed-requirements-dev.txt lint
	@sh tests/browser/ensure_chromium.sh
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/browser --ignore tests/chaos
	$(MAKE) --jobs 2 test-browser test-chaos  # with nothing else: they watch the clock

test-browser test-chaos:
	$(BIN)/python -m pytest tests/$(@:test-%=%)

chaos: $(VENV)/.installed-requirements-dev.txt
	@sh tests/browser/ensure_chromium.sh
	$(BIN)/python -m pytest tests/chaos --chaos full

lint: $(VENV)/.installed-requirements-dev.txt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: $(VENV)/.installed-requirements-dev.txt
	@sh tests/browser/ensure_chromium.sh
	$(BIN)/python docs/make_screenshots.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made: install python3-venv (Debian, Ubuntu)."; exit 2; }

$(VENV)/.installed-%: % requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

clean:
	rm -rf $(VENV) cache
