# Every target works on a fresh machine with Python 3.11+, python3-venv and make.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

setup: $(STAMP) ## Make .venv with bin/zf and bin/pip

$(STAMP): pyproject.toml requirements/all.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --require-hashes -r requirements/all.txt
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e .
	touch $@

requirements: ## Compile the hashed requirements again
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra all requirements/build.in pyproject.toml -o requirements/all.txt
	echo uv | $(VENV)/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url - -o requirements/uv.txt

.PHONY: help setup requirements
