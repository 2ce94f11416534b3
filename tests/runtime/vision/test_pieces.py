import math
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from digits import Classifier
from digits.data.mnist import Split
from digits.vision.components import Box
from digits.vision.ink import Ink
from digits.vision.page import Page, find_pieces
from digits.vision.pieces import (
    Pieces,
    classify_components,
    classify_pieces,
    mean_confidence,
    page_style,
    remove_boxes,
    restore_erased,
)
from digits.vision.segment import segment
from tests.runtime.vision.pages import Network, bar, bars, ink_of
from tests.synthetic import PAPER, Sheet, chosen


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


STROKES = {
    "1": [(9, 5), (9, 40)],
    "4": [(0, 4), (0, 22), (16, 22), (16, 4), (16, 40)],
    "7": [(0, 6), (18, 6), (9, 40)],
}


@pytest.mark.parametrize("tilt", [0, 6])
@pytest.mark.parametrize("pen", [1, 2])
@pytest.mark.parametrize("number", ["7777777", "1111111", "4747474"])
def test_thin_strokes_on_narrow_picture(
    classifier: Classifier, number: str, pen: int, tilt: float
) -> None:
    """In a picture hardly taller than its digits, a straight stroke reaches from edge to edge."""
    sheet = Sheet(44, 230)
    for place, digit in enumerate(number):
        points = [(10 + 30 * place + x, y) for x, y in STROKES[digit]]
        ImageDraw.Draw(sheet.ink).line(points, fill=255, width=pen)
    photo = Image.fromarray(sheet.photograph(noise=0))
    turned = photo.rotate(tilt, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
    found = segment(ink_of(np.asarray(turned)), classifier.classify)
    assert found is not None
    boxes = [atom.component.box for line in found.lines for lat in line for atom in lat.atoms]
    assert sum(box.height > 25 for box in boxes) == len(number)  # each has its long stroke


def erased(ink: Ink, rows: slice, columns: slice) -> Page:
    """A page on which some ink was removed as a line of the paper."""
    cleaned = ink.copy()
    cleaned[rows, columns] = 0
    found = find_pieces(cleaned)
    assert found is not None
    return found._replace(ink=ink, lines=(ink > 0) & (cleaned == 0))


HOOK = Box(200, 100, 230, 140)  # a bar across, and a thin one down from its end


def page_with_hook() -> Page:
    ink = bars(*(bar(x) for x in (100, 130, 160)), bar(200, 100, 30, 8), shape=(300, 300))
    ink[100:140, 228:230] = 220
    return erased(ink, slice(108, 140), slice(228, 230))


def test_erased_stroke_comes_back() -> None:
    """Only with the stroke is the piece a digit."""
    page, network = page_with_hook(), Network()
    pieces = classify_components(page, network)
    assert HOOK not in [component.box for component in pieces.components]
    restored = restore_erased(page, pieces, network)
    boxes = [component.box for component in restored.components]
    assert sorted(boxes) == [bar(100), bar(130), bar(160), HOOK]
    check(restored, network)


class Likes(Network):
    """Is sure only of pieces of a certain shape."""

    def __init__(self, *shapes: tuple[int, int]) -> None:
        super().__init__(0.6)
        self.shapes = shapes

    def __call__(self, inks: Sequence[Ink]) -> tuple[np.ndarray, np.ndarray]:
        frames, answers = super().__call__(inks)
        for answer, ink in zip(answers, inks, strict=True):
            if ink.shape in self.shapes:
                answer[:] = np.eye(10, dtype=np.float32)[2]
        return frames, answers


def test_erased_stroke_not_restored() -> None:
    page = page_with_hook()
    before = classify_components(page, Network())
    [low] = {one.ink.shape for one in before.components} - {(40, 12)}
    network = Likes((low[0], low[1]))
    before = classify_components(page, network)
    after = restore_erased(page, before, network)
    assert [one.box for one in after.components] == [one.box for one in before.components]


def test_erased_stroke_restored() -> None:
    ink = bars(*(bar(x) for x in (100, 130, 160)), bar(60, 118, 40, 2), shape=(300, 300))
    network = Likes((40, 52))
    page = erased(ink, slice(118, 120), slice(60, 100))
    after = restore_erased(page, classify_components(page, network), network)
    first, *others = sorted(one.box for one in after.components)
    assert first.left == pytest.approx(60, abs=1)
    assert others == [bar(130), bar(160)]


def test_page_without_lines_is_unchanged() -> None:
    page, network = pieces_page(), Network()
    pieces = classify_components(page, network)
    assert restore_erased(page, pieces, network) is pieces
    assert remove_boxes(page, pieces, network) is pieces
    assert network.batches == [3]


def pieces_page() -> Page:
    found = find_pieces(bars(bar(100), bar(130), bar(160)))
    assert found is not None
    return found


def check(pieces: Pieces, network: Network) -> None:
    """Check that all arrays describe the same pieces."""
    again = classify_pieces(pieces.components, network)
    np.testing.assert_array_equal(pieces.frames, again.frames)
    np.testing.assert_array_equal(pieces.answers, again.answers)
    np.testing.assert_allclose(pieces.pens, again.pens, rtol=1e-5)
    np.testing.assert_allclose(pieces.contrasts, again.contrasts, rtol=1e-5)


def test_pens_and_contrasts() -> None:
    ink = bars(bar(100, width=8), bar(150, width=4), bar(200, width=8))
    ink[:, 200:208] //= 2
    found = find_pieces(ink)
    assert found is not None
    network = Network()
    pieces = classify_components(found, network)
    assert sorted(pieces.pens.tolist()) == pytest.approx([4, 8, 8], rel=0.25)
    assert sorted(pieces.contrasts.tolist()) == pytest.approx([110 / 255, 220 / 255, 220 / 255])
    check(pieces, network)


def test_no_pieces() -> None:
    pieces = classify_pieces([], Network())
    assert pieces.components == []
    assert pieces.frames.shape == (0, 28, 28)
    assert pieces.answers.shape == (0, 10)
    assert pieces.pens.shape == pieces.contrasts.shape == (0,)


@pytest.mark.parametrize("digit", ["0", "3", "8"])
@pytest.mark.parametrize("height", [80, 60])
def test_digit_touching_its_box(
    classifier: Classifier, test_slice: Split, digit: str, height: int
) -> None:
    sheet = Sheet(300, 300)
    [expected] = sheet.write(chosen(test_slice, digit, start=2), 110, 100)
    sheet.box(expected[0] - 20, expected[3] - height, expected[2] + 20, expected[3] - 2)
    page = find_pieces(ink_of(sheet.photograph()))
    assert page is not None
    before = classify_components(page, classifier.classify)
    after = remove_boxes(page, before, classifier.classify)
    sure = [
        component.box
        for component, answer in zip(after.components, after.answers, strict=True)
        if answer.argmax() == int(digit) and answer.max() > 0.9
    ]
    assert len(sure) == 1
    np.testing.assert_allclose(sure[0], expected, atol=6)


def test_box_removed_for_sure_digit_only() -> None:
    ink = bars(bar(100, 100, 60, 80))
    ink[102:178, 102:158] = 0
    ink[130:160, 102:112] = 220  # it touches the box
    found = find_pieces(ink)
    assert found is not None
    whole = Box(100, 100, 160, 180)

    def boxes(network: Network) -> list[Box]:
        pieces = classify_components(found, network)
        after = remove_boxes(found, pieces, network)
        check(after, network)
        return [one.box for one in after.components]

    assert boxes(Likes()) == [whole]
    assert boxes(Likes((80, 60), (30, 12))) == [whole]  # the network is sure of all of it
    assert boxes(Likes((30, 12))) == [Box(100, 130, 112, 160)]  # with what it crosses


def test_style_is_that_of_sure_digits() -> None:
    found = find_pieces(
        bars(bar(100), bar(130, height=42), bar(160, height=44), bar(200, 200, 90, 50))
    )
    assert found is not None
    style = page_style(found, classify_components(found, Network()))
    assert style.height == 42
    assert style.contrast == pytest.approx(220 / 255)
    assert style.pen == pytest.approx(12, rel=0.3)
    unsure = page_style(found, classify_components(found, Network(0.5)))
    assert unsure.height == found.height


def test_style_is_not_that_of_a_table() -> None:
    """A bare stroke may be a table's edge, or cut off by the border."""

    def tall_is_a_one(inks: Sequence[Ink]) -> tuple[np.ndarray, np.ndarray]:
        frames, answers = Network()(inks)
        for answer, ink in zip(answers, inks, strict=True):
            if len(ink) > 100:
                answer[[1, 3]] = answer[[3, 1]]
        return frames, answers

    digits = [bar(100 + 30 * k, 150) for k in range(3)]
    for network, edge in ((tall_is_a_one, bar(20, 20, 40, 250)), (Network(), bar(0, 0, 40, 300))):
        found = find_pieces(bars(*digits, edge))
        assert found is not None
        assert page_style(found, classify_components(found, network)).height == 40


def test_mean_confidence() -> None:
    """The mean over pieces about as tall as a digit and not too wide."""
    found = find_pieces(bars(bar(100), bar(130), bar(160, 110, 45, 30), bar(220, 130, 5, 8)))
    assert found is not None
    pieces = classify_components(found, Network())
    number = {component.box.left: k for k, component in enumerate(pieces.components)}
    confidence = math.log(0.97 / 0.03)
    both = mean_confidence(pieces, number.values(), 40)  # without the wide one and the speck
    assert both == pytest.approx(confidence * 2 / 3, rel=1e-4)
    assert mean_confidence(pieces, [number[100], number[130]], 40) == both
    assert mean_confidence(pieces, [number[100]], 40) == pytest.approx(confidence / 2, rel=1e-4)
    assert mean_confidence(pieces, [number[220]], 40) == 0
    pieces.answers[:, [1, 3]] = pieces.answers[:, [3, 1]]
    assert mean_confidence(pieces, number.values(), 40) == 0  # ones don't count
