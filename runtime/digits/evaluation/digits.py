"""Accuracy, calibration and confusion of a network on labelled digits, counted batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.data.split import Split
from digits.errors import ModelError
from digits.evaluation.statistics import Calibration, ratio, wilson_interval
from digits.inference.session import are_probabilities

MAX_MISTAKES = 32  # kept to be looked at


class Mistake(NamedTuple):
    """A digit that was read as another one.

    image: uint8 [28, 28].
    confidence: the probability of the predicted digit.
    """

    name: str
    image: NDArray[np.uint8]
    label: int
    predicted: int
    confidence: float
    label_probability: float


@dataclass
class Evaluation:
    """Running totals, whose size doesn't grow with the number of digits.

    threshold: answers with less confidence count as rejected; accuracy, precision and recall take
        the most probable digit all the same.
    confusion: int64 [10, 10], label by prediction.
    rejected_right: rejected although the most probable digit is the true one.
    mistakes: the worst, those with the least probability of the label first.

    >>> evaluation = Evaluation(threshold=0.5)
    >>> probabilities = np.full((1, 10), 0.01, np.float32)
    >>> probabilities[0, 7] = 0.91
    >>> image = np.zeros((1, 28, 28), np.uint8)
    >>> evaluation.add(Split(image, np.array([7], np.uint8)), probabilities)
    >>> evaluation.accuracy, evaluation.rejected
    (1.0, 0)
    """

    threshold: float = 0.0
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((10, 10), np.int64))
    rejected: int = 0
    rejected_right: int = 0
    mistakes: list[Mistake] = field(default_factory=list)
    calibration: Calibration = field(default_factory=Calibration)

    def add(
        self, digits: Split, probabilities: NDArray[np.float32], names: Sequence[str] | None = None
    ) -> None:
        """Count n digits.

        probabilities: float32 [n, 10].
        names: by default "digit 0" and so on.

        Raises ModelError if a row isn't a distribution.
        """
        if not are_probabilities(probabilities):
            raise ModelError("the network outputs invalid probabilities")
        labels, predicted = digits.labels, probabilities.argmax(1)
        confidence = probabilities.max(1).astype(np.float64)
        right, rejected = predicted == labels, confidence < self.threshold
        for index in np.flatnonzero(~right).tolist():
            mistake = Mistake(
                names[index] if names else f"digit {self.total + index}",
                digits.images[index],
                int(labels[index]),
                int(predicted[index]),
                float(confidence[index]),
                float(probabilities[index, labels[index]]),
            )
            worst = sorted([*self.mistakes, mistake], key=lambda mistake: mistake.label_probability)
            self.mistakes = worst[:MAX_MISTAKES]
        np.add.at(self.confusion, (labels, predicted), 1)
        self.rejected += int(rejected.sum())
        self.rejected_right += int((rejected & right).sum())
        self.calibration.add(confidence, right)

    @property
    def total(self) -> int:
        return int(self.confusion.sum())

    @property
    def wrong(self) -> int:
        return self.total - int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """0 to 1; NaN before the first digit."""
        return ratio(self.total - self.wrong, self.total)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return wilson_interval(self.accuracy, self.total)

    @property
    def precision(self) -> list[float]:
        """The precision of each digit; NaN for one that was never predicted."""
        return [*map(ratio, self.confusion.diagonal(), self.confusion.sum(0))]

    @property
    def recall(self) -> list[float]:
        """The recall of each digit; NaN for one that never occurs."""
        return [*map(ratio, self.confusion.diagonal(), self.confusion.sum(1))]

    @property
    def selective_accuracy(self) -> float:
        """The accuracy on the digits that were not rejected."""
        right = self.total - self.wrong - self.rejected_right
        return ratio(right, self.total - self.rejected)
