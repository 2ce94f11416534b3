import numpy as np
import pytest

import digits
from digits import Constraints
from digits.images import picture
from digits.prediction import Number
from digits.reader.lattice import Arc
from digits.reader.reading import Rules
from digits.reader.voting import Sighting, vote
from tests.runtime.reader.drawn import lattice, row_of, show

PAGE = picture.load(np.zeros((20, 100), np.uint8))


def read(*lattices: list[Arc], constraints: Constraints | None = None) -> Number:
    """Of pictures of a number in line 1, 2 and so on."""
    sightings = [Sighting(PAGE, arcs, (line, 1)) for line, arcs in enumerate(lattices, 1)]
    return vote(sightings, Rules.of(constraints, None), 1.0)


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
    ],
)
def test_constraints_repair_or_reject(constraints: Constraints, text: str) -> None:
    arcs = lattice("2", {"7": 0.8, "1": 0.1, "4": 0.09})
    number = read(arcs, arcs, constraints=constraints)
    assert (number.text, number.free) == (text, "27")
    assert (number.status == "unreadable") == (text == "")


def test_number_that_one_picture_disputes_is_not_accepted() -> None:
    arcs = lattice("27")
    assert read(arcs, arcs, arcs).status == "accepted"
    assert read([arc._replace(disputed=True) for arc in arcs], arcs, arcs).status == "review"


def test_read_frames_of_different_sizes(
    classifier: digits.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A serial number, and below it a shorter reading."""
    show(monkeypatch, row_of("27182845", 20, 40) + row_of("0459", 60, 160), (300, 500))
    page, larger = np.full((300, 500), 255, np.uint8), np.full((600, 1000), 255, np.uint8)
    number = classifier.read_frames([page, larger], Constraints(length=4))
    assert number and (number.text, number.line) == ("0459", 2)
    np.testing.assert_allclose(number.box, (120, 320, 300, 380), atol=4)  # in the larger picture
    longest = classifier.read_frames([larger, page])
    assert longest and longest.text == "27182845"


def test_frames_without_a_digit(classifier: digits.Classifier) -> None:
    assert classifier.read_frames([np.full((200, 300), 210, np.uint8)] * 2) is None
    assert classifier.read_frames([]) is None
    with pytest.raises(digits.PictureError, match="missing.png"):
        classifier.read_frames(["missing.png"])
