"""Windows and pages, their photographs and what is said of them."""

import numpy as np
import pytest

from digits_train.camera.exposure import Photograph
from digits_train.camera.lettering import doubtful_letters
from digits_train.camera.materials import Materials
from digits_train.camera.page import compose, labelled, number_page, page, random_lines
from digits_train.camera.presets import legible
from digits_train.camera.single import KINDS, NONE, SEVERAL
from digits_train.camera.window import Window
from digits_train.symbols import LabelledPage, Symbol, columns

SIDE = 160


@pytest.mark.slow
def test_windows_hold_all_symbols_or_no_numbers(materials: Materials) -> None:
    random = np.random.default_rng(0)
    windows = [compose(random, materials, (SIDE, SIDE)) for _ in range(40)]
    assert {symbol.label for window in windows for symbol in window.symbols} == set(range(12))
    counts = [len(window.symbols) for window in windows]
    assert 0 in counts and max(counts) > 20
    for window in windows:
        boxes, _, _ = columns(window.symbols)
        for left, top, right, bottom in boxes.astype(int).tolist():
            if min(left, top) >= 0 and max(right, bottom) <= SIDE:
                assert window.ink[top:bottom, left:right].max() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "labels"),
    [("digit", set(range(10))), ("several", {SEVERAL}), ("other", {NONE}), ("blank", {NONE})],
)
def test_pictures_match_their_kind(kind: str, labels: set[int], materials: Materials) -> None:
    shown = [KINDS[kind](np.random.default_rng(seed), materials) for seed in range(40)]
    assert {picture.label for picture in shown} == labels
    written = [bool(picture.ink.any()) for picture in shown]
    assert np.mean(written) > 0.9 if kind != "blank" else not any(written)


def ink_shows(shown: LabelledPage) -> list[bool]:
    """Of each digit: whether its box holds darker or lighter pixels than its surroundings."""
    pixels, boxes = shown.pixels.astype(float), shown.truth.boxes
    assert (boxes >= 0).all() and (boxes[:, 2:] <= pixels.shape[::-1]).all()
    shows = []
    for left, top, right, bottom in boxes.astype(int):
        part = pixels[top:bottom, left:right]
        around = pixels[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
        shows.append(np.abs(part - np.median(around)).max() > 15)
    return shows


@pytest.mark.slow
def test_pages_show_their_digits_whole(materials: Materials) -> None:
    randoms = [np.random.default_rng([seed, 4]) for seed in range(6)]
    pages = [page(random, materials, "numbers") for random in randoms[:5]]
    assert np.mean([shows for shown in pages for shows in ink_shows(shown)]) > 0.98
    labels = {label for shown in pages for label in shown.truth.symbols.tolist()}
    assert labels <= set(range(10)) and len(labels) > 5
    assert not len(page(randoms[5], materials, "words").truth.symbols)


def test_signs_are_no_digits_and_what_is_hidden_is_doubtful() -> None:
    window = Window.empty((64, 96))
    boxes = (8, 8, 24, 40), (40, 24, 52, 28), (64, 8, 80, 40)
    window.symbols += [Symbol(box, label, 32) for box, label in zip(boxes, (3, 10, 5), strict=True)]
    window.doubtful.append((84, 48, 92, 60))
    hidden = np.zeros((64, 96), np.float32)
    hidden[:, 60:78] = 1
    shown = labelled(Photograph(np.zeros((64, 96), np.uint8), hidden, window))
    assert shown.truth.boxes.tolist() == [[8, 8, 24, 40]] and shown.truth.symbols.tolist() == [3]
    assert shown.doubtful == [(84, 48, 92, 60), (64, 8, 80, 40)]


def test_each_character_of_a_number_is_seen(materials: Materials) -> None:
    materials = materials._replace(ranges=legible(materials.ranges))
    for seed in range(6):  # no page of the one in a hundred that hardly shows its digits
        random = np.random.default_rng([seed, 1])
        lines = random_lines(random)
        shown = number_page(random, materials, lines)
        assert 2 <= len(lines) <= 6 and not shown.doubtful
        assert shown.text.splitlines() == lines
        digits = [int(character) for character in "".join(lines) if character.isdecimal()]
        assert shown.truth.symbols.tolist() == digits  # as they are written
        assert np.mean(ink_shows(shown)) > 0.9


@pytest.mark.parametrize(
    ("text", "doubtful"), [("SGTAB", []), ("A", []), ("IOl", [0, 1, 2]), ("Tel.", [3])]
)
def test_letters_that_may_be_digits_are_doubtful(text: str, doubtful: list[int]) -> None:
    """A letter of a word is known by the others; a full stop may be a point."""
    assert doubtful_letters(text) == doubtful
