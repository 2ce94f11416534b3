"""The likeliest texts of lattices, and with constraints."""

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits import Constraints
from digits.constraints.automaton import accepts_text
from digits.constraints.checks import Check
from digits.inference.interface import SYMBOLS
from digits.reader.lattice import Arc, best_path, build_lattice
from digits.reader.numbers import ANY_TEXT, OnlyText, read_number, to_text
from digits.reader.search import NO_PATHS, search
from tests.runtime.reader.drawn import arc, detections, lattice


def cores_overlap(first: Arc, second: Arc) -> bool:
    """Whether the middle 60 % of two boxes overlap: a digit may lean over the next."""
    gap = abs(first.box[0] + first.box[2] - second.box[0] - second.box[2]) / 2
    widths = first.box[2] - first.box[0] + second.box[2] - second.box[0]
    return gap < 0.3 * widths - 1e-9


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(2, 40), st.integers(-20, 40)), max_size=8)
)
def test_best_path_is_the_best_of_all(sides: list[tuple[int, int, int]]) -> None:
    boxes = [(left, 0, left + width, 30) for left, width, _ in sides]
    lattice = build_lattice(detections(boxes, [score for _, _, score in sides]))
    path = best_path(lattice)
    assert not any(cores_overlap(*pair) for pair in combinations(path, 2))
    best = max(
        sum(arc.score for arc in some)
        for count in range(len(sides) + 1)
        for some in combinations(lattice, count)
        if not any(cores_overlap(*pair) for pair in combinations(some, 2))
    )
    assert sum(arc.score for arc in path) == pytest.approx(best)


@st.composite
def lattices(draw: st.DrawFn) -> list[Arc]:
    """Up to four arcs, of which each may be one of three symbols."""
    arcs = []
    for index in range(draw(st.integers(1, 4))):
        start = draw(st.integers(max(0, index - 2), index))
        three = {"1": 0.5, "2": 0.3, draw(st.sampled_from("37.")): 0.2}
        arcs.append(arc(start, draw(st.floats(-3, 3)), three))
    return arcs


def all_paths(lattice: list[Arc], node: int) -> Iterator[list[Arc]]:
    if not node:
        yield []
        return
    yield from all_paths(lattice, node - 1)
    last = lattice[node - 1]
    for path in all_paths(lattice, last.start):
        yield [*path, last]


def weights(lattice: list[Arc]) -> dict[str, float]:
    """The summed weight of each text, by trying all paths."""
    totals: dict[str, float] = defaultdict(float)
    for path in all_paths(lattice, len(lattice)):
        for chosen in product(*((each.symbols > math.log(0.1)).nonzero()[0] for each in path)):
            weight = sum(each.score + each.symbols[k] for each, k in zip(path, chosen, strict=True))
            totals["".join(SYMBOLS[k] for k in chosen)] += math.exp(weight)
    return totals


@given(lattices())
def test_total_and_best_are_those_of_all_paths(lattice: list[Arc]) -> None:
    by_text, divisible = weights(lattice), Check((1,), 3)  # the sum of digits, by 3
    for automaton in (ANY_TEXT, divisible, OnlyText("12", excluded=True)):
        accepted = {text: w for text, w in by_text.items() if accepts_text(automaton, text)}
        paths = search(lattice, automaton)
        assert math.exp(paths.total) == pytest.approx(sum(accepted.values()), rel=1e-3)
        if accepted:
            assert accepts_text(automaton, to_text(paths.symbols))
            assert paths.best <= paths.total + 1e-9
    text = to_text(search(lattice, ANY_TEXT).symbols)
    assert search(lattice, OnlyText(text)).total == pytest.approx(math.log(by_text[text]), abs=1e-6)
    assert search(lattice, OnlyText("999")) == NO_PATHS


def test_a_wrong_digit_is_repaired() -> None:
    """And the second best satisfies the constraints, too."""
    arcs = lattice("4992739871", {"7": 0.6, "6": 0.3, "1": 0.09})
    reading = read_number(arcs, Constraints(pattern=r"\d*[16]"), 1.0)
    assert (reading.text, reading.unconstrained) == ("49927398716", "49927398717")
    assert reading.runner_up == "49927398711" and reading.satisfies
    assert reading.probability == pytest.approx(0.3 / 0.396, abs=0.02)


@pytest.mark.parametrize(("score", "length"), [(-1.0, 3), (1.0, 2)])
def test_a_missing_or_doubled_digit_is_repaired(score: float, length: int) -> None:
    """The last digit is rather there, or not, than what the length says."""
    arcs = [*lattice("12"), arc(2, score, {"7": 0.99})]
    reading = read_number(arcs, Constraints(length=length), 1.0)
    assert reading.text == "127"[:length] and reading.unconstrained == "127"[: 5 - length]
    assert reading.satisfies and reading.probability > 0.9


def test_what_satisfies_nothing_is_unreadable() -> None:
    reading = read_number(lattice("12", {"7": 0.899, "1": 0.1}), Constraints(length=8), 1.0)
    assert not reading.satisfies and reading.probability == 0
    assert (reading.text, reading.unconstrained, reading.runner_up) == ("127", "127", "")


def test_a_list_is_stronger_evidence_than_a_length() -> None:
    """A reading with an unlikely digit is believed if few other numbers are allowed."""
    arcs = lattice("123456", {"7": 0.996, "1": 0.003})
    in_list = read_number(arcs, Constraints(values=["1234561"]), 1.0)
    matching = read_number(arcs, Constraints(pattern="1234561"), 1.0)
    assert in_list.probability > 0.95  # 3 in 1,000, and 1 % in 70 read so by a slip of the pen
    assert matching.probability == 0  # 3 in 1,000, but 1 % of numbers break their constraints


def test_digits_only_leaves_signs_out() -> None:
    minus, *digits = lattice("", {"-": 0.99}, {"1": 0.999}, {"2": 0.999})
    minus = minus._replace(score=3.0)
    reading = read_number([minus, *digits], Constraints(digits_only=True), 1.0)
    assert reading.text == "12" and reading.probability > 0.98
    both = Constraints(length=2, digits_only=True)
    assert read_number([minus, *digits], both, 1.0).text == "12"
    assert read_number([minus], Constraints(digits_only=True), 1.0).symbols == []
