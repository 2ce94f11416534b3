"""Mutated images and decompression bombs."""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images.formats import FORMATS
from digits.prediction import Prediction
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


def assert_answered_or_refused(classifier: Classifier, name: str, raw: bytes, page: bool) -> bool:
    """Return whether the image is predicted, or refused with a PictureError."""
    with harmless(name):
        try:
            assert_valid(classifier.predict(raw))
            if page:
                for symbol in classifier.read(raw).symbols:
                    assert_valid_box(symbol.box)
        except PictureError as error:
            assert str(error).startswith("the picture")
            return False
    return True


def assert_valid(prediction: Prediction) -> None:
    assert prediction.digit in (None, prediction.top1)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    assert_valid_box(prediction.box)


def assert_valid_box(box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    assert 0 <= left < right and 0 <= top < bottom


def test_specimens_cover_all_formats(classifier: Classifier) -> None:
    assert {name.partition(" ")[0] for name in SPECIMENS} == set(FORMATS)
    assert {
        name: classifier.predict(raw).digit for name, raw in SPECIMENS.items()
    } == dict.fromkeys(SPECIMENS, 7)


@pytest.mark.parametrize("format", FORMATS)
def test_mutated_images(classifier: Classifier, format: str) -> None:
    chosen = {name: raw for name, raw in SPECIMENS.items() if name.startswith(format)}
    answered = {
        assert_answered_or_refused(classifier, name, raw, number % READ == 0)
        for number, (name, raw) in enumerate(corpus.all_mutants(chosen, 60))
    }
    assert answered == {True, False}


def test_png_mutants_with_valid_checksums(classifier: Classifier) -> None:
    chosen = {f"{name} sealed": raw for name, raw in SPECIMENS.items() if name.startswith("PNG")}
    answered = {
        assert_answered_or_refused(classifier, name, specimens.with_checksums(raw), False)
        for name, raw in corpus.all_mutants(chosen, 60)
    }
    assert answered == {True, False}


def test_decompression_bombs(classifier: Classifier) -> None:
    for name, raw in bombs.pictures():
        assert_answered_or_refused(classifier, name, raw, page=False)


@pytest.mark.parametrize("inner", [b"%!PS-Adobe-3.0 EPSF-3.0\n(x) print\n", b"<svg xmlns='x'/>"])
def test_formats_with_external_decoders_are_refused(classifier: Classifier, inner: bytes) -> None:
    for raw in (inner, b"\xc5\xd0\xd3\xc6" + struct.pack("<6IH", 32, len(inner), *[0] * 5) + inner):
        with harmless("program"), pytest.raises(PictureError):
            classifier.predict(raw)


class ShortReads(io.BytesIO):
    """A file whose reads randomly return fewer bytes than requested."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._rng = np.random.default_rng(0)

    def read(self, size: int | None = -1, /) -> bytes:
        part = bytearray(super().read(size))
        if len(part) > 8 and self._rng.random() < 0.3:
            del part[self._rng.integers(len(part)) :]
        return bytes(part)


def test_file_with_short_reads(classifier: Classifier) -> None:
    for name, raw in SPECIMENS.items():
        with harmless(name):
            try:
                assert_valid(classifier.predict(ShortReads(raw)))
            except PictureError as error:
                assert str(error).startswith("the picture")
