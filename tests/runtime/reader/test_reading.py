"""Whole pages, by the detector together with the classifier."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digits
from digits.images import picture
from digits.reader.classify import Weights, classify, cut_inks
from digits.reader.lattice import build_lattice
from tests.conftest import Patch
from tests.runtime.reader.drawn import Drawn, detections, row_of, show


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


def test_boxes_are_in_pixels_of_pictures(classifier: digits.Classifier, monkeypatch: Patch) -> None:
    show(monkeypatch, row_of("42", 100, 200, 40), (600, 1000))
    reading = classifier.read(np.full((2400, 4000), 255, np.uint8))  # which is reduced to a quarter
    np.testing.assert_allclose(reading.symbols[0].box, (400, 800, 496, 960), atol=8)


def test_classifier_reads_the_one_digit_that_the_detector_overlooks(
    classifier: digits.Classifier, monkeypatch: Patch, pictures: list[Path]
) -> None:
    file = pictures[4]
    prediction = classifier.predict(file)
    page = picture.load(file, picture.PAGE_MAX_SIDE)
    left, top, right, bottom = (side / page.downscale for side in prediction.box)
    faint = Drawn("4", (left, top, right, bottom), -2.0)
    show(monkeypatch, [faint], page.pixels.shape)
    [symbol] = classifier.read(file).symbols
    assert (symbol.symbol, symbol.box) == ("4", prediction.box)
    assert symbol.confidence == max(symbol.probabilities) > 0.6
    assert len(symbol.probabilities) == 12 and sum(symbol.probabilities) <= 1
    assert symbol.frame is not None and symbol.frame.shape == (28, 28)


def test_digit_that_is_a_small_part_of_the_picture_is_the_detectors(
    classifier: digits.Classifier, monkeypatch: Patch
) -> None:
    scene = np.full((300, 500), 255, np.uint8)
    scene[40:260, 60:70] = 0  # a large 1, or the edge of something
    show(monkeypatch, row_of("4", 300, 150), scene.shape)
    [symbol] = classifier.read(scene).symbols
    assert symbol.symbol == "4" and symbol.frame is None


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


EVEN = Weights(0.5, 0.5)


@pytest.mark.parametrize(("paper", "ink"), [(220, 20), (40, 240)])
def test_ink_is_cut_out_of_its_paper(paper: int, ink: int) -> None:
    """Of either polarity; there is none in the second box."""
    page = np.full((60, 90), paper, np.uint8)
    page[12:38, 15:25] = ink
    page[12:20, 15:18] = (paper + ink) // 2
    digit, blank = cut_inks(page, np.array([(10.0, 10, 30, 40), (60, 10, 80, 40)]))
    expected = np.full((26, 10), 255)
    expected[:8, :3] = 127
    np.testing.assert_array_equal(digit, expected)
    assert blank.size == 0


@pytest.mark.parametrize(
    ("classified", "probability", "disputed"), [(9, 0.91, True), (9, 0.89, False), (3, 0.99, False)]
)
def test_what_both_are_sure_of_but_differ_is_disputed(
    classified: int, probability: float, disputed: bool
) -> None:
    """The detector takes it for a 3."""
    detected = detections([(10, 10, 30, 40)], [5.0])
    detected.symbols[0, 3] = np.log(0.98)
    lattice = build_lattice(detected)
    page = np.full((60, 60), 255, np.uint8)
    page[12:38, 15:25] = 0
    answers = np.full((1, 10), (1 - probability) / 9, np.float32)
    answers[0, classified] = probability
    [[[arc]]] = classify([[lattice]], page, lambda inks: answers, EVEN)
    assert arc.disputed == disputed
    assert np.exp(arc.symbols).sum() == pytest.approx(np.exp(detected.symbols[0]).sum())


@pytest.mark.parametrize(("boxes", "grey"), [([(10, 10, 30, 40)], 255), ([(0, 0, 60, 60)] * 30, 0)])
def test_the_classifier_is_not_asked_without_ink_or_for_boxes_without_end(
    boxes: list[tuple[float, ...]], grey: int
) -> None:
    lattice = build_lattice(detections(boxes, [5.0] * len(boxes)))
    page = np.full((60, 60), 255, np.uint8)
    page[20:40, 20:40] = grey
    refused = pytest.fail
    assert classify([[lattice]], page, refused, EVEN) == [[lattice]]  # type: ignore[arg-type]
