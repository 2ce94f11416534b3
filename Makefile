# make demo          set up the runtime alone and read the sample pictures
# make check         check style and types, run the quick unit tests: after every edit; 1 minute
# make test          set up everything, check style and types, run all tests but the next four
# make test-browser  use the page of `digits serve` in a real browser; 1 minute
# make test-arm      run the runtime as on a Raspberry Pi 4 and 5, emulated; 3 minutes, Debian only
# make test-bounds   run the runtime with the oldest and newest dependencies; 15 minutes, needs Pythons
# make test-ray      read pictures with Ray, as docs/devices.md does; 2 minutes
# make lock          renew dev.lock: the versions that `make test` installs
# make audit         ask PyPI's database for known holes in what is installed
# make fuzz          look for pictures and data files that break the reader; twice 10 minutes
# make wheel         build dist/digits-*.whl
# make bench         our speed, memory and accuracy beside the alternatives'
# make weights       fit the judge's weights again; 15 minutes
# make model         train, export and install the bundled model again, and redraw the pictures of the docs

PYTHON ?= python3
FUZZ_SECONDS ?= 600
PIP := -m pip --disable-pip-version-check install --quiet
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: demo check test test-browser test-arm test-bounds test-ray fuzz lint lock audit wheel bench model
.PHONY: weights clean

demo: .venv-runtime/done
	.venv-runtime/bin/digits predict tests/pictures

# A file's tests stay together: they share what takes long to make.
PYTEST := .venv/bin/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

check: lint
	$(PYTEST) -m "not slow" tests/runtime tests/train tests/export tests/test_*.py

test: lint
	$(PYTEST)

test-browser: .venv/done
	@command -v chromium chromedriver >/dev/null || \
	    { echo "Chromium is missing. On Debian: apt-get install chromium chromium-driver"; exit 1; }
	.venv/bin/python -m pytest tests/browser

test-bounds: .venv/done
	tests/bounds.sh

test-arm: .venv/done
	tests/arm/root.sh
	DIGITS_ARM=$(CURDIR)/.arm .venv/bin/python -m pytest tests/arm --durations=8

test-ray:
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python $(PIP) --editable '.[ray]'
	.venv-ray/bin/python -m pytest tests/ray

fuzz: .venv/done
	.venv/bin/python $(PIP) --editable '.[fuzz]'
	.venv/bin/python -m tests.fuzz.pictures $(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20
	.venv/bin/python -m tests.fuzz.idx $(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20

lint: .venv/done
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

# PyTorch is left out: it has another build for each kind of GPU, and brings its libraries.
lock: .venv/done
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --extra dev \
	    --no-annotate --no-header pyproject.toml | grep -vE '^(torch|triton|nvidia-|cuda-)' > dev.lock

audit: .venv/done
	.venv/bin/pip-audit --local --skip-editable

wheel: .venv-runtime/done
	.venv-runtime/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist .
	@ls -l dist/*.whl

bench: .venv/done
	.venv/bin/python $(PIP) --editable '.[bench]'
	.venv/bin/python -m tests.benchmarks.speed
	.venv/bin/python -m tests.benchmarks.pictures
	.venv/bin/python -m tests.benchmarks.processes
	.venv/bin/python -m tests.benchmarks.memory
	-.venv/bin/python -m tests.benchmarks.serving
	.venv/bin/python -m tests.benchmarks.training
	.venv/bin/python -m tests.benchmarks.corruptions
	.venv/bin/python -m tests.benchmarks.nondigits
	.venv/bin/python -m tests.benchmarks.optdigits
	.venv/bin/python -m tests.benchmarks.camera --jobs 2
	-.venv/bin/python -m tests.benchmarks.photos

# They judge hypotheses about a picture (runtime/digits/vision/weights.py).
weights: .venv/done
	OPENBLAS_NUM_THREADS=1 .venv/bin/python -m tests.benchmarks.fit

# Of the seeds 0, 1 and 2, 0 has the best validation accuracy.
model: .venv/done
	rm -rf runs/bundled
	.venv/bin/digits train --out runs/bundled
	.venv/bin/digits export --quantize runs/bundled
	cp runs/bundled/lenet5.int8.onnx runtime/digits/models/
	cp runs/bundled/curves.png docs/
	.venv/bin/python -m docs.make

clean:
	rm -rf .venv .venv-runtime .venv-bounds .venv-ray .arm dist

# --no-compile halves the time of the installation and saves 45 MB.
.venv-runtime/done: pyproject.toml $(shell find runtime train export -name '*.py' -o -name '*.onnx')
	$(PYTHON) -m venv .venv-runtime
	.venv-runtime/bin/python $(PIP) --no-compile --force-reinstall .
	touch $@

.venv/done: pyproject.toml dev.lock
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --constraint dev.lock --editable '.[dev]'
	touch $@
