"""Pictures that mean no good."""

import io
import struct

import numpy as np
import pytest

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.prediction import Prediction
from digits.vision.formats import FORMATS
from tests.robustness import bombs, corpus, specimens
from tests.robustness.sandbox import harmless

SPECIMENS = specimens.pictures()
READ = 4  # of so many mutants, one is read as a page too


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """The bundled model, after a picture of each kind: what is imported late is there by then."""
    classifier = Classifier()
    for raw in SPECIMENS.values():
        classifier.predict(raw)
        classifier.read(raw)
    return classifier


def assert_answered_or_refused(classifier: Classifier, name: str, raw: bytes, page: bool) -> bool:
    """Whether it was answered."""
    with harmless(name):
        try:
            predictions = [classifier.predict(raw)]
            if page:
                predictions += classifier.read(raw).digits
        except PictureError as error:
            assert str(error).startswith("the picture")
            return False
    for prediction in predictions:
        assert_makes_sense(prediction)
    return True


def assert_makes_sense(prediction: Prediction) -> None:
    assert prediction.digit in (None, prediction.top1)
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)
    left, top, right, bottom = prediction.box
    assert 0 <= left < right and 0 <= top < bottom


def test_every_format_is_among_the_specimens(classifier: Classifier) -> None:
    assert {name.partition(" ")[0] for name in SPECIMENS} == set(FORMATS)
    assert {
        name: classifier.predict(raw).digit for name, raw in SPECIMENS.items()
    } == dict.fromkeys(SPECIMENS, 7)


@pytest.mark.parametrize("format", FORMATS)
def test_mutants(classifier: Classifier, format: str) -> None:
    chosen = {name: raw for name, raw in SPECIMENS.items() if name.startswith(format)}
    answered = {
        assert_answered_or_refused(classifier, name, raw, number % READ == 0)
        for number, (name, raw) in enumerate(corpus.all_mutants(chosen, 60))
    }
    assert answered == {True, False}


def test_mutants_with_checksums(classifier: Classifier) -> None:
    chosen = {f"{name} sealed": raw for name, raw in SPECIMENS.items() if name.startswith("PNG")}
    answered = {
        assert_answered_or_refused(classifier, name, specimens.with_checksums(raw), False)
        for name, raw in corpus.all_mutants(chosen, 60)
    }
    assert answered == {True, False}


def test_bombs(classifier: Classifier) -> None:
    for name, raw in bombs.pictures():
        assert_answered_or_refused(classifier, name, raw, page=False)


@pytest.mark.parametrize("inner", [b"%!PS-Adobe-3.0 EPSF-3.0\n(x) print\n", b"<svg xmlns='x'/>"])
def test_what_starts_programs_elsewhere(classifier: Classifier, inner: bytes) -> None:
    for raw in (inner, b"\xc5\xd0\xd3\xc6" + struct.pack("<6IH", 32, len(inner), *[0] * 5) + inner):
        with harmless("program"), pytest.raises(PictureError):
            classifier.predict(raw)


class Treacherous(io.BytesIO):
    """A file that gives other bytes each time, and less than was asked for."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._dice = np.random.default_rng(0)

    def read(self, size: int | None = -1, /) -> bytes:
        part = bytearray(super().read(size))
        if len(part) > 8 and self._dice.random() < 0.3:
            del part[self._dice.integers(len(part)) :]
        return bytes(part)


def test_a_file_that_gives_less_than_was_asked_for(classifier: Classifier) -> None:
    for name, raw in SPECIMENS.items():
        with harmless(name):
            try:
                assert_makes_sense(classifier.predict(Treacherous(raw)))
            except PictureError as error:
                assert str(error).startswith("the picture")
