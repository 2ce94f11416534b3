"""Read the one digit in each picture: by the classifier, and in doubt by the detector, too."""

from collections.abc import Sequence

from digits.images.picture import GreyImage
from digits.inference.networks import Networks
from digits.vision.candidates import Candidates, examine_by_classifier, examine_inverted
from digits.vision.ranker import Evidence


def examine(networks: Networks, pictures: Sequence[GreyImage]) -> list[Candidates]:
    """Examine pictures, in one batch, and by the detector those that show more than a sure digit.

    Those cut or in doubt are examined in both polarities first. Raises ModelError if a network
    fails, or the detector can't be used.
    """
    min_confidence = networks.classifier.metadata.rejection_threshold
    examined = examine_by_classifier(networks.classifier, pictures)
    for index, candidates in enumerate(examined):
        if not candidates.hypotheses or candidates.is_certain(min_confidence):
            continue
        if candidates.is_cut or candidates.ranking.confidence < min_confidence:
            candidates = examine_inverted(networks.classifier, candidates)
            examined[index] = candidates
        is_sure = candidates.ranking.confidence >= min_confidence
        if is_sure and len(candidates.hypotheses) > 1:  # is it this digit and no other?
            evidence = _detect(networks, candidates.picture, candidates.box.longer)
            is_sure = evidence.probabilities[candidates.ranking.probabilities.argmax()] > 0.5
        if not is_sure:
            candidates = candidates.combine(_detect(networks, candidates.picture))
        examined[index] = candidates
    return examined


def _detect(networks: Networks, page: GreyImage, height: float | None = None) -> Evidence:
    from digits.reader.page import find_symbols, one_digit_evidence  # most digits don't need it

    return one_digit_evidence(find_symbols(page.pixels, networks.detector.maps, height))
