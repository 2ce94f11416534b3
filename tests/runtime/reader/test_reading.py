"""Whole pages, by both networks."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import digits
from digits.inference.interface import CROP_HEIGHT
from digits.reader import crops
from digits.reader.opinions import Weights
from digits.reader.reading import find_numbers, view_numbers
from tests.conftest import Patch
from tests.drawings import EVEN, Network, lattice, row_of, show, steps


@pytest.mark.usefixtures("whole_pages")
def test_reading_of_drawn_page(classifier: digits.Classifier, monkeypatch: Patch) -> None:
    """A blank page on which the detector sees "-1.5 27", the 7 not quite sure."""
    drawn = [*row_of("-1.5", 40, 60), *row_of("27", 250, 60)]
    drawn[-1] = drawn[-1]._replace(score=1.5)
    page = np.full((300, 500), 255, np.uint8)
    show(monkeypatch, drawn, page.shape)
    reading = classifier.read(page)
    assert (reading.text, reading.status) == ("-1.5?  27?", "unsure")
    lenient = classifier.read(page, max_errors=0.5)
    assert (lenient.text, lenient.status) == ("-1.5  27", "sure")
    symbol = reading.symbols[1]
    assert symbol.box == (64, 60, 82, 90)
    assert symbol.confidence == max(symbol.probabilities) == symbol.probabilities[1] > 0.9
    assert len(symbol.probabilities) == 12 and sum(symbol.probabilities) < 1
    digits_only = classifier.read(page, digits.Constraints(digits_only=True))
    assert [number.text for number in digits_only.numbers] == ["15", "27"]
    assert pickle.loads(pickle.dumps(reading)) == reading
    assert pickle.loads(pickle.dumps(classifier)).read(page) == reading


@pytest.mark.usefixtures("whole_pages")
@pytest.mark.parametrize(
    ("text", "constraints", "is_accepted"),
    [
        ("3.200", {}, False),  # or 3200
        ("3.200", {"pattern": "[0-9.]*"}, False),
        ("3.200", {"pattern": r"\d\.\d*"}, True),
        ("3.200", {"range": "0-10"}, True),
        ("3.200", {"digits_only": True}, True),
        ("0.125", {}, True),
        ("3.20", {}, True),
    ],
)
def test_point_that_may_separate_thousands_is_for_review(
    classifier: digits.Classifier,
    monkeypatch: Patch,
    text: str,
    constraints: dict[str, Any],
    is_accepted: bool,
) -> None:
    page = np.full((300, 500), 255, np.uint8)
    show(monkeypatch, row_of(text, 40, 60), page.shape)
    [number] = classifier.read(page, digits.Constraints(**constraints), 0.1).numbers
    assert (number.status == "accepted") == is_accepted and number.probability > 0.9


def test_boxes_are_in_pixels_of_pictures(classifier: digits.Classifier, monkeypatch: Patch) -> None:
    show(monkeypatch, row_of("42", 100, 200, 40), (600, 1000))
    reading = classifier.read(np.full((2400, 4000), 255, np.uint8))  # which is reduced to a quarter
    np.testing.assert_allclose(reading.symbols[0].box, (400, 800, 496, 960), atol=8)


def test_recognizer_reads_what_the_detector_overlooks(
    classifier: digits.Classifier, monkeypatch: Patch
) -> None:
    """In the whole picture, as without paper around it."""
    page = np.full((100, 80), 255, np.uint8)
    show(monkeypatch, [], page.shape, steps("4"))
    monkeypatch.setattr(Weights, "from_metadata", lambda _: EVEN._replace(detector_slip_rate=0.01))
    [symbol] = classifier.read(page).symbols
    assert (symbol.symbol, symbol.box) == ("4", (0, 0, 80, 100))
    assert symbol.confidence == max(symbol.probabilities) > 0.9
    show(monkeypatch, [], page.shape, steps(""))
    assert classifier.read(page).lines == ()


def test_recognizer_decides_about_the_only_digit(
    classifier: digits.Classifier, monkeypatch: Patch
) -> None:
    """As of a photo of a small digit, in which the detector rather saw none."""
    [drawn], page = row_of("9", 200, 60), np.full((600, 450), 255, np.uint8)
    show(monkeypatch, [drawn._replace(score=-1.5)], page.shape, steps("9"))
    [symbol] = classifier.read(page).symbols
    assert symbol.symbol == "9" and symbol.box == pytest.approx(drawn.box, abs=2)


def test_recognizer_looks_at_what_the_detector_doubts() -> None:
    """Such as the last digit of a number, of which it then saw nothing or a part."""
    drawn, page = row_of("273", 100, 60), np.full((300, 500), 255, np.uint8)
    drawn[-1] = drawn[-1]._replace(score=-1.5)
    network = Network(drawn, page.shape)
    [[views]] = find_numbers(network, lambda crops: [steps("27")] * len(crops), page)
    assert len(views.lattice) == 3 and views.box[2] > drawn[-1].box[2] + 10


def test_recognizer_does_not_look_at_what_is_longer_than_a_crop() -> None:
    regions = [crops.inside((0.0, 0.0, right, 30.0)) for right in (600.0, 700.0, 20.0)]
    page, recognize = np.full((30, 700), 255, np.uint8), Mock(return_value=[steps("7"), steps("8")])
    views = view_numbers(recognize, page, [(lattice("7"), region) for region in regions])
    recognize.assert_called_once()
    assert [len(each.steps) for each in views] == [2, 0, 2]
    np.testing.assert_array_equal(views[2].steps, steps("8"))


@pytest.mark.slow
@pytest.mark.usefixtures("whole_pages")
def test_numbers_are_recognized_line_by_line() -> None:
    shape, calls = (1400, 1400), list[int]()
    drawn = [
        symbol for x in range(17) for y in range(17) for symbol in row_of("7", 80 * x, 80 * y, 20)
    ]

    def recognize(cut: Sequence[np.ndarray]) -> list[np.ndarray]:
        calls.append(len(cut))
        assert {(crop.dtype, len(crop)) for crop in cut} == {(np.dtype(np.uint8), CROP_HEIGHT)}
        return [steps("7").astype(np.float32)] * len(cut)

    lines = [*find_numbers(Network(drawn, shape), recognize, np.full(shape, 255, np.uint8))]
    assert [len(line) for line in lines] == [17] * 17
    assert calls == [17] * 17


def test_docs_page_reads_as_documented(classifier: digits.Classifier) -> None:
    root = Path(__file__).parents[3]
    rules = digits.Constraints(length=6, check="luhn")
    readme = (root / "README.md").read_text()
    assert repr(classifier.read(root / "docs" / "luhn.png", rules).text).strip("'") in readme
    text = classifier.read(root / "docs" / "page.jpg").text
    assert repr(text).strip("'") in readme
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    assert (
        f"    $ digits read docs/page.jpg --annotate page-read.jpg\n{lines}"
        in (root / "docs" / "read.md").read_text()
    )


@pytest.mark.parametrize("max_errors", ["0.01", 0, 1])
def test_max_errors_is_between_0_and_1(classifier: digits.Classifier, max_errors: Any) -> None:
    with pytest.raises(ValueError, match="max_errors must be a number between 0 and 1, not "):
        classifier.read(np.full((30, 30), 255, np.uint8), max_errors=max_errors)
