"""What in a form will make trouble, said before its first sheet is filled in."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from msgspec import structs
from PIL import Image, ImageDraw, ImageFont

from digits.constraints.allowed import AllowedNumbers
from digits.forms.form import Field, Form
from digits.forms.pdf import draw_without_fields, millimetres
from digits.forms.reading import read_sheet
from digits.images import picture
from digits.inference.networks import Networks
from digits.reader.field import AROUND

# Millimetres that a digit needs, as for other machines that read handwriting:
# https://community.aiim.org/blogs/chris-riley%20ecmp%20ioap/2010/08/31/sure-your-form-looks-good-but-does-it-recognize
_WIDTH, _HEIGHT = 4.0, 5.0
_MAX_ERRORS = 0.01
_ROUNDING = 1e-9  # of sums of decimals
_RED, _GREY = (180, 0, 40), (110, 110, 110)


class Finding(NamedTuple):
    """What is wrong with a field. A sum that can't be right is wrong with its total."""

    field: Field
    sentence: str


def check(form: Form, networks: Networks) -> list[Finding]:
    """Find what will make trouble, but loading the form doesn't refuse.

    Millimetres are those of the paper that is most like the sheet's shape.

    networks: read the blank, of whose print nothing may be taken for writing. Raises PictureError
    if the blank can't be opened.
    """
    findings = [
        Finding(field, sentence) for field in form.fields for sentence in _check_cells(field)
    ]
    if form.find_by != "fixed":  # what a camera sees may have any size
        findings += _check_paper(form)
    if form.find_by == "blank":
        findings += _check_print(form, networks)
    for rule in form.rules:
        total, *addends = (form.fields[i] for i in rule.field_indices)
        if rule.rows is None and not _can_be_sum(total, addends):
            names = " + ".join(field.name for field in addends)
            findings.append(Finding(total, f"it can't be {names}, by what these may be"))
    return findings


def draw(form: Form, findings: Sequence[Finding]) -> Image.Image:
    """Draw the sheet and its fields; those of findings in red, with the findings' numbers."""
    image = Image.fromarray(draw_without_fields(form)).convert("RGB")
    scale, pen = image.width / form.size[0], ImageDraw.Draw(image)
    font = ImageFont.load_default(image.width / 50)
    for field in form.fields:
        box = [scale * side for side in field.box]
        numbers = [n for n, finding in enumerate(findings, 1) if finding.field == field]
        pen.rectangle(box, outline=_RED if numbers else _GREY, width=max(2, image.width // 500))
        pen.text((box[2], box[3]), ", ".join(map(str, numbers)), _RED, font, "rt")
    return image


def _check_cells(field: Field) -> list[str]:
    """Whether some number that a field may hold fits into its boxes."""
    minimum, maximum = field.constraints.lengths
    try:
        if field.cells:
            replace(field.constraints, length=(minimum, int(min(maximum, field.cells))))
    except ValueError:
        return [f"no number that it may hold fits into {field.cells} boxes"]
    return []


def _check_paper(form: Form) -> Iterator[Finding]:
    """Whether boxes are large enough, and not in reach of what is written in another."""
    unit = millimetres(form)
    for field in form.fields:
        left, top, right, bottom = (unit * side for side in field.box)
        minimum, maximum = field.constraints.lengths
        count = field.cells or int(maximum if maximum < math.inf else minimum)
        if (width := (right - left) / count) < _WIDTH:
            digits = f"each of its {count} digits" if count > 1 else "its digit"
            yield Finding(field, f"{digits} has {width:.1f} mm; it needs {_WIDTH:g} mm")
        if (height := bottom - top) < _HEIGHT:
            yield Finding(field, f"it is {height:.1f} mm high; a digit needs {_HEIGHT:g} mm")
    for field, other in combinations(form.fields, 2):
        boxes = field.box, other.box
        gaps = (max(a[i] for a in boxes) - min(a[i + 2] for a in boxes) for i in (0, 1))
        gap, room = max(gaps), AROUND * max(bottom - top for _, top, _, bottom in boxes)
        if gap < room:
            distance = f"it is {unit * gap:.1f} mm from {other.name}"
            yield Finding(field, f"{distance}; writing needs {unit * room:.1f} mm around it")


def _check_print(form: Form, networks: Networks) -> Iterator[Finding]:
    """Whether anything on the blank itself is taken for writing."""
    alone = structs.replace(form, find_by="fixed", sums=(), roster=None)
    page = picture.load(str(form.blank), picture.SHEET_MAX_SIDE)
    sheet = read_sheet(networks, page, alone, _MAX_ERRORS)
    for field, number in zip(form.fields, sheet.numbers, strict=True):
        if number.reason != "blank":
            yield Finding(field, "its print is taken for writing; leave the field empty")


def _can_be_sum(total: Field, addends: Sequence[Field]) -> bool:
    (low, high), ranges = _value_range(total), [*map(_value_range, addends)]
    least, most = (float(sum(side)) for side in zip(*ranges, strict=True))
    return low <= most + _ROUNDING and high >= least - _ROUNDING


def _value_range(field: Field) -> tuple[float, float]:
    """The least and the largest number that a field may hold, as far as constraints say."""
    constraints = field.constraints
    _, digits = constraints.lengths
    values = [-math.inf, float(f"1e{digits}") - 1 if digits < math.inf else math.inf]
    if isinstance(constraints.range, tuple):
        values = [*map(float, constraints.range)]
    elif isinstance(constraints.values, AllowedNumbers):
        with suppress(ValueError):  # dates
            values = [*map(float, constraints.values)]
    if field.is_optional:
        values.append(0.0)
    return min(values), max(values)
