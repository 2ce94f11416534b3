"""What both networks say of the picture of one digit, as an ensemble."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision.ranker import Ranking

_TINY = 1e-9  # a probability that doesn't matter beside another, but isn't 0


class Evidence(NamedTuple):
    """What the reader sees in a picture that should hold one digit.

    probabilities: float64 [10], that it holds this digit alone. several, none: that it holds more
    digits, or none. All sum to 1.
    """

    probabilities: NDArray[np.float64]
    several: float
    none: float


def combine(ranking: Ranking, answers: NDArray[np.float32], evidence: Evidence) -> Ranking:
    """Combine what the ranker and the reader say of a picture: Dempster's rule.

    It is assumed that they overlook digits independently of each other, and make none up: where
    one sees several digits, or one, and the other none, these are there; where both see one, it
    is the same, so that all pairs of different digits are ruled out. A. P. Dempster, "Upper and
    lower probabilities induced by a multivalued mapping", 1967. answers: float32 [n, 10], the
    classifier's of the n hypotheses.
    """
    several = 1 - (1 - ranking.several) * (1 - evidence.several)
    ranked_none, seen_none = ranking.none + _TINY, evidence.none + _TINY
    fits = evidence.probabilities + seen_none  # float64 [10]: what the ranker's digits allow
    seen_alone = ranked_none * evidence.probabilities
    digits = ranking.hypotheses @ answers * fits + seen_alone
    none = ranked_none * seen_none
    # Of the hypotheses, the digit that the reader alone sees is in those that show it; where none
    # does, all are alike.
    alone = (ranking.hypotheses + _TINY) * (answers @ evidence.probabilities + _TINY)
    hypotheses = ranking.hypotheses * (answers @ fits) + alone * (seen_alone.sum() / alone.sum())
    share = (1 - several) / (digits.sum() + none)
    digits, none = share * digits, share * none
    probabilities = digits + (several + none) / 10
    return Ranking(probabilities / probabilities.sum(), share * hypotheses, several, none)
