"""What a recognizer's output says of texts, beside the sum over all of its paths."""

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from digits.inference.interface import SYMBOLS
from digits.reader.ctc import align, likely_texts, text_scores
from tests.drawings import steps

SEEN = [1, 2, SYMBOLS.index("."), len(SYMBOLS)]  # the symbols of random outputs, and blank


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
def test_scores_and_search_are_those_of_all_paths(seed: int) -> None:
    by_text = brute_force(output(seed))
    assert "11.1" in by_text  # repeated symbols
    texts = [*by_text, "11111", "987"]
    [scores, others] = text_scores(np.stack([output(seed), output(7)]), texts)
    np.testing.assert_allclose(np.exp(scores), [*by_text.values(), 0, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(others, text_scores(output(7)[None], texts)[0])
    likeliest = sorted(by_text, key=lambda text: -by_text[text])
    assert likely_texts(output(seed), 100)[:5] == likeliest[:5]


def test_no_more_texts_than_asked_for() -> None:
    """Not even where all are alike."""
    uniform = np.full((5, len(SYMBOLS) + 1), -math.log(len(SYMBOLS) + 1))
    assert len(likely_texts(uniform, 4)) == 4
    doubtful = [{"3": 0.5 + 0.01 * number, "5": 0.4 - 0.01 * number} for number in range(8)]
    assert likely_texts(steps("", *doubtful), 4)[0] == "33333333"


def test_where_nothing_is_there_is_no_text() -> None:
    nothing = np.zeros((1, 0, len(SYMBOLS) + 1))
    assert np.exp(text_scores(nothing, ["", "1"])).round(9).tolist() == [[1, 0]]
    assert likely_texts(nothing[0], 9) == [""]
    assert text_scores(steps("12")[None], []).shape == (1, 0)


def test_symbols_are_where_the_likeliest_path_has_them() -> None:
    """Each at a step with a blank behind it; the second of three is seen for two steps."""
    rows = np.concatenate([steps("1"), steps("1")[:1], steps("12")])
    assert align(rows, "112").tolist() == [0.5, 3.0, 5.5]
    assert align(rows, "").tolist() == []
    assert len(align(rows, "1128")) == 4  # which isn't likely, but must have a place
