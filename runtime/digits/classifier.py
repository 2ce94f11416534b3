"""Classify the digit in a picture, or read the symbols on a page."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.images import picture
from digits.images.picture import GreyImage, Source
from digits.inference.interface import SYMBOLS
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import ModelSource
from digits.prediction import SIGNS, Prediction, Reading, Symbol
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import Hypothesis, propose
from digits.vision.ink import Ink
from digits.vision.judge import Judgement, is_doubtful, judge

if TYPE_CHECKING:
    from digits.inference.reader_model import ReaderModel
    from digits.reader.detections import Detections
    from digits.reader.lattice import Arc
    from digits.second_opinion import Opinion

NOTE_NO_INK = "no ink found"
NOTE_MULTIPLE = "perhaps several digits: `digits read` reads them all"
_OPENING = Lock()  # of readers; a lock of each classifier couldn't be sent to a worker process


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


class Classifier:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file from `digits export`, or what `read_file` returned; by default
    $DIGITS_MODEL, else the bundled LeNet-5. threads: how many cores a call may use. kernels,
    sha256: see Model. reject: whether to reject predictions below the model's threshold. reader,
    reader_sha256: the same for the network that reads pages; by default $DIGITS_READER, else the
    bundled reader. It is opened when it is needed: to `read`, and to look at a picture of one digit
    that the model isn't sure of, or that holds something else of the digit's size.

    Raises ModelError if the model can't be used; the methods raise it if a model fails, or if the
    reader can't be used.

    >>> classifier = Classifier()
    >>> classifier.predict("7.jpg").digit
    7
    """

    def __init__(
        self,
        model: ModelSource = None,
        threads: int = 1,
        kernels: Kernels | None = None,
        reject: bool = True,
        sha256: str | None = None,
        reader: ModelSource = None,
        reader_sha256: str | None = None,
    ) -> None:
        self.model = Model(model, threads, kernels, sha256)
        self.threshold = self.model.metadata.rejection_threshold if reject else 0.0
        self._reject, self._reader_file = reject, (reader, threads, reader_sha256)
        self._reader: ReaderModel | None = None

    @property
    def reader(self) -> "ReaderModel":
        """The network that reads pages. Raises ModelError if it can't be used."""
        with _OPENING:
            if self._reader is None:
                from digits.inference.reader_model import ReaderModel  # most digits don't need it

                self._reader = ReaderModel(*self._reader_file)
            return self._reader

    def predict(self, source: Source) -> Prediction:
        """Read the one digit in a picture.

        source: a path, bytes, a file object, a PIL image, or an array (see `picture.load`).
        Returns a Prediction without a digit, but with a note, if the picture is blank or holds
        several digits. Raises PictureError if it can't be opened.

        >>> prediction = Classifier().predict("7.jpg")
        >>> prediction.digit, prediction.confidence > 0.9
        (7, True)
        """
        return self.predict_batch([source])[0]

    def predict_batch(self, sources: Iterable[Source]) -> list[Prediction]:
        """Read the one digit in each picture, in one batch.

        sources: see `predict`. Raises PictureError for the first picture that can't be opened.

        >>> first, second = Classifier().predict_batch(["0.png", "7.jpg"])
        >>> first.digit, second.digit
        (0, 7)
        """
        return [self.prediction(examined) for examined in self.examine(sources)]

    def examine(self, sources: Iterable[Source]) -> list[Examination]:
        """Return the hypotheses that `predict_batch` considers, and how it judges them.

        sources: see `predict`. Raises PictureError for the first picture that can't be opened.

        >>> [examined] = Classifier().examine(["7.jpg"])
        >>> prediction = Classifier().prediction(examined)
        """
        return self.examine_pictures([picture.load(source) for source in sources])

    def examine_pictures(self, pictures: Sequence[GreyImage]) -> list[Examination]:
        """Examine pictures that `picture.load` has opened."""
        least = self.model.metadata.rejection_threshold
        return [
            self._ask_reader(one) if is_doubtful(one.hypotheses, one.judgement, least) else one
            for one in self._judge(pictures)
        ]

    def _judge(self, pictures: Sequence[GreyImage]) -> list[Examination]:
        """Examine pictures without the reader."""
        proposed = [propose(loaded.pixels) for loaded in pictures]
        frames, answers = self.classify(
            [hypothesis.component.ink for hypotheses in proposed for hypothesis in hypotheses]
        )
        found, start = [], 0
        for loaded, hypotheses in zip(pictures, proposed, strict=True):
            own = slice(start, start + len(hypotheses))
            start = own.stop
            judgement = judge(hypotheses, frames[own], answers[own], loaded.pixels.shape)
            found.append(Examination(loaded, hypotheses, frames[own], answers[own], judgement))
        return found

    def _ask_reader(self, examined: Examination) -> Examination:
        """Let the reader look at the picture too, and combine what both see."""
        from digits.reader.page import find_symbols  # most digits don't need it

        return _combine(examined, find_symbols(examined.picture.pixels, self.reader.maps))

    def prediction(self, examined: Examination) -> Prediction:
        """Derive the prediction from what was considered."""
        loaded, hypotheses, frames, _, judgement, _ = examined
        if not hypotheses:
            return Prediction(None, 0.1, (0.1,) * 10, (0, 0, *loaded.size), NOTE_NO_INK)
        best = int(judgement.hypotheses.argmax())
        box = loaded.to_original(hypotheses[best].component.box)
        found = self._to_prediction(judgement.probabilities, box, frames[best])
        if self._reject and judgement.several > 0.5:  # whatever the model's threshold
            return replace(found, digit=None, note=NOTE_MULTIPLE)
        # The doubt is mostly about several digits.
        several = found.digit is None and judgement.several > (1 - found.confidence) / 2
        return replace(found, note=NOTE_MULTIPLE) if several else found

    def read(self, source: Source) -> Reading:
        """Read all symbols of a page, line by line: digits, minus signs and decimal points.

        source: see `predict`. The reading of a picture without digits has no lines. Where the
        reader finds one symbol at most, the classifier looks for a single digit, as in `predict`.
        Raises PictureError if the picture can't be opened.

        >>> Classifier().read("7.jpg").text
        '7'
        """
        from digits.reader.page import find_symbols  # `predict` doesn't need it

        loaded = picture.load(source, picture.PAGE_MAX_SIDE)
        return self.reading(loaded, find_symbols(loaded.pixels, self.reader.maps))

    def reading(self, loaded: GreyImage, found: "Detections") -> Reading:
        """Derive the reading from what the reader found in `loaded`, in its pixels."""
        from digits.reader.page import best_lines, build_lattices

        least = self.reader.metadata.rejection_threshold if self._reject else 0.0
        reading = Reading(
            tuple(
                tuple(tuple(_to_symbol(arc, loaded, least) for arc in column) for column in line)
                for line in best_lines(build_lattices(found))
            )
        )
        return reading if len(reading.symbols) > 1 else self._read_one(loaded, found, reading)

    def _read_one(self, loaded: GreyImage, found: "Detections", reading: Reading) -> Reading:
        """Let the classifier look at a picture in which the reader sees one symbol or none."""
        from digits.reader.detections import SAME, overlaps

        [examined] = self._judge([picture.reduce(loaded, picture.DIGIT_MAX_SIDE)])
        if not examined.hypotheses:
            return reading
        examined = _combine(examined, found)
        judgement = examined.judgement
        # Several digits of which the reader sees none are something else.
        if judgement.none + judgement.several * (not reading.symbols) > 0.5:
            return Reading(())
        prediction = self.prediction(examined)
        # A digit that the reader sees may be a small part of the picture. One that it overlooks it
        # still takes for possible; without that, the classifier makes up digits on blank paper.
        seen = np.array([symbol.box for symbol in reading.symbols], np.float64)
        possible = loaded.downscale * found.select(found.are_digits).boxes
        shared, _ = overlaps(seen if len(seen) else possible, np.array(prediction.box, np.float64))
        if not (shared > SAME).any():
            return reading
        # A prediction's probabilities include an even share of what isn't one digit.
        shares = np.array(prediction.probabilities) - (judgement.several + judgement.none) / 10
        values = (*shares.clip(0).tolist(), *[0.0] * len(SIGNS))
        digit = None if prediction.digit is None else str(prediction.digit)
        symbol = Symbol(digit, max(values), values, prediction.box, prediction.frame)
        return Reading((((symbol,),),))

    def _to_prediction(
        self,
        probabilities: NDArray[np.float64],
        box: tuple[int, int, int, int],
        frame: NDArray[np.uint8],
    ) -> Prediction:
        values = tuple(probabilities.tolist())
        confidence = max(values)
        digit = values.index(confidence) if confidence >= self.threshold else None
        return Prediction(digit, confidence, values, box, frame=frame)

    def classify(self, inks: Sequence[Ink]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return frames and probabilities of n digits: uint8 [n, 28, 28], float32 [n, 10]."""
        frames = to_mnist(inks)
        if not len(frames):
            return frames, np.zeros((0, 10), np.float32)
        return frames, self.model.probabilities(frames)


def _combine(examined: Examination, found: "Detections") -> Examination:
    """Combine what was considered with what the reader found in the same picture."""
    from digits.second_opinion import combine, weigh

    opinion = weigh(found)
    judgement = combine(examined.judgement, examined.answers, opinion)
    return examined._replace(judgement=judgement, opinion=opinion)


def _to_symbol(arc: "Arc", loaded: GreyImage, least: float) -> Symbol:
    """least: confidence of a symbol that isn't rejected."""
    values = tuple(arc.probabilities.tolist())
    confidence = max(values)
    symbol = SYMBOLS[values.index(confidence)] if confidence >= least else None
    (left, top, right, bottom), (height, width) = arc.box, loaded.pixels.shape
    near = max(math.floor(left), 0), max(math.floor(top), 0)
    far = min(math.ceil(right), width), min(math.ceil(bottom), height)
    return Symbol(symbol, confidence, values, loaded.to_original((*near, *far)))
