"""Labelled digits, and which part of a data set they are."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Split:
    """Labelled digits: the data set, or a part of it.

    images: uint8 [n, 28, 28], 0 = paper, 255 = ink. labels: uint8 [n], 0 to 9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: slice | NDArray[np.intp]) -> "Split":
        return Split(self.images[chosen], self.labels[chosen])


Splits = dict[SplitName, Split]
