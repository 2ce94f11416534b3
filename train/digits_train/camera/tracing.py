"""People's pen strokes in one size, digit by digit, and how far apart they stand."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from digits_train.camera.ink import EM, Points, stroke
from digits_train.camera.legibility import are_legible
from digits_train.pixels import Bytes
from digits_train.writings import DIGITS, Writing, by_writer, is_digit, is_number

_STEP = 3.0  # pixels between the points of a stroke
_SIZES = 0.4, 2.0  # EM: the height of a digit that isn't cut off or mislabelled
_WIDEST = 2.5  # EM: of a digit or sign
_REACH = 7  # rows of EM: how far above and below another glyph is beside a row
_MAX_ROOM = 0.4  # EM: as far as a glyph may reach under or over its neighbour
_THIN = 2.0  # pixels of EM: the pen with which distances are measured
_PEN = 0.1 * EM  # pixels: the pen with which digits are compared
_GAPS, _DROPS = (-0.3, 3.0), (-0.5, 0.5)  # heights: wider ones are somebody's mistake

Lines = Sequence[Points]  # of one character, by a person whose digits are EM pixels high


class Spacing(NamedTuple):
    """How the digits of a number stand, in heights: float64 [n - 1], and [n].

    gaps: the least paper between neighbours, had they been written with a line of no width. drops:
    from the line down to each digit's lowest ink.
    """

    gaps: NDArray[np.float64]
    drops: NDArray[np.float64]


class NumberLines(NamedTuple):
    """A whole number, as the lines of each of its digits, where they were written."""

    text: str
    digits: Sequence[Lines]
    spacing: Spacing


class Writer(NamedTuple):
    """What a person wrote: samples of each character, at (0, 0), and whole numbers."""

    characters: Mapping[str, Sequence[Lines]]
    numbers: Sequence[NumberLines]


def trace(writings: Sequence[Writing]) -> list[Writer]:
    """What each person wrote, without the digits that everybody would take for another one."""
    people = [_trace(items) for items in by_writer(writings).values()]
    digits = [
        (person, label, lines)
        for person, (characters, numbers) in enumerate(people)
        for label, lines in [
            *((digit, lines) for digit in DIGITS for lines in characters.get(digit, ())),
            *(pair for number in numbers for pair in zip(number.text, number.digits, strict=True)),
        ]
    ]
    inks = [stroke(at_origin(lines), _PEN) for *_, lines in digits]
    labels = [label for _, label, _ in digits]
    legible = are_legible(inks, labels, [person for person, *_ in digits])
    kept = {id(lines) for (*_, lines), is_kept in zip(digits, legible, strict=True) if is_kept}
    return [_without_others(person, kept) for person in people]


def _without_others(person: Writer, kept: set[int]) -> Writer:
    """A person's digits of these identities, those in numbers as well, and the other characters."""
    characters = {
        character: [lines for lines in samples if character not in DIGITS or id(lines) in kept]
        for character, samples in person.characters.items()
    }
    numbers = [
        number for number in person.numbers if all(id(lines) in kept for lines in number.digits)
    ]
    for number in numbers:
        for digit, lines in zip(number.text, number.digits, strict=True):
            characters.setdefault(digit, []).append(at_origin(lines))
    return Writer(characters, numbers)


def _trace(items: Sequence[Writing]) -> Writer:
    """What a person wrote, in the size of their digits."""
    characters, numbers = defaultdict[str, list[Lines]](list), list[NumberLines]()
    for item in items:
        groups = _split(item) if is_number(item.text) else []
        height = float(np.median([height_of(strokes) for strokes in groups])) if groups else 0.0
        if height:
            digits = [resampled(strokes, EM / height) for strokes in groups]
            numbers.append(NumberLines(item.text, digits, spacing_of(digits)))
    unit = digit_height(items)
    for item in (item for item in items if unit and len(item.text) == 1):
        lines = at_origin(resampled(item.strokes, EM / unit))
        wide, high = np.concatenate(lines).max(0)
        is_cut = is_digit(item.text) and high < _SIZES[0] * EM
        if wide < _WIDEST * EM and high < _SIZES[1] * EM and not is_cut:
            characters[item.text].append(lines)
    return Writer(characters, numbers)


def digit_height(items: Sequence[Writing]) -> float:
    """The median height of a person's digits; 0 if there are none."""
    heights = [height_of(item.strokes) for item in items if is_digit(item.text)]
    return float(np.median(heights)) if heights else 0.0


def letter_height(items: Sequence[Writing]) -> float:
    """The median height of a person's words with capitals or ascenders; 0 if there are none."""
    words = [item for item in items if re.search("[A-Zbdfhklt]", item.text)]
    heights = [height_of(word.strokes) for word in words if not re.search("[gjpqyfQ]", word.text)]
    return float(np.median(heights)) if heights else 0.0


def height_of(strokes: Sequence[NDArray[np.float32]]) -> float:
    """The height of strokes, float32 [n, 2] each, in their own units."""
    return float(np.ptp(np.concatenate(strokes)[:, 1]))


def at_origin(lines: Lines) -> list[Points]:
    """Move lines so that their leftmost x and topmost y are 0."""
    low = np.concatenate(lines).min(0)
    return [line - low for line in lines]


def resampled(strokes: Sequence[NDArray[np.float32]], scale: float) -> list[Points]:
    """Scale strokes, with points at even distances."""
    lines = []
    for points in strokes:
        line = points.astype(np.float64) * scale
        along = np.concatenate([[0.0], np.hypot(*np.diff(line, axis=0).T).cumsum()])
        distances = np.linspace(0, along[-1], max(2, round(along[-1] / _STEP) + 1))
        lines.append(np.stack([np.interp(distances, along, line[:, axis]) for axis in (0, 1)], 1))
    return lines


def _split(number: Writing) -> list[list[NDArray[np.float32]]]:
    """The strokes of each digit of a number; nothing if they are joined or can't be told apart.

    Strokes above each other belong together.
    """
    spans = sorted(
        (float(points[:, 0].min()), float(points[:, 0].max()), index)
        for index, points in enumerate(number.strokes)
    )
    groups: list[tuple[float, float, list[int]]] = []
    for left, right, index in spans:
        if groups:
            first, last, members = groups[-1]
            if min(last, right) - left > 0.5 * min(last - first, right - left):
                groups[-1] = first, max(last, right), [*members, index]
                continue
        groups.append((left, right, [index]))
    if len(groups) != len(number.text):
        return []
    return [[number.strokes[index] for index in sorted(members)] for *_, members in groups]


def spacing_of(digits: Sequence[Lines]) -> Spacing:
    """How the digits of a number, given by their lines, stand."""
    boxes = np.array([[*points.min(0), *points.max(0)] for points in map(np.concatenate, digits)])
    lefts, tops, rights, bottoms = boxes.T
    middles = (lefts + rights) / 2
    steepness = np.polyfit(middles, bottoms, 1)[0] if len(digits) > 3 else 0.0
    drops = bottoms - steepness * middles
    inks = [stroke(at_origin(lines), _THIN) for lines in digits]
    gaps = []
    for index in range(len(digits) - 1):
        lower = round(tops[index + 1] - tops[index])
        room = min(room_between(inks[index], inks[index + 1], lower), max_room(EM))
        gaps.append((lefts[index + 1] - rights[index] + room) / EM)
    drops = (drops - np.median(drops)) / EM
    return Spacing(np.clip(gaps, *_GAPS), np.clip(drops, *_DROPS))


def room_between(before: Bytes, after: Bytes, lower: int) -> int:
    """The least paper between two glyphs in any row, if their boxes touched: pixels, 0 or more.

    lower: rows from the top of the first down to the top of the second.
    """
    top, bottom = max(0, lower), min(len(before), lower + len(after))
    if top >= bottom:
        return 0
    reach = max(1, round(len(before) * _REACH / EM))
    right = ndimage.minimum_filter1d(_paper(before[:, ::-1]), 2 * reach + 1, mode="nearest")
    left = ndimage.minimum_filter1d(_paper(after), 2 * reach + 1, mode="nearest")
    return int((right[top:bottom] + left[top - lower : bottom - lower]).min())


def max_room(height: float) -> int:
    """The pixels by which a glyph may reach under or over its neighbour."""
    return round(_MAX_ROOM * height)


def _paper(coverage: Bytes) -> NDArray[np.int64]:
    """The pixels without ink at the left of each row."""
    ink = coverage > 60
    return np.asarray(np.where(ink.any(1), ink.argmax(1), coverage.shape[1]), np.int64)
