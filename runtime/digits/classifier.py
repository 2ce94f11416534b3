"""Picture in, digit out."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits import ink, picture
from digits.errors import PictureError
from digits.metadata import Kernels
from digits.model import Model
from digits.picture import Source


@dataclass(frozen=True)
class Prediction:
    """What the network says of one digit.

    digit: 0 to 9, or None when the confidence is below the model's rejection threshold.
    confidence: the largest of the ten probabilities (0 to 1). probabilities: of 0, 1, … 9; they
    sum to 1. box: left, top, right, bottom of the digit in the picture's own pixels, upright.
    """

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    box: tuple[int, int, int, int]


class Classifier:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file that `digits export` made; by default $DIGITS_MODEL, or else the bundled
    LeNet-5. threads: how many cores one call may use. kernels: see Model.

    Raises ModelError when the model can't be used.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        threads: int = 1,
        kernels: Kernels | None = None,
    ) -> None:
        self.model = Model(model, threads, kernels)

    def predict(self, source: Source) -> Prediction:
        """Read the one digit in a picture.

        source: a path, bytes, a file object, a PIL image, or an array (see `picture.load`).
        Raises PictureError when it can't be opened or holds no digit.
        """
        return self.predict_batch([source])[0]

    def predict_batch(self, sources: Iterable[Source]) -> list[Prediction]:
        """Read the one digit in each picture, with one call of the network.

        Raises PictureError at the first picture that can't be opened or holds no digit.
        """
        framed = [frame(source) for source in sources]
        if not framed:
            return []
        probabilities = self.model.probabilities(np.stack([image for image, _ in framed]))
        return [
            self._prediction(row.tolist(), box)
            for row, (_, box) in zip(probabilities, framed, strict=True)
        ]

    def _prediction(self, row: list[float], box: tuple[int, int, int, int]) -> Prediction:
        confidence = max(row)
        sure = confidence >= self.model.metadata.rejection_threshold
        return Prediction(row.index(confidence) if sure else None, confidence, tuple(row), box)


def frame(source: Source) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """The 28x28 pixels that the network sees, and the digit's box in the picture's own pixels.

    Raises PictureError when the picture can't be opened or holds no digit.
    """
    loaded = picture.load(source)
    strokes = ink.extract(loaded.grey)
    try:
        mask, box = ink.find_digit(strokes)
    except PictureError as error:
        raise PictureError(f"{loaded.name}: {error}") from error
    own = loaded.own_box(box.left, box.top, box.right, box.bottom)
    return ink.frame(strokes, mask, box), own
