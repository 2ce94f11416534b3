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
from digits.inference.model import Model
from digits.inference.reader_model import ReaderModel
from digits.prediction import Number
from digits.reader import numbers
from digits.reader.lattice import Arc, best_path
from digits.reader.numbers import ANY_TEXT, NumberReading, OnlyText, likely_texts
from digits.reader.reading import Rules, find_lattices, to_number
from digits.reader.search import search

_LEAST_SHARE = 1e-8  # of a text: no picture rules out alone what the others show


class Sighting(NamedTuple):
    """The number in one of the pictures. where: its line and column, from 1."""

    page: GreyImage
    lattice: Sequence[Arc]
    where: tuple[int, int]

    def shares(self, automata: Sequence[Automaton], temperature: float) -> list[float]:
        """The shares of all paths that each automaton accepts, 0 to 1."""
        every = search(self.lattice, ANY_TEXT, temperature).total
        return [
            math.exp(search(self.lattice, each, temperature).total - every) for each in automata
        ]


def find_number(
    model: Model, reader: ReaderModel, page: GreyImage, constraints: Constraints
) -> Sighting | None:
    """The column that satisfies the constraints best, of several the longest; None without any.

    page: loaded with PAGE_MAX_SIDE.
    """

    def merits(sighting: Sighting) -> tuple[float, int]:
        [share] = sighting.shares([constraints.automaton], reader.metadata.number_temperature)
        return round(share, 2), len(best_path(sighting.lattice))

    lines = enumerate(find_lattices(model, reader, page), 1)
    seen = [Sighting(page, each, (row, i)) for row, line in lines for i, each in enumerate(line, 1)]
    return max(seen, key=merits, default=None)


def vote(sightings: Sequence[Sighting], rules: Rules, temperature: float) -> Number:
    """The number that one or more pictures show, in the last one that shows it so.

    Of one picture, it is what `read_number` reads. The free reading is that of the last picture.
    """
    (page, lattice, where), constraints = sightings[-1], rules.constraints
    if len(sightings) == 1:
        reading = numbers.read_number(lattice, constraints, temperature)
        return to_number(page, reading, where, rules)
    signless = constraints.digits_only
    free = numbers.read_freely(lattice, signless)
    satisfying = _likely_texts(sightings, constraints, temperature)
    if not satisfying:
        return to_number(page, free, where, rules)
    anything = Constraints(digits_only=signless)
    breaking = _likely_texts(sightings, anything, temperature) if constraints else []
    texts, count = [*dict.fromkeys(satisfying + breaking)], len(satisfying)
    automata = [OnlyText(text, signless) for text in texts]
    shares = np.array([sighting.shares(automata, temperature) for sighting in sightings])
    weights = np.exp(np.log(shares + _LEAST_SHARE).mean(0))
    total = weights[:count].sum()
    readings = shares[:, :count] / (shares[:, :count].sum(1, keepdims=True) + _LEAST_SHARE)
    shown = 1 - (1 - readings).prod(0)
    best, *others = np.minimum(weights[:count] / total, shown).argsort()[::-1].tolist()
    # As in `read_number`: a number that breaks the constraints could read so by chance.
    chance = weights[count:].sum() * numbers.BROKEN * constraints.share(texts[best])
    if total < chance:
        return to_number(page, free, where, rules)
    paths = [search(each.lattice, automata[best], temperature).symbols for each in sightings]
    last = (shares[:, best] >= shares[:, best].max() / 2).nonzero()[0][-1]
    symbols = numbers.skip_signs(paths[last], signless)
    if any(arc.disputed for path in paths for _, arc in path):
        symbols = [(symbol, arc._replace(disputed=True)) for symbol, arc in symbols]
    probability = float(min(weights[best] / (total + chance), shown[best]))
    second = texts[others[0]] if others else ""
    reading = NumberReading(symbols, probability, second, free.text)
    return to_number(sightings[last].page, reading, sightings[last].where, rules)


def _likely_texts(
    sightings: Sequence[Sighting], constraints: Constraints, temperature: float
) -> list[str]:
    """The likeliest texts of each picture that satisfy the constraints, each once."""
    likely = [
        text for each in sightings for text in likely_texts(each.lattice, constraints, temperature)
    ]
    return [*dict.fromkeys(likely)]
