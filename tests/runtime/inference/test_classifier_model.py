from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from digits.data.split import Split
from digits.inference.classifier_model import ClassifierModel
from digits.inference.model_file import BUNDLED
from tests.conftest import Patch, Run
from tests.onnx_files import classifier, sealed


@pytest.fixture(scope="module")
def model() -> ClassifierModel:
    return ClassifierModel(BUNDLED)


@pytest.mark.parametrize("batch", [1, 129])
def test_probabilities_of_any_batch_size(
    model: ClassifierModel, test_slice: Split, batch: int
) -> None:
    images = test_slice.images[:batch]
    probabilities = model.probabilities(images)
    assert probabilities.shape == (batch, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.probabilities(images[:, None]), probabilities)


def test_empty_batch_is_not_run(model: ClassifierModel, monkeypatch: Patch) -> None:
    """Not every network can: a picture without ink would be an error."""
    monkeypatch.setattr(model.session, "run", None)
    assert model.probabilities(np.zeros((0, 28, 28), np.uint8)).shape == (0, 10)


def test_bundled_model_accuracy_matches_its_metadata(
    model: ClassifierModel, full_test_set: Split
) -> None:
    answers = model.probabilities(full_test_set.images).argmax(1)
    assert (answers == full_test_set.labels).mean() == pytest.approx(
        model.metadata.test_accuracy, abs=2e-4
    )


def test_float_and_integer_kernels_agree(test_slice: Split) -> None:
    """onnxruntime once dropped every ReLU with float kernels, which changed half of the answers."""
    integer = ClassifierModel(BUNDLED, compute_type="integer").probabilities(test_slice.images)
    floating = ClassifierModel(BUNDLED, compute_type="float").probabilities(test_slice.images)
    assert (integer.argmax(1) == floating.argmax(1)).mean() >= 0.995
    assert np.abs(integer - floating).mean() < 0.005


@pytest.mark.parametrize(
    "wrong",
    [
        classifier(weight=np.full((10, 28 * 28), np.nan, np.float32)),
        classifier("Identity", bias=np.resize(np.array([-1, 1.2], np.float32), 10)),  # negative
        classifier("Identity", bias=np.full(10, 10, np.float32)),  # percent
    ],
)
def test_anything_but_probabilities_is_an_error(
    run: Run, tmp_path: Path, wrong: ModelProto
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(sealed(wrong))
    expected = 1, "", f"error: {path} outputs invalid probabilities\n"
    assert run("predict", "any.png", "--model", path) == expected
