"""Whole pages, by both networks."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digits
from digits.inference.recognizer_model import CropReading
from digits.reader.looks import LOOKS, RecognizeFn, look_at, number_region
from digits.reader.read_page import find_numbers
from tests.conftest import Patch
from tests.drawings import WHOLE, Network, detections, row_of, show, steps


def all_say(text: str) -> RecognizeFn:
    """A recognizer that reads a text in every crop."""
    return lambda cut: [CropReading(steps(text).astype(np.float32), WHOLE)] * len(cut)


def placed(said: np.ndarray, *positions: int) -> np.ndarray:
    """Let what a recognizer says of symbols be at these steps, of four pixels of a crop each."""
    rows = np.repeat(steps(""), positions[-1] + 6, 0)
    rows[[*positions]] = said[::2]
    return rows


@pytest.mark.usefixtures("whole_pages")
def test_reading_of_drawn_page(reader: digits.Reader, monkeypatch: Patch) -> None:
    """A blank page on which the detector sees two numbers, and the recognizer doubts their end."""
    page = np.full((300, 500), 255, np.uint8)
    seen = placed(steps("-1.", {"5": 0.8, "6": 0.15}), 5, 12, 16, 24)
    show(monkeypatch, [*row_of("-1.5", 40, 60), *row_of("-1.5", 250, 60)], page.shape, seen)
    reading = reader.read(page)
    assert (reading.text, reading.status) == ("-1.5?  -1.5?", "review")
    lenient = reader.read(page, max_errors=0.5)
    assert (lenient.text, lenient.status) == ("-1.5  -1.5", "accepted")
    assert reading.numbers[0].second_best == "-1.6"
    symbol = reading.symbols[1]
    assert (symbol.box[1], symbol.box[3]) == (60, 90)
    assert symbol.confidence == max(symbol.probabilities) == symbol.probabilities[1] > 0.9
    assert len(symbol.probabilities) == 12 and sum(symbol.probabilities) < 1
    digits_only = reader.read(page, digits.Constraints(digits_only=True))
    assert [number.text for number in digits_only.numbers] == ["15", "15"]
    assert pickle.loads(pickle.dumps(reading)) == reading
    assert pickle.loads(pickle.dumps(reader)).read(page) == reading


@pytest.mark.usefixtures("whole_pages")
@pytest.mark.parametrize(
    ("text", "constraints", "is_accepted"),
    [
        ("3.200", {}, False),  # or 3200
        ("3.200", {"pattern": "[0-9.]*"}, False),
        ("3.200", {"pattern": r"\d\.\d*"}, True),
        ("3.200", {"digits_only": True}, True),
        ("1.234.5", {}, False),
        ("0.125", {}, True),
    ],
)
def test_point_that_may_separate_thousands_is_for_review(
    reader: digits.Reader,
    monkeypatch: Patch,
    text: str,
    constraints: dict[str, Any],
    is_accepted: bool,
) -> None:
    page = np.full((300, 500), 255, np.uint8)
    show(monkeypatch, row_of(text, 40, 60), page.shape, steps(text))
    [number] = reader.read(page, digits.Constraints(**constraints), 0.1).numbers
    assert (number.status == "accepted") == is_accepted and number.confidence > 0.9


def test_boxes_are_in_pixels_of_pictures(reader: digits.Reader, monkeypatch: Patch) -> None:
    show(monkeypatch, row_of("42", 100, 200, 40), (600, 1000), placed(steps("42"), 6, 12))
    reading = reader.read(np.full((2400, 4000), 255, np.uint8))  # which is reduced to a quarter
    assert reading.symbols[0].box[1::2] == pytest.approx((800, 960), abs=8)


def test_only_what_is_a_whole_number_is_sure(reader: digits.Reader, monkeypatch: Patch) -> None:
    """Its text may be as sure otherwise. Where no digit is seen, the whole picture is a crop."""
    page = np.full((100, 80), 255, np.uint8)
    show(monkeypatch, row_of("0", 20, 20, 60), page.shape, steps("0"))
    [number] = reader.read(page).numbers
    assert (number.text, number.status) == ("0", "accepted")
    show(monkeypatch, row_of("0", 20, 20, 60), page.shape, steps("0"), whole=-0.1)
    [number] = reader.read(page, max_errors=0.99).numbers
    assert (number.text, number.status, number.reason) == ("0", "review", "doubt")
    show(monkeypatch, [], page.shape, steps(""))
    assert reader.read(page).lines == ()


@pytest.mark.parametrize("count", range(1, len(LOOKS) + 1))
def test_looks_are_averaged(monkeypatch: Patch, count: int) -> None:
    """However many there are, and apart for each number."""
    monkeypatch.setattr("digits.reader.looks.LOOKS", LOOKS[:count])
    log_odds = [*map(float, range(2 * count))]
    says = [CropReading(steps("7"), each) for each in log_odds]
    seen = detections([(10, 10, 30, 40)], [6.0])
    number = np.full((50, 50), 255, np.uint8), seen, number_region(seen)
    first, second = look_at([number, number], lambda crops: says)
    assert first.whole == sum(log_odds[:count]) / count
    assert second.whole == sum(log_odds[count:]) / count
    assert len(first.log_probs) == len(second.log_probs) == count


def test_recognizer_looks_at_the_only_digit_that_the_detector_doubts(
    reader: digits.Reader, monkeypatch: Patch
) -> None:
    """As of a photo of a small digit."""
    [drawn], page = row_of("9", 200, 60), np.full((600, 450), 255, np.uint8)
    show(monkeypatch, [drawn._replace(score=-0.5)], page.shape, steps("9"))
    [[views]] = find_numbers(Network([drawn._replace(score=-0.5)], page.shape), all_say("9"), page)
    left, top, right, bottom = views.region.bounds
    assert left < drawn.box[0] < drawn.box[2] < right < 260 and top < 60 < 90 < bottom < 120
    assert reader.read(page).text == "9"


def test_recognizer_looks_at_what_the_detector_doubts() -> None:
    """Such as the last digit of a number, of which it then saw nothing or a part."""
    drawn, page = row_of("273", 100, 60), np.full((300, 500), 255, np.uint8)
    drawn[-1] = drawn[-1]._replace(score=-1.5)
    [[views]] = find_numbers(Network(drawn, page.shape), all_say("27"), page)
    assert len(views.detections.scores) == 3 and views.region.right > drawn[-1].box[2] + 10


def test_docs_page_reads_as_documented(reader: digits.Reader) -> None:
    root = Path(__file__).parents[3]
    page, readme = root / "docs" / "page.jpg", (root / "README.md").read_text()
    text = reader.read(page).text
    assert repr(text).strip("'") in readme and ", ".join(text.split()) in readme
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    assert (
        f"    $ digits read docs/page.jpg --annotate annotated.jpg\n{lines}"
        in (root / "docs" / "read.md").read_text()
    )


@pytest.mark.parametrize("max_errors", ["0.01", 0, 1])
def test_max_errors_is_between_0_and_1(reader: digits.Reader, max_errors: Any) -> None:
    with pytest.raises(ValueError, match="max_errors must be a number between 0 and 1, not "):
        reader.read(np.full((30, 30), 255, np.uint8), max_errors=max_errors)
