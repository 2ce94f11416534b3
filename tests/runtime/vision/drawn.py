"""Pictures for the tests of this room."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data.mnist import Split
from tests.synthetic import Sheet, chosen, lamp, shadow


def arrays(most: int, *values: int, dtype: type[np.generic] = np.uint8) -> st.SearchStrategy:
    """Arrays [height, width] of at most `most` a side. values: of which they are made."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=most)
    return hnp.arrays(dtype, shapes, elements=st.sampled_from(values) if values else None)


# Noise, few levels, and paper that is nearly even.
GREY = arrays(60) | arrays(30, *range(256)) | arrays(30, 20, 140, 228, 229, 230, 231, 232)


def sheet(split: Split, digits: str = "5", size: int = 110, start: int = 0) -> Sheet:
    """A small sheet with a digit, or a larger one with three."""
    page = Sheet(200, 200 if len(digits) == 1 else 300)
    left, top = (70, 40) if len(digits) == 1 else (60, 50)
    page.write(chosen(split, digits, start), left, top, size, gap=10)
    return page


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of two pictures, 1 when they are equal."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


# Whatever is on the paper besides the digit, and how it is photographed.
CHANGES: dict[str, Callable[[Sheet], None]] = {
    "nothing": lambda _: None,
    "ruled": lambda page: page.rule(40),
    "squared": lambda page: page.rule(40, True),
    "squared darkly": lambda page: page.rule(30, True, 100),
    "box": lambda page: page.box(50, 30, 180, 170),
    "tight box": lambda page: page.box(66, 40, 160, 145),
}
PHOTOGRAPHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "noisy": {"noise": 12},
    "tilted": {"tilt": 6},
    "lamp": {"light": lamp(200, 200)},
    "shadow": {"light": shadow(200, 200)},
    "table": {"table": 15},
    "pencil": {"ink": 150},
}


def photograph(split: Split, change: str, how: str) -> tuple[Sheet, np.ndarray]:
    """Some digit on changed paper, photographed in some way."""
    number = list(CHANGES).index(change) + 2 * list(PHOTOGRAPHS).index(how)
    page = sheet(split, str(number % 10), start=number)
    CHANGES[change](page)
    return page, page.photograph(**PHOTOGRAPHS[how])
