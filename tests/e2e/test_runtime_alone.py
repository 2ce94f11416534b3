"""The wheel in a virtual environment without torch and onnx."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PathDistribution, files, requires
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
LIBRARIES = "onnxruntime", "numpy", "PIL", "pillow"


def sh(*command: object, code: int = 0) -> str:
    """Run a command that exits with this code; returns what it prints."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip")
    sh(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    [wheel] = folder.glob("digits-*.whl")
    return wheel


def installed(requirements: Sequence[str]) -> set[str]:
    """The packages here that meet requirements, and theirs, without those of extras."""
    names = set[str]()
    for requirement in map(Requirement, requirements):
        if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
            names |= {requirement.name, *installed(requires(requirement.name) or [])}
    return names


@pytest.fixture(scope="module")
def bin(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Programs of a virtual environment that has the wheel, and of this one what it needs."""
    folder = tmp_path_factory.mktemp("device")
    sh(sys.executable, "-m", "venv", "--without-pip", folder)
    uv = (sys.executable, "-m", "uv", "pip")
    sh(*uv, "install", "--quiet", "--offline", "--no-deps", "--python", folder, wheel)
    [packages] = folder.glob("lib/*/site-packages")
    [metadata] = packages.glob("digits-*.dist-info")
    for name in installed(PathDistribution(metadata).requires or []):
        for file in files(name) or []:
            if ".." not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)
    return folder / "bin"


def test_wheel_size_and_contents(wheel: Path) -> None:
    assert wheel.stat().st_size <= 1_800_000  # a quarter above what it has
    with ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2] or name for name in archive.namelist()}
    assert names >= {
        *(f"digits/inference/{name}.int8.onnx" for name in ("lenet5", "detector", "recognizer")),
        *("digits/serve/page/index.html", "digits/web/page/style.css"),
        *("digits/py.typed", "digits_train/py.typed", "digits_export/py.typed"),
        *("licenses/LICENSE", "licenses/NOTICE"),
    }


def test_runtime_environment_size_and_packages(bin: Path) -> None:
    installed = {path.name.partition("-")[0] for path in bin.parent.rglob("*.dist-info")}
    assert "onnxruntime" in installed
    assert not {"torch", "onnx", "matplotlib", "scipy", "opencv_python", "safetensors"} & installed
    # Of whatever version they are, these make most of it.
    libraries = [bin.parent.glob(f"lib/*/site-packages/{name}*") for name in LIBRARIES]
    lines = sh("du", "-smc", *chain(*libraries)), sh("du", "-smc", bin.parent)
    of_libraries, total = (int(each.splitlines()[-1].split()[0]) for each in lines)
    assert of_libraries < total < 1.5 * of_libraries


def test_commands_in_runtime_environment(bin: Path, pictures: list[Path]) -> None:
    lines = sh(bin / "digits", "predict", *pictures).splitlines()
    assert [line.split("  ")[1] for line in lines] == [path.stem for path in pictures]
    for command in ("train", "serve"):
        remedy = rf'pip install "digits\[{command}\]"'
        error = sh(bin / "digits", command, code=1)
        assert re.fullmatch(rf"error: `digits {command}` needs \w+: {remedy}\n", error)
    code = f"""
import digits, pkgutil, sys
extras = "web serve forms review commands.form __main__".split()
for module in pkgutil.walk_packages(digits.__path__, "digits."):
    if not module.name.removeprefix("digits.").startswith(tuple(extras)):
        __import__(module.name)
print(digits.Reader().predict({str(pictures[6])!r}).digit, "torch" in sys.modules)
"""
    assert sh(bin / "python", "-c", code) == "6 False\n"
