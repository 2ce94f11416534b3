"""The wheel in a virtual environment without torch and onnx."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent.parent


def sh(*command: object, env: dict[str, str] | None = None, umask: int = -1) -> str:
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=600,
        env=env,
        umask=umask,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    sh(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    [built] = folder.glob("digits-*.whl")
    return built


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A virtual environment as the README sets it up on a Raspberry Pi."""
    folder = tmp_path_factory.mktemp("device") / "venv"
    sh(sys.executable, "-m", "venv", folder)
    sh(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    return folder


def test_wheel_size_and_contents(wheel: Path) -> None:
    # The reader takes 314,000, LeNet-5 42,000, the server with its page 85,000, the list of
    # training fonts with their authors 19,000; numbers, constraints and MQTT 32,000; review, adapt
    # and fine-tuning 30,000.
    assert wheel.stat().st_size <= 910_000
    with ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2] or name for name in archive.namelist()}
    assert names >= {
        *("digits/inference/lenet5.int8.onnx", "digits/serve/page/index.html"),
        *("digits/py.typed", "digits_train/py.typed", "digits_export/py.typed"),
        *("licenses/LICENSE", "licenses/NOTICE"),
    }


def test_runtime_environment_size_and_packages(device: Path) -> None:
    installed = sh(device / "bin" / "python", "-m", "pip", "list", "--format", "freeze").lower()
    names = {line.split("==")[0] for line in installed.splitlines()}
    assert "onnxruntime" in names
    assert not {"torch", "onnx", "matplotlib", "scipy", "opencv-python", "safetensors"} & names
    megabytes = int(sh("du", "-sm", device).split()[0])
    assert megabytes <= 200


def test_predict_in_runtime_environment(device: Path, pictures: list[Path]) -> None:
    lines = sh(device / "bin" / "digits", "predict", *pictures).splitlines()
    assert [line.split("  ")[1] for line in lines] == [path.stem for path in pictures]
    python = sh(device / "bin" / "python", "-m", "digits", "predict", pictures[7])
    assert python.startswith("7  (")


def test_library_in_runtime_environment(device: Path, pictures: list[Path]) -> None:
    code = f"""
import digits, pkgutil, sys
extras = "digits.serve.", "digits.review.", "digits.watch.mqtt", "digits.__main__"
for module in pkgutil.walk_packages(digits.__path__, "digits."):
    if not module.name.startswith(extras):
        __import__(module.name)
print(digits.Classifier().predict({str(pictures[6])!r}).digit, "torch" in sys.modules)
"""
    assert sh(device / "bin" / "python", "-c", code) == "6 False\n"


@pytest.mark.parametrize("command", ["train", "export", "serve"])
def test_command_names_missing_extra(device: Path, command: str) -> None:
    done = subprocess.run(
        [device / "bin" / "digits", command], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    remedy = rf'pip install "digits\[{command}\]"'
    assert re.fullmatch(rf"error: `digits {command}` needs \w+: {remedy}\n", done.stderr)


def test_wheel_build_is_reproducible(wheel: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(ROOT, elsewhere, ignore=shutil.ignore_patterns(".*", "runs", "dist"))
    for number, path in enumerate(sorted(elsewhere.rglob("*"))):
        os.utime(path, (number, number))
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path)
    sh(*build, elsewhere, env={**os.environ, "TZ": "Asia/Tokyo"}, umask=0o077)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
