# Everything runs in .venv, made from the lock files; all it takes is Python 3.11, git and make.

PYTHON ?= $(firstword $(shell command -v python3.11 || command -v python3) python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO   := build/demo
JOBS   ?= 2# test files that run side by side, each whole in one process of up to 5 GB

.PHONY: help demo report test soak lint bench docs workloads studies oracles lock clean
.DELETE_ON_ERROR:

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo: $(VENV)/.project ## run pmake on the emulated machine, then put Disco's costs beside the paper's Table 2
	@mkdir -p $(DEMO)
	$(BIN)/tracegen run pmake -o $(DEMO)/pmake.arrow
	$(BIN)/replay info $(DEMO)/pmake.arrow
	$(BIN)/replay compare $(DEMO)/pmake.arrow
	$(BIN)/replay run $(DEMO)/pmake.arrow --model disco --by service

report: $(VENV)/.project ## make an example page: pmake under three models, which its sliders charge again
	@mkdir -p $(DEMO)
	test -e $(DEMO)/pmake.arrow || $(BIN)/tracegen run pmake -o $(DEMO)/pmake.arrow
	rm -rf $(DEMO)/runs
	for model in native disco trap-emulate; do \
		$(BIN)/replay run $(DEMO)/pmake.arrow --model $$model --interval 1000000 -o $(DEMO)/runs/$$model >$(DEMO)/$$model.txt || exit 1; \
	done
	$(BIN)/replay report $(DEMO)/runs/* -o $(DEMO)/report.html

# In the order of their names: those that take long are few tests, which xdist would leave to one worker at the end.
test: $(VENV)/.tools $(VENV)/.project ## run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

soak: $(VENV)/.tools $(VENV)/.project ## run 10,000 generated guests on each CPU with bounds checks, generated tests at length, 500 kills of sweeps
	VMREPLAY_SEEDS=10000 VMREPLAY_EXAMPLES=20 VMREPLAY_KILLS=500 $(BIN)/python -m pytest tests/contract tests/twin \
		tests/unit/test_filesystem.py tests/unit/test_sweep_dataset.py

lint: $(VENV)/.tools $(VENV)/.project ## check style, formatting, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.tools $(VENV)/.project ## measure, side by side with the peers
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.project ## write the pages that are made from the code
	$(BIN)/python -m replay.commands.page > docs/models.md.new
	mv docs/models.md.new docs/models.md

workloads: $(VENV)/.project ## run every workload, and write the page with their figures
	$(BIN)/python -m replay.commands.workload_page build/workloads > docs/workload-figures.md.new
	mv docs/workload-figures.md.new docs/workload-figures.md

studies: $(VENV)/.project ## run every study, and write the pages of those that are figures
	$(BIN)/replay study all -o build/studies
	mkdir -p docs/studies
	cp build/studies/*.md build/studies/*.svg docs/studies/

oracles: $(VENV)/.tools ## count the committed page sequences again, with pycachesim in an environment of its own
	$(PYTHON) -m venv build/oracles
	CC="$(abspath $(BIN))/python -m ziglang cc" CFLAGS=-Wno-incompatible-pointer-types build/oracles/bin/python \
		-m pip --disable-pip-version-check --quiet install --require-hashes -r tests/oracles/requirements.txt
	build/oracles/bin/python tests/oracles/make.py > tests/oracles/pycachesim.json

lock: $(VENV)/.tools ## pin the newest versions that pyproject.toml allows
	$(PIP) install uv==0.13.8
	$(COMPILE) --extra build --extra guest -o requirements.lock pyproject.toml
	$(COMPILE) --extra build --extra guest --extra cluster --extra test -c requirements.lock -o requirements-test.lock pyproject.toml

COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist tracegen/images

# What running takes, then what testing takes on top, then the project itself: a link to this checkout.

$(VENV)/.runtime: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.tools: requirements-test.lock $(VENV)/.runtime
	$(PIP) install --require-hashes -r requirements-test.lock
	@touch $@

$(VENV)/.project: pyproject.toml hatch_build.py $(VENV)/.runtime
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
