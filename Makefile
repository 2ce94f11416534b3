# make demo          set up the runtime alone and read the sample pictures
# make check         check style and types, run the quick unit tests: after every edit; 30 seconds
# make test          set up everything, check style and types, run all tests but the next two
# make test-browser  use the page of `digits serve` in a real browser; 75 seconds
# make test-ray      read pictures with Ray, as docs/devices.md does; half a minute
# make test-all      all of these three, before a change lands; 8 minutes
# make test-bounds   run the runtime with the oldest and newest dependencies; 15 minutes, needs Pythons
# make mutation      break the code in 20 random places, and show what the quick tests miss; an hour
# make coverage      say which lines and branches the unit tests don't reach; 3 minutes
# make lock          renew locks/: the versions that are installed, with hashes
# make audit         check what is installed for known vulnerabilities, and GitHub's workflows
# make docs          build site/, the documentation; warnings are errors
# make wheel         build the wheel and the sdist in dist/, and check them
# make bench         our speed and memory beside the alternatives', into docs/results.md; 10 minutes
# make detector      train, export and install the bundled detector again; docs/results.md says how long it takes
# make recognizer    train, export and install the recognizer again; docs/results.md says how long
# make model         train, export and install a new classifier to bundle, and redraw the docs' pictures

PYTHON ?= python3
# The first pip with --group is 25.1; Debian's Python brings an older one.
PIP := -m pip --disable-pip-version-check install --quiet
LOCKED := $(PIP) --require-hashes --no-deps --requirement
UPGRADE_PIP := $(PIP) --upgrade 'pip>=25.1'
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
export PYTHONDONTWRITEBYTECODE := 1
# As pip: a company may have a certificate of its own.
export UV_SYSTEM_CERTS := 1

.PHONY: demo check quick test pytest test-browser test-bounds test-ray test-all coverage mutation lint
.PHONY: lock audit docs wheel bench model detector recognizer clean

demo: .venv-runtime/done
	.venv-runtime/$(BIN)/digits predict tests/pictures

# A file's tests stay together: they share what takes long to make.
PYTEST := .venv/$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: .venv/done
	@$(MAKE) --no-print-directory --jobs 2 lint quick

quick: .venv/done
	$(PYTEST) --quiet -m "not slow" tests/runtime tests/train tests/test_*.py

# Style and types are checked beside the tests.
test: .venv/done
	@$(MAKE) --no-print-directory --jobs 2 lint pytest

pytest: .venv/done
	$(PYTEST)

test-browser: .venv/done
	@command -v chromium chromedriver >/dev/null || \
	    { echo "Chromium is missing. On Debian: apt-get install chromium chromium-driver"; exit 1; }
	$(PYTEST) tests/browser

test-bounds: .venv/done
	tests/dependency_bounds.sh

# Ray's processes start sooner with bytecode.
test-ray: .venv/done
	.venv/$(BIN)/uv venv --quiet --clear --python .venv/$(BIN)/python .venv-ray
	VIRTUAL_ENV=.venv-ray .venv/$(BIN)/uv pip install --quiet --require-hashes \
	    --requirement locks/ray.txt
	PYTHONPATH=$(CURDIR)/runtime:$(CURDIR)/train PYTHONDONTWRITEBYTECODE= \
	    PYTHONPYCACHEPREFIX=$(CURDIR)/.venv-ray/bytecode \
	    .venv-ray/$(BIN)/python -m pytest tests/ray

test-all: test test-browser test-ray

# What is broken is a clone of the last commit. In one folder alone:
# make mutation COUNT=50 FOLDER=runtime/digits/forms TESTS=tests/runtime/forms
COUNT := 20
FOLDER := .
TESTS := tests/runtime tests/train tests/export
MUTATED := $(CURDIR)/.mutation
COSMIC_RAY := cd $(MUTATED) && TESTS="$(TESTS)" PATH=$(CURDIR)/.venv/$(BIN):$$PATH \
    PYTHONPATH=$(MUTATED)/runtime:$(MUTATED)/train:$(MUTATED)/export \
    $(CURDIR)/.venv-mutation/$(BIN)

mutation: .venv/done .venv-mutation/done
	rm -rf $(MUTATED)
	git clone --quiet . $(MUTATED)
	@$(COSMIC_RAY)/cosmic-ray baseline tests/mutation.toml
	@$(COSMIC_RAY)/cosmic-ray init tests/mutation.toml session.sqlite
	@$(COSMIC_RAY)/python -m tests.mutation_sample session.sqlite $(COUNT) $(FOLDER)
	@$(COSMIC_RAY)/cosmic-ray exec tests/mutation.toml session.sqlite
	@$(COSMIC_RAY)/cr-report --surviving-only --show-diff session.sqlite

coverage: .venv/done
	$(PYTEST) --cov --cov-report=term tests/runtime tests/train tests/export

lint: .venv/done
	.venv/$(BIN)/ruff check
	.venv/$(BIN)/ruff format --check
	.venv/$(BIN)/mypy

# Of PyTorch each kind of GPU has another build: pip chooses it and its libraries.
UNLOCKED := ^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)=
LOCK := .venv/$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
    --generate-hashes --no-annotate --no-header

lock: .venv/done
	$(LOCK) pyproject.toml > locks/runtime.txt
	$(LOCK) pyproject.toml --extra all --group dev | \
	    awk '/^[a-z]/ { keep = $$0 !~ /$(UNLOCKED)/ } keep' > locks/dev.txt
	$(LOCK) pyproject.toml --group ray > locks/ray.txt
	$(LOCK) --group docs > locks/docs.txt
	$(LOCK) --group mutation > locks/mutation.txt
	$(LOCK) --group release > locks/release.txt

audit: .venv/done
	.venv/$(BIN)/pip-audit --local --skip-editable
	.venv/$(BIN)/zizmor --offline --quiet .github

docs: .venv-docs/done
	.venv-docs/$(BIN)/mkdocs build --quiet --strict

# Built as a user's pip would: the sdist from the checkout, the wheel from the sdist.
wheel: .venv-release/done
	rm -rf dist
	.venv-release/$(BIN)/python -m build --no-isolation
	.venv-release/$(BIN)/python -m twine check --strict dist/*
	.venv-release/$(BIN)/check-wheel-contents dist
	@ls -l dist

bench: .venv/done
	.venv/$(BIN)/python $(PIP) --group bench
	.venv/$(BIN)/python -m benchmarks
	.venv/$(BIN)/python -m benchmarks.tables

model: .venv/done
	rm -rf runs/bundled
	.venv/$(BIN)/digits train --out runs/bundled
	.venv/$(BIN)/digits export --quantize runs/bundled
	cp runs/bundled/lenet5.int8.onnx runtime/digits/inference/
	cp runs/bundled/curves.png docs/
	.venv/$(BIN)/python -m docs.make

# Each needs 1.9 GB. A training goes on after an interruption with
# `digits train --resume runs/bundled-detector`. After another detector, export the recognizer again:
# its weights are fitted beside it.
detector recognizer: .venv/done
	rm -rf runs/bundled-$@
	.venv/$(BIN)/digits train --network $@ --out runs/bundled-$@
	.venv/$(BIN)/digits export --quantize runs/bundled-$@
	cp runs/bundled-$@/$@.int8.onnx runtime/digits/inference/
	.venv/$(BIN)/python -m docs.make page

clean:
	rm -rf .venv .venv-runtime .venv-bounds .venv-ray .venv-docs .venv-mutation .venv-release \
	    .mutation .newest dist site

# --no-compile halves the time of the installation and saves 45 MB.
.venv-runtime/done: pyproject.toml locks/runtime.txt $(shell find runtime train export -name '*.py' -o -name '*.onnx')
	$(PYTHON) -m venv .venv-runtime
	.venv-runtime/$(BIN)/python $(LOCKED) locks/runtime.txt --no-compile
	.venv-runtime/$(BIN)/python $(PIP) --no-deps --no-compile --force-reinstall .
	touch $@

# uv needs half of pip's time. PyTorch comes by pip, whose settings may name its build.
.venv/done: pyproject.toml locks/dev.txt
	$(PYTHON) -m venv .venv
	.venv/$(BIN)/python $(UPGRADE_PIP) uv
	.venv/$(BIN)/uv pip install --quiet --python .venv --compile-bytecode --require-hashes \
	    --no-deps --requirement locks/dev.txt
	.venv/$(BIN)/python $(PIP) --editable '.[all]' --group dev
	touch $@

.venv-docs/done .venv-mutation/done .venv-release/done: .venv-%/done: locks/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/$(BIN)/python $(LOCKED) $<
	touch $@
