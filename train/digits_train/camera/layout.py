"""The layout of a page: its numbers, its printed form, and other writing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from digits.data.mnist import Split
from digits_train.camera import marks
from digits_train.camera.hand import OTHER, PEN, PRINT, Glyph, Hand, number
from digits_train.camera.plan import COLUMN, Plan
from digits_train.raster import Random


@dataclass
class Sheet:
    """What is on a sheet.

    text: the lines to read. spacing: of its ruled lines, in pixels, the first at y = 0; 0 for none.
    """

    height: float
    glyphs: list[Glyph] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    spacing: float = 0.0
    squared: bool = False

    @property
    def digits(self) -> list[Glyph]:
        return [glyph for glyph in self.glyphs if glyph.digit >= 0]

    def is_free(self, glyph: Glyph, around: float = 0.06) -> bool:
        """Whether a glyph keeps this distance, in heights, from everything written."""
        far = around * self.height
        return not any(
            glyph.left - far < other.right
            and other.left - far < glyph.right
            and glyph.top - far < other.bottom
            and other.top - far < glyph.bottom
            for other in self.glyphs
            if other.layer != PRINT
        )

    def add(self, glyph: Glyph) -> None:
        """Add a glyph if there is room for it."""
        if self.is_free(glyph):
            self.glyphs.append(glyph)


def sheet(split: Split, random: Random, plan: Plan, hand: Hand, fonts: Sequence[str]) -> Sheet:
    """Write the planned page in this handwriting, with its printed form."""
    hand = hand._replace(gaps=(hand.gaps[0] + plan.digit_gap, hand.gaps[1] + plan.digit_gap))
    result = Sheet(hand.height)
    pitch = plan.pitch * hand.height
    if plan.paper == "ruled":
        every = 1 if pitch < 2 * hand.height or random.random() < 0.4 else 2
        result.spacing = pitch / every
    elif plan.paper == "squared":
        result.spacing, result.squared = random.uniform(0.45, 1.3) * hand.height, True
    box = random.uniform(1.25, 1.6) if plan.form == "boxes" else None
    written = [
        [number(split, random, hand, cell, plan.group_gap, box) for cell in line]
        for line in plan.lines
    ]
    columns = max((len(line) for line in plan.lines), default=1)
    widths = [
        max((line[c][-1].right for line in written if c < len(line) and line[c]), default=0)
        for c in range(columns)
    ]
    starts = np.cumsum([0, *widths[:-1]]) + np.arange(columns) * plan.columns * hand.height
    sits = random.uniform(-0.06, 0.1) if result.spacing and not result.squared else 0.0
    for row, line in enumerate(written):
        # Without ruled lines, people write by eye.
        y = (row + 1) * pitch + (sits - 0.05 + (0 if result.spacing else 0.06 * random.normal()))
        indent = random.uniform(0, plan.indent) * hand.height
        slope = hand.drift + random.normal(0, 0.004)
        cells = []
        for cell, start, width in zip(line, starts, widths, strict=False):
            right = indent + start + (plan.align * (width - cell[-1].right) if cell else 0)
            cells.append([g.moved(right, y + slope * (right + g.left)) for g in cell])
            result.glyphs += cells[-1]
        if any(cells):
            texts = ("".join(str(g.digit) for g in cell) for cell in cells if cell)
            result.text.append("  ".join(texts))
        if box and any(cells):
            _form_boxes(result, cells[0], box, y, indent)
    _print_form(result, random, plan, pitch, starts, widths)
    if plan.words:
        _annotate(result, random, plan, hand, fonts, pitch)
    return result


def _frame(left: float, top: float, width: float, height: float, thick: int) -> Glyph:
    """The printed outline of a box."""
    outline = np.ones((round(height), round(width)), np.float32)
    outline[thick:-thick, thick:-thick] = 0
    return Glyph(outline, round(left), round(top), layer=PRINT)


def _form_boxes(result: Sheet, cell: list[Glyph], pitch: float, y: float, left: float) -> None:
    """Add one box for each digit, without gaps between them."""
    side, thick = pitch * result.height, max(1, round(result.height * 0.03))
    top = y - result.height / 2 - side * 0.5
    for index in range(len(cell)):
        frame = _frame(left + index * side, top, side + thick, side * 1.05, thick)
        result.glyphs.append(frame)


def _print_form(
    result: Sheet,
    random: Random,
    plan: Plan,
    pitch: float,
    starts: np.ndarray,
    widths: Sequence[int],
) -> None:
    """Add frames around numbers, or the lines of a table or an account book."""
    height, thick = result.height, max(1, round(result.height * random.uniform(0.02, 0.05)))
    if plan.form == "frames":
        pad = random.uniform(0.12, 0.5) * height
        left = min(g.left for g in result.digits) - pad
        right = max(g.right for g in result.digits) + pad
        for row in range(len(plan.lines)):
            top, bottom = (row + 1) * pitch - 1.2 * height, (row + 1) * pitch + 0.35 * height
            result.glyphs.append(_frame(left, top, right - left, bottom - top, thick))
    if plan.form not in ("table", "account"):
        return
    ends = [s + w for s, w in zip(starts, widths, strict=True)]
    middles = [(end + start) / 2 for end, start in zip(ends, starts[1:], strict=False)]
    left, right = -1.2 * height, ends[-1] + random.uniform(0.3, 1.2) * height
    above, below = 0.25 * pitch - 0.1 * height, len(plan.lines) * pitch + 0.3 * height
    if plan.form == "account":
        above, below = above - 9 * pitch, below + 9 * pitch
    upright = np.ones((round(below - above), thick), np.float32)
    for x in (left, *middles, right):
        result.glyphs.append(Glyph(upright, round(x), round(above), layer=PRINT))
    level = np.ones((thick, round(right - left) + thick), np.float32)
    for row in range(len(plan.lines) + 1) if plan.form == "table" else ():
        y = round(row * pitch + 0.3 * height)
        result.glyphs.append(Glyph(level, round(left), y, layer=PRINT))


def _annotate(
    result: Sheet,
    random: Random,
    plan: Plan,
    hand: Hand,
    fonts: Sequence[str],
    pitch: float,
) -> None:
    """Add words, signs, arrows, ticks and scribbles where there is room."""
    writer = Writer(result, random, hand, fonts)
    labelled, signed = random.random() < 0.4, random.random() < 0.5
    for row, line in enumerate(plan.lines):
        y = (row + 1) * pitch
        inside = [g for g in result.digits if abs(g.bottom - y) < 0.45 * pitch]
        if not any(line) or not inside:
            writer.words_line(y)
            continue
        inside.sort(key=lambda g: g.left)
        writer.between(inside, plan)
        if labelled and random.random() < 0.8:
            writer.label(inside, y)
        if signed and random.random() < 0.7:
            writer.sign(inside, y)
        elif random.random() < 0.3:
            writer.drawing(inside, y)


class Writer:
    """Adds words and signs to a sheet, with the digits' pen or another one."""

    def __init__(self, result: Sheet, random: Random, hand: Hand, fonts: Sequence[str]) -> None:
        self.sheet, self.random, self.height = result, random, hand.height
        self.font = str(random.choice(list(fonts)))
        self.layer = int(random.choice([PEN, OTHER], p=[0.7, 0.3]))
        self.size = random.uniform(0.6, 1.2) if random.random() < 0.8 else random.uniform(1.2, 1.6)
        self.wobble = random.uniform(0.01, 0.045)
        self.pen = max(1.0, (hand.pen or 0.1) * hand.height)
        self.sides = random.random() < 0.5  # signs before the numbers, not after

    def lettering(self, text: str, size: float, left: float, y: float) -> Glyph:
        """Text whose baseline is y. size: of its capitals, in heights of the digits."""
        coverage, above = marks.lettering(
            text, self.font, max(7.0, size * self.height), self.random, self.wobble
        )
        return Glyph(coverage, round(left), round(y) - above, layer=self.layer)

    def words_line(self, y: float) -> None:
        text = marks.words(self.random, int(self.random.integers(1, 4)))
        indent = self.random.uniform(0, 2) * self.height
        self.sheet.add(self.lettering(text, self.size, indent, y))

    def label(self, inside: list[Glyph], y: float) -> None:
        """Add a word on the left or right of the numbers, as far away as a column."""
        glyph = self.lettering(marks.word(self.random), min(self.size, 1.2), 0, y)
        far = COLUMN * self.height
        right = inside[0].left - far - glyph.right if not self.sides else inside[-1].right + far
        self.sheet.add(glyph.moved(right, 0))

    def sign(self, inside: list[Glyph], y: float) -> None:
        """Add a unit, a currency or a sign close to a number."""
        text = str(self.random.choice(marks.BEFORE if self.sides else marks.AFTER))
        size = self.random.uniform(0.6, 1.0)
        glyph = self.lettering(text, size, 0, y)
        gap = self.random.uniform(0.25, 0.7) * self.height
        right = inside[0].left - gap - glyph.right if self.sides else inside[-1].right + gap
        self.sheet.add(glyph.moved(right, 0))

    def between(self, inside: list[Glyph], plan: Plan) -> None:
        """Add points, commas or dashes in the gaps between groups of digits."""
        if not any(len(cell) > 1 for line in plan.lines for cell in line):
            return
        text = str(self.random.choice(marks.BETWEEN, p=[0.35, 0.3, 0.2, 0.05, 0.05, 0.05]))
        for before, after in pairwise(inside):
            if 0.45 * self.height < after.left - before.right < 2 * self.height:
                glyph = self.lettering(text, 0.8, 0, before.bottom)
                middle = (before.right + after.left - glyph.right) / 2
                self.sheet.add(glyph.moved(middle, 0))

    def drawing(self, inside: list[Glyph], y: float) -> None:
        """Add an underline below the numbers, or an arrow, tick or scribble after them."""
        random, height, last = self.random, self.height, inside[-1]
        kind = str(random.choice(["underline", "arrow", "tick", "scribble", "crossed"]))
        gap = random.uniform(0.5, 1.5) * height
        if kind == "underline":
            first = next(g for g in inside if last.right - g.left < 14 * height)
            line = marks.underline(random, last.right - first.left, height, self.pen)
            top = max(g.bottom for g in inside) + round(random.uniform(0.1, 0.2) * height)
            self.sheet.add(Glyph(line, first.left, top, layer=self.layer))
            return
        if kind == "crossed":
            word = self.lettering(marks.word(random), 0.8, last.right + 4 * height, y)
            if self.sheet.is_free(word):
                over = marks.scribble(random, word.coverage.shape[1], 0.6 * height, self.pen)
                top = (word.top + word.bottom - over.shape[0]) // 2
                self.sheet.glyphs += [word, Glyph(over, word.left, top, layer=self.layer)]
            return
        if kind == "arrow":
            drawn = marks.arrow(random, random.uniform(0.7, 1.2) * height, self.pen)
        elif kind == "tick":
            drawn = marks.tick(random, random.uniform(0.7, 1.3) * height, self.pen)
        else:
            drawn = marks.scribble(random, random.uniform(1.2, 4) * height, height, self.pen)
        y -= height / 2 + drawn.shape[0] / 2
        self.sheet.add(Glyph(drawn, round(last.right + gap), round(y), layer=self.layer))
