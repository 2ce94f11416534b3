"""Crops of any width in batches, and what a recognizer says of them."""

import numpy as np
import pytest

from digits.errors import ModelError
from digits.inference.interface import CROP_HEIGHT, CROP_INK, CROP_PAPER
from digits.inference.model_file import ModelBytes
from digits.inference.recognizer_model import RecognizerModel, padded
from tests.onnx_files import recognizer

FILE = ModelBytes("it.onnx", recognizer())


def crop(width: int, dtype: type = np.uint8, height: int = CROP_HEIGHT) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width)).astype(dtype)


def test_crops_say_the_same_alone_and_among_others() -> None:
    model = RecognizerModel(FILE)
    about = model.metadata
    crops = [crop(width) for width in (100, 17, 1024, 112, *range(1, 40))]
    together = model.read(crops)
    assert [rows.shape for rows, _ in together[:4]] == [(28, 13), (8, 13), (256, 13), (28, 13)]
    for pixels, (rows, whole) in zip(crops, together, strict=True):
        [alone] = model.read([pixels])
        np.testing.assert_array_equal(rows, alone.log_probabilities)
        np.testing.assert_allclose(np.exp(rows).sum(1), 1, rtol=1e-5)
        log_odds = padded([pixels]).mean() / about.whole_temperature + about.whole_shift
        assert whole == alone.whole == pytest.approx(log_odds, rel=1e-5)
    assert model.read([]) == []


def test_batches_are_padded_with_paper_alone() -> None:
    some = [np.full((CROP_HEIGHT, width), CROP_INK, np.uint8) for width in (16, 17, 33)]
    batch = padded(some)
    assert batch.shape == (3, 1, CROP_HEIGHT, 48)
    inked = [(row != CROP_PAPER).sum() for row in batch]
    assert inked == [CROP_HEIGHT * width for width in (16, 17, 33)]


@pytest.mark.parametrize("last", ["Identity", "Softmax<axis = 2>", "Neg"])
def test_anything_but_log_probabilities_is_an_error(last: str) -> None:
    with pytest.raises(ModelError, match=r"it.onnx outputs invalid probabilities"):
        RecognizerModel(ModelBytes("it.onnx", recognizer(last)))


def test_infinite_log_odds_are_an_error() -> None:
    whole = "ReduceProd<keepdims = 0>(pixels, sides)"
    with pytest.raises(ModelError, match=r"it.onnx outputs invalid probabilities"):
        RecognizerModel(ModelBytes("it.onnx", recognizer(whole=whole)))


@pytest.mark.parametrize(
    "outputs",
    [
        "float[batch, steps, 13] log_probabilities",
        "float[batch, steps, 13] log_probabilities, float whole",
        "float[batch, steps, 13] log_probabilities, float[batch, 1] whole",
    ],
)
def test_file_that_does_not_say_what_is_whole_is_refused(outputs: str) -> None:
    with pytest.raises(ModelError, match=r"^it.onnx: the output should be .*; whole, .* not "):
        RecognizerModel(
            ModelBytes("it.onnx", recognizer(whole="Identity(pixels)", outputs=outputs))
        )
