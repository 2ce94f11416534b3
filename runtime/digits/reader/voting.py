"""One number from several pictures of it: by the product of their lattices, no vote of answers.

The probability of a text is proportional to the geometric mean, over the pictures, of the shares of
their paths that read so. The plain product would take the pictures' errors for independent, but
most are those of the hand that wrote the number: it is sure of too much. And it is at most the
probability that any of the pictures reads so: of several numbers, a mixture has the largest mean.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from digits.constraints.automaton import Automaton
from digits.constraints.constraints import Constraints
from digits.images.picture import GreyImage
from digits.prediction import Number
from digits.reader.lattice import Arc, best_path
from digits.reader.numbers import BROKEN, AnyText, Excluding, OnlyText, read_number, without_signs
from digits.reader.reading import Rules, find_lattices, to_number
from digits.reader.search import search
from digits.vision.candidates import Networks

Lattice = Sequence[Arc]

_MAX_TEXTS = 8  # the likeliest of each picture, which are weighed in all
_LEAST_SHARE = 1e-8  # of a text: no picture rules out alone what the others show


class Sighting(NamedTuple):
    """The number in one of the pictures. where: its line and column, from 1."""

    page: GreyImage
    lattice: Lattice
    where: tuple[int, int]


def find_number(networks: Networks, page: GreyImage, constraints: Constraints) -> Sighting | None:
    """The column that satisfies the constraints best, of several the longest; None without any.

    page: loaded with PAGE_MAX_SIDE.
    """
    temperature = networks.reader.metadata.number_temperature

    def merits(seen: Sighting) -> tuple[float, int]:
        [share] = _shares(seen.lattice, [constraints.automaton], temperature)
        return round(share, 2), len(best_path(seen.lattice))

    lines = enumerate(find_lattices(networks, page), 1)
    seen = [Sighting(page, each, (row, i)) for row, line in lines for i, each in enumerate(line, 1)]
    return max(seen, key=merits, default=None)


def vote(sightings: Sequence[Sighting], rules: Rules, temperature: float) -> Number:
    """The number that one or more pictures show, in the last one that shows it so.

    Of one picture, it is what `read_number` reads. The free reading is that of the last picture.
    """
    (page, lattice, where), constraints = sightings[-1], rules.constraints
    if len(sightings) == 1:
        return to_number(page, read_number(lattice, constraints, temperature), where, rules)
    unconstrained = Constraints(digits_only=constraints.digits_only)
    free = read_number(lattice, unconstrained, temperature)
    lattices = [sighting.lattice for sighting in sightings]
    satisfying = _likely_texts(lattices, constraints, temperature)
    others = _likely_texts(lattices, unconstrained, temperature) if constraints else []
    texts = [*dict.fromkeys(satisfying + others)]
    automata = [OnlyText(text, constraints.digits_only) for text in texts]
    shares = np.array([_shares(lattice, automata, temperature) for lattice in lattices])
    weights = np.exp(np.log(shares + _LEAST_SHARE).mean(0))
    weights, breaking = weights[: len(satisfying)], weights[len(satisfying) :].sum()
    total, readings = weights.sum(), shares[:, : len(satisfying)]
    readings = readings / (readings.sum(1, keepdims=True) + _LEAST_SHARE)
    shown = 1 - (1 - readings).prod(0)
    ranks = np.minimum(weights / total, shown).argsort()[::-1]
    # As in `read_number`: a number that breaks the constraints could read so by chance.
    chance = breaking * BROKEN * constraints.share(texts[ranks[0]]) if len(ranks) else math.inf
    if total < chance:
        unreadable = free._replace(probability=0.0, runner_up="", satisfies=False)
        return to_number(page, unreadable, where, rules)
    likely = shares[:, ranks[0]] >= shares[:, ranks[0]].max() / 2
    page, lattice, where = sightings[likely.nonzero()[0][-1]]
    symbols = search(lattice, automata[ranks[0]], temperature).symbols
    symbols = without_signs(symbols) if constraints.digits_only else symbols
    if any(_is_disputed(each, automata[ranks[0]], temperature) for each in lattices):
        symbols = [(symbol, arc._replace(disputed=True)) for symbol, arc in symbols]
    second = texts[ranks[1]] if len(ranks) > 1 else ""
    probability = float(min(weights[ranks[0]] / (total + chance), shown[ranks[0]]))
    reading = free._replace(symbols=symbols, probability=probability, runner_up=second)
    return to_number(page, reading, where, rules)


def _is_disputed(lattice: Lattice, automaton: Automaton, temperature: float) -> bool:
    """Whether a picture shows a digit of the text of which the networks are sure, but differ."""
    return any(arc.disputed for _, arc in search(lattice, automaton, temperature).symbols)


def _shares(lattice: Lattice, automata: Sequence[Automaton], temperature: float) -> list[float]:
    """The shares of all paths that each automaton accepts, 0 to 1."""
    every = search(lattice, AnyText(), temperature).total
    return [math.exp(search(lattice, each, temperature).total - every) for each in automata]


def _likely_texts(
    lattices: Sequence[Lattice], constraints: Constraints, temperature: float
) -> list[str]:
    """The likeliest texts of each lattice that satisfy the constraints."""
    texts: dict[str, None] = {}
    for lattice in lattices:
        automaton: Automaton = constraints.automaton
        for _ in range(_MAX_TEXTS):
            text = search(lattice, automaton, temperature).text
            if not text:
                break
            text = "".join(filter(str.isdigit, text)) if constraints.digits_only else text
            texts[text] = None
            automaton = Excluding(automaton, text, constraints.digits_only)
    return [*texts]
