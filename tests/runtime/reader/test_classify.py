import numpy as np
import pytest

from digits.reader.classify import Weights, classify, cut_inks
from digits.reader.lattice import build_lattice
from tests.runtime.reader.drawn import detections

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
    """The reader takes it for a 3."""
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
