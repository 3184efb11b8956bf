# The commands of the README. `make run` and `make test` set up what they need themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PORT   ?= 4566
CONSOLE_PORT ?= 4567
CONFIG :=
REGIONS :=
CONFIGURED = $(foreach setting,$(CONFIG),--config $(setting))
ACTIONLINT := .build/actionlint-1.7.12/actionlint

# Python's own variables are about the user's other programs: no command here depends on them.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS

.PHONY: run demo test coverage check format generate openapi chaos rights bench engine bundle lock setup clean

run: setup  ## serve the whole system on http://127.0.0.1:$(PORT) (PORT=8080 to choose; CONSOLE_PORT=, CONFIG=auth=cognito, REGIONS=us-east-1,eu-west-1)
	@exec $(BIN)/python -m local run --port $(PORT) --console-port $(CONSOLE_PORT) $(CONFIGURED) $(if $(REGIONS),--regions $(REGIONS))

demo: setup  ## show the system at work, then end (CONFIG=auth=cognito)
	@exec $(BIN)/python -m local demo $(CONFIGURED)

# In the order of the folders: the files that take longest, chaos among them, begin first.
test: setup  ## the tests; with ALL=1 those as well that run whole systems for long, as CI does
	@$(BIN)/python -m pytest $(if $(ALL),,-m 'not long') -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

coverage: setup  ## the branches of functions/ and components/ that the tests in this process reach
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --cov --cov-report=term-missing:skip-covered $(addprefix tests/,functions inputs package properties unit)

check: setup  ## lint, format, types and workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@cd policy && ../$(BIN)/mypy --config-file ../pyproject.toml __main__.py
	@$(BIN)/zizmor --offline --quiet .github
	@if command -v go >/dev/null && $(MAKE) --no-print-directory $(ACTIONLINT); then $(ACTIONLINT); \
	else echo "make: actionlint is left out: Go, which builds it, is not here or found no source" >&2; fi

# Its package on PyPI downloads a binary, which not every network allows: this is its source, whose
# checksum Go verifies.
$(ACTIONLINT):
	@GOBIN=$(abspath $(@D)) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

format: setup
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

generate: setup  ## write what follows from the declarations: Pulumi.yaml's config, tables, schema, openapi/
	@$(BIN)/python -m tools.generate

openapi: generate

chaos: setup  ## 2,000 orders under injected faults (ORDERS=, SEED=, MIX=, AUTH=cognito)
	@exec $(BIN)/python -m tools.chaos

rights: setup  ## a whole local run, and each right that it has held against those it uses
	@exec $(BIN)/python -m tools.rights

bench: setup  ## cold start, warm cost and the local run, against bare boto3
	@exec $(BIN)/python -m tools.benchmarks

engine: setup  ## the real Pulumi engine against a provider double; needs a pulumi binary
	@$(BIN)/python -m pytest tests/engine -rs

bundle: setup  ## build the functions' deployable folder and print where it lies
	@$(BIN)/python -c 'from components.bundle import main; main()'

setup: $(STAMP)

$(STAMP): requirements.txt tools/requirements.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11 or newer, or say PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: say PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing the environment into $(VENV) (once, a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install.py
	@touch $@

lock: ## pin again: constraints.txt and the functions' hash-locked requirements
	@$(BIN)/python -m pip freeze > constraints.txt
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file functions/requirements.txt functions/requirements.in

clean:
	rm -rf $(VENV) .build
