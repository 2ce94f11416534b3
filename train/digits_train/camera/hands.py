"""The hands that write: people's pens (UNIPEN), each with its own digits, signs and numbers.

Relative sizes stay as someone wrote them; distances and baselines come from whole numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from digits_train.camera.ink import EM, NO_BOXES, Glyph, Points, stroke
from digits_train.camera.lettering import doubtful_letters
from digits_train.camera.ranges import Hand as HandRanges
from digits_train.camera.tracing import (
    Lines,
    Spacing,
    Writer,
    at_origin,
    digit_height,
    letter_height,
    resampled,
    trace,
)
from digits_train.pixels import Random, pick
from digits_train.writings import DIGITS, Writing, by_writer, has_digit

_MAX_DIGITS, _MAX_SIGNS = 6, 3  # variants of a digit, and of a sign, in a hand
_MAX_NUMBERS = 6  # whole ones of a hand
_TEXTS, _MIN_TEXTS = 60, 12  # words and letters of a person that are drawn
_MAX_HEIGHT = 3  # EM: of a word
_DESCENDER = 0.3 * EM  # pixels: of letters such as g
_PRESSURE = 0.85, 1.15  # of the pen: what it does to the width of a character's strokes


class WrittenNumber(NamedTuple):
    """A whole number as someone wrote it."""

    text: str
    glyphs: Sequence[Glyph]
    spacing: Spacing


@dataclass(frozen=True)
class Hand:
    """One person's hand with one pen.

    pen: its strokes' width, in pixels of EM. variants: of each character that it has. numbers:
    whole ones, as they were written. spacings: of these, or else of all people's.
    """

    pen: float
    variants: Mapping[str, Sequence[Glyph]]
    numbers: Sequence[WrittenNumber]
    spacings: Sequence[Spacing]

    def glyph(self, character: str, random: Random) -> Glyph | None:
        """One of its variants of a character; None if it has none."""
        variants = self.variants.get(character)
        return pick(random, variants) if variants else None

    def digits(self) -> list[str]:
        """The digits that the hand has; some people wrote few."""
        return [digit for digit in DIGITS if self.variants.get(digit)]


def draw_hands(
    writings: Sequence[Writing], count: int, random: Random, ranges: HandRanges
) -> list[Hand]:
    """Hands of the people who wrote all ten digits, and of those who left whole numbers.

    writings: of the people who may write. count: of the hands; a person's have different pens.
    """
    people = trace(writings)
    spacings = [number.spacing for person in people for number in person.numbers]
    able = [
        person
        for person in people
        if person.numbers or all(person.characters.get(digit) for digit in DIGITS)
    ]
    return [_draw_hand(able[n % len(able)], spacings, random, ranges) for n in range(count)]


def draw_texts(
    writings: Sequence[Writing], count: int, random: Random, ranges: HandRanges
) -> list[list[Glyph]]:
    """Words, letters and signs of people, about `count` in all: a list for each person."""
    drawn = []
    for items in by_writer(writings).values():
        unit = digit_height(items) or letter_height(items)
        texts = [item for item in items if not has_digit(item.text) and _is_placed(item.text)]
        if not unit or len(texts) < _MIN_TEXTS:
            continue
        pen = _random_pen(random, ranges)
        chosen = random.permutation(len(texts))[:_TEXTS].tolist()
        glyphs = (_draw_text(texts[index], unit, pen, random, ranges) for index in chosen)
        drawn.append([glyph for glyph in glyphs if glyph])
    chosen = random.permutation(len(drawn))[: max(1, count // _TEXTS)].tolist()
    return [drawn[index] for index in chosen]


def _is_placed(text: str) -> bool:
    """Whether it is known where something in a text may be taken for a digit, point or minus."""
    return len(text) == 1 or not doubtful_letters(text)


def _draw_hand(
    person: Writer, spacings: Sequence[Spacing], random: Random, ranges: HandRanges
) -> Hand:
    pen = _random_pen(random, ranges)
    wider = float(np.exp(random.normal(0, ranges.widths)))

    def draw(lines: Lines, character: str) -> Glyph:
        coverage = stroke(_bent(lines, wider, random, ranges), pen * random.uniform(*_PRESSURE))
        return Glyph(coverage, _below(character, len(coverage)))

    variants = dict[str, list[Glyph]]()
    for character, samples in person.characters.items():
        count = _MAX_DIGITS if character in DIGITS else _MAX_SIGNS
        chosen = random.permutation(len(samples))[:count].tolist()
        variants[character] = [draw(samples[index], character) for index in chosen]
    numbers = []
    for index in random.permutation(len(person.numbers))[:_MAX_NUMBERS].tolist():
        text, digits, spacing = person.numbers[index]
        glyphs = list(map(draw, map(at_origin, digits), text))
        numbers.append(WrittenNumber(text, glyphs, spacing))
    own = [number.spacing for number in numbers]
    return Hand(pen, variants, numbers, own or spacings)


def _random_pen(random: Random, ranges: HandRanges) -> float:
    """The width of someone's strokes, in pixels of EM."""
    thin, thick = ranges.pen
    return (thin + (thick - thin) * random.beta(*ranges.pen_shape)) * EM


def _bent(lines: Lines, wider: float, random: Random, ranges: HandRanges) -> list[Points]:
    """Lines as the same person would write them another time: waves of about their size."""
    phases, waves = random.uniform(0, 2 * np.pi, 2), random.uniform(2, 5, (2, 2)) / EM
    distance = random.uniform(*ranges.bent) * EM
    return [(line + distance * np.sin(line @ waves + phases)) * (wider, 1.0) for line in lines]


def _below(character: str, height: int) -> float:
    """The pixels from the line down to the lowest ink of a character of this height."""
    if character.isalnum() or character in ".:!?":
        return 0.0
    if character in ",;":
        return 0.5 * min(height, 0.5 * EM)
    if character in "'\"°":
        return height - EM
    return (height - EM) / 2


def _draw_text(
    item: Writing, unit: float, pen: float, random: Random, ranges: HandRanges
) -> Glyph | None:
    """Draw a word, letter or sign; one that may be taken for a digit is doubtful.

    unit: height of the writer's digits, in the tablet's. None if it can't be of that size.
    """
    lines = at_origin(resampled(item.strokes, EM / unit))
    high = float(np.concatenate(lines)[:, 1].max())
    if high > _MAX_HEIGHT * EM:
        return None
    coverage = stroke(_bent(lines, 1.0, random, ranges), pen)
    height, width = coverage.shape
    whole = np.array([(0, 0, width, height)], np.float32)
    boxes = whole if doubtful_letters(item.text) else NO_BOXES
    if len(item.text) == 1 and not item.text.isalpha():
        return Glyph(coverage, _below(item.text, height), boxes)
    descends = re.search("[gjpqy]", item.text)
    return Glyph(coverage, _DESCENDER if descends else 0.0, boxes)
