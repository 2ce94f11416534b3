"""A line of digits as a lattice whose paths are joins, cuts and "no digit"; the best path wins.

Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section V. Paths
are weighed as in a conditional random field (J. Lafferty, A. McCallum, F. Pereira, 2001): the
probability of a path is the softmax of its score over all paths.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.vision import weights
from digits.vision.components import Component

Scores = NDArray[np.float64]

_KINDS = DIGIT, LETTER, SPECK = 0, 1, 2  # what an arc is: a digit; no digit, as high as one; lower

ARC_FEATURES = (
    # of a digit
    "digit",  # 1
    "confidence",  # log odds of the network's largest probability
    "height",  # by the page's usual one, as a logarithm
    "height squared",
    "too wide",  # the width by the usual height, as a logarithm, where it is more
    "cuts",  # how many of its sides are seams
    "crossed",  # how many widths of a stroke these seams cross
    "joins",  # how many components it has beyond one
    "contrast",  # its mean ink by the page's, as a logarithm
    "contrast squared",
    "softness",  # its mean ink by its darkest, as a logarithm; a shadow's is low
    "between lines",  # whether it ends on lines of the paper above and below
    "one",  # 1 where the network reads a 1, as it reads every bare stroke
    "page",  # how sure the network is of what is as large as a digit on its page
    "line",  # the same in its line
    # of what is no digit
    "junk",  # 1
    "junk's mass",  # by that of a usual digit, as a logarithm
    "junk's seams",  # how many of its sides are seams
)
# Of two arcs in a row.
PAIR_FEATURES = ("digit beside digit", "digit beside letter", "letter beside letter")
PAIRS = {(DIGIT, DIGIT): 0, (DIGIT, LETTER): 1, (LETTER, DIGIT): 1, (LETTER, LETTER): 2}


class Atom(NamedTuple):
    """The smallest piece of ink in a lattice: a component, or what lies between two of its seams.

    number: of the component in its page. seams: stroke widths that the seams on its left and right
    cross; 0 where there is none.
    """

    component: Component
    number: int
    seams: tuple[float, float]


class Arc(NamedTuple):
    """An edge from node `start` to node `end`: the atoms between them are a digit, or none.

    kind: DIGIT, LETTER or SPECK. features: float64 [ARC_FEATURES]. Only for a digit: component,
    its ink; frame, uint8 [28, 28], the network's input; answer, float32 [10], its output.
    """

    start: int
    end: int
    kind: int
    features: Scores
    component: Component | None = None
    frame: NDArray[np.uint8] | None = None
    answer: NDArray[np.float32] | None = None


class Lattice(NamedTuple):
    """Atoms close to each other, from left to right, and arcs ordered by their ends."""

    atoms: list[Atom]
    arcs: list[Arc]


class Step(NamedTuple):
    """An arc of the best path.

    probabilities: float64 [10], of the digit that its heaviest atom belongs to, over all paths on
    which it is a digit; they sum to 1.
    """

    arc: Arc
    probabilities: Scores


def best_path(lattice: Lattice) -> list[Step]:
    """The digits on the path with the highest score."""
    scores = arc_scores(lattice, np.array(weights.ARC)).tolist()
    pairs = pair_scores(np.array(weights.PAIR))
    best = [[-math.inf] * 3 for _ in range(len(lattice.atoms) + 1)]
    best[0] = [-math.inf, -math.inf, 0.0]  # as after a speck, which has no pair score
    origin: dict[tuple[int, int], tuple[int, int]] = {}  # node and kind -> arc, kind before it
    for number, (arc, score) in enumerate(zip(lattice.arcs, scores, strict=True)):
        beside = pairs[arc.kind]
        way, before = max((best[arc.start][kind] + beside[kind], kind) for kind in _KINDS)
        if way + score > best[arc.end][arc.kind]:
            best[arc.end][arc.kind] = way + score
            origin[arc.end, arc.kind] = number, before
    probabilities = marginals(lattice, scores, pairs)[0].sum(1)
    steps: list[Step] = []
    node = len(lattice.atoms)
    kind = max(_KINDS, key=best[node].__getitem__)
    while node:
        number, kind = origin[node, kind]
        arc = lattice.arcs[number]
        if arc.kind == DIGIT:
            steps.append(Step(arc, _digit_probabilities(lattice, arc, probabilities)))
        node = arc.start
    return steps[::-1]


def _digit_probabilities(lattice: Lattice, chosen: Arc, through: Scores) -> Scores:
    """The probabilities of the digit that an arc's heaviest atom belongs to: float64 [10].

    Each path crosses an atom on exactly one arc. through: float64 [arcs], their probabilities.
    """
    span = range(chosen.start, chosen.end)
    atom = max(span, key=lambda k: int(lattice.atoms[k].component.ink.sum()))
    digit = np.zeros(10)
    for arc, likely in zip(lattice.arcs, through, strict=True):
        if arc.start <= atom < arc.end and arc.answer is not None:
            digit += likely * arc.answer
    digit /= digit.sum()
    return digit


def arc_scores(lattice: Lattice, of_features: Scores) -> Scores:
    """The score of each arc: float64 [arcs]. of_features: weights [ARC_FEATURES]."""
    scores: Scores = np.stack([arc.features for arc in lattice.arcs]) @ of_features
    return scores


def pair_scores(of_features: Scores) -> list[list[float]]:
    """The score of each pair of kinds in a row, 3 x 3. of_features: weights [PAIR_FEATURES]."""
    scores = [[0.0] * 3 for _ in _KINDS]
    for (one, other), feature in PAIRS.items():
        scores[one][other] = float(of_features[feature])
    return scores


def marginals(
    lattice: Lattice, scores: list[float], pairs: list[list[float]]
) -> tuple[Scores, float]:
    """The probability of each arc after an arc of each kind, by the forward-backward algorithm.

    Returns float64 [arcs, 3] and the logarithm of the sum over all paths.
    """
    ahead = [[-math.inf] * 3 for _ in range(len(lattice.atoms) + 1)]
    back = [[-math.inf] * 3 for _ in range(len(lattice.atoms) + 1)]
    ahead[0], back[-1] = [-math.inf, -math.inf, 0.0], [0.0] * 3
    before: list[list[float]] = []
    for arc, score in zip(lattice.arcs, scores, strict=True):
        beside = pairs[arc.kind]
        ways = [ahead[arc.start][kind] + beside[kind] + score for kind in _KINDS]
        before.append(ways)
        ahead[arc.end][arc.kind] = _log_sum(ahead[arc.end][arc.kind], *ways)
    for arc, score in zip(reversed(lattice.arcs), reversed(scores), strict=True):
        beside = pairs[arc.kind]
        way = back[arc.end][arc.kind] + score
        for kind in _KINDS:
            back[arc.start][kind] = _log_sum(back[arc.start][kind], way + beside[kind])
    total = _log_sum(*ahead[-1])
    after = np.array([back[arc.end][arc.kind] for arc in lattice.arcs])
    return np.exp(np.array(before) + after[:, None] - total), total


def _log_sum(*values: float) -> float:
    """Log-sum-exp."""
    most = max(values)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(value - most) for value in values))
