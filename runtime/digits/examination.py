"""What the classifier considers to read the one digit of a picture, and what it makes of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from digits.images.picture import GreyImage
from digits.inference.model import Model
from digits.prediction import Prediction, Status
from digits.vision.components import Box
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import Hypothesis, propose
from digits.vision.judge import Judgement, judge

if TYPE_CHECKING:
    from digits.inference.reader_model import ReaderModel
    from digits.reader.detections import Detections
    from digits.second_opinion import Opinion

NOTES: dict[Status, str] = {
    "blank": "no ink found",
    "several": "perhaps several digits: `digits read` reads them all",
}


class Networks(Protocol):
    """The two networks of a `Classifier`; the reader opens when it is first needed."""

    @property
    def model(self) -> Model: ...

    @property
    def reader(self) -> "ReaderModel": ...

    @property
    def threshold(self) -> float: ...


class Examination(NamedTuple):
    """What was considered to read the one digit of a picture.

    frames: uint8 [n, 28, 28], the network's input for each of n hypotheses. answers: float32
    [n, 10], its output. n is 0 for a blank picture. opinion: what the reader sees, if it was asked;
    the judgement includes it.
    """

    picture: GreyImage
    hypotheses: list[Hypothesis]
    frames: NDArray[np.uint8]
    answers: NDArray[np.float32]
    judgement: Judgement
    opinion: "Opinion | None" = None

    @property
    def box(self) -> Box:
        """The box of the likeliest hypothesis; n must not be 0."""
        return self.hypotheses[int(self.judgement.hypotheses.argmax())].component.box

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
        from digits.reader.page import glance_symbols  # most digits don't need it
        from digits.second_opinion import weigh

        height = max(self.box.width, self.box.height)
        seen = weigh(glance_symbols(self.picture.pixels, networks.reader.maps, height))
        return bool(seen.probabilities[self.judgement.probabilities.argmax()] > 0.5)

    def combine(self, detections: "Detections") -> "Examination":
        """Combine this with what the reader has detected in the same picture."""
        from digits.second_opinion import combine, weigh  # most digits don't need it

        opinion = weigh(detections)
        judgement = combine(self.judgement, self.answers, opinion)
        return self._replace(judgement=judgement, opinion=opinion)

    def prediction(self, threshold: float) -> Prediction:
        """The prediction that follows. threshold: see `Classifier`."""
        if not self.hypotheses:
            box = (0, 0, *self.picture.size)
            return Prediction(None, 0.1, (0.1,) * 10, box, "blank", NOTES["blank"])
        best = int(self.judgement.hypotheses.argmax())
        box = self.picture.to_original(self.box)
        probabilities = tuple(self.judgement.probabilities.tolist())
        confidence = max(probabilities)
        status = self._status(confidence, threshold)
        digit = probabilities.index(confidence) if status == "sure" else None
        note = NOTES.get(status, "")
        return Prediction(digit, confidence, probabilities, box, status, note, self.frames[best])

    def _status(self, confidence: float, threshold: float) -> Status:
        several, none = self.judgement.several, self.judgement.none
        if several > 0.5 and threshold > 0:  # however low the threshold
            return "several"
        if confidence >= threshold:
            return "sure"
        if several > (1 - confidence) / 2:  # which is most of the doubt
            return "several"
        return "none" if none > 0.5 else "unsure"


def examine(networks: Networks, pictures: Sequence[GreyImage]) -> list[Examination]:
    """Examine pictures, in one batch, and by the reader those with more in them than a sure digit.

    Those cut or in doubt are examined in both polarities first. Raises ModelError if the model
    fails, or the reader can't be used.
    """
    least = networks.model.metadata.rejection_threshold
    examinations = examine_alone(networks.model, pictures)
    for index, examined in enumerate(examinations):
        if not examined.hypotheses:
            continue
        if examined.is_cut or examined.judgement.probabilities.max() < least:
            [examined] = examine_alone(networks.model, [examined.picture], both=True)
        if examined.judgement.probabilities.max() < least or not examined.is_alone(networks):
            from digits.reader.page import find_symbols  # most digits don't need it

            examined = examined.combine(find_symbols(examined.picture.pixels, networks.reader.maps))
        examinations[index] = examined
    return examinations


def examine_alone(
    model: Model, pictures: Sequence[GreyImage], both: bool = False
) -> list[Examination]:
    """Examine pictures, in one batch, without the reader. Raises ModelError if the model fails.

    both: see `propose`.
    """
    proposed = [propose(picture.pixels, both) for picture in pictures]
    inks = [hypothesis.component.ink for hypotheses in proposed for hypothesis in hypotheses]
    frames = to_mnist(inks)
    answers = model.probabilities(frames) if inks else np.zeros((0, 10), np.float32)
    examinations, start = [], 0
    for picture, hypotheses in zip(pictures, proposed, strict=True):
        part = slice(start, start + len(hypotheses))
        start = part.stop
        judgement = judge(hypotheses, frames[part], answers[part], picture.pixels.shape)
        examinations.append(
            Examination(picture, hypotheses, frames[part], answers[part], judgement)
        )
    return examinations
