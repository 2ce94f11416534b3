"""Models pinned by their SHA-256, in the library and in each command."""

import hashlib
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from digits import Classifier
from digits.commands import bench
from digits.commands.runner import ClassifierOptions, Predict, Read
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER, inspect
from tests.conftest import Run

RAW = Path(BUNDLED).read_bytes()
OWN = hashlib.sha256(RAW).hexdigest()
OTHER = "0123456789abcdef" * 4
MISMATCH = f"its SHA-256 is {OWN}, not {OTHER}"


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """An intact model whose SHA-256 is not OWN."""
    other = metadata.add_metadata(RAW, metadata.read(RAW, ""))
    (tmp_path / "other.onnx").write_bytes(other)
    return tmp_path / "other.onnx"


@pytest.mark.parametrize("opened", [Model, Classifier, inspect])
def test_only_the_pinned_model_is_accepted(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(sha256=OWN)
    opened(sha256=OWN.upper())
    with pytest.raises(ModelError, match=f"lenet5.int8.onnx .*{MISMATCH}"):
        opened(sha256=OTHER)
    monkeypatch.setenv("DIGITS_MODEL_SHA256", OTHER)
    with pytest.raises(ModelError, match=MISMATCH):
        opened()
    opened(sha256=OWN)  # an argument takes precedence
    opened(sha256="")
    monkeypatch.setenv("DIGITS_MODEL_SHA256", OWN.upper())
    opened()


@pytest.mark.parametrize("wrong", ["12", f"{OWN}0", OWN.replace("a", "g"), f" {OWN}", f"{OWN}\n"])
def test_invalid_sha256_is_an_error(wrong: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        Model(sha256=wrong)
    code, out, err = run("info", "--model-sha256", wrong)
    assert (code, out) == (2, "")
    assert "a SHA-256 has 64 hexadecimal digits" in err
    monkeypatch.setenv("DIGITS_MODEL_SHA256", wrong)
    code, out, err = run("info")
    assert (code, out) == (1, "")
    assert err.startswith("error: $DIGITS_MODEL_SHA256 can't be ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["predict", "watch", "eval", "info", "bench", "serve"])
@pytest.mark.parametrize("pinned_by", ["option", "environment"])
def test_every_command_refuses_another_model(
    run: Run,
    pictures: list[Path],
    other_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    pinned_by: str,
) -> None:
    arguments: list[object] = {
        "predict": [pictures[7], "--model", other_model],
        "watch": [tmp_path, tmp_path / "results.csv", "--model", other_model],
        "serve": ["--port", 0, "--model", other_model],
    }.get(command, [other_model])
    if pinned_by == "option":
        arguments += ["--model-sha256", OWN]
    else:
        monkeypatch.setenv("DIGITS_MODEL_SHA256", OWN)
    code, out, err = run(command, *arguments)
    found = hashlib.sha256(other_model.read_bytes()).hexdigest()
    assert (code, out) == (1, "")
    assert err == (f"error: {other_model} is the wrong model: its SHA-256 is {found}, not {OWN}\n")
    assert not (tmp_path / "results.csv").exists()


@pytest.mark.parametrize("command", ["read", "info", "bench"])
@pytest.mark.parametrize("pinned_by", ["option", "environment"])
def test_every_command_refuses_another_reader(
    run: Run,
    pictures: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    pinned_by: str,
) -> None:
    raw = Path(BUNDLED_READER).read_bytes()
    own = hashlib.sha256(raw).hexdigest()
    other = metadata.add_metadata(raw, metadata.read_reader(raw, ""))
    path = tmp_path / "other.onnx"
    path.write_bytes(other)
    arguments: list[object] = [pictures[7], "--model", path] if command == "read" else [path]
    if pinned_by == "option":
        arguments += ["--model-sha256", own]
    else:
        monkeypatch.setenv("DIGITS_READER_SHA256", own)
    code, out, err = run(command, *arguments)
    assert (code, out) == (1, "")
    found = hashlib.sha256(other).hexdigest()
    assert err == f"error: {path} is the wrong model: its SHA-256 is {found}, not {own}\n"


@pytest.mark.parametrize("command", ["predict", "info"])
def test_bundled_model_can_be_pinned(run: Run, pictures: list[Path], command: str) -> None:
    arguments = [] if command == "info" else [pictures[7]]
    assert run(command, *arguments, "--model-sha256", OWN)[0] == 0
    code, out, err = run(command, *arguments, "--model-sha256", OTHER)
    assert (code, out) == (1, "")
    assert MISMATCH in err


def test_environment_pins_without_options(
    run: Run, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MODEL_SHA256", OTHER)
    code, out, err = run("predict", pictures[7])
    assert (code, out) == (1, "")
    assert MISMATCH in err


def test_workers_refuse_a_replaced_file(other_model: Path, run: Run) -> None:
    pinned_options = ClassifierOptions(other_model, sha256=OWN)
    for task in (Predict("text", False, pinned_options), Read("text", False, pinned_options)):
        with pytest.raises(ModelError, match=f"not {OWN}"):
            pickle.loads(pickle.dumps(task)).start()
    shutil.copy(BUNDLED, other_model)
    pinned = pickle.dumps(Model(other_model, sha256=OWN))
    pickle.loads(pinned)
    other_model.write_bytes(metadata.add_metadata(RAW, metadata.read(RAW, "")))
    with pytest.raises(ModelError, match=f"not {OWN}"):
        pickle.loads(pinned)


@pytest.mark.parametrize("sha256", [OWN, OTHER])
def test_pin_with_several_jobs(run: Run, pictures: list[Path], tmp_path: Path, sha256: str) -> None:
    many = [shutil.copy(pictures[7], tmp_path / f"{number}.png") for number in range(20)]
    code, out, err = run("predict", *many, "--jobs", 2, "--model-sha256", sha256)
    assert (code, out.count("\n")) == ((0, 20) if sha256 == OWN else (1, 0))
    assert (MISMATCH in err) == (sha256 == OTHER)


def test_bench_measures_a_pinned_model_alone(tmp_path: Path) -> None:
    shutil.copy(BUNDLED, tmp_path / "mine.int8.onnx")
    shutil.copy(BUNDLED, tmp_path / "mine.onnx")
    models, warnings = bench._open_siblings(tmp_path / "mine.int8.onnx", OWN)
    assert {Path(model.name).name for model in models} == {"mine.int8.onnx"}
    assert {model.sha256 for model in models} == {OWN}
    assert warnings == []
