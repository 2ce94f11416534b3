"""The number in a field, by what both networks see there."""

import numpy as np
import pytest
from msgspec.structs import replace

from digits import Reader
from digits.forms.form import Field, Form
from tests.conftest import Patch
from tests.drawings import WHOLE, Drawn, show, steps

FORM = Form((400, 200), (Field("q1", (150, 80, 250, 120)),), "fixed")
CROP = 120, 180  # pixels of the field and its surroundings
INSIDE, BESIDE = Drawn("7", (80, 46, 95, 74), 9.0), Drawn("7", (20, 46, 35, 74), 9.0)
NEAR = BESIDE._replace(box=(24, 46, 39, 74))


@pytest.mark.parametrize(
    ("drawn", "recognized", "whole", "standing", "text"),
    [
        ([INSIDE], "7", WHOLE, "accepted", "7"),
        ([], "", WHOLE, "blank", ""),
        ([INSIDE._replace(score=1.0)], "7", WHOLE, "accepted", "7"),
        ([INSIDE], "7", 1.0, "unsure", "7"),
        ([INSIDE], "7", -1.0, "doubt", "7"),
        ([], "7", WHOLE, "blank", ""),  # the detector reads nothing at all
        ([INSIDE._replace(box=(45, 46, 60, 74)), NEAR], "7", WHOLE, "doubt", "7"),
    ],
)
@pytest.mark.usefixtures("whole_pages")
def test_number_or_blank(
    reader: Reader,
    monkeypatch: Patch,
    drawn: list[Drawn],
    recognized: str,
    whole: float,
    standing: str,
    text: str,
) -> None:
    show(monkeypatch, drawn, CROP, steps(recognized), whole)
    [number] = reader.read_fields(np.full((200, 400), 230, np.uint8), FORM).numbers
    assert (number.reason or number.status, number.text) == (standing, text)


@pytest.mark.usefixtures("whole_pages")
@pytest.mark.parametrize(
    ("lefts", "digit_boxes", "is_accepted"),
    [
        ((50, 66, 82), 0, True),
        ((50, 66, 110), 0, False),
        ((45, 65, 85), 5, True),
        ((45, 65, 105), 5, False),
    ],
)
def test_two_numbers_or_an_empty_box_between_are_for_review(
    reader: Reader,
    monkeypatch: Patch,
    lefts: tuple[int, ...],
    digit_boxes: int,
    is_accepted: bool,
) -> None:
    drawn = [Drawn(digit, (x, 50, x + 12, 70), 9.0) for digit, x in zip("128", lefts, strict=True)]
    show(monkeypatch, drawn, CROP, steps("128"))
    form = replace(FORM, fields=(replace(FORM.fields[0], digit_boxes=digit_boxes),))
    [number] = reader.read_fields(np.full((200, 400), 230, np.uint8), form, 0.1).numbers
    assert (number.text, number.status == "accepted") == ("128", is_accepted)


@pytest.mark.usefixtures("whole_pages")
def test_ink_that_neither_sees_is_not_blank(reader: Reader, monkeypatch: Patch) -> None:
    show(monkeypatch, [], CROP, steps(""))
    page = np.full((200, 400), 230, np.uint8)
    page[95:105, 190:194] = 60
    [number] = reader.read_fields(page, FORM).numbers
    assert (number.status, number.reason, number.confidence) == ("review", "doubt", 0.5)
