"""Mutated images and decompression bombs."""

import io
from contextlib import suppress

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images.formats import FORMATS
from tests.robustness import bombs, corpus, specimens
from tests.robustness.sandbox import harmless

SPECIMENS = specimens.pictures()
READ = 4  # every READ-th mutant is also read as a page


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """The bundled model, after lazy imports: it has read an image of each format."""
    classifier = Classifier()
    for raw in SPECIMENS.values():
        classifier.predict(raw)
        with suppress(PictureError):
            classifier.read(raw)
    return classifier


def is_answered(
    classifier: Classifier, name: str, source: bytes | io.BytesIO, page: bool = False
) -> bool:
    """Return whether the image is predicted, or refused with a PictureError."""
    with harmless(name):
        try:
            prediction = classifier.predict(source)
            boxes = [prediction.box]
            assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
            if page:
                boxes += [symbol.box for symbol in classifier.read(source).symbols]
        except PictureError as error:
            assert str(error).startswith("the picture")
            return False
    for left, top, right, bottom in boxes:
        assert 0 <= left < right and 0 <= top < bottom
    return True


def test_specimens_cover_all_formats(classifier: Classifier) -> None:
    assert {name.partition(" ")[0] for name in SPECIMENS} == set(FORMATS)
    digits = {name: classifier.predict(raw).digit for name, raw in SPECIMENS.items()}
    assert digits == dict.fromkeys(SPECIMENS, 7)


@pytest.mark.parametrize("format", [*FORMATS, "PNG with valid checksums"])
def test_mutated_images(classifier: Classifier, format: str) -> None:
    kind, _, sealed = format.partition(" ")
    chosen = {f"{name} {sealed}": raw for name, raw in SPECIMENS.items() if name.startswith(kind)}
    answered = set()
    for number, (name, raw) in enumerate(corpus.all_mutants(chosen, 60)):
        mutant = specimens.with_checksums(raw) if sealed else raw
        answered.add(is_answered(classifier, name, mutant, page=number % READ == 0))
    assert answered == {True, False}


def test_decompression_bombs(classifier: Classifier) -> None:
    for name, raw in bombs.pictures():
        is_answered(classifier, name, raw)


class ShortReads(io.BytesIO):
    """A file whose reads randomly return fewer bytes than requested."""

    random = np.random.default_rng(0)

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        cut = len(part) > 8 and self.random.random() < 0.3
        return part[: self.random.integers(len(part))] if cut else part


def test_file_with_short_reads(classifier: Classifier) -> None:
    for name, raw in SPECIMENS.items():
        is_answered(classifier, name, ShortReads(raw))
