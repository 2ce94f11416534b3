"""What may be the one digit of a picture, and the prediction that follows."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images.picture import GreyImage
from digits.inference.model import ClassifierModel
from digits.prediction import Prediction, Status
from digits.vision.components import Box
from digits.vision.frame import SIDE, to_mnist
from digits.vision.hypotheses import MAX_OF_BOTH_POLARITIES, Hypothesis, propose, propose_inverted
from digits.vision.ranker import UNRANKED, Evidence, Ranking, rank

NOTES: dict[Status, str] = {
    "blank": "no ink found",
    "several": "perhaps several digits: `digits read` reads them all",
}


class Candidates(NamedTuple):
    """What may be the one digit of a picture.

    frames: uint8 [n, 28, 28], the network's input for each of n hypotheses; n is 0 for a blank
    picture.
    stroke_widths: of the digit in each frame, in pixels.
    answers: float32 [n, 10], the network's output.
    """

    picture: GreyImage
    hypotheses: list[Hypothesis] = []
    frames: NDArray[np.uint8] = np.zeros((0, SIDE, SIDE), np.uint8)
    stroke_widths: list[float] = []
    answers: NDArray[np.float32] = np.zeros((0, 10), np.float32)
    ranking: Ranking = UNRANKED

    @property
    def likeliest(self) -> int:
        """The index of the likeliest hypothesis; n must not be 0."""
        return int(self.ranking.hypothesis_probabilities.argmax())

    @property
    def box(self) -> Box:
        """The box of the likeliest hypothesis."""
        return self.hypotheses[self.likeliest].component.box

    @property
    def is_cut(self) -> bool:
        """Whether the likeliest digit touches the border, as a part of one or a strip of light."""
        borders = (0, 0, *self.picture.pixels.shape[::-1])
        return any(side == border for side, border in zip(self.box, borders, strict=True))

    def is_certain(self, min_confidence: float) -> bool:
        """Whether all ink is one piece, not cut, and a digit with at least this confidence.

        A second piece may be a part of the digit, or a digit beside it.
        """
        if len(self.hypotheses) != 1 or not self.hypotheses[0].is_only or self.is_cut:
            return False
        return self.ranking.confidence >= min_confidence

    def combine(self, evidence: Evidence) -> "Candidates":
        """Combine this with what the detector sees in the same picture."""
        return self._replace(ranking=self.ranking.combine(self.answers, evidence))

    def prediction(self, threshold: float) -> Prediction:
        """Make a prediction of the ranking. threshold: see `Classifier`."""
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


def examine_by_classifier(
    model: ClassifierModel, pictures: Sequence[GreyImage], min_confidence: float | None = None
) -> list[Candidates]:
    """Examine pictures, in one batch, without the detector. Raises ModelError if the model fails.

    Where the first hypothesis is certain (`Candidates.is_certain`), it is the only one.
    min_confidence: 0 to 1; by default the rejection threshold of the model's file.
    """
    if min_confidence is None:
        min_confidence = model.metadata.rejection_threshold
    proposed = [propose(picture.pixels) for picture in pictures]
    first = [[*islice(hypotheses, 1)] for hypotheses in proposed]
    examined = _extend(model, map(Candidates, pictures), first)
    doubtful = [
        index
        for index, candidates in enumerate(examined)
        if not candidates.is_certain(min_confidence)
    ]
    further = [[*proposed[index]] for index in doubtful]
    extended = _extend(model, [examined[index] for index in doubtful], further)
    for index, candidates in zip(doubtful, extended, strict=True):
        examined[index] = candidates
    return examined


def examine_inverted(model: ClassifierModel, candidates: Candidates) -> Candidates:
    """Examine a picture for light ink, too, where the ink seems to be dark, or vice versa.

    candidates: from `examine_by_classifier`. Raises ModelError if the model fails.
    """
    picture, hypotheses, frames, stroke_widths, answers, _ = candidates
    inverted = propose_inverted(picture.pixels)
    if not inverted:
        return candidates
    # The likelier polarity keeps at least half of the room.
    room = max(MAX_OF_BOTH_POLARITIES - len(inverted), MAX_OF_BOTH_POLARITIES // 2)
    kept = sum(not hypothesis.inverted for hypothesis in hypotheses[:room])
    likelier = Candidates(
        picture, hypotheses[:kept], frames[:kept], stroke_widths[:kept], answers[:kept]
    )
    return _extend(model, [likelier], [inverted[: MAX_OF_BOTH_POLARITIES - kept]])[0]


def _extend(
    model: ClassifierModel, pictures: Iterable[Candidates], proposed: Sequence[list[Hypothesis]]
) -> list[Candidates]:
    """Examine further hypotheses of each picture, all in one batch."""
    inks = [hypothesis.component.ink for further in proposed for hypothesis in further]
    if not inks:
        return [*pictures]
    frames, stroke_widths = to_mnist(inks)
    answers, end, extended = model.probabilities(frames), 0, []
    for candidates, further in zip(pictures, proposed, strict=True):
        start, end = end, end + len(further)
        candidates = candidates._replace(
            hypotheses=candidates.hypotheses + further,
            frames=np.concatenate([candidates.frames, frames[start:end]]),
            stroke_widths=candidates.stroke_widths + stroke_widths[start:end],
            answers=np.concatenate([candidates.answers, answers[start:end]]),
        )
        picture, hypotheses, _, all_stroke_widths, all_answers, _ = candidates
        ranking = rank(hypotheses, all_stroke_widths, all_answers, picture.pixels.shape)
        extended.append(candidates._replace(ranking=ranking))
    return extended
