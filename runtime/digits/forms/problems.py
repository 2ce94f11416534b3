"""What in a form will make trouble, said before its first sheet is filled in."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from msgspec import structs

from digits.constraints.allowed import AllowedNumbers
from digits.forms.field import CROSSING
from digits.forms.form import Field, Form
from digits.forms.pdf import millimetres
from digits.forms.read import read_sheet
from digits.forms.rules import Sum
from digits.images import picture
from digits.inference.networks import Networks

# Millimetres that a digit needs, as for other machines that read handwriting:
# https://community.aiim.org/blogs/chris-riley%20ecmp%20ioap/2010/08/31/sure-your-form-looks-good-but-does-it-recognize
_WIDTH, _HEIGHT = 4.0, 5.0
_MAX_ERRORS = 0.01
_ROUNDING = 1e-9  # of sums of decimals


class Problem(NamedTuple):
    """What is wrong with a field. A sum that can't be right is wrong with its total."""

    field: Field
    sentence: str


def find_problems(form: Form, networks: Networks) -> list[Problem]:
    """Find what will make trouble, but loading the form doesn't refuse.

    Millimetres are those of the paper that is most like the sheet's shape.

    networks: read the blank, of whose print nothing may be taken for writing. Raises PictureError
    if the blank can't be opened.
    """
    problems = [
        Problem(field, sentence) for field in form.fields for sentence in _check_digit_boxes(field)
    ]
    if form.find_by != "fixed":  # what a camera sees may have any size
        problems += _check_paper(form)
    if form.find_by == "blank":
        problems += _check_print(form, networks)
    for rule in filter(lambda rule: isinstance(rule, Sum), form.rules):
        total, *addends = (form.fields[i] for i in rule.fields)
        if not _can_be_sum(total, addends):
            names = " + ".join(field.name for field in addends)
            problems.append(Problem(total, f"it can't be {names}, by what these may be"))
    return problems


def _check_digit_boxes(field: Field) -> list[str]:
    """Whether some number that a field may hold fits into its boxes."""
    minimum, maximum = field.constraints.lengths
    try:
        if field.digit_boxes:
            replace(field.constraints, length=(minimum, int(min(maximum, field.digit_boxes))))
    except ValueError:
        return [f"no number that it may hold fits into {field.digit_boxes} boxes"]
    return []


def _check_paper(form: Form) -> Iterator[Problem]:
    """Whether boxes are large enough, and not in reach of what is written in another."""
    unit = millimetres(form)
    for field in form.fields:
        left, top, right, bottom = (unit * side for side in field.box)
        minimum, maximum = field.constraints.lengths
        count = field.digit_boxes or int(maximum if maximum < math.inf else minimum)
        if (width := (right - left) / count) < _WIDTH:
            digits = f"each of its {count} digits" if count > 1 else "its digit"
            yield Problem(field, f"{digits} has {width:.1f} mm; it needs {_WIDTH:g} mm")
        if (height := bottom - top) < _HEIGHT:
            yield Problem(field, f"it is {height:.1f} mm high; a digit needs {_HEIGHT:g} mm")
    for field, other in combinations(form.fields, 2):
        boxes = field.box, other.box
        gaps = (max(a[i] for a in boxes) - min(a[i + 2] for a in boxes) for i in (0, 1))
        gap, room = max(gaps), CROSSING * max(bottom - top for _, top, _, bottom in boxes)
        if gap < room:
            distance = f"it is {unit * gap:.1f} mm from {other.name}"
            yield Problem(field, f"{distance}; writing needs {unit * room:.1f} mm around it")


def _check_print(form: Form, networks: Networks) -> Iterator[Problem]:
    """Whether anything on the blank itself is taken for writing."""
    alone = structs.replace(form, find_by="fixed", sums=(), roster=None)
    page = picture.load(str(form.blank), picture.SHEET_MAX_SIDE)
    sheet = read_sheet(networks, page, alone, _MAX_ERRORS)
    for field, number in zip(form.fields, sheet.numbers, strict=True):
        if number.reason != "blank":
            yield Problem(field, "its print is taken for writing; leave the field empty")


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
