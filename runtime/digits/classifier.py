"""Classify the digit in a picture, or read the digits on a page."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import PictureError
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import ModelSource
from digits.prediction import Prediction, Reading
from digits.vision import picture
from digits.vision.frame import to_mnist
from digits.vision.hypotheses import Hypothesis, propose
from digits.vision.ink import Ink, extract
from digits.vision.judge import Judgement, judge
from digits.vision.picture import GreyImage, Source

if TYPE_CHECKING:
    from digits.vision.read import Digit

NOTE_NO_INK = "no ink found"
NOTE_MULTIPLE = "perhaps several digits: `digits read` reads them all"


class Examination(NamedTuple):
    """What was considered to read the one digit of a picture.

    frames: uint8 [n, 28, 28], the network's input for each of n hypotheses. answers: float32
    [n, 10], its output. n is 0 for a blank picture.
    """

    picture: GreyImage
    hypotheses: list[Hypothesis]
    frames: NDArray[np.uint8]
    answers: NDArray[np.float32]
    judgement: Judgement


class Classifier:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file from `digits export`, or what `read_file` returned; by default
    $DIGITS_MODEL, else the bundled LeNet-5. threads: how many cores a call may use. kernels,
    sha256: see Model. reject: whether to reject predictions below the model's threshold.

    Raises ModelError if the model can't be used; the methods raise it if the model fails.

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
    ) -> None:
        self.model = Model(model, threads, kernels, sha256)
        self.threshold = self.model.metadata.rejection_threshold if reject else 0.0

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

    def prediction(self, examined: Examination) -> Prediction:
        """Derive the prediction from what was considered."""
        loaded, hypotheses, frames, _, judgement = examined
        if not hypotheses:
            return Prediction(None, 0.1, (0.1,) * 10, (0, 0, *loaded.size), NOTE_NO_INK)
        best = int(judgement.hypotheses.argmax())
        box = loaded.to_original(hypotheses[best].component.box)
        found = self._to_prediction(judgement.probabilities, box, frames[best])
        # The doubt is mostly about several digits.
        several = found.digit is None and judgement.several > (1 - found.confidence) / 2
        return replace(found, note=NOTE_MULTIPLE) if several else found

    def read(self, source: Source) -> Reading:
        """Read all digits of a page, line by line.

        source: see `predict`. Raises PictureError if the picture can't be opened or has no digits.

        >>> Classifier().read("7.jpg").text
        '7'
        """
        from digits.vision.read import read_page  # `predict` doesn't need it

        loaded = picture.load(source, picture.PAGE_MAX_SIDE)
        found = read_page([polarity.narrow for polarity in extract(loaded.pixels)], self.classify)
        if not found:
            return Reading((((self._predict_single(loaded),),),))

        def predict(digit: "Digit") -> Prediction:
            box = loaded.to_original(digit.box)
            return self._to_prediction(digit.probabilities, box, digit.frame)

        return Reading(
            tuple(tuple(tuple(map(predict, column)) for column in line) for line in found)
        )

    def _predict_single(self, loaded: GreyImage) -> Prediction:
        """Read a page without lines as a picture of one digit.

        Several digits would have made a line.
        """
        [examined] = self.examine([loaded.pixels])
        found = self.prediction(examined)
        if examined.judgement.none + examined.judgement.several > 0.5:
            raise PictureError(f"{loaded.name}: no digits found")
        return replace(found, box=loaded.to_original(found.box), note="")

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
