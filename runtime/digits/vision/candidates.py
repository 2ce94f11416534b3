"""What may be the one digit of a picture, and the prediction that follows."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images.picture import GreyImage
from digits.inference.model import Model
from digits.prediction import Prediction, Status
from digits.vision.components import Box
from digits.vision.frame import SIDE, to_mnist
from digits.vision.hypotheses import MAX_OF_BOTH, Hypothesis, propose, propose_inverted
from digits.vision.ranker import UNRANKED, Evidence, Ranking, rank

NOTES: dict[Status, str] = {
    "blank": "no ink found",
    "several": "perhaps several digits: `digits read` reads them all",
}


class Candidates(NamedTuple):
    """What may be the one digit of a picture.

    frames: uint8 [n, 28, 28], the network's input for each of n hypotheses. strokes: their widths
    in these. answers: float32 [n, 10], its output. n is 0 for a blank picture.
    """

    picture: GreyImage
    hypotheses: list[Hypothesis] = []
    frames: NDArray[np.uint8] = np.zeros((0, SIDE, SIDE), np.uint8)
    strokes: list[float] = []
    answers: NDArray[np.float32] = np.zeros((0, 10), np.float32)
    ranking: Ranking = UNRANKED

    @property
    def likeliest(self) -> int:
        """The number of the likeliest hypothesis; n must not be 0."""
        return int(self.ranking.hypotheses.argmax())

    @property
    def box(self) -> Box:
        """Of the likeliest hypothesis."""
        return self.hypotheses[self.likeliest].component.box

    @property
    def is_cut(self) -> bool:
        """Whether the likeliest digit touches the border, as a part of one or a strip of light."""
        borders = (0, 0, *self.picture.pixels.shape[::-1])
        return any(side == border for side, border in zip(self.box, borders, strict=True))

    def is_certain(self, min_confidence: float) -> bool:
        """Whether nothing else needs a look: all ink is one piece, uncut, and this sure a digit.

        A second piece may be a part of the digit, or a digit beside it.
        """
        if len(self.hypotheses) != 1 or not self.hypotheses[0].is_only or self.is_cut:
            return False
        return self.ranking.confidence >= min_confidence

    def combine(self, evidence: Evidence) -> "Candidates":
        """Combine this with what the detector sees in the same picture."""
        return self._replace(ranking=self.ranking.combine(self.answers, evidence))

    def prediction(self, threshold: float) -> Prediction:
        """The prediction that follows. threshold: see `Classifier`."""
        if not self.hypotheses:
            box = (0, 0, *self.picture.size)
            return Prediction(None, 0.1, (0.1,) * 10, box, "blank", NOTES["blank"])
        box = self.picture.to_original(self.box)
        probabilities = tuple(self.ranking.probabilities.tolist())
        confidence = max(probabilities)
        status = self._status(confidence, threshold)
        digit = probabilities.index(confidence) if status == "sure" else None
        note, frame = NOTES.get(status, ""), self.frames[self.likeliest]
        return Prediction(digit, confidence, probabilities, box, status, note, frame)

    def _status(self, confidence: float, threshold: float) -> Status:
        several, none = self.ranking.several, self.ranking.none
        if several > 0.5 and threshold > 0:  # however low the threshold
            return "several"
        if confidence >= threshold:
            return "sure"
        if several > (1 - confidence) / 2:  # which is most of the doubt
            return "several"
        return "none" if none > 0.5 else "unsure"


def examine_alone(
    model: Model, pictures: Sequence[GreyImage], min_confidence: float | None = None
) -> list[Candidates]:
    """Examine pictures, in one batch, without the detector. Raises ModelError if the model fails.

    Where the first hypothesis is certain (`Candidates.is_certain`), it is the only one.
    min_confidence: 0 to 1; by default the rejection threshold of the model's file.
    """
    if min_confidence is None:
        min_confidence = model.metadata.rejection_threshold
    proposed = [propose(picture.pixels) for picture in pictures]
    first = [[*islice(each, 1)] for each in proposed]
    examined = _examine(model, map(Candidates, pictures), first)
    doubtful = [index for index, each in enumerate(examined) if not each.is_certain(min_confidence)]
    others = [[*proposed[index]] for index in doubtful]
    further = _examine(model, [examined[index] for index in doubtful], others)
    for index, candidates in zip(doubtful, further, strict=True):
        examined[index] = candidates
    return examined


def examine_inverted(model: Model, candidates: Candidates) -> Candidates:
    """Examine a picture for light ink, too, where the ink seems to be dark, or vice versa.

    candidates: of `examine_alone`. Raises ModelError if the model fails.
    """
    picture, hypotheses, frames, strokes, answers, _ = candidates
    inverted = propose_inverted(picture.pixels)
    if not inverted:
        return candidates
    # The likelier polarity keeps at least half of the room.
    most = max(MAX_OF_BOTH - len(inverted), MAX_OF_BOTH // 2)
    kept = sum(not view.inverted for view in hypotheses[:most])
    known = Candidates(picture, hypotheses[:kept], frames[:kept], strokes[:kept], answers[:kept])
    return _examine(model, [known], [inverted[: MAX_OF_BOTH - kept]])[0]


def _examine(
    model: Model, examined: Iterable[Candidates], proposed: Sequence[list[Hypothesis]]
) -> list[Candidates]:
    """Examine further hypotheses of each picture, all in one batch."""
    inks = [view.component.ink for views in proposed for view in views]
    if not inks:
        return [*examined]
    (frames, strokes), end, extended = to_mnist(inks), 0, []
    answers = model.probabilities(frames)
    for known, views in zip(examined, proposed, strict=True):
        part = slice(end, end := end + len(views))
        more = known._replace(
            hypotheses=known.hypotheses + views,
            frames=np.concatenate([known.frames, frames[part]]),
            strokes=known.strokes + strokes[part],
            answers=np.concatenate([known.answers, answers[part]]),
        )
        ranking = rank(more.hypotheses, more.strokes, more.answers, known.picture.pixels.shape)
        extended.append(more._replace(ranking=ranking))
    return extended
