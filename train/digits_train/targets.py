"""What networks that read crops are compared with."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class CropTargets(NamedTuple):
    """Of n crops, as in `Crop`: their texts, and bool [n], whether they show a whole number."""

    texts: Sequence[str | None]
    whole: Tensor
