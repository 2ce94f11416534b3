import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import digits
from digits.data.split import Split
from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.detector_model import DetectorModel
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR, load
from digits.prediction import Prediction
from tests.conftest import Patch
from tests.drawings import show
from tests.synthetic import Sheet, chosen


def test_samples_are_all_read_right(reader: digits.Reader, pictures: list[Path]) -> None:
    batch = reader.predict_batch(pictures)
    for path, prediction in zip(pictures, batch, strict=True):
        label = int(path.stem)
        assert (prediction.digit, prediction.status, prediction.note) == (label, "accepted", "")
        assert prediction.confidence == max(prediction.probabilities)
        assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
        assert prediction.frame is not None and prediction.frame.shape == (28, 28)
    assert len(batch) == 10
    alone = reader.predict(pictures[9])
    assert (alone.digit, alone.box) == (9, batch[9].box)
    assert alone.probabilities == pytest.approx(batch[9].probabilities, abs=1e-5)
    assert reader.predict_batch([]) == []
    with pytest.raises(TypeError, match="takes a list of pictures"):
        reader.predict_batch("7.jpg")


def test_two_digits_are_not_one(reader: digits.Reader, test_slice: Split) -> None:
    """A 1 beside a digit is a lighter piece near it, as the flag of a 5 may be."""
    for text in map(str, range(10, 20)):
        sheet = Sheet(120, 120)
        sheet.write(chosen(test_slice, text), 30, 35)
        assert reader.predict(sheet.photograph()).digit is None, text


def test_threads_share_a_classifier(reader: digits.Reader, pictures: list[Path]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [each.digit for each in pool.map(reader.predict, pictures * 3)]
    assert answers == [*range(10)] * 3


def test_box_is_in_original_pixels(reader: digits.Reader, test_slice: Split) -> None:
    page = np.full((100, 160), 240, np.uint8)
    page[40:68, 100:128] -= (test_slice.images[0] * 0.9).astype(np.uint8)
    rows, columns = np.nonzero(page < 150)
    big = Image.fromarray(page).resize((160 * 20, 100 * 20), Image.Resampling.BICUBIC)
    expected = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    np.testing.assert_allclose(reader.predict(big).box, expected * 20, atol=60)


def test_confidence_below_threshold_is_rejected(
    tmp_path: Path, pictures: list[Path], monkeypatch: Patch
) -> None:
    show(monkeypatch, [], (1, 1))
    bundled = load(BUNDLED, metadata.ClassifierMetadata)
    strict = dataclasses.replace(bundled.metadata, rejection_threshold=1.0)
    (tmp_path / "strict.onnx").write_bytes(metadata.add_metadata(bundled.content, strict))
    for reader in (digits.Reader(tmp_path / "strict.onnx"), digits.Reader(threshold=1)):
        prediction = reader.predict(pictures[5])
        assert reader.threshold == 1
        assert (prediction.digit, prediction.guess, prediction.status) == (None, 5, "none")
    lenient = digits.Reader(tmp_path / "strict.onnx", threshold=0).predict(pictures[5])
    assert (lenient.digit, lenient.status) == (5, "accepted")


def test_blank_picture_is_rejected(reader: digits.Reader) -> None:
    for size in ((1, 1), (900, 30)):
        blank = Image.new("L", size, 200)
        rejected = Prediction(
            None, 0.1, (0.1,) * 10, (0, 0, *size), "none", "blank", "no ink found"
        )
        assert reader.predict(blank) == rejected
        assert reader.read(blank).lines == ()


def test_detector_opens_when_it_is_needed_and_once(monkeypatch: Patch, test_slice: Split) -> None:
    opened = Mock(wraps=DetectorModel)
    monkeypatch.setattr("digits.inference.detector_model.DetectorModel", opened)
    reader = digits.Reader(threads=2, detector=BUNDLED_DETECTOR)
    assert reader.predict(test_slice.images[0]).digit == 7
    pickle.dumps(reader)
    assert not opened.called
    with ThreadPoolExecutor(8) as pool:
        detectors = list(pool.map(lambda _: reader.models.detector, range(8)))
    opened.assert_called_once_with(BUNDLED_DETECTOR, 2, None, None)
    assert len({*detectors}) == 1


@pytest.mark.parametrize("task", ["detector", "recognizer"])
def test_unusable_network_fails_but_not_for_sure_digits(
    tmp_path: Path, test_slice: Split, task: metadata.NetworkTask
) -> None:
    alone = test_slice.images[0]  # a 7
    (tmp_path / "damaged.onnx").write_bytes(b"no model")
    for file, cause in ((tmp_path / "damaged.onnx", "damaged.onnx"), (BUNDLED, f"as a {task}")):
        named: dict[str, Any] = {task: file}
        reader = digits.Reader(**named)
        assert reader.predict(alone).digit == 7
        with pytest.raises(ModelError, match=cause):
            reader.read(alone)
    with pytest.raises(ModelError, match="SHA-256"):
        digits.Reader(sha256={task: "0" * 64}).read(alone)


def test_numbers_are_read_without_the_classifier(test_slice: Split, tmp_path: Path) -> None:
    reader = digits.Reader(tmp_path / "missing.onnx")
    assert reader.read(test_slice.images[0]).numbers[0].text == "7"
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        reader.predict(test_slice.images[0])


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"threshold": 1.001}, ValueError, "threshold must be 0 to 1, not 1.001"),
        ({"threshold": -0.001}, ValueError, "threshold must be 0 to 1, not -0.001"),
        ({"threads": 257}, ValueError, "threads must be 0 to 256, not 257"),
        ({"model": ""}, ModelError, "'' is not a file name"),
    ],
)
def test_arguments_out_of_range_are_refused(
    arguments: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        _ = digits.Reader(**arguments).model
