"""Rank the hypotheses with a small model, and combine their digits."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision import weights
from digits.vision.frame import DIGIT_SIDE, stroke_width
from digits.vision.hypotheses import KINDS, Hypothesis
from digits.vision.polarity import Floats

FEATURES, SEVERAL_FEATURES = tuple(weights.JUDGE), tuple(weights.SEVERAL)  # their names
_HEAVIEST = ("alone", "inner", "main")  # the first that exists is the heaviest component itself
_MIN_PROBABILITY = 1e-4  # in log odds; 1 minus this is the largest


class Ranking(NamedTuple):
    """What a picture shows.

    probabilities: float64 [10]; they sum to 1, since those of "no digit" and "several digits" are
    spread evenly. hypotheses: float64 [n], the probability of each. several, none: the probability
    that the picture shows several digits, or none.
    """

    probabilities: NDArray[np.float64]
    hypotheses: NDArray[np.float64]
    several: float
    none: float


def rank(
    hypotheses: Sequence[Hypothesis],
    frames: NDArray[np.uint8],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> Ranking:
    """Rank n hypotheses of one picture: Σ P(hypothesis | picture) · P(digit | hypothesis).

    frames: uint8 [n, 28, 28]; answers: float32 [n, 10], the network's probabilities; shape: rows
    and columns of the picture. The probability of each hypothesis, of several digits and of none is
    a softmax over linear scores. digits_train/fit_judge.py fits their weights on synthetic
    pictures.
    """
    if not hypotheses:
        return Ranking(np.full(10, 0.1), np.zeros(0), 0.0, 1.0)
    table = features(hypotheses, frames, answers, shape)
    several = -np.inf
    if (evidence := several_features(hypotheses, table)) is not None:
        several = float(evidence @ [*weights.SEVERAL.values()])
    scores = np.append(table @ [*weights.JUDGE.values()], (several, 0.0))
    likely = np.exp(scores - scores.max())
    likely /= likely.sum()
    digit = likely[:-2] @ answers + (likely[-2] + likely[-1]) / 10
    return Ranking(digit / digit.sum(), likely[:-2], float(likely[-2]), float(likely[-1]))


def features(
    hypotheses: Sequence[Hypothesis],
    frames: NDArray[np.uint8],
    answers: NDArray[np.float32],
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    """FEATURES of each hypothesis, float64 [n, features]; arguments as for `rank`."""
    height, width = shape
    table = np.zeros((len(hypotheses), len(FEATURES)))
    ruled = any(hypothesis.kind == "unruled" for hypothesis in hypotheses)
    likeliest = answers.argmax(1)
    confidence = log_odds(answers.max(1))
    agreement = log_odds(answers.mean(0)[likeliest])
    strokes = stroke_width(frames.astype(np.float32) / np.float32(255)) / DIGIT_SIDE
    for row, hypothesis in enumerate(hypotheses):
        box = hypothesis.component.box
        longer = max(box.width, box.height)
        x, y = (box.left + box.right) / width - 1, (box.top + box.bottom) / height - 1
        border = (box.left == 0) + (box.top == 0) + (box.right == width) + (box.bottom == height)
        table[row, KINDS.index(hypothesis.kind)] = 1
        table[row, len(KINDS) :] = (
            hypothesis.inverted,  # whether the ink is on the less likely of dark and light
            confidence[row],  # log odds of the network's largest probability
            agreement[row],  # log odds of this digit's mean probability in all hypotheses
            math.log(hypothesis.share),  # of all ink that it explains
            x * x + y * y,  # distance of its middle from the picture's; 1 is the middle of a side
            border,  # the number of the picture's sides that it touches
            math.log(longer / max(width, height)),
            math.log(strokes[row]),  # the width of its strokes, by its longer side
            math.log(hypothesis.component.contrast),
            math.log1p(hypothesis.unevenness / hypothesis.component.contrast),
            max(math.log(DIGIT_SIDE / longer), 0),  # the factor by which it was enlarged
            likeliest[row] == 1,  # as the network reads every bare stroke
            hypothesis.kind == "dark" and not ruled,  # nothing looks like a line of the paper
        )
    return table


def several_features(
    hypotheses: Sequence[Hypothesis], table: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """SEVERAL_FEATURES of the two heaviest components; None if there is only one.

    table: float64 [n, features], of the n hypotheses.
    """
    rows = {(view.kind, view.inverted): row for row, view in enumerate(hypotheses)}
    for inverted in (False, True):
        alone = [rows[kind, inverted] for kind in _HEAVIEST if (kind, inverted) in rows]
        if alone and ("second", inverted) in rows:
            break
    else:
        return None
    pair = [alone[0], rows["second", inverted]]
    (first, first_box), (second, second_box) = (hypotheses[row].component for row in pair)
    common = min(first_box.right, second_box.right) - max(first_box.left, second_box.left)
    longer = max(first_box.width, first_box.height) / max(second_box.width, second_box.height)
    columns = [FEATURES.index(name) for name in ("confidence", "width", "contrast", "one")]
    confidence, width, contrast, ones = table[pair][:, columns].T
    return np.array(
        [
            1.0,
            confidence.min(),
            math.log(second.sum() / first.sum()),
            -abs(math.log(first_box.height / second_box.height)),
            max(common, 0) / min(first_box.width, second_box.width),  # overlap, across
            abs(width[0] - width[1] + math.log(longer)),  # of the pens, in the picture's pixels
            abs(contrast[0] - contrast[1]),
            ones[1],
            inverted,
        ]
    )


def log_odds(probability: Floats) -> Floats:
    """Log odds of probabilities, kept finite."""
    inside = np.clip(probability, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    odds: Floats = np.log(inside / (1 - inside))
    return odds
