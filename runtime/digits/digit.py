"""Read the one digit in each picture: by its ink, and in doubt by what the detector sees, too."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.inference.interface import CROP_INK, CROP_PAPER, MIN_DIGIT_HEIGHT
from digits.inference.models import Models
from digits.prediction import NOTES, Prediction, Reason
from digits.vision.components import find_digit
from digits.vision.frame import to_mnist
from digits.vision.ink import Ink, extract_ink, otsu_levels

if TYPE_CHECKING:
    from digits.reader.detect import SingleDigitVote

_MARGIN = 0.1  # of the box's longer side: the detector's boxes cut off the ends of some strokes

Probabilities = NDArray[np.floating]


class Candidate(NamedTuple):
    """What may be the digit of a picture.

    box: left, top, right and bottom in its pixels. frame: uint8 [28, 28], what the classifier sees.
    probabilities: float [10], with the sum 1. several, none: the probability of more digits, or
    none, which `probabilities` have spread evenly.
    """

    box: tuple[float, float, float, float]
    frame: NDArray[np.uint8]
    probabilities: Probabilities
    several: float = 0.0
    none: float = 0.0


def predict_digits(
    models: Models, pictures: Sequence[GreyImage], threshold: float | None = None
) -> list[Prediction]:
    """Read the one digit in each picture.

    Where the picture's ink is one piece, not cut, and the classifier is sure of it, that is the
    answer. Otherwise the detector looks at the picture, too, and the classifier at its box.

    threshold: see `Reader`; when to look closer, the model's file says. Raises ModelError if a
    network fails, or can't be used.
    """
    segments = [find_digit(*extract_ink(picture.pixels)) for picture in pictures]
    frames = to_mnist([segment.component.ink for segment in segments if segment])
    classifier = models.classifier
    min_confidence = classifier.metadata.rejection_threshold
    threshold = min_confidence if threshold is None else threshold
    classified = zip(frames, classifier.probabilities(frames), strict=True)
    predictions = []
    for picture, segment in zip(pictures, segments, strict=True):
        if segment is None:
            predictions.append(to_prediction(picture, None, threshold))
            continue
        candidate = Candidate(segment.component.box, *next(classified))
        if not segment.is_whole or candidate.probabilities.max() < min_confidence:
            candidate = _look_closer(models, picture.pixels, candidate)
        predictions.append(to_prediction(picture, candidate, threshold))
    return predictions


def cut_ink(page: Grey, box: tuple[float, float, float, float]) -> Ink | None:
    """Cut the ink of a digit out of a picture, dark or light: uint8 [height, width]; None if blank.

    page: uint8 [height, width]. box: left, top, right and bottom of the digit, in pixels.
    """
    from digits.reader import crops

    left, top, right, bottom = box
    room = _MARGIN * max(right - left, bottom - top)
    region = crops.region_of_box((left - room, top - room, right + room, bottom + room))
    crop = crops.normalise_contrast(crops.cut(page, region)).astype(np.int16)
    ink = ((crop - CROP_PAPER) * (255 / (CROP_INK - CROP_PAPER))).clip(0, 255).astype(np.uint8)
    segment = find_digit(ink, otsu_levels(ink))
    return segment.component.ink if segment else None


def _look_closer(models: Models, page: Grey, by_ink: Candidate) -> Candidate:
    """Ask the detector; classify the ink in its box, too, or else that of the whole picture."""
    # Most digits don't need it.
    from digits.reader.detect import UNDECIDED, find_symbols, single_digit_vote

    if max(page.shape) < MIN_DIGIT_HEIGHT:
        vote = UNDECIDED  # the detector can't see so small a digit
    else:
        vote = single_digit_vote(find_symbols(page, models.detector.maps))
    candidate, classified = by_ink, by_ink.probabilities
    ink = cut_ink(page, vote.box or (0, 0, *page.shape[::-1]))
    if ink is not None:
        [frame] = frames = to_mnist([ink])
        [by_box] = models.classifier.probabilities(frames)
        geometric_mean = np.sqrt(classified * by_box)
        classified = geometric_mean / geometric_mean.sum()
        if vote.box:
            candidate = candidate._replace(box=vote.box, frame=frame)
    probabilities, several, none = combine(classified, vote)
    return candidate._replace(probabilities=probabilities, several=several, none=none)


def combine(
    classified: Probabilities, vote: "SingleDigitVote"
) -> tuple[Probabilities, float, float]:
    """Combine what the classifier and the detector say of a picture, as independent experts.

    Their probabilities of each digit, and of no digit, are multiplied. classified: float [10], in
    which the classifier has spread its probability of no digit evenly. As the least likely digit
    has next to none of its own, ten times its probability is that.

    Returns the probabilities of the digits, float [10], of several, and of none. Those of the
    digits sum to 1: several and none are spread evenly, too.
    """
    none_each = classified.min()
    digits = (classified - none_each) * vote.digits
    none = 10 * none_each * vote.none
    share = (1 - vote.several) / (digits.sum() + none)
    probability_of_none = float(share * none)
    spread = (vote.several + probability_of_none) / 10
    return share * digits + spread, vote.several, probability_of_none


def to_prediction(picture: GreyImage, candidate: Candidate | None, threshold: float) -> Prediction:
    """The prediction for a picture, whose candidate is None if it is blank."""
    if candidate is None:
        box = (0, 0, *picture.size)
        return Prediction(None, 0.1, (0.1,) * 10, box, "none", "blank", NOTES["blank"])
    probabilities = tuple(candidate.probabilities.tolist())
    confidence = max(probabilities)
    reason = _reason(confidence, candidate.several, candidate.none, threshold)
    return Prediction(
        digit=None if reason else probabilities.index(confidence),
        confidence=confidence,
        probabilities=probabilities,
        box=picture.to_original(candidate.box),
        status="review" if reason == "unsure" else "none" if reason else "accepted",
        reason=reason,
        note=NOTES.get(reason, ""),
        frame=candidate.frame,
    )


def _reason(confidence: float, several: float, none: float, threshold: float) -> Reason:
    """Why the likeliest digit isn't accepted, or empty."""
    if several > 0.5 and threshold > 0:  # a threshold of 0 rejects nothing
        return "several"
    if confidence >= threshold:
        return ""
    return "not_a_digit" if none > 0.5 else "unsure"
