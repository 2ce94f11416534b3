"""How well a network reads digits whose labels are known, counted batch by batch."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.probabilities import are_probabilities

WORST = 32  # mistakes that are kept to be looked at

_BINS = 15
_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True)
class Batch:
    """n digits, what they are and how they are called.

    Of pictures also the answers of the classifier that read them, and what tells one picture from
    another: the SHA-256 of its grey pixels.
    """

    images: NDArray[np.uint8]  # [n, 28, 28], framed as in MNIST
    labels: NDArray[np.uint8]  # [n], 0 to 9
    names: Sequence[str]
    probabilities: NDArray[np.float32] | None = None  # [n, 10]
    digests: Sequence[bytes] = ()

    @classmethod
    def of(cls, split: Split, name: str, start: int = 0) -> "Batch":
        """MNIST's digits, called `name` and their place in the split, from `start` on."""
        names = [f"{name} {place}" for place in range(start, start + len(split))]
        return cls(split.images, split.labels, names)


@dataclass(frozen=True)
class Mistake:
    """A digit that was read as another one."""

    name: str
    image: NDArray[np.uint8]  # [28, 28]
    label: int
    predicted: int
    confidence: float  # in the wrong answer
    truth: float  # the probability of the true digit


@dataclass
class Evaluation:
    """What has been counted so far. Nothing in it grows with the number of digits.

    threshold: an answer with less confidence counts as rejected. Accuracy, precision and recall
    take the most probable digit all the same.
    """

    threshold: float = 0.0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((10, 10), np.int64))
    wrong: int = 0
    rejected: int = 0
    rejected_right: int = 0  # of them, those whose most probable digit is the true one
    _gaps: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))
    _worst: list[tuple[float, int, Mistake]] = field(default_factory=list)

    def add(self, batch: Batch, probabilities: NDArray[np.float32]) -> None:
        """Count a batch of n digits. probabilities: float32 [n, 10].

        Raises ModelError when they are none.
        """
        if not are_probabilities(probabilities):
            raise ModelError("the network answers with numbers that are no probabilities")
        labels, predicted = batch.labels, probabilities.argmax(1)
        confidence = probabilities.max(1).astype(np.float64)
        right = predicted == labels
        np.add.at(self.counts, (labels, predicted), 1)
        rejected = confidence < self.threshold
        self.rejected += int(rejected.sum())
        self.rejected_right += int((rejected & right).sum())
        bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
        self._gaps += np.bincount(bins, confidence - right, minlength=_BINS)
        for index in np.flatnonzero(~right).tolist():
            self._keep(
                Mistake(
                    batch.names[index],
                    batch.images[index],
                    int(labels[index]),
                    int(predicted[index]),
                    float(confidence[index]),
                    float(probabilities[index, labels[index]]),
                )
            )

    def _keep(self, mistake: Mistake) -> None:
        self.wrong += 1
        # The first to leave the heap is the least bad, and of equals the latest.
        heapq.heappush(self._worst, (-mistake.truth, -self.wrong, mistake))
        if len(self._worst) > WORST:
            heapq.heappop(self._worst)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """0 to 1; NaN before the first digit."""
        return _share(self.total - self.wrong, self.total)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return interval(self.accuracy, self.total)

    @property
    def precision(self) -> list[float]:
        """By digit: of the digits read as this one, the share that is. NaN where none was."""
        return self._by_digit(self.counts.sum(0))

    @property
    def recall(self) -> list[float]:
        """By digit: of the digits that are this one, the share read as it. NaN where none is."""
        return self._by_digit(self.counts.sum(1))

    @property
    def accuracy_of_answers(self) -> float:
        """The share of right digits among those that were not rejected."""
        right = self.total - self.wrong - self.rejected_right
        return _share(right, self.total - self.rejected)

    @property
    def calibration_error(self) -> float:
        """How far confidence and accuracy lie apart: the expected calibration error, 0 to 1.

        The mean over 15 bins of confidence, each of equal width and weighted by its digits
        (C. Guo et al., "On calibration of modern neural networks", ICML 2017).
        """
        return _share(float(np.abs(self._gaps).sum()), self.total)

    @property
    def mistakes(self) -> list[Mistake]:
        """The worst, worst first: those with the least probability for the true digit."""
        return [mistake for *_, mistake in sorted(self._worst, reverse=True)]

    def _by_digit(self, of: NDArray[np.int64]) -> list[float]:
        return [_share(right, n) for right, n in zip(self.counts.diagonal(), of, strict=True)]


def interval(accuracy: float, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy on n digits (E. B. Wilson, JASA 22, 1927)."""
    if not n:
        return math.nan, math.nan
    p, z = accuracy, _Z
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
