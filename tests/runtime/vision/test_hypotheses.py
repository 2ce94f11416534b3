from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.data.split import Split
from digits.images.picture import GreyImage
from digits.inference.model import ClassifierModel
from digits.vision.candidates import examine_by_classifier
from digits.vision.components import ink_box
from digits.vision.hypotheses import KINDS, MAX_HYPOTHESES, Hypothesis, propose, propose_inverted
from tests.synthetic import Sheet, arrays, chosen, lamp, likeness


def drawn(hypothesis: Hypothesis, shape: tuple[int, ...]) -> np.ndarray:
    """The ink of a hypothesis at its place in the picture."""
    picture = np.zeros(shape, np.uint8)
    picture[hypothesis.component.box.pixels] = hypothesis.component.ink
    return picture


@pytest.fixture
def sheet(test_slice: Split) -> Sheet:
    sheet = Sheet(200, 200)
    sheet.write(chosen(test_slice, "8"), 70, 40, size=110)
    return sheet


@pytest.mark.parametrize(
    ("kind", "line"),
    [("narrow", slice(0)), ("unruled", slice(None)), ("narrow unruled", slice(20, 180))],
)
def test_digit_in_uneven_light_with_a_printed_line(sheet: Sheet, kind: str, line: slice) -> None:
    sheet.ground[90:93, line] = 100
    proposed = [*propose(sheet.photograph(light=lamp(200, 200)))]
    assert proposed[0].kind == "main"
    [view] = [view for view in proposed if view.kind == kind and not view.inverted]
    assert likeness(drawn(view, (200, 200)), np.asarray(sheet.ink)) > 0.98


@pytest.mark.parametrize("negative", [0, 255])
def test_sheet_on_table(sheet: Sheet, negative: int) -> None:
    """The border suggests the other polarity, which is proposed too; the likelier comes first."""
    proposed = [*propose(np.pad(sheet.photograph(), 25, constant_values=40) ^ np.uint8(negative))]
    assert proposed[-1].inverted
    ink = np.pad(np.asarray(sheet.ink), 25)
    best = max(proposed, key=lambda view: likeness(drawn(view, ink.shape), ink))
    assert not best.inverted and likeness(drawn(best, ink.shape), ink) > 0.95


def test_digit_at_border_keeps_its_ink(test_slice: Split) -> None:
    """Some is already cut off."""
    page = Sheet(400, 400)
    page.write(chosen(test_slice, "4"), 100, 66, 200)
    left, top, right, bottom = ink_box(np.asarray(page.ink) > 60)
    window = slice(top + 20, bottom - 20), slice(left + 20, right - 20)
    ink = np.asarray(page.ink)[window]
    proposed = [*propose(page.photograph()[window])]
    crop = next(drawn(view, ink.shape) for view in proposed if view.kind == "crop")
    assert likeness(crop, ink) > 0.93 and (crop > 0)[ink > 128].mean() > 0.99


Bar = tuple[int, ...]  # left, top, right, bottom, and perhaps the grey of ink on flat paper


def bars(*boxes: Bar, side: int = 120) -> np.ndarray:
    photo = np.full((side, side), 230, np.uint8)
    for left, top, right, bottom, *greys in boxes:
        photo[top:bottom, left:right] = min(greys, default=40)
    return photo


@pytest.mark.parametrize(
    ("boxes", "kinds"),
    [
        ([(45, 20, 52, 80)], {"main": ((45, 20, 52, 80), 1.0)}),  # nothing else, not even "dark"
        (
            [(50, 30, 60, 90), (75, 30, 80, 60)],
            {
                "main": ((50, 30, 80, 90), 1.0),
                "alone": ((50, 30, 60, 90), 0.8),
                "second": ((75, 30, 80, 60), 0.2),
            },
        ),
        (  # what comes in from the border
            [(50, 30, 60, 90), (64, 0, 68, 50)],
            {
                "main": ((50, 0, 68, 90), 1.0),
                "inner": ((50, 30, 60, 90), 0.75),
                "second": ((64, 0, 68, 50), 0.25),
            },
        ),
        (  # a marker
            [(30, 40, 90, 70, 140), (50, 30, 60, 90)],
            {"main": ((30, 30, 90, 90), 1.0), "dark": ((49, 30, 61, 90), 0.458)},
        ),
        (  # a line of the paper, from border to border
            [(0, 50, 120, 52), (50, 30, 60, 90)],
            {"main": ((0, 30, 120, 90), 1.0), "unruled": ((49, 30, 61, 90), 0.732)},
        ),
        (  # the one in the middle, though the one in the corner is twice as heavy
            [(55, 42, 61, 78), (5, 5, 17, 41)],
            {
                "main": ((55, 42, 61, 78), 1 / 3),
                "second": ((5, 5, 17, 41), 2 / 3),
                "all": ((5, 5, 61, 78), 1.0),
            },
        ),
    ],
)
def test_kinds_of_components(boxes: list[Bar], kinds: dict[str, tuple[Bar, float]]) -> None:
    proposed = {view.kind: (view.component.box, view.share) for view in propose(bars(*boxes))}
    expected: dict[str, Any] = {
        kind: (box, pytest.approx(share, abs=5e-4)) for kind, (box, share) in kinds.items()
    }
    assert proposed == expected


def test_blank_picture_and_speck() -> None:
    for photo in (bars(side=1), bars(), bars((30, 30, 31, 31)), bars((30, 30, 32, 32))):
        assert not [*propose(photo)]
    assert [view.kind for view in propose(bars((30, 30, 33, 33)))] == ["main"]


@pytest.mark.parametrize(
    ("boxes", "is_certain"),
    [
        ([(55, 42, 61, 78)], True),
        ([(55, 0, 61, 78)], False),  # perhaps cut
        ([(55, 42, 61, 78), (5, 5, 11, 41)], False),
        ([(55, 42, 61, 78), (70, 42, 75, 78)], False),  # perhaps another digit
    ],
)
def test_first_hypothesis_is_enough(boxes: list[Bar], is_certain: bool) -> None:
    pixels = bars(*boxes)
    [seen] = examine_by_classifier(
        ClassifierModel(), [GreyImage("it", pixels, 1, (120, 120))], min_confidence=0
    )
    assert seen.is_certain(0) == is_certain


@pytest.mark.slow
# Noise, few levels, and paper that is nearly even.
@settings(max_examples=150)
@given(arrays(60) | arrays(30, *range(256)) | arrays(30, 20, 140, 228, 229, 232), st.booleans())
def test_any_grey_picture(grey: np.ndarray, inverted: bool) -> None:
    height, width = grey.shape
    proposed = propose_inverted(grey) if inverted else [*propose(grey)]
    assert len(proposed) <= (len(KINDS) if inverted else MAX_HYPOTHESES)
    for first, second in combinations((view.component for view in proposed), 2):
        assert first.box != second.box or not np.array_equal(first.ink, second.ink)
    for kind, (ink, box), share, _, _, unevenness in proposed:
        assert kind in KINDS and ink.shape == (box.height, box.width)
        assert 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
        assert 0 < share <= 1 and 0 <= unevenness <= 1
