import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits import Classifier
from digits.data.mnist import Split
from digits.reader.classify import Weights, classify, cut_inks
from digits.reader.lattice import build_lattice
from digits.vision.frame import to_mnist
from tests.runtime.reader.drawn import detections
from tests.synthetic import Sheet, chosen, lamp

EVEN = Weights(0.5, 0.5)


@pytest.mark.parametrize("inverted", [False, True])
def test_digits_are_cut_out_as_mnist_has_them(
    classifier: Classifier, test_slice: Split, inverted: bool
) -> None:
    """On ruled paper in uneven light, of either polarity, whatever is beside them."""
    sheet = Sheet(300, 700)
    sheet.rule(40, grey=170)
    boxes = sheet.write(chosen(test_slice, "2718281"), 60, 100, gap=3)
    photo = sheet.photograph(light=lamp(300, 700))
    inks = cut_inks(255 - photo if inverted else photo, np.array(boxes, np.float64))
    answers = classifier.model.probabilities(to_mnist(inks))
    assert answers.argmax(1).tolist() == [2, 7, 1, 8, 2, 8, 1]


@given(st.lists(st.tuples(*[st.floats(-50, 150)] * 2, *[st.floats(0, 80)] * 2), max_size=4))
def test_any_box_gives_ink_or_nothing(boxes: list[tuple[float, float, float, float]]) -> None:
    page = np.random.default_rng(0).integers(191, 201, (60, 90)).astype(np.uint8)
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes]).reshape(-1, 4)
    inks = cut_inks(page, corners)
    assert len(inks) == len(boxes)
    assert all(ink.dtype == np.uint8 and (not ink.size or ink.max() == 255) for ink in inks)


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


@pytest.mark.parametrize(("boxes", "grey"), [([(10, 10, 30, 40)], 255), ([(0, 0, 60, 60)] * 30, 0)])
def test_the_classifier_is_not_asked_without_ink_or_for_boxes_without_end(
    boxes: list[tuple[float, ...]], grey: int
) -> None:
    lattice = build_lattice(detections(boxes, [5.0] * len(boxes)))
    page = np.full((60, 60), 255, np.uint8)
    page[20:40, 20:40] = grey
    refused = pytest.fail
    assert classify([[lattice]], page, refused, EVEN) == [[lattice]]  # type: ignore[arg-type]
