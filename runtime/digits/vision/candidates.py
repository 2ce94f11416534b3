"""Examine what may be the one digit of a picture, by the classifier and, in doubt, the reader."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.model import Model
from digits.prediction import Prediction, Status
from digits.vision.components import Box
from digits.vision.ensemble import Evidence, combine
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import Hypothesis, propose
from digits.vision.ranker import Ranking, rank

if TYPE_CHECKING:
    from digits.inference.reader_model import ReaderModel

NOTES: dict[Status, str] = {
    "blank": "no ink found",
    "several": "perhaps several digits: `digits read` reads them all",
}


class Networks(Protocol):
    """What is asked of a `Classifier`."""

    model: Model

    @property
    def reader(self) -> "ReaderModel": ...

    @property
    def threshold(self) -> float: ...

    def see(self, pixels: Grey, height: float | None = None) -> Evidence: ...


class Candidates(NamedTuple):
    """What may be the one digit of a picture.

    frames: uint8 [n, 28, 28], the network's input for each of n hypotheses. answers: float32
    [n, 10], its output. n is 0 for a blank picture. evidence: what the reader sees, if it was
    asked; the ranking includes it.
    """

    picture: GreyImage
    hypotheses: list[Hypothesis]
    frames: NDArray[np.uint8]
    answers: NDArray[np.float32]
    ranking: Ranking
    evidence: Evidence | None = None

    @property
    def box(self) -> Box:
        """The box of the likeliest hypothesis; n must not be 0."""
        return self.hypotheses[int(self.ranking.hypotheses.argmax())].component.box

    @property
    def is_cut(self) -> bool:
        """Whether the likeliest hypothesis reaches the picture's border: it may be no whole digit.

        A strip of light along the border looks like a 1 of light ink.
        """
        height, width = self.picture.pixels.shape
        left, top, right, bottom = self.box
        return left == 0 or top == 0 or right == width or bottom == height

    def is_alone(self, networks: Networks) -> bool:
        """Whether the likeliest digit is alone in the picture.

        It is if nothing else was considered, or if the reader sees this digit and no other.
        """
        if len(self.hypotheses) == 1:
            return True
        seen = networks.see(self.picture.pixels, max(self.box.width, self.box.height))
        return bool(seen.probabilities[self.ranking.probabilities.argmax()] > 0.5)

    def combine(self, evidence: Evidence) -> "Candidates":
        """Combine this with what the reader sees in the same picture."""
        ranking = combine(self.ranking, self.answers, evidence)
        return self._replace(ranking=ranking, evidence=evidence)

    def prediction(self, threshold: float) -> Prediction:
        """The prediction that follows. threshold: see `Classifier`."""
        if not self.hypotheses:
            box = (0, 0, *self.picture.size)
            return Prediction(None, 0.1, (0.1,) * 10, box, "blank", NOTES["blank"])
        best = int(self.ranking.hypotheses.argmax())
        box = self.picture.to_original(self.box)
        probabilities = tuple(self.ranking.probabilities.tolist())
        confidence = max(probabilities)
        status = self._status(confidence, threshold)
        digit = probabilities.index(confidence) if status == "sure" else None
        note = NOTES.get(status, "")
        return Prediction(digit, confidence, probabilities, box, status, note, self.frames[best])

    def _status(self, confidence: float, threshold: float) -> Status:
        several, none = self.ranking.several, self.ranking.none
        if several > 0.5 and threshold > 0:  # however low the threshold
            return "several"
        if confidence >= threshold:
            return "sure"
        if several > (1 - confidence) / 2:  # which is most of the doubt
            return "several"
        return "none" if none > 0.5 else "unsure"


def examine(networks: Networks, pictures: Sequence[GreyImage]) -> list[Candidates]:
    """Examine pictures, in one batch, and by the reader those with more in them than a sure digit.

    Those cut or in doubt are examined in both polarities first. Raises ModelError if the model
    fails, or the reader can't be used.
    """
    least = networks.model.metadata.rejection_threshold
    examined = examine_alone(networks.model, pictures)
    for index, candidates in enumerate(examined):
        if not candidates.hypotheses:
            continue
        if candidates.is_cut or candidates.ranking.probabilities.max() < least:
            [candidates] = examine_alone(networks.model, [candidates.picture], both=True)
        is_sure = candidates.ranking.probabilities.max() >= least
        if not is_sure or not candidates.is_alone(networks):
            candidates = candidates.combine(networks.see(candidates.picture.pixels))
        examined[index] = candidates
    return examined


def examine_alone(
    model: Model, pictures: Sequence[GreyImage], both: bool = False
) -> list[Candidates]:
    """Examine pictures, in one batch, without the reader. Raises ModelError if the model fails.

    both: see `propose`.
    """
    proposed = [propose(picture.pixels, both) for picture in pictures]
    inks = [hypothesis.component.ink for hypotheses in proposed for hypothesis in hypotheses]
    frames = to_mnist(inks)
    answers = model.probabilities(frames) if inks else np.zeros((0, 10), np.float32)
    examined, start = [], 0
    for picture, hypotheses in zip(pictures, proposed, strict=True):
        part = slice(start, start + len(hypotheses))
        start = part.stop
        ranking = rank(hypotheses, frames[part], answers[part], picture.pixels.shape)
        examined.append(Candidates(picture, hypotheses, frames[part], answers[part], ranking))
    return examined
