import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.vision import lattice, weights
from digits.vision.components import Box, Component
from digits.vision.lattice import (
    ARC_FEATURES,
    DIGIT,
    LETTER,
    PAIR_FEATURES,
    SPECK,
    Arc,
    Atom,
    Lattice,
    Step,
    best_path,
)

KINDS = (DIGIT, LETTER, SPECK)
PIECE = Component(np.ones((2, 2), np.uint8), Box(0, 0, 2, 2))

# Each arc adds the first of its features, so that it is its score.
OF_ARC = np.eye(len(ARC_FEATURES))[0]


def arc(start: int, end: int, kind: int, score: float, digit: int = 3) -> Arc:
    if kind != DIGIT:
        return Arc(start, end, kind, score * OF_ARC)
    answer = np.full(10, 0.02, np.float32)
    answer[digit] = 0.82
    return Arc(start, end, kind, score * OF_ARC, PIECE, np.zeros((28, 28), np.uint8), answer)


def of_arcs(arcs: list[Arc], masses: list[int] | None = None) -> Lattice:
    """A lattice of these arcs. masses: of the atoms."""
    count = max(arc.end for arc in arcs)
    pieces = [
        Component(np.full((2, 2), mass, np.uint8), PIECE.box) for mass in masses or [1] * count
    ]
    atoms = [Atom(piece, number, (0.0, 0.0)) for number, piece in enumerate(pieces)]
    return Lattice(atoms, sorted(arcs, key=lambda arc: arc.end))


SCORES = st.floats(-8, 8)


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """Any lattice in which each atom may be junk, as on a page."""
    count = draw(st.integers(1, 5))
    arcs = [
        arc(k, k + 1, draw(st.sampled_from([LETTER, SPECK])), draw(SCORES)) for k in range(count)
    ]
    for start in range(count):
        for end in range(start + 1, count + 1):
            for kind in (DIGIT, LETTER):
                if draw(st.booleans()):
                    arcs.append(arc(start, end, kind, draw(SCORES), draw(st.integers(0, 9))))
    masses = draw(st.permutations(range(1, count + 1)))
    return of_arcs(arcs, list(masses))


Pairs = dict[tuple[int, int], float]


@st.composite
def pair_weights(draw: st.DrawFn) -> tuple[float, ...]:
    return tuple(draw(st.floats(-5, 5)) for _ in PAIR_FEATURES)


def ways(of: Lattice, node: int = 0) -> Iterator[list[int]]:
    """All paths from a node to the last one, as indices of arcs."""
    if node == len(of.atoms):
        yield []
    for number, one in enumerate(of.arcs):
        if one.start == node:
            for rest in ways(of, one.end):
                yield [number, *rest]


def score(of: Lattice, way: list[int], pair: tuple[float, ...]) -> float:
    beside: Pairs = {(DIGIT, DIGIT): pair[0], (LETTER, LETTER): pair[2]}
    beside |= {(DIGIT, LETTER): pair[1], (LETTER, DIGIT): pair[1]}
    total = sum(float(of.arcs[number].features @ OF_ARC) for number in way)
    for one, other in pairwise(of.arcs[number] for number in way):
        total += beside.get((one.kind, other.kind), 0.0)
    return total


def find(of: Lattice, pair: tuple[float, ...]) -> list[Step]:
    """The best path with these weights of pairs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(weights, "ARC", tuple(OF_ARC))
        patched.setattr(weights, "PAIR", pair)
        return best_path(of)


def shares(of: Lattice, pair: tuple[float, ...]) -> list[tuple[list[int], float]]:
    """All paths and their probabilities."""
    every = list(ways(of))
    mass = np.exp([score(of, way, pair) for way in every])
    return list(zip(every, (mass / mass.sum()).tolist(), strict=True))


@settings(max_examples=200)
@given(lattices(), pair_weights())
def test_best_path_equals_brute_force(of: Lattice, pair: tuple[float, ...]) -> None:
    steps = find(of, pair)
    scores = {tuple(way): score(of, way, pair) for way in ways(of)}
    best = [way for way, value in scores.items() if value >= max(scores.values()) - 1e-9]
    digits = [[id(of.arcs[k]) for k in way if of.arcs[k].kind == DIGIT] for way in best]
    assert [id(step.arc) for step in steps] in digits


@settings(max_examples=200)
@given(lattices(), pair_weights())
def test_digit_probabilities_equal_brute_force(of: Lattice, pair: tuple[float, ...]) -> None:
    """Of the digit of an arc's heaviest atom, over all paths that read it as a digit."""
    for step in find(of, pair):
        own = range(step.arc.start, step.arc.end)
        heaviest = max(own, key=lambda k: of.atoms[k].component.ink.sum())
        expected = np.zeros(10)
        for way, share in shares(of, pair):
            [over] = [of.arcs[k] for k in way if of.arcs[k].start <= heaviest < of.arcs[k].end]
            expected += 0 if over.answer is None else share * over.answer
        expected /= expected.sum()
        np.testing.assert_allclose(step.probabilities, expected, atol=1e-6)
        assert step.probabilities.sum() == pytest.approx(1, abs=1e-6)


@settings(max_examples=200)
@given(lattices(), pair_weights())
def test_marginals_equal_brute_force(of: Lattice, pair: tuple[float, ...]) -> None:
    scores = lattice.arc_scores(of, OF_ARC)
    found, total = lattice.marginals(of, scores.tolist(), lattice.pair_scores(np.array(pair)))
    mass = sum(math.exp(score(of, way, pair)) for way in ways(of))
    assert total == pytest.approx(math.log(mass), abs=1e-9)
    expected = np.zeros((len(of.arcs), len(KINDS)))
    for way, share in shares(of, pair):
        before = SPECK  # of the first arc, by convention
        for number in way:
            expected[number, before] += share
            before = of.arcs[number].kind
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(lattices(), pair_weights())
def test_atom_probabilities_sum_to_1(of: Lattice, pair: tuple[float, ...]) -> None:
    scores = lattice.arc_scores(of, OF_ARC).tolist()
    found, _ = lattice.marginals(of, scores, lattice.pair_scores(np.array(pair)))
    for atom in range(len(of.atoms)):
        over = [k for k, one in enumerate(of.arcs) if one.start <= atom < one.end]
        assert found[over].sum() == pytest.approx(1)


NO_PAIRS = (0.0, 0.0, 0.0)


def test_extreme_scores_stay_finite() -> None:
    arcs = [arc(0, 1, LETTER, -5000), arc(1, 2, LETTER, 4000), arc(0, 2, DIGIT, 900, 7)]
    [step] = find(of_arcs(arcs), NO_PAIRS)
    assert (step.arc.start, step.arc.end) == (0, 2)
    assert step.probabilities[7] == pytest.approx(0.82)


def test_equal_paths_share_probability() -> None:
    """Of four paths, the two without a digit don't count."""
    arcs = [arc(0, 1, LETTER, 1), arc(0, 1, SPECK, 1), arc(0, 1, DIGIT, 1, 4)]
    arcs.append(arc(0, 1, DIGIT, 1 + 1e-9, 7))
    [step] = find(of_arcs(arcs), NO_PAIRS)
    assert step.arc is arcs[-1]
    expected = np.full(10, 0.02)
    expected[[4, 7]] += 0.8 / 2
    np.testing.assert_allclose(step.probabilities, expected, atol=1e-6)


def test_path_without_digits() -> None:
    arcs = [arc(0, 1, LETTER, 5), arc(1, 2, SPECK, 5), arc(0, 2, DIGIT, 0)]
    assert find(of_arcs(arcs), NO_PAIRS) == []


@pytest.mark.parametrize(
    ("pair", "digits"),
    [
        ((0, 0, 0), [0, 1]),
        ((-3, 0, 0), [0]),
        ((-9, -9, 0), []),
        ((0, 9, 0), [0]),
        ((0, 0, 9), []),
        ((9, 0, 0), [0, 1]),
    ],
)
def test_pair_scores_change_path(pair: tuple[float, ...], digits: list[int]) -> None:
    """Both are digits; the first one is surer."""
    arcs = [arc(0, 1, DIGIT, 2), arc(0, 1, LETTER, 0), arc(1, 2, DIGIT, 1), arc(1, 2, LETTER, 0)]
    steps = find(of_arcs(arcs), pair)
    assert [step.arc.start for step in steps] == digits


def test_pair_scores() -> None:
    scores = np.array(lattice.pair_scores(np.array([1.0, 2.0, 3.0])))
    assert scores[DIGIT, DIGIT] == 1
    assert scores[DIGIT, LETTER] == scores[LETTER, DIGIT] == 2
    assert scores[LETTER, LETTER] == 3
    assert not scores[SPECK].any()
    assert not scores[:, SPECK].any()


def test_arc_scores_are_linear() -> None:
    random = np.random.default_rng(0)
    arcs = [Arc(k, k + 1, SPECK, random.normal(size=len(ARC_FEATURES))) for k in range(4)]
    of_features = random.normal(size=len(ARC_FEATURES))
    scores = lattice.arc_scores(of_arcs(arcs), of_features)
    assert scores.tolist() == pytest.approx([float(one.features @ of_features) for one in arcs])


def test_weights_match_features() -> None:
    assert len(weights.ARC) == len(ARC_FEATURES) == len(set(ARC_FEATURES))
    assert len(weights.PAIR) == len(PAIR_FEATURES) == len(set(PAIR_FEATURES))
    assert np.isfinite([*weights.ARC, *weights.PAIR]).all()
    assert set(lattice.PAIRS.values()) == set(range(len(PAIR_FEATURES)))


def test_surer_digit_is_likelier() -> None:
    """With the fitted weights."""
    confidence = np.eye(len(ARC_FEATURES))[ARC_FEATURES.index("confidence")]
    digit = np.eye(len(ARC_FEATURES))[ARC_FEATURES.index("digit")]
    junk = np.eye(len(ARC_FEATURES))[ARC_FEATURES.index("junk")]
    probabilities = []
    for sure in (-3, 0, 3, 6):
        arcs = [Arc(0, 1, DIGIT, digit + sure * confidence), Arc(0, 1, LETTER, junk)]
        of = of_arcs(arcs)
        scores = lattice.arc_scores(of, np.array(weights.ARC)).tolist()
        found, _ = lattice.marginals(of, scores, lattice.pair_scores(np.array(weights.PAIR)))
        probabilities.append(float(found[0].sum()))
    assert probabilities == sorted(probabilities)
    assert probabilities[0] < probabilities[-1]
