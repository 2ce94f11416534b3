#!/usr/bin/env bash
# Run the runtime's tests with its oldest and its newest dependencies, on each installed version of
# Python. (`make test` uses the newest dependencies of training.)
set -euo pipefail
cd "$(dirname "$0")/.."

for python in 3.11 3.12 3.13 3.14; do
    "python$python" --version >/dev/null 2>&1 || continue  # pyenv has shims for versions that aren't installed
    for resolution in lowest-direct highest; do
        export VIRTUAL_ENV=$PWD/.venv-bounds
        .venv/bin/uv venv --quiet --clear --python "python$python" "$VIRTUAL_ENV"
        .venv/bin/uv pip install --quiet --resolution "$resolution" \
            --only-binary numpy,onnxruntime,pillow --editable '.[form]'
        .venv/bin/uv pip install --quiet --group test httpx httpx2 matplotlib onnx scipy
        printf '\nPython %s, %s:' "$python" "$resolution"
        .venv/bin/uv pip freeze --exclude-editable |
            sed -nE 's/^(numpy|onnxruntime|pillow|typer|rich|starlette|uvicorn)==/ \1 /p' | tr -d '\n'
        echo
        "$VIRTUAL_ENV/bin/python" -m pytest -q -p no:cacheprovider tests/runtime \
            --ignore tests/runtime/test_cli.py --ignore tests/runtime/inference/test_model.py \
            --ignore tests/runtime/inference/test_model_file.py \
            --ignore tests/runtime/commands/test_eval_and_info.py \
            --ignore tests/runtime/serve/test_openapi.py
    done
done
