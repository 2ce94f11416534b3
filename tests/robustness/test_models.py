"""Forged model files of both kinds with valid checksums; tests of mutants and doors have more."""

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.metadata import AnyMetadata
from digits.inference.model import Model
from digits.inference.model_file import load
from digits.inference.reader_model import ReaderModel
from tests.conftest import Run
from tests.robustness import forgery, refused
from tests.robustness.sandbox import harmless

REFUSED = {
    **{name: (Model, forgery.as_classifier, *each) for name, each in refused.classifiers().items()},
    **{
        f"reader: {name}": (ReaderModel, forgery.as_reader, *each)
        for name, each in refused.readers().items()
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


@pytest.fixture(scope="module", autouse=True)
def lazy_imports(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Valid foreign models run."""
    path = tmp_path_factory.mktemp("honest") / "model.onnx"
    path.write_bytes(forgery.as_classifier(forgery.honest().SerializeToString()))
    Model(path)
    path.write_bytes(forgery.as_reader(forgery.reader().SerializeToString()))
    ReaderModel(path)


@pytest.mark.parametrize("name", REFUSED)
def test_forged_model_is_refused(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, seal, model, reason = REFUSED[name]
    monkeypatch.setattr("digits.inference.model.MAX_SECONDS", 1.0)
    path.write_bytes(seal(model.SerializeToString()))
    with harmless(name), suppress(ModelError):
        load(path, AnyMetadata)
    with harmless(name, megabytes=2200), pytest.raises(ModelError) as raised:
        kind(path)
    assert str(path) in str(raised.value) and reason in str(raised.value)


INVALID_OUTPUTS = forgery.invalid_outputs()


@pytest.mark.parametrize("invalid", INVALID_OUTPUTS)
def test_invalid_probabilities_raise_model_error(path: Path, invalid: str) -> None:
    path.write_bytes(forgery.sealed(INVALID_OUTPUTS[invalid]))
    model = Model(path)
    for batch in (1, 2, 300):
        images = np.zeros((batch, 28, 28), np.uint8)
        assert model.probabilities(images).shape == (batch, 10)
        images[-1] = 255
        with pytest.raises(ModelError, match=f"{path} outputs invalid probabilities"):
            model.probabilities(images)


@pytest.mark.parametrize("command", ["predict --jobs 2", "eval --data . --json"])
def test_command_fails_on_invalid_probabilities(
    run: Run, path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path.write_bytes(forgery.sealed(INVALID_OUTPUTS["NaN"]))
    monkeypatch.chdir(path.parent)
    Path("7").mkdir()
    many = [shutil.copy(pictures[7], f"7/{number}.png") for number in range(33)]
    arguments = [*command.split(), "--model", path]
    code, out, err = run(*arguments, *(many if "predict" in command else []))
    assert (code, out) == (1, "")
    assert err == f"error: {path} outputs invalid probabilities\n"
