"""The bundled model without digits: the code in docs/export.md, and old onnxruntimes."""

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
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED

PAGE = Path(__file__).parent.parent.parent / "docs" / "export.md"
# The oldest onnxruntime that installs on each Python, and the oldest that digits supports.
INSTALLABLE = {(3, 11): "1.15.0", (3, 12): "1.17.0", (3, 13): "1.20.0"}
SUPPORTED = dict.fromkeys([(3, 11), (3, 12), (3, 13), (3, 14)], "1.24.1")
PYTHON = sys.version_info[:2]


def example(language: str) -> str:
    """Return the page's only code in this language that opens the model file."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [code] = [code for code in blocks if "lenet5.int8.onnx" in code]
    return code


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def skip_offline(installed: subprocess.CompletedProcess[str]) -> None:
    """Skip without a network; fail if the package or its version doesn't exist."""
    error = installed.stderr.lower()
    if installed.returncode and ("connection" in error or "network" in error):
        pytest.skip("there is no network")
    assert installed.returncode == 0, installed.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(BUNDLED, tmp_path / "lenet5.int8.onnx")
    return tmp_path


def test_documented_python_code(folder: Path, test_slice: Split) -> None:
    code = example("python")
    blank = "np.zeros((1, 1, 28, 28), np.uint8)"
    assert blank in code
    for image, label in zip(test_slice.images[:3], test_slice.labels, strict=False):
        np.save(folder / "digit.npy", image[None, None])
        (folder / "client.py").write_text(code.replace(blank, 'np.load("digit.npy")'))
        assert int(run([sys.executable, "client.py"], folder)) == label


@pytest.mark.skipif(not shutil.which("npm"), reason="Node.js is not installed")
def test_documented_javascript_code(folder: Path, test_slice: Split) -> None:
    installed = subprocess.run(
        ["npm", "install", "--ignore-scripts", "onnxruntime-web@1.23.2"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    skip_offline(installed)
    code = example("js")
    blank = "new Uint8Array(28 * 28)"
    assert blank in code
    images = test_slice.images[:3]
    expected = Model(BUNDLED, kernels="integer").probabilities(images)
    for image, probabilities in zip(images, expected, strict=True):
        pixels = json.dumps(image.ravel().tolist())
        printing = "\nconsole.log(JSON.stringify(Array.from(probabilities.data)));"
        script = code.replace(blank, f"Uint8Array.from({pixels})") + printing
        (folder / "client.mjs").write_text(script)
        answer, numbers = run(["node", "client.mjs"], folder).splitlines()
        assert int(answer) == probabilities.argmax()
        np.testing.assert_allclose(json.loads(numbers), probabilities, atol=1e-5)


PLAIN = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
np.save("integer.npy", session.run(None, {"images": np.load("images.npy")})[0])
print(onnxruntime.__version__)
"""
OURS = """
import sys, numpy as np, onnxruntime
from digits.inference.model import Model
for kernels in ("integer", "float"):
    answers = Model(sys.argv[1], kernels=kernels).probabilities(np.load("images.npy"))
    np.save(f"{kernels}.npy", answers)
print(onnxruntime.__version__)
"""


@pytest.mark.parametrize(("versions", "code"), [(INSTALLABLE, PLAIN), (SUPPORTED, OURS)])
def test_old_onnxruntime_gives_same_predictions(
    tmp_path: Path, test_slice: Split, versions: dict[tuple[int, ...], str], code: str
) -> None:
    version = versions.get(PYTHON)
    if version is None:
        pytest.skip(f"which onnxruntime is the oldest on Python {PYTHON} isn't known")
    packages = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages)]
    alone = [
        "--only-binary=:all:",
        "--no-deps",
        "--no-compile",
    ]  # its other dependencies are for its tools
    numpy = "numpy<2" if PYTHON < (3, 13) else "numpy<2.2"
    installed = subprocess.run(
        [*pip, *alone, f"onnxruntime=={version}", numpy],
        capture_output=True,
        text=True,
    )
    skip_offline(installed)
    np.save(tmp_path / "images.npy", test_slice.images[:, None])
    (tmp_path / "client.py").write_text(code)
    command = [sys.executable, "client.py", BUNDLED]
    assert run(command, tmp_path, PYTHONPATH=str(packages)).strip() == version
    tried: tuple[Kernels, ...] = ("integer",) if code is PLAIN else ("integer", "float")
    for kernels in tried:
        expected = Model(BUNDLED, kernels=kernels).probabilities(test_slice.images)
        answers = np.load(tmp_path / f"{kernels}.npy")
        assert (answers.argmax(1) == expected.argmax(1)).all()
        np.testing.assert_allclose(answers, expected, atol=1e-4)
