import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.evaluation.alignment import Score, align
from digits.evaluation.pages import MAX_WORST, PageEvaluation
from digits.prediction import Reading, Symbol
from tests import synthetic

PIXELS = np.zeros((40, 60), np.uint8)


def edits(text: str, expected: str) -> int:
    """Their Levenshtein distance."""
    row = list(range(len(expected) + 1))
    for number, character in enumerate(text, 1):
        before, row = row, [number]
        for column, candidate in enumerate(expected):
            substituted = before[column] + (character != candidate)
            row.append(min(before[column + 1] + 1, row[-1] + 1, substituted))
    return row[-1]


def reading(text: str) -> Reading:
    lines = [
        [[Symbol(name, 0.9, (), (0, 0, 9, 9)) for name in column] for column in line.split()]
        for line in text.splitlines()
    ]
    return synthetic.reading(*lines)


@pytest.mark.parametrize(
    ("read", "written", "differs"),
    [
        ("12 3\n4", "1234", (4, 0, 0, 0)),
        ("", "12\n3", (3, 3, 0, 0)),
        ("77", "", (0, 0, 0, 2)),
        ("1?34", "1234", (4, 0, 1, 0)),
        ("12", "21", (2, 1, 0, 1)),  # not two wrong ones
    ],
)
def test_score(read: str, written: str, differs: tuple[int, int, int, int]) -> None:
    assert align(read, written).score == Score(*differs)


@given(st.text("012-.", max_size=12), st.text("012-.", max_size=12))
def test_alignment_has_the_fewest_errors(read: str, written: str) -> None:
    alignment = align(read, written)
    assert alignment.score.errors == edits(read, written)
    paired = [partner for partner in alignment.partners if partner >= 0]
    assert paired == sorted(set(paired))  # in order, each at most once


def test_pages_add_up() -> None:
    evaluation = PageEvaluation(signs=False)
    for written, read in (("12\n34", "12\n34"), ("12\n34", "12 34"), ("77", "7"), ("5", "63")):
        evaluation.add("some.png", written, reading(read), PIXELS)
    assert (evaluation.pages, evaluation.exact, evaluation.same_layout) == (4, 2, 1)
    assert evaluation.score == Score(11, 1, 1, 1)
    assert evaluation.error_rate == pytest.approx(3 / 11)
    assert evaluation.calibration.error == pytest.approx(abs(9 - 0.9 * 11) / 11)


def test_worst_pages_come_first_and_are_few() -> None:
    evaluation = PageEvaluation(signs=False)
    for number in range(30):
        read = "1" * (7 * number % 30)
        evaluation.add(f"{number}.png", "", reading(read), PIXELS)
    worst = [page.score.invented for page in evaluation.worst]
    assert worst == sorted(range(30), reverse=True)[:MAX_WORST]
    assert (evaluation.exact, evaluation.same_layout, evaluation.worst[0].read) == (1, 1, "1" * 29)
    assert math.isnan(evaluation.error_rate)
