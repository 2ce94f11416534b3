from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from digits.vision import hypotheses
from digits.vision.hypotheses import KINDS, MAX_HYPOTHESES, Hypothesis, propose
from tests.synthetic import PAPER, Sheet, chosen, lamp, shadow

Change = Callable[[Sheet], None]

# Whatever is on the paper besides the digit, and how it is photographed.
CHANGES: dict[str, Change] = {
    "nothing": lambda _: None,
    "ruled": lambda page: page.rule(40),
    "squared": lambda page: page.rule(40, True),
    "squared darkly": lambda page: page.rule(30, True, 100),
    "box": lambda page: page.box(50, 30, 180, 170),
    "tight box": lambda page: page.box(66, 40, 160, 145),
}
PHOTOGRAPHS: dict[str, dict[str, object]] = {
    "plain": {},
    "noisy": {"noise": 12},
    "tilted": {"tilt": 6},
    "lamp": {"light": lamp(200, 200)},
    "shadow": {"light": shadow(200, 200)},
    "table": {"table": 15},
    "pencil": {"ink": 150},
}

GREY = (
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=60))
    | hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30),
        elements=st.integers(0, 255),
    )
    | hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30),
        elements=st.sampled_from([20, 140, 228, 229, 230, 231, 232]),
    )
)


def sheet(split: Split, digit: str = "5", size: int = 110, start: int = 0) -> Sheet:
    page = Sheet(200, 200)
    page.write(chosen(split, digit, start), 70, 40, size)
    return page


def photograph(split: Split, change: str, how: str) -> tuple[Sheet, np.ndarray]:
    """Some digit on changed paper, photographed in some way."""
    number = list(CHANGES).index(change) + 2 * list(PHOTOGRAPHS).index(how)
    page = sheet(split, str(number % 10), start=number)
    CHANGES[change](page)
    return page, page.photograph(**PHOTOGRAPHS[how])  # type: ignore[arg-type]


def photographs(split: Split) -> Iterator[tuple[str, np.ndarray]]:
    for change in CHANGES:
        for how in PHOTOGRAPHS:
            yield f"{change}, {how}", photograph(split, change, how)[1]


def drawn(hypothesis: Hypothesis, shape: tuple[int, ...]) -> np.ndarray:
    """The ink of a hypothesis at its place in the picture."""
    picture = np.zeros(shape, np.uint8)
    ink, box = hypothesis.component
    picture[box.top : box.bottom, box.left : box.right] = ink
    return picture


def likeness(hypothesis: Hypothesis, written: np.ndarray) -> float:
    """The correlation of its ink with what was written, 1 when they are equal."""
    found = drawn(hypothesis, written.shape)
    return float(np.corrcoef(found.ravel(), written.ravel())[0, 1])


def by_kind(found: list[Hypothesis]) -> dict[str, Hypothesis]:
    """The hypotheses of the likelier polarity."""
    return {one.kind: one for one in found if not one.inverted}


def on_table(photo: np.ndarray, margin: int = 25, grey: int = 40) -> np.ndarray:
    height, width = photo.shape
    random = np.random.default_rng(0)
    picture = random.normal(grey, 2, (height + 2 * margin, width + 2 * margin))
    picture[margin:-margin, margin:-margin] = photo
    return picture.clip(0, 255).astype(np.uint8)


# What is not found yet.
LIMITS = {("squared darkly", "shadow")}


def same(one: Hypothesis, other: Hypothesis) -> bool:
    return one.component.box == other.component.box and np.array_equal(
        one.component.ink, other.component.ink
    )


@pytest.mark.parametrize("digit", list("0123456789"))
def test_main_is_digit(test_slice: Split, digit: str) -> None:
    page = Sheet(200, 200)
    [expected] = page.write(chosen(test_slice, digit), 70, 40, size=110)
    found = propose(page.photograph())
    assert found[0].kind == "main"
    assert not found[0].inverted
    assert found[0].share > 0.99
    np.testing.assert_allclose(found[0].component.box, expected, atol=5)
    assert likeness(found[0], np.asarray(page.ink)) > 0.98


def test_at_most_eight_and_main_first(test_slice: Split) -> None:
    """The plain hypothesis survives every change of the picture."""
    kinds = set()
    for name, photo in photographs(test_slice):
        found = propose(photo)
        assert 1 <= len(found) <= MAX_HYPOTHESES == 8, name
        assert found[0].kind == "main", name
        inverted = [one.inverted for one in found]
        assert inverted == sorted(inverted), name  # the likelier polarity first
        for polarity in (False, True):
            own = [one.kind for one in found if one.inverted == polarity]
            assert len(own) == len(set(own)), name
            kinds |= set(own)
    assert kinds == set(KINDS)


@pytest.mark.parametrize(
    ("change", "how"),
    [
        pytest.param(change, how, marks=[pytest.mark.xfail] if (change, how) in LIMITS else [])
        for change in CHANGES
        for how in PHOTOGRAPHS
        if how != "tilted"
    ],
)
def test_digit_among_hypotheses(test_slice: Split, change: str, how: str) -> None:
    page, photo = photograph(test_slice, change, how)
    written = np.asarray(page.ink)
    alike = {(one.kind, one.inverted): likeness(one, written) for one in propose(photo)}
    assert max(alike.values()) > 0.9, alike


def test_removing_lines_only_adds(test_slice: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """All hypotheses without this rule are still proposed with it."""
    monkeypatch.setattr(hypotheses, "MAX_HYPOTHESES", 100)
    unruled = 0
    for name, photo in photographs(test_slice):
        found = propose(photo)
        with monkeypatch.context() as patched:
            patched.setattr(hypotheses, "remove_lines", lambda mask, *_: mask.copy())
            without = propose(photo)
        assert "unruled" not in {one.kind for one in without}, name
        unruled += "unruled" in {one.kind for one in found}
        for one in without:
            assert any(same(one, other) for other in found), (name, one.kind)
    assert unruled > 10


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("digit", ["0", "4", "6"])
def test_line_through_digit(test_slice: Split, digit: str, number: int) -> None:
    page = sheet(test_slice, digit, start=number)
    page.ground[90:93] = 110
    photo = page.photograph()
    found = by_kind(propose(photo))
    box = found["main"].component.box
    assert (box.left, box.right) == (0, 200)  # with the line
    assert likeness(found["unruled"], np.asarray(page.ink)) > 0.95
    assert found["unruled"].share < found["main"].share


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("tilt", [0, 6])
def test_ruled_and_squared_paper(test_slice: Split, squared: bool, tilt: float) -> None:
    page, clean = sheet(test_slice, "3"), sheet(test_slice, "3")
    page.rule(36, squared)
    found = by_kind(propose(page.photograph(tilt)))
    [plain] = [one for one in propose(clean.photograph(tilt)) if one.kind == "main"]
    box = found["unruled"].component.box
    np.testing.assert_allclose(box, plain.component.box, atol=5)
    assert likeness(found["unruled"], drawn(plain, (200, 200))) > 0.95


@pytest.mark.parametrize("change", ["box", "tight box"])
@pytest.mark.parametrize("digit", ["0", "3", "8"])
def test_digit_in_form_box(test_slice: Split, change: str, digit: str) -> None:
    page = sheet(test_slice, digit)
    CHANGES[change](page)
    written = np.asarray(page.ink)
    assert max(likeness(one, written) for one in propose(page.photograph())) > 0.95


@pytest.mark.parametrize("pen", [60, 170])
@pytest.mark.parametrize("digit", ["0", "3"])
def test_inner_without_table(test_slice: Split, digit: str, pen: int) -> None:
    """With a pen or a pencil."""
    page = sheet(test_slice, digit)
    found = by_kind(propose(page.photograph(table=15, ink=pen)))
    assert found["main"].component.box.left == 0
    assert "inner" in found
    assert likeness(found["inner"], np.asarray(page.ink)) > 0.95


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("change", ["nothing", "ruled"])
def test_sheet_on_table(test_slice: Split, inverted: bool, change: str) -> None:
    """The digit is proposed even if the border suggests the other polarity."""
    page = sheet(test_slice, "3")
    CHANGES[change](page)
    photo = on_table(page.photograph())
    written = np.pad(np.asarray(page.ink), 25)
    found = propose(255 - photo if inverted else photo)
    assert {one.inverted for one in found} == {False, True}
    assert max(likeness(one, written) for one in found) > 0.95


@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("size", [28, 60, 200])
@pytest.mark.parametrize("margin", [-0.1, 0, 0.05])
def test_digit_at_border_keeps_its_ink(
    test_slice: Split, noise: float, size: int, margin: float
) -> None:
    """In "crop", in "all", or in "main" if it has all of the ink. Some is already cut off."""
    for digit in "0123456789":
        page = Sheet(size * 2, size * 2)
        [box] = page.write(chosen(test_slice, digit), size // 2, size // 3, size)
        more = round(margin * size)
        window = slice(box[1] - more, box[3] + more), slice(box[0] - more, box[2] + more)
        found = propose(page.photograph(noise=noise)[window])
        whole = [one for one in found if one.kind in ("main", "crop", "all")]
        written = np.asarray(page.ink)[window]
        alike, best = max((likeness(one, written), n) for n, one in enumerate(whole))
        assert alike > 0.93, digit
        kept = drawn(whole[best], written.shape) > 0
        assert kept[written > 128].mean() > 0.99, digit


def test_crop_is_uncorrected_ink() -> None:
    """A stroke that covers most of the picture looks like uneven light."""
    x = np.mgrid[-1:1:28j, -1:1:28j][1]
    photo = np.where(np.abs(x) < 0.6, 40, 220) + np.random.default_rng(0).normal(0, 2, x.shape)
    stroke = np.where(np.abs(x) < 0.6, 255, 0)
    found = propose(photo.clip(0, 255).astype(np.uint8))
    assert max(likeness(one, stroke) for one in found if one.kind == "crop") > 0.98


@pytest.mark.parametrize("digit", ["0", "3", "8"])
def test_dark_without_fainter_ink(test_slice: Split, digit: str) -> None:
    """A broad marker across the digit is too thick to be a line."""
    page = sheet(test_slice, digit)
    page.ground[85:100, 20:180] = 140
    found = by_kind(propose(page.photograph()))
    written = np.asarray(page.ink)
    assert likeness(found["main"], written) < 0.92
    assert likeness(found["dark"], written) > 0.94


def test_no_dark_with_one_ink() -> None:
    photo = np.full((100, 100), 230, np.uint8)
    photo[20:80, 45:52] = 40
    assert [one.kind for one in propose(photo)] == ["main"]


def test_alone_without_pieces() -> None:
    photo = np.full((120, 120), 230, np.uint8)
    photo[30:90, 50:60] = photo[30:60, 75:80] = 40
    found = by_kind(propose(photo))
    assert tuple(found["main"].component.box) == (50, 30, 80, 90)
    assert tuple(found["alone"].component.box) == (50, 30, 60, 90)
    assert tuple(found["second"].component.box) == (75, 30, 80, 60)
    assert found["main"].share == 1
    assert found["alone"].share == pytest.approx(0.8, abs=0.01)
    assert found["second"].share == pytest.approx(0.2, abs=0.01)


def test_second_is_other_digit(test_slice: Split) -> None:
    page = Sheet(200, 400)
    one, other = page.write(chosen(test_slice, "60"), 80, 40, size=110, gap=90)
    found = by_kind(propose(page.photograph()))
    boxes = sorted(tuple(found[kind].component.box) for kind in ("main", "second"))
    np.testing.assert_allclose(boxes, [one, other], atol=5)


def test_all_holds_all_ink(test_slice: Split) -> None:
    page = Sheet(200, 500)
    boxes = page.write(chosen(test_slice, "608"), 30, 40, size=110, gap=90)
    found = by_kind(propose(page.photograph()))
    box = found["all"].component.box
    assert (box.left, box.right) == pytest.approx((boxes[0][0], boxes[-1][2]), abs=5)
    assert found["all"].share == 1
    assert found["main"].share < 0.5


def test_main_without_specks(test_slice: Split) -> None:
    photo = sheet(test_slice, "6").photograph()
    before = propose(photo)[0].component.box
    photo[5:9, 5:9] = photo[150:153, 20:22] = 20
    photo[100:103, before.left - 8 : before.left - 6] = 20  # near, but much lighter
    assert propose(photo)[0].component.box == pytest.approx(before, abs=1)


def test_main_is_near_middle() -> None:
    photo = np.full((200, 200), 230, np.uint8)
    photo[70:130, 95:105] = 40
    photo[10:70, 10:30] = 40  # twice as heavy, in the corner
    found = by_kind(propose(photo))
    assert found["main"].component.box.left == 95
    assert found["second"].component.box.left == 10


@pytest.mark.parametrize("digit", ["3", "7"])
def test_main_of_broken_digit(test_slice: Split, digit: str) -> None:
    photo = sheet(test_slice, digit).photograph()
    before = propose(photo)[0].component.box
    middle = (before.top + before.bottom) // 2
    photo[middle - 2 : middle + 2] = PAPER
    found = by_kind(propose(photo))
    assert found["main"].component.box == pytest.approx(before, abs=2)
    assert found["alone"].component.box.height < 0.7 * before.height


@pytest.mark.parametrize("shape", [(1, 1), (60, 60), (300, 20)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_picture(shape: tuple[int, int], level: int) -> None:
    assert propose(np.full(shape, level, np.uint8)) == []


@pytest.mark.parametrize("side", [1, 2])
def test_speck_is_no_hypothesis(side: int) -> None:
    photo = np.full((60, 60), 230, np.uint8)
    photo[30 : 30 + side, 30 : 30 + side] = 0
    assert propose(photo) == []


@pytest.mark.parametrize("side", [1, 2])
def test_speck_on_noisy_paper(side: int) -> None:
    """Not even "crop": nothing below three pixels is a digit."""
    photo = 228 + np.random.default_rng(0).normal(0, 1, (60, 60))
    photo[30 : 30 + side, 30 : 30 + side] = 0
    for one in propose(photo.astype(np.uint8)):
        assert max(one.component.ink.shape) >= 3, one.kind


def test_hypotheses_differ(test_slice: Split) -> None:
    """Equal hypotheses would be counted twice."""
    for name, photo in photographs(test_slice):
        found = propose(photo)
        for number, one in enumerate(found):
            for other in found[:number]:
                assert not same(one, other), (name, one.kind, other.kind)


@settings(max_examples=150)
@given(GREY)
def test_hypotheses_of_any_picture_differ(grey: np.ndarray) -> None:
    found = propose(grey)
    for number, one in enumerate(found):
        for other in found[:number]:
            assert not same(one, other), (one.kind, other.kind)


@settings(max_examples=150)
@given(GREY)
def test_any_grey_picture(grey: np.ndarray) -> None:
    height, width = grey.shape
    before = grey.copy()
    found = propose(grey)
    assert len(found) <= MAX_HYPOTHESES
    for one in found:
        ink, box = one.component
        assert one.kind in KINDS
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
        assert ink.shape == (box.height, box.width)
        assert ink.dtype == np.uint8
        assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
        assert 0 < one.share <= 1
    assert (grey == before).all()


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 8))
def test_noise_at_most_eight(seed: int, cell: int) -> None:
    random = np.random.default_rng(seed)
    field = random.random((120, 160)).repeat(cell, 0).repeat(cell, 1)[:120, :160]
    assert len(propose((255 * field).astype(np.uint8))) <= MAX_HYPOTHESES
