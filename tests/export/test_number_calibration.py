"""The certainty of numbers, fitted on what is read rightly and wrongly."""

import numpy as np
import pytest

from digits.inference.recognizer_model import CropReading
from digits.reader.decode import TextScores
from digits_export.number_calibration import (
    LabelledScores,
    fit_calibration,
    fit_second_opinion,
    read_pages,
)
from digits_train.symbols import LabelledPage, Truth
from tests.drawings import WHOLE, steps
from tests.export.detector_pages import PAGES, ink_maps


def numbers(claimed: float, right: float, others_right: float = 0.5) -> list[LabelledScores]:
    """A thousand numbers, of which a recognizer says "7" as surely as claimed.

    right: the share that is 7, not 1. others_right: the share of which another recognizer, as sure,
    says what is written.
    """
    random = np.random.default_rng(0)
    sure = np.log([1e-9, claimed, 1 - claimed])
    labelled = list[LabelledScores]()
    for _ in range(1000):
        text = "7" if random.random() < right else "1"
        is_swapped = (text == "7") != (random.random() < others_right)
        other = sure[[0, 2, 1]] if is_swapped else sure
        labelled.append((TextScores(["", "7", "1"], sure, np.zeros(3), other), text))
    return labelled


@pytest.mark.parametrize(("claimed", "right"), [(0.999, 0.9), (0.8, 0.95), (0.9, 0.9)])
def test_calibration_undoes_over_and_underconfidence(claimed: float, right: float) -> None:
    labelled = numbers(claimed, right)
    calibration = fit_calibration(labelled)
    shares = labelled[0][0].shares(0)
    assert calibration.probability(1 - shares["7"]) == pytest.approx(right, abs=0.03)
    assert calibration.probability(0.5) <= calibration.probability(1e-6)


def test_a_second_opinion_weighs_as_much_as_it_is_right() -> None:
    good, bad = (fit_second_opinion(numbers(0.9, 0.9, share)) for share in (0.99, 0.5))
    assert good.second_opinion_weight > 1 > 0.3 > bad.second_opinion_weight


def test_numbers_of_pages_are_read_with_what_is_written_there() -> None:
    """But for what is read of nothing, of two numbers together, and of a part of one."""
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    blank = LabelledPage(np.full((128, 208), 200, np.uint8), Truth(*nothing), text="")
    number, two = PAGES[0]._replace(text="777"), PAGES[1]._replace(text="7 77")
    cut = number._replace(pixels=number.pixels.copy())
    cut.pixels[:, 100:] = 200  # without the last digit
    says = CropReading(steps("777"), WHOLE)
    read = [*read_pages(ink_maps, lambda crops: [says] * len(crops), [number, two, blank, cut])]
    assert [text for _, text in read] == ["777"]
    assert "777" in read[0][0].texts
