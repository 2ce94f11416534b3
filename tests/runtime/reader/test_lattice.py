"""What the detector says of texts, beside the sum over all of its paths."""

from itertools import product

import numpy as np
import pytest

from digits.inference.interface import SYMBOLS
from digits.reader.detections import Detections
from digits.reader.lattice import likely_texts, text_scores
from tests.drawings import detections

# Two places, one that overlaps both, and one behind them.
BOXES = [(0.0, 0, 20, 30), (22.0, 0, 42, 30), (2.0, 0, 40, 30), (44.0, 0, 64, 30)]
EXCLUDED = {(0, 2), (1, 2)}


def random_detections(seed: int) -> Detections:
    random = np.random.default_rng(seed)
    seen = detections(BOXES, random.normal(0, 2, len(BOXES)).tolist())
    return seen._replace(symbols=np.log(random.dirichlet([0.3] * len(SYMBOLS), len(BOXES))))


def brute_force(seen: Detections) -> dict[str, float]:
    weights: dict[str, float] = {}
    odds = np.exp(seen.scores[:, None] + seen.symbols)
    for labels in product([None, *range(len(SYMBOLS))], repeat=len(BOXES)):
        places = [n for n, label in enumerate(labels) if label is not None]
        if not any(pair in EXCLUDED for pair in product(places, places)):
            text = "".join(SYMBOLS[labels[n] or 0] for n in places)
            weight = float(np.prod([odds[n, labels[n] or 0] for n in places]))
            weights[text] = weights.get(text, 0.0) + weight
    total = sum(weights.values())
    return {text: weight / total for text, weight in weights.items()}


@pytest.mark.parametrize("seed", range(3))
def test_scores_and_search_are_those_of_all_paths(seed: int) -> None:
    seen = random_detections(seed)
    by_text = brute_force(seen)
    scores = text_scores(seen, [*by_text, "12345"])
    np.testing.assert_allclose(np.exp(scores), [*by_text.values(), 0], atol=1e-9)
    likeliest = sorted(by_text, key=lambda text: -by_text[text])
    assert likely_texts(seen, 200)[:5] == likeliest[:5]


def test_where_nothing_is_seen_there_is_no_text() -> None:
    nothing = detections([], [])
    assert np.exp(text_scores(nothing, ["", "1"])).tolist() == [1, 0]
    assert likely_texts(nothing, 9) == [""]
