"""What in a form will make trouble, said before its first sheet is filled in."""

import math
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits.constraints.allowed import AllowedNumbers
from digits.forms.form import Box, Field, Form
from digits.forms.locate import load_blank
from digits.forms.pdf import draw_without_fields, millimetres

# Millimetres. Box and gap as ABBYY and AIIM advise for handwriting that machines read:
# https://help.abbyy.com/en-us/flexicapture/12/distributed_administrator/ap_mrf_requirement_distr_elem
# https://community.aiim.org/blogs/chris-riley%20ecmp%20ioap/2010/08/31/sure-your-form-looks-good-but-does-it-recognize
_WIDTH, _HEIGHT, _GAP = 4.0, 5.0, 2.0
_LINE = 0.7  # a box's printed line is so near to the edge
_MIN_INK = 0.3  # square millimetres of print; less are specks

_RED, _GREY = (180, 0, 40), (110, 110, 110)


class Finding(NamedTuple):
    """What is wrong with a field or with a sum. box: the field's, or that of the sum's total."""

    sentence: str
    box: Box


def check(form: Form) -> list[Finding]:
    """Find boxes that are too small or too near to something, and sums that can't be right.

    Millimetres are those of the paper that is most like the sheet's shape.

    Raises DataError if the form's blank can't be used.
    """
    unit, sentences = millimetres(form), list[tuple[Field, str]]()
    on_paper = form.fields if form.find_by != "fixed" else ()  # what a camera sees may be larger
    for field in on_paper:
        sentences += [(field, each) for each in _check_size(field, unit)]
        if form.find_by == "blank":
            sentences += [(field, each) for each in _check_print(form, field, unit)]
    for field, other in combinations(on_paper, 2):
        if (gap := unit * _distance(field.box, other.box)) < _GAP:
            near = f"it is {gap:.1f} mm from {other.name}; {_GAP:g} mm keep their digits apart"
            sentences.append((field, near))
    for rule in form.rules:
        total, *addends = (form.fields[i] for i in rule.field_indices)
        if rule.rows is None and not _can_be_sum(total, addends):
            names = " + ".join(field.name for field in addends)
            sentences.append((total, f"by what they may be, it is never {names}"))
    return [Finding(f"{field.name}: {sentence}", field.box) for field, sentence in sentences]


def draw(form: Form, findings: Sequence[Finding]) -> Image.Image:
    """Draw the sheet and its fields; those of findings in red, with the findings' numbers."""
    image = Image.fromarray(draw_without_fields(form)).convert("RGB")
    scale, pen = image.width / form.size[0], ImageDraw.Draw(image)
    font = ImageFont.load_default(image.width / 50)
    for field in form.fields:
        box = [scale * side for side in field.box]
        numbers = [n for n, finding in enumerate(findings, 1) if finding.box == field.box]
        pen.rectangle(box, outline=_RED if numbers else _GREY, width=max(2, image.width // 500))
        pen.text((box[2], box[3]), ", ".join(map(str, numbers)), _RED, font, "rt")
    return image


def _check_size(field: Field, unit: float) -> list[str]:
    left, top, right, bottom = field.box
    shortest, longest = _digit_counts(field)
    count = field.cells or longest
    width, height, sentences = unit * (right - left) / count, unit * (bottom - top), list[str]()
    if field.cells and field.cells < shortest:
        sentences.append(f"it has {field.cells} boxes for {shortest} digits")
    if width < _WIDTH:
        digits = f"each of its {count} digits" if count > 1 else "its digit"
        sentences.append(f"{digits} has {width:.1f} mm; it needs {_WIDTH:g} mm")
    if height < _HEIGHT:
        sentences.append(f"it is {height:.1f} mm high; a digit needs {_HEIGHT:g} mm")
    return sentences


def _check_print(form: Form, field: Field, unit: float) -> list[str]:
    """Look for print of a blank in a field's boxes, and just outside its edge."""
    ink = load_blank(form).ink
    scale = ink.shape[1] / form.size[0]
    dots = scale / unit  # pixels a millimetre
    left, top, right, bottom = (scale * side for side in field.box)
    y, x = np.ogrid[: ink.shape[0], : ink.shape[1]]
    beyond = np.maximum(np.maximum(top - y, y - bottom), np.maximum(left - x, x - right)) / dots
    edges = np.linspace(left, right, max(field.cells, 1) + 1)
    from_edge = np.abs(x - edges[:, None, None]).min(0) / dots
    is_inside = (beyond < -_LINE) & (from_edge > _LINE)
    is_around = (beyond > _LINE) & (beyond < _GAP)
    found = ("print is in it", is_inside), (f"print is within {_GAP:g} mm of it", is_around)
    least = _MIN_INK * dots**2
    return [f"{what}, and may be read" for what, where in found if ink[where].sum() > least]


def _digit_counts(field: Field) -> tuple[int, int]:
    """How many digits its shortest and its longest number have, as far as constraints say."""
    constraints, low, high = field.constraints, [1], list[int]()
    if isinstance(constraints.length, tuple):
        low.append(constraints.length[0])
        high.append(constraints.length[1])
    if isinstance(constraints.values, AllowedNumbers):
        counts = [sum(map(str.isdigit, text)) for text in constraints.values]
        low.append(min(counts))
        high.append(max(counts))
    if isinstance(constraints.range, tuple):
        high.append(len(str(int(max(map(abs, constraints.range))))))
    return max(low), min(high, default=max(low))


def _can_be_sum(total: Field, addends: Sequence[Field]) -> bool:
    (low, high), ranges = _value_range(total), [*map(_value_range, addends)]
    return low <= sum(most for _, most in ranges) and high >= sum(least for least, _ in ranges)


def _value_range(field: Field) -> tuple[float, float]:
    """The least and the largest number that a field may hold, as far as constraints say."""
    constraints, values = field.constraints, [-math.inf, math.inf]
    if isinstance(constraints.range, tuple):
        values = [*constraints.range]
    elif isinstance(constraints.values, AllowedNumbers):
        with suppress(ValueError):  # dates
            values = [*map(float, constraints.values)]
    if field.is_optional:
        values.append(0.0)
    return min(values), max(values)


def _distance(box: Box, other: Box) -> float:
    gaps = (max(box[i], other[i]) - min(box[i + 2], other[i + 2]) for i in (0, 1))
    return math.hypot(*(max(gap, 0.0) for gap in gaps))
