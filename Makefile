# Every target works on a fresh machine with Python 3.11+, python3-venv and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests that take users and control groups of the whole machine: never two of them at once.
MACHINE := tests/e2e tests/functional/dea_agent tests/functional/local tests/functional/staging
# Tests that mostly wait: for drains, prunes and silent servers.
ROUTER := tests/functional/router
REST := tests/unit tests/properties $(filter-out $(MACHINE) $(ROUTER),$(patsubst %/__init__.py,%,$(wildcard tests/functional/*/__init__.py)))

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make .venv with bin/zf and bin/pip

$(STAMP): pyproject.toml requirements/all.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "zerofoundry needs Python 3.11 or later; say PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Install what is missing: apt install python3-venv make"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/all.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## The whole platform on this machine, with an app on it (ONCE=1: stop it afterwards)
	@ONCE=$(ONCE) $(BIN)/python -m zf.demo

check: setup ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check ## Everything that must pass before a change lands (a few minutes)
	@$(MAKE) --no-print-directory --jobs=3 --keep-going --output-sync=target test-machine test-router test-rest

test-machine: setup
	$(BIN)/pytest $(MACHINE)

test-router: setup
	$(BIN)/pytest $(ROUTER)

test-rest: setup
	$(BIN)/pytest $(REST)

test-faults: setup ## Kill and cut every part while the platform works (ten minutes or so)
	$(BIN)/pytest tests/faults

test-hosts: setup ## DEAs and routers as hosts of their own, in network namespaces (root; two minutes)
	$(BIN)/pytest tests/hosts

stack: setup ## The image that contained apps run in, from Debian's packages (STACK=small: Python and static files only)
	$(BIN)/python -m infra.stack build $(if $(filter small,$(STACK)),--small)

test-docker: setup ## The Docker runtime on a real engine, Debian's own where none answers
	$(BIN)/python -m infra.stack with $(BIN)/pytest tests/docker --ignore tests/docker/test_examples.py

e2e-docker-smoke: setup ## Push a Python and a static app into containers (less than five minutes)
	$(BIN)/python -m infra.stack with $(BIN)/pytest tests/docker/test_smoke.py

e2e-docker: setup ## Push every example into containers of the whole stack, and print what came of it
	$(BIN)/python -m infra.stack with --whole $(BIN)/pytest tests/docker/test_examples.py

test-buildpacks: setup ## Stage and run every example, those with downloads too; on Debian it needs the languages of docs/buildpacks.md
	ZF_TEST_BUILDPACKS=1 $(BIN)/pytest tests/functional/staging/test_examples.py tests/functional/staging/test_languages.py tests/functional/staging/test_downloads.py

test-hostile: setup ## The end-to-end tests in AWS's bad weather, with two workers per queue
	ZF_TEST_WEATHER=$(or $(SEED),1) ZF_QUEUE_WORKERS=2 $(BIN)/pytest tests/e2e

openapi: setup ## Describe the API again, for people and for API Gateway: openapi.json, docs/api-coverage.md, Terraform's api.json
	$(BIN)/python -m infra.openapi
	$(BIN)/python -m infra.package.module

permissions: setup ## Ask every endpoint as every role (otherwise each asks a third)
	ZF_PERMISSIONS_STRIDE=1 $(BIN)/pytest tests/functional/api/test_permissions.py --timeout 900

fuzz: setup ## Ask the API everything that its description allows (ten minutes; EXAMPLES=n per endpoint)
	ZF_FUZZ_EXAMPLES=$(or $(EXAMPLES),60) $(BIN)/pytest tests/functional/api/test_fuzz.py --timeout 3600

bench: setup ## Measure, and print medians
	$(BIN)/python -m benchmarks

bench-docker: setup ## Measure apps and builds in containers of the whole stack
	$(BIN)/python -m infra.stack with --whole $(BIN)/python -m benchmarks containers staging

bench-scale: setup ## Measure the deciding parts at 1,000 DEAs and 250,000 instances (four minutes)
	$(BIN)/python -m benchmarks scale

cost: setup ## What an installation costs in AWS, in tables (WRITE=1: into docs/cost.md)
	@$(BIN)/python -m infra.cost $(if $(WRITE),--write)

package: setup ## The functions' archive for Lambda (ARCH=arm64, PY=3.13; HERE=1: for this machine), and its Terraform
	$(BIN)/python -m infra.package $(if $(HERE),--here,--arch $(or $(ARCH),arm64) --python $(or $(PY),3.13)) $(if $(INTERPRETER),--interpreter $(INTERPRETER))

hosts-artifacts: setup ## What hosts in AWS install at boot: agents, units, the image of the stack (STACK=no: without; ARCH=arm64)
	$(BIN)/python -m infra.hosts $(if $(ARCH),--arch $(ARCH)) $(if $(filter no,$(STACK)),--no-stack)

build/package/functions.zip: requirements/functions.txt app.py $(wildcard chalicelib/*.py chalicelib/*/*.py chalicelib/*/*/*.py infra/package/*.py) | setup
	@$(MAKE) --no-print-directory package

# Tests in which functions ask for something: not those of agents, of the archive and of the local cloud by themselves.
AGENTS := dea_agent local package router staging
RECORDED := $(filter-out $(AGENTS:%=tests/functional/%),$(patsubst %/__init__.py,%,$(wildcard tests/functional/*/__init__.py))) tests/e2e

iam-check: setup ## What the platform asks AWS for against infra/iam, both ways (thirteen minutes; FAULTS=1: faults too; WRITE=1: keep the record; ONLY=tests/...: add theirs)
	@rm -rf build/iam && mkdir -p build/iam
	ZF_IAM_RECORD=$(CURDIR)/build/iam $(BIN)/pytest -q -p infra.iam.plugin $(or $(ONLY),$(RECORDED)) $(if $(FAULTS),tests/faults)
	$(BIN)/python -m infra.iam check build/iam $(if $(ONLY),--add) $(if $(WRITE),--write)

terraform-check: setup build/terraform-check/.installed build/package/functions.zip ## infra/terraform without an account: format, the provider's real schema, plans, policies, checkov
	$(BIN)/python -m infra.terraform_check
	$(BIN)/pytest tests/terraform

# An environment of its own: checkov and the plugin protocol want other versions than the project.
build/terraform-check/.installed: requirements/terraform-check.txt | setup
	@$(PYTHON) -m venv build/terraform-check/venv
	@$(BIN)/uv pip install --quiet --python build/terraform-check/venv/bin/python --require-hashes -r requirements/terraform-check.txt
	@touch $@

requirements: ## Compile the hashed requirements again
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra all requirements/build.in pyproject.toml -o requirements/all.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra functions --constraint requirements/all.txt pyproject.toml -o requirements/functions.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 --extra agents --extra router --constraint requirements/all.txt pyproject.toml -o requirements/hosts.txt
	echo uv | $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url - -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 requirements/terraform-check.in -o requirements/terraform-check.txt

clean: ## Remove what the other targets made
	rm -rf $(VENV) bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis build

.PHONY: package hosts-artifacts bench-scale cost terraform-check test-buildpacks help setup demo check test test-machine test-router test-rest test-faults test-hosts stack test-docker e2e-docker-smoke e2e-docker test-hostile openapi permissions fuzz bench bench-docker requirements clean
