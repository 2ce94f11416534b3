from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.data.mnist import Split
from digits.vision.hypotheses import KINDS, MAX_HYPOTHESES, MAX_OF_BOTH, Hypothesis, propose
from tests.synthetic import Sheet, arrays, chosen, lamp, likeness, shadow

# Noise, few levels, and paper that is nearly even.
GREY = arrays(60) | arrays(30, *range(256)) | arrays(30, 20, 140, 228, 229, 230, 231, 232)
# Whatever is on the paper besides the digit, and how it is photographed.
CHANGES: dict[str, Callable[[Sheet], object]] = {
    "nothing": lambda _: None,
    "ruled": lambda sheet: sheet.rule(40),
    "squared": lambda sheet: sheet.rule(40, True),
    "squared darkly": lambda sheet: sheet.rule(30, True, 100),
    "box": lambda sheet: sheet.box(50, 30, 180, 170),
    "tight box": lambda sheet: sheet.box(66, 40, 160, 145),
}
PHOTOGRAPHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "noisy": {"noise": 12},
    "tilted": {"tilt": 6},
    "lamp": {"light": lamp(200, 200)},
    "shadow": {"light": shadow(200, 200)},
    "table": {"table": 15},
    "pencil": {"ink": 150},
}


def written(split: Split, digit: str, start: int = 0) -> Sheet:
    """A small sheet with one large digit."""
    sheet = Sheet(200, 200)
    sheet.write(chosen(split, digit, start), 70, 40, size=110)
    return sheet


def drawn(hypothesis: Hypothesis, shape: tuple[int, ...]) -> np.ndarray:
    """The ink of a hypothesis at its place in the picture."""
    picture = np.zeros(shape, np.uint8)
    ink, box = hypothesis.component
    picture[box.pixels] = ink
    return picture


def alike(proposed: list[Hypothesis], page: Sheet) -> float:
    """How much the ink of the best of these hypotheses is like what was written."""
    ink = np.asarray(page.ink)
    return max(likeness(drawn(hypothesis, ink.shape), ink) for hypothesis in proposed)


def by_kind(proposed: list[Hypothesis]) -> dict[str, Hypothesis]:
    """The hypotheses of the likelier polarity."""
    return {hypothesis.kind: hypothesis for hypothesis in proposed if not hypothesis.inverted}


def test_photographs_of_a_digit(test_slice: Split) -> None:
    """It is among the hypotheses, and the plain one survives every change of the picture."""
    kinds = set()
    for (line, change), (column, how) in product(enumerate(CHANGES), enumerate(PHOTOGRAPHS)):
        number = line + 2 * column
        page = written(test_slice, str(number % 10), start=number)
        CHANGES[change](page)
        proposed = propose(page.photograph(**PHOTOGRAPHS[how]))
        assert proposed[0].kind == "main"
        views = [(hypothesis.inverted, hypothesis.kind) for hypothesis in proposed]
        assert len(set(views)) == len(views)
        inverted = [hypothesis.inverted for hypothesis in proposed]
        assert inverted == sorted(inverted)  # the likelier polarity first
        kinds |= {hypothesis.kind for hypothesis in proposed}
        if how != "tilted" and (change, how) != ("squared darkly", "shadow"):
            assert alike(proposed, page) > 0.9, (change, how)
    assert kinds == set(KINDS)


def test_sheet_on_table(test_slice: Split) -> None:
    """The digit is proposed even if the border suggests the other polarity."""
    page = written(test_slice, "3")
    proposed = propose(np.pad(page.photograph(), 25, constant_values=40))
    assert {hypothesis.inverted for hypothesis in proposed} == {False, True}
    ink = np.pad(np.asarray(page.ink), 25)
    assert max(likeness(drawn(view, ink.shape), ink) for view in proposed) > 0.95


@pytest.mark.parametrize(("size", "margin"), [(28, 0.05), (200, -0.1)])
def test_digit_at_border_keeps_its_ink(test_slice: Split, size: int, margin: float) -> None:
    """In "crop", in "all", or in "main" if it has all of the ink. Some is already cut off."""
    for digit in "0123456789":
        page = Sheet(size * 2, size * 2)
        [box] = page.write(chosen(test_slice, digit), size // 2, size // 3, size)
        more = round(margin * size)
        window = slice(box[1] - more, box[3] + more), slice(box[0] - more, box[2] + more)
        ink = np.asarray(page.ink)[window]
        proposed = propose(page.photograph()[window])
        views = [view for view in proposed if view.kind in ("main", "crop", "all")]
        best = max((drawn(view, ink.shape) for view in views), key=lambda view: likeness(view, ink))
        assert likeness(best, ink) > 0.93, digit
        assert (best > 0)[ink > 128].mean() > 0.99, digit


def test_dark_without_fainter_ink(test_slice: Split) -> None:
    """A broad marker across the digit is too thick to be a line."""
    page = written(test_slice, "8")
    page.ground[85:100, 20:180] = 140
    proposed = by_kind(propose(page.photograph()))
    assert alike([proposed["main"]], page) < 0.92
    assert alike([proposed["dark"]], page) > 0.94


Bar = tuple[int, int, int, int]  # left, top, right and bottom of ink on flat paper


def bars(*boxes: Bar, side: int = 120) -> np.ndarray:
    photo = np.full((side, side), 230, np.uint8)
    for left, top, right, bottom in boxes:
        photo[top:bottom, left:right] = 40
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
    proposed = by_kind(propose(bars(*boxes)))
    assert proposed.keys() == kinds.keys()
    for kind, (box, share) in kinds.items():
        assert proposed[kind].component.box == box
        assert proposed[kind].share == pytest.approx(share, abs=0.01)


def test_blank_picture_and_speck() -> None:
    for photo in (bars(side=1), bars(), bars((30, 30, 31, 31)), bars((30, 30, 32, 32))):
        assert propose(photo) == []
    assert [view.kind for view in propose(bars((30, 30, 33, 33)))] == ["main"]


@settings(max_examples=150)
@given(GREY, st.booleans())
def test_any_grey_picture(grey: np.ndarray, both: bool) -> None:
    height, width = grey.shape
    before = grey.copy()
    proposed = propose(grey, both)
    assert len(proposed) <= (MAX_OF_BOTH if both else MAX_HYPOTHESES) == (12 if both else 8)
    for first, second in combinations((view.component for view in proposed), 2):
        assert first.box != second.box or not np.array_equal(first.ink, second.ink)
    for kind, (ink, box), share, _, unevenness in proposed:
        assert kind in KINDS
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
        assert ink.shape == (box.height, box.width) and ink.dtype == np.uint8
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
        assert 0 < share <= 1 and 0 <= unevenness <= 1
    assert (grey == before).all()
