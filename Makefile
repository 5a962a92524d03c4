# One door for people and machines: CI calls what you call.
# Each target first creates what it needs, in .venv; nothing outside this folder is touched.

PYTHON ?= python3
VENV := .venv
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" NO_MKDOCS_2_WARNING=1
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
READY := $(VENV)/.ready

.PHONY: help install serve site offline notebooks kernels test check accept lint format bench others lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Create the environment in .venv

serve: $(READY) ## Show the site on localhost:8000; edit a file and see page and drift change
	$(RUN) mkdocs serve

site: $(READY) ## Build the site into site/; drift or a warning is a failure
	$(RUN) mkdocs build --strict

offline: $(READY) ## Build the site into offline/, to be opened there without a server
	$(RUN) OFFLINE=true mkdocs build --strict --site-dir offline

notebooks: $(READY) ## Write every chapter as a notebook and a script into notebooks/
	$(RUN) torchproof notebooks notebooks

kernels: $(READY) ## Run every notebook in a Jupyter kernel, every script in Python, and compare with what is committed
	$(RUN) TORCHPROOF_KERNELS=all pytest tests/test_kernels.py tests/test_notebooks.py

# with bytecode, whatever the caller says: a thousand processes would compile 20,000 lines each
test: lint check ## All that CI runs: style, every snippet, the tests
	$(RUN) PYTHONDONTWRITEBYTECODE= pytest tests -n auto --dist loadfile --no-loadscope-reorder

check: $(READY) ## Run every snippet and compare it with what is committed
	$(RUN) torchproof check

accept: $(READY) ## Rewrite the transcripts; read the diff before you commit it
	$(RUN) torchproof accept

lint: $(READY) ## Check the style; change nothing
	$(RUN) ruff check . && $(RUN) ruff format --check . || { echo "To repair: make format"; exit 1; }

format: $(READY) ## Repair the style
	$(RUN) ruff check --fix . ; $(RUN) ruff format .

bench: $(READY) ## Compare a check with its cells run plainly, and the speed of builds with plain MkDocs
	$(RUN) python benchmarks/build.py --book .
	$(RUN) python benchmarks/build.py

others: $(READY) ## Compare with other tools, which it installs into .cache, and rewrite the page that says so
	$(RUN) python benchmarks/others.py
	$(RUN) torchproof accept -k verification/others

lock: $(READY) ## Write requirements.lock anew, after a change of requirements.txt
	$(PIP) uv==0.13.9
	$(VENV)/bin/uv pip compile requirements.txt --output-file requirements.lock --universal --python-version 3.11.5 \
	  --generate-hashes --no-emit-package torch --no-emit-package torchproof --custom-compile-command 'make lock' --no-annotate --quiet

clean: ## Remove what the build made, the environment too
	rm -rf $(VENV) site offline notebooks .cache .hypothesis .pytest_cache .ruff_cache

$(READY): requirements.lock requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11, 5) or sys.exit("Python 3.11.5 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-build-isolation --requirement requirements.txt
	touch $@
