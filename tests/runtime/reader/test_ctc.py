"""What a recognizer's output says of texts, beside the sum over all of its paths."""

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from digits.constraints.automaton import Check, Product, accepts_text
from digits.inference.interface import SYMBOLS
from digits.reader.ctc import accepted_states, text_scores
from digits.reader.opinions import EVERY_TEXT
from tests.drawings import UNSEEN, steps

SEEN = [1, 2, SYMBOLS.index("."), len(SYMBOLS)]  # the symbols of random outputs, and blank
SPELLED = Product("", lambda text, symbol: f"{text}{symbol}", lambda text: True)


def output(seed: int) -> np.ndarray:
    """Three random steps, three at which nothing is, and another three."""
    rows = np.full((9, len(SYMBOLS) + 1), 1e-12)
    rows[:, SEEN] = np.random.default_rng(seed).dirichlet([0.7] * len(SEEN), 9)
    rows[3:6, SEEN] = [0, 0, 0, 1]
    return np.asarray(np.log(rows.clip(1e-12)))


def brute_force(rows: np.ndarray) -> dict[str, float]:
    """The probability of each text: the sum of its paths."""
    totals: dict[str, float] = defaultdict(float)
    random = rows[[0, 1, 2, 3, 6, 7, 8]]
    for path in product(SEEN, repeat=len(random)):
        text = "".join(SYMBOLS[k] for k, _ in groupby(path) if k < len(SYMBOLS))
        totals[text] += math.exp(random[range(len(random)), path].sum())
    return totals


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_of_all_paths(seed: int) -> None:
    rows = output(seed)
    by_text = brute_force(rows)
    assert "11.1" in by_text  # repeated symbols
    scores = text_scores(rows, [*by_text, "11111", "987"])
    np.testing.assert_allclose(np.exp(scores), [*by_text.values(), 0, 0], rtol=1e-6, atol=1e-9)
    spelled = accepted_states(rows, SPELLED, 10_000)
    assert {text: math.exp(p) for text, p in spelled.items() if p > -7} == pytest.approx(
        {text: p for text, p in by_text.items() if p > math.exp(-7)}, rel=0.02
    )
    for automaton in (EVERY_TEXT, Check((1,), 3)):  # the sum of digits, by 3
        states = accepted_states(rows, automaton, 500).values()
        expected = sum(p for text, p in by_text.items() if accepts_text(automaton, text))
        assert sum(map(math.exp, states)) == pytest.approx(expected, rel=1e-3)


def test_no_more_states_are_kept_than_there_is_room_for() -> None:
    """Not even where all are alike."""
    uniform = np.full((5, len(SYMBOLS) + 1), -math.log(len(SYMBOLS) + 1))
    assert len(accepted_states(uniform, SPELLED, 4)) <= 4
    doubtful = [{"3": 0.5 + 0.01 * number, "5": 0.4 - 0.01 * number} for number in range(8)]
    kept = accepted_states(steps("", *doubtful), SPELLED, 4)
    assert len(kept) <= 4 and max(kept, key=lambda text: kept[text]) == "33333333"


def test_where_nothing_is_seen_there_is_no_text() -> None:
    assert np.exp(text_scores(UNSEEN, ["", "1"])).round(9).tolist() == [1, 0]
    assert accepted_states(UNSEEN, SPELLED, 9) == {"": 0}
    assert text_scores(steps("12"), []) == []
