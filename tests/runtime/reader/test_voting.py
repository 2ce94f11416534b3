import numpy as np
import pytest
from PIL import Image

import digits
from digits import Constraints
from digits.data.mnist import Split
from digits.images import picture
from digits.prediction import Number
from digits.reader.lattice import Arc
from digits.reader.reading import Rules
from digits.reader.voting import Sighting, vote
from tests.runtime.reader.drawn import lattice
from tests.synthetic import Sheet, chosen

PAGE = picture.load(np.zeros((20, 100), np.uint8))


def read(*lattices: list[Arc], constraints: Constraints | None = None) -> Number:
    """Of pictures of a number in line 1, 2 and so on."""
    sightings = [Sighting(PAGE, arcs, (line, 1)) for line, arcs in enumerate(lattices, 1)]
    return vote(sightings, Rules.of(constraints, None), 1.0)


def test_alternatives_of_pictures_that_are_all_unsure_decide_together() -> None:
    """Answers would stand one against one; only the 1 is possible in both."""
    first, second = lattice("2", {"1": 0.5, "7": 0.49}), lattice("2", {"1": 0.5, "4": 0.49})
    number = read(first, second)
    assert number.text == "21" and 0.7 < number.probability < 0.76  # if one of the two is right
    assert max(read(first).probability, read(second).probability) < 0.6


def test_probability_is_that_of_the_geometric_mean() -> None:
    number = read(lattice("", {"1": 0.6, "7": 0.4}), lattice("", {"1": 0.7, "7": 0.3}))
    assert number.text == "1" and number.status == "review"
    assert number.probability == pytest.approx(0.42**0.5 / (0.42**0.5 + 0.12**0.5), abs=0.01)


def test_mixture_of_contradicting_pictures_is_not_read() -> None:
    """By the mean alone, it would be 11, which no picture shows."""
    texts = ("07", "14", "21")
    number = read(*(lattice("", *({"1": 0.005, digit: 0.99} for digit in text)) for text in texts))
    assert number.text in texts and number.status == "review" and number.probability < 0.5


def test_number_is_placed_in_the_last_picture_that_shows_it() -> None:
    number = read(lattice("25"), lattice("25"), lattice("91"))
    assert (number.text, number.free, number.line) == ("25", "91", 2) and number.probability > 0.8


@pytest.mark.parametrize(
    ("constraints", "text"),
    [
        (Constraints(length=3), ""),
        (Constraints(values=["24", "31"]), "24"),
        (Constraints(pattern="9."), ""),
    ],
)
def test_constraints_repair_or_reject(constraints: Constraints, text: str) -> None:
    arcs = lattice("2", {"7": 0.8, "1": 0.1, "4": 0.09})
    number = read(arcs, arcs, constraints=constraints)
    assert (number.text, number.free) == (text, "27")
    assert number.status == ("unreadable" if not text else number.status)
    assert text or (number.probability, number.second) == (0, "")


def test_number_that_one_picture_disputes_is_not_accepted() -> None:
    arcs = lattice("27")
    assert read(arcs, arcs, arcs).status == "accepted"
    assert read([arc._replace(disputed=True) for arc in arcs], arcs, arcs).status == "review"


@pytest.fixture
def meter(test_slice: Split) -> np.ndarray:
    """A photograph of a serial number, and below it of a shorter reading."""
    sheet = Sheet(300, 500)
    sheet.write(chosen(test_slice, "27182845"), 20, 40, size=40)
    sheet.write(chosen(test_slice, "0459", start=3), 60, 160)
    return sheet.photograph()


def test_read_frames_of_different_sizes(classifier: digits.Classifier, meter: np.ndarray) -> None:
    larger = Image.fromarray(meter).resize((750, 450))
    blank = np.full((200, 300), 210, np.uint8)
    number = classifier.read_frames([meter, larger, blank], Constraints(length=4))
    assert number and "0459" in (number.text, number.second) and number.line == 2
    assert number.probability > 0.5
    assert number.box[2] - number.box[0] > 200  # in the larger picture
    longest = classifier.read_frames([meter, larger])
    assert longest and longest.text == "27182845"


def test_frames_without_a_digit(classifier: digits.Classifier) -> None:
    assert classifier.read_frames([np.full((200, 300), 210, np.uint8)] * 2) is None
    assert classifier.read_frames([]) is None
    with pytest.raises(digits.PictureError, match="missing.png"):
        classifier.read_frames(["missing.png"])
