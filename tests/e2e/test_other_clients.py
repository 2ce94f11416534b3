"""The bundled model without digits: the code in docs/export.md, and an old onnxruntime."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
# The oldest onnxruntime that installs on each Python.
OLDEST = {(3, 11): "1.15.0", (3, 12): "1.17.0", (3, 13): "1.20.0"}
PYTHON = sys.version_info[:2]


def example(language: str) -> str:
    """Return the page's only code in this language that opens the model file."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [code] = [code for code in blocks if "lenet5.int8.onnx" in code]
    return code


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Return the output; skips if packages can't be downloaded without a network."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    error = done.stderr.lower()
    if done.returncode and "install" in command and ("connection" in error or "network" in error):
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path, test_slice: Split) -> Path:
    """A folder with the model and a digit."""
    shutil.copy(BUNDLED, tmp_path / "lenet5.int8.onnx")
    np.save(tmp_path / "digit.npy", test_slice.images[:1, None])
    return tmp_path


def test_documented_python_code(folder: Path, test_slice: Split) -> None:
    blank, code = "np.zeros((1, 1, 28, 28), np.uint8)", example("python")
    assert blank in code
    code = code.replace(blank, 'np.load("digit.npy")')
    assert int(run(sys.executable, "-c", code, cwd=folder)) == test_slice.labels[0]


@pytest.mark.skipif(not shutil.which("npm"), reason="Node.js is not installed")
def test_documented_javascript_code(folder: Path, test_slice: Split) -> None:
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    run("npm", "install", *options, "onnxruntime-web@1.23.2", cwd=folder)
    blank, code = "new Uint8Array(28 * 28)", example("js")
    assert blank in code
    pixels = json.dumps(test_slice.images[0].ravel().tolist())
    printing = "\nconsole.log(JSON.stringify(Array.from(probabilities.data)));"
    (folder / "client.mjs").write_text(code.replace(blank, f"Uint8Array.from({pixels})") + printing)
    answer, numbers = run("node", "client.mjs", cwd=folder).splitlines()
    assert int(answer) == test_slice.labels[0]
    [expected] = Model(BUNDLED, kernels="integer").probabilities(test_slice.images[:1])
    np.testing.assert_allclose(json.loads(numbers), expected, atol=1e-5)


@pytest.mark.skipif(PYTHON not in OLDEST, reason="the oldest onnxruntime isn't known")
def test_old_onnxruntime_gives_same_predictions(folder: Path, test_slice: Split) -> None:
    """digits itself is run with the oldest versions by tests/dependency_bounds.sh."""
    packages = [f"onnxruntime=={OLDEST[PYTHON]}", "numpy<2" if PYTHON < (3, 13) else "numpy<2.2"]
    # Its other dependencies are for its tools.
    options = ["--quiet", "--only-binary", ":all:", "--no-deps", "--target", "old"]
    uv = str(Path(sys.executable).parent / "uv")
    run(uv, "pip", "install", "--python", sys.executable, *options, *packages, cwd=folder)
    np.save(folder / "digit.npy", test_slice.images[:, None])
    code = example("python").replace("np.zeros((1, 1, 28, 28), np.uint8)", 'np.load("digit.npy")')
    code = code.replace("[0].argmax()", "[0].tolist()") + "print(onnxruntime.__version__)"
    numbers, version = run(sys.executable, "-c", code, cwd=folder, PYTHONPATH="old").splitlines()
    expected = Model(BUNDLED, kernels="integer").probabilities(test_slice.images)
    np.testing.assert_allclose(json.loads(numbers), expected, atol=1e-4)
    assert version == OLDEST[PYTHON]
