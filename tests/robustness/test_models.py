"""Forged model files of both kinds with valid checksums; tests of mutants and doors have more."""

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel
from digits.inference.metadata import AnyMetadata
from digits.inference.model import Model
from digits.inference.model_file import load
from tests.conftest import Patch, Run
from tests.robustness import forgery
from tests.robustness.sandbox import harmless

REFUSED = {
    **{name: (Model, forgery.as_classifier, *each) for name, each in forgery.classifiers().items()},
    **{
        f"detector: {name}": (DetectorModel, forgery.as_detector, *each)
        for name, each in forgery.detectors().items()
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


@pytest.fixture(scope="module", autouse=True)
def lazy_imports(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Valid foreign models run."""
    path = tmp_path_factory.mktemp("honest") / "model.onnx"
    path.write_bytes(forgery.sealed(forgery.honest()))
    Model(path)
    DetectorModel()


@pytest.mark.parametrize("name", REFUSED)
def test_forged_model_is_refused(path: Path, name: str, monkeypatch: Patch) -> None:
    kind, seal, model, reason = REFUSED[name]
    monkeypatch.setattr("digits.inference.model.MAX_SECONDS", 1.0)
    path.write_bytes(seal(model.SerializeToString()))
    with harmless(name), suppress(ModelError):
        load(path, AnyMetadata)
    with harmless(name, megabytes=2200), pytest.raises(ModelError) as raised:
        kind(path)
    assert str(path) in str(raised.value) and reason in str(raised.value)


def linear(weight: np.ndarray) -> bytes:
    """A classifier whose outputs are the pixels times these weights, and 0.1 for each blank."""
    nodes = (
        "pixels = Cast<to = 1>(images)",
        "flat = Flatten<axis = 1>(pixels)",
        "probabilities = Gemm<transB = 1>(flat, weight, bias)",
    )
    bias = np.full(10, 0.1, np.float32)
    return forgery.sealed(forgery.network(*nodes, weight=weight, bias=bias))


ONES = np.ones((10, 28 * 28), np.float32)
SIGNS = np.resize(np.array([[1], [-1]], np.float32), (10, 1))
INVALID = {  # but for blank images
    "NaN": forgery.sealed(forgery.honest(weight=3e38 * ONES)),
    "negative": linear(1e-3 * SIGNS * ONES),
    "percent": linear(ONES),
}


@pytest.mark.parametrize("invalid", INVALID)
def test_invalid_probabilities(run: Run, path: Path, pictures: list[Path], invalid: str) -> None:
    path.write_bytes(INVALID[invalid])
    model = Model(path)
    for batch in (1, 300):
        images = np.zeros((batch, 28, 28), np.uint8)
        assert model.probabilities(images).shape == (batch, 10)
        images[-1] = 255
        with pytest.raises(ModelError, match=f"{path} outputs invalid probabilities"):
            model.probabilities(images)
    labelled = path.parent / "7"
    labelled.mkdir()
    shutil.copy(pictures[7], labelled)
    for command in (f"predict {labelled}", f"eval --json --data {path.parent}"):
        expected = 1, "", f"error: {path} outputs invalid probabilities\n"
        assert run(*command.split(), "--model", path) == expected
