"""What the camera's numbers are drawn from."""

from math import isclose
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from digits_train.pixels import Random

Chance = Annotated[float, Meta(ge=0, le=1)]
Size = Annotated[float, Meta(ge=0, le=10_000)]
Positive = Annotated[float, Meta(ge=0.001, le=10_000)]
Signed = Annotated[float, Meta(ge=-10_000, le=10_000)]
Range = Annotated[tuple[Signed, Signed], "lowest, highest"]
LogRange = Annotated[tuple[Positive, Positive], "drawn evenly in the logarithm"]
Natural = Annotated[int, Meta(ge=0, le=100)]
Counts = Annotated[tuple[Natural, Natural], "fewest, most"]
Normal = tuple[Signed, Size]  # mean, standard deviation
Chances = Annotated[tuple[Chance, ...], "with the sum 1"]


class Mixture(NamedTuple):
    """A number from the first range with this chance, or from the other, by default 0."""

    chance: Chance
    first: Range
    other: Range = (0.0, 0.0)

    def draw(self, random: Random) -> float:
        lowest, highest = self.first if random.random() < self.chance else self.other
        return random.uniform(lowest, highest) if lowest < highest else lowest


def check(name: str, kind: Any, values: Any, usual: Any) -> None:
    """Raise ValueError, with the name, for a range without numbers, or chances whose sum isn't 1.

    kind: of those above. usual: by default, so many numbers.
    """
    if isinstance(usual, tuple) and len(values) != len(usual):
        raise ValueError(f"{name}: expected {len(usual)} numbers")
    if kind == Chances and not isclose(sum(values), 1):
        raise ValueError(f"{name}: the sum is {sum(values):g}, not 1")
    if kind is Mixture:
        _check_range(name, values.first, usual.first)
        _check_range(name, values.other, usual.other)
    elif kind in (Range, LogRange, Counts):
        _check_range(name, values, usual)


def _check_range(name: str, values: Range, usual: Range) -> None:
    """Lengths and shares can't be negative; slants and distances, whose usual range is, can."""
    if values[0] > values[1]:
        raise ValueError(f"{name}: {values[0]} is above {values[1]}")
    if values[0] < 0 <= usual[0]:
        raise ValueError(f"{name}: {values[0]} is below 0")
