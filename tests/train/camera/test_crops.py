"""Crops of numbers, and what they say."""

import re
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from digits.inference.interface import CROP_HEIGHT, CROP_MAX_WIDTH, SYMBOLS
from digits_train.camera import crops
from digits_train.camera.crops import draw_crops, vary
from digits_train.camera.distributions import Mixture
from digits_train.camera.exposure import photograph
from digits_train.camera.materials import Materials
from digits_train.camera.presets import REAL_PAPER
from digits_train.camera.ranges import changed
from digits_train.camera.window import Window
from digits_train.symbols import Box, Symbol

EXACT = changed(
    REAL_PAPER,
    crop=dict.fromkeys(("clear", "misplaced", "unseen", "unlevel", "no_number"), 0.0)
    | {"beside": (0.5, 0.6), "over": (0.2, 0.3)},
    paper={"edge": 0.0},
)
SIGN: Box = (225, 100, 235, 130)  # between the second and the third digit of `written`


def written(text: str) -> Window:
    """A number of bars, 30 pixels high and 30 apart; a dot is below, a dash in the middle."""
    window = Window.empty((220, 960))
    for number, character in enumerate(text):
        left, label = 160 + 30 * number, SYMBOLS.index(character)
        top, bottom = {"-": (113, 117), ".": (125, 130)}.get(character, (100, 130))
        window.ink[top:bottom, left : left + 15] = 1
        window.symbols.append(Symbol((left, top, left + 15, bottom), label, 30))
    return window


def neighbour(window: Window, left: int, top: int = 100) -> None:
    window.ink[top : top + 30, left : left + 15] = 1
    window.symbols.append(Symbol((left, top, left + 15, top + 30), 8, 30))


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        ("12345", None, {"12345"}),
        ("-1.234.50", None, {"-1.234.50"}),
        ("120.-", None, {"120"}),  # the dash closes an amount
        ("12-", None, {"12"}),
        ("1234", lambda window: window.separators.append(SIGN), {None}),
        ("12", lambda window: window.separators.append(SIGN), {"12"}),  # it closes the number
        ("12", lambda window: window.fraction_digits.append((200, 95, 215, 135)), {None}),
        ("12", lambda window: window.fraction_digits.append((216, 95, 231, 135)), set()),  # cut
        ("1234", lambda window: window.doubtful.append(SIGN), set()),
        ("1" * 21, None, set()),
        ("12", lambda window: neighbour(window, 205), {"128"}),  # of the same number, to a detector
        ("12", lambda window: neighbour(window, 180, 137), {"12", "8"}),  # in the line below
    ],
)
def test_what_a_crop_says(
    text: str,
    change: Callable[[Window], None] | None,
    expected: set[str | None],
    materials: Materials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = [written(text) for _ in range(3)]
    if change:
        for window in windows:
            change(window)
    monkeypatch.setattr(crops, "compose", lambda *_: windows.pop())
    cut = []
    with pytest.raises(IndexError):  # no more windows
        for crop in draw_crops(materials._replace(ranges=EXACT), np.random.default_rng(0)):
            cut.append(crop)
    assert {crop.text for crop in cut} == expected


def test_a_part_of_a_number_is_none(materials: Materials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first digits are overlooked, the others were taught as if they were all."""
    windows = [written("12345678") for _ in range(30)]
    monkeypatch.setattr(crops, "compose", lambda *_: windows.pop())
    ranges = changed(EXACT, crop={"unseen": 1.0, "beside": (0.6, 0.9)})
    cut = []
    with pytest.raises(IndexError):
        for crop in draw_crops(materials._replace(ranges=ranges), np.random.default_rng(0)):
            cut.append((crop.text, crop.whole))
    assert {*cut} == {(None, False), ("12345678", True)}


@pytest.mark.slow
def test_crops_are_of_one_number_or_none(materials: Materials) -> None:
    materials, random = materials._replace(ranges=REAL_PAPER), np.random.default_rng(0)
    cut = [*islice(draw_crops(materials, random), 300)]
    texts = [crop.text for crop in cut if crop.text is not None]
    assert [bool(crop.text) for crop in cut] == [crop.whole for crop in cut]
    assert {symbol for text in texts for symbol in text} == set(SYMBOLS)
    assert all(len(text) <= 20 and re.fullmatch(r"[-.\d]*\d|", text) for text in texts)
    assert 0.05 < texts.count("") / len(texts) < 0.5
    assert max(map(len, texts)) > 8 and min(map(len, filter(None, texts))) == 1
    for crop in cut + [crop._replace(pixels=vary(crop.pixels, random, EXACT)) for crop in cut]:
        assert crop.pixels.dtype == np.uint8 and crop.pixels.shape[0] == CROP_HEIGHT
        assert 16 <= crop.pixels.shape[1] <= CROP_MAX_WIDTH
    again = islice(draw_crops(materials, np.random.default_rng(0)), 20)
    assert all((crop.pixels == same.pixels).all() for crop, same in zip(cut, again, strict=False))


def test_scans_are_black_and_white_and_keep_what_is_written() -> None:
    solid = Mixture(0.0, (0.0, 0.0))
    file, paper = {"bilevel": 1.0, "compressed": 0.0, "negative": 0.0}, {"secured": 0.0}
    ranges = changed(EXACT, file=file, paper=paper | {"kept": solid})
    window = written("1111")
    scan = photograph(window, 30, np.random.default_rng(0), ranges).pixels
    assert {*np.unique(scan)} == {0, 255}
    ink = window.ink > 0
    assert (scan[ink] == 0).mean() > 0.8 > 0.2 > (scan[~ink] == 0).mean()
