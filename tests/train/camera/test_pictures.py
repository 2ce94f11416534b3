"""Pictures of one digit, of several and of none, and whole pages, match what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from digits_train.camera.exposure import Photograph
from digits_train.camera.materials import Materials
from digits_train.camera.page import labelled, number_page, page, random_lines
from digits_train.camera.ranges import RANGES
from digits_train.camera.single import KINDS, NONE, SEVERAL, Single
from digits_train.camera.window import Window
from digits_train.matching import LabelledPage
from digits_train.raster import ink_box
from digits_train.symbols import Symbol


def pictures(kind: str, materials: Materials) -> list[Single]:
    return [KINDS[kind](np.random.default_rng(seed), materials) for seed in range(40)]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [("digit", set(range(10))), ("several", {SEVERAL}), ("other", {NONE}), ("blank", {NONE})],
)
def test_pictures_match_their_kind(kind: str, labels: set[int], materials: Materials) -> None:
    shown = pictures(kind, materials)
    assert {picture.label for picture in shown} == labels
    assert all(picture.pixels.shape == picture.ink.shape for picture in shown)
    written = [bool(picture.ink.any()) for picture in shown]
    assert np.mean(written) > 0.9 if kind != "blank" else not any(written)


@pytest.mark.parametrize("neighbours", [0.0, 1.0])
def test_ink_is_the_digit_and_no_neighbour(neighbours: float, materials: Materials) -> None:
    """In drawn pictures, all that isn't the ground is ink; of a neighbour only the end is seen."""
    ranges, beside = replace(RANGES, drawn=1.0, boxed=0.0, neighbour=neighbours), []
    for pixels, _, ink in pictures("digit", materials._replace(ranges=ranges)):
        levels, counts = np.unique(pixels[~ink], return_counts=True)
        contrast = np.abs(pixels.astype(int) - levels[counts.argmax()])
        drawn = contrast > 0.4 * contrast[ink].max()
        others = drawn & ~ndimage.binary_dilation(ink, iterations=2)
        beside.append(bool(others.any()))
        assert drawn[ink].mean() > 0.7
        columns, rows = ink_box(others)[1], ink_box(ink)[0]
        assert columns.stop - columns.start < max(4, 0.4 * (rows.stop - rows.start))
    assert np.mean(beside) > 0.6 if neighbours else not any(beside)


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


def test_pages_show_their_digits_whole(materials: Materials) -> None:
    randoms = [np.random.default_rng([seed, 4]) for seed in range(6)]
    pages = [page(random, materials, "numbers") for random in randoms[:5]]
    pages.append(page(randoms[5], materials, "words"))
    assert [bool(len(shown.truth.symbols)) for shown in pages] == [True] * 5 + [False]
    assert np.mean([shows for shown in pages for shows in ink_shows(shown)]) > 0.98
    for shown in pages:
        assert set(shown.truth.symbols.tolist()) <= set(range(10))
        assert set(np.unique(shown.weight)) <= {0, 1} and not shown.text


def test_signs_are_no_digits_and_what_is_hidden_is_doubtful() -> None:
    window = Window.empty((64, 96))
    boxes = (8, 8, 24, 40), (40, 24, 52, 28), (64, 8, 80, 40)
    window.symbols += [Symbol(box, label, 32) for box, label in zip(boxes, (3, 10, 5), strict=True)]
    window.doubtful.append((84, 48, 92, 60))
    hidden = np.zeros((64, 96), np.float32)
    hidden[:, 60:78] = 1
    shown = labelled(Photograph(np.zeros((64, 96), np.uint8), hidden, window))
    assert shown.truth.boxes.tolist() == [[8, 8, 24, 40]] and shown.truth.symbols.tolist() == [3]
    assert shown.weight[4, 18] == shown.weight[13, 22] == 0
    assert shown.weight[:, :15].all()
    others = np.array([[66, 10, 80, 40], [40, 20, 52, 32]], np.float32)
    matched = shown.match(others, np.array([5, 1]))
    assert matched.partners.tolist() == [-2, -1]  # doubtful; invented


def test_each_character_of_a_number_is_seen(materials: Materials) -> None:
    for seed in range(6):  # no page of the one in a hundred that hardly shows its digits
        random = np.random.default_rng([seed, 1])
        lines = random_lines(random)
        shown = number_page(random, materials, lines)
        assert 2 <= len(lines) <= 6 and shown.weight.all()
        assert shown.text.splitlines() == lines
        digits = [int(character) for character in "".join(lines) if character.isdecimal()]
        assert shown.truth.symbols.tolist() == digits  # as they are written
        assert np.mean(ink_shows(shown)) > 0.9
