"""Classify the digit in a picture, or read the symbols on a page."""

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from digits.images import picture
from digits.images.picture import GreyImage, Source
from digits.inference.metadata import Kernels, Task
from digits.inference.model import Model
from digits.inference.model_file import ModelSource
from digits.prediction import Prediction, Reading
from digits.vision.candidates import Candidates, examine_alone, examine_inverted
from digits.vision.ranker import Evidence

if TYPE_CHECKING:
    from digits.constraints.constraints import Constraints
    from digits.forms.form import Form
    from digits.forms.sheet import Sheet
    from digits.inference.detector_model import DetectorModel
    from digits.inference.recognizer_model import RecognizerModel
    from digits.reader.reading import Networks

_OPENING = Lock()  # of networks; a lock of each classifier couldn't be sent to a worker process


class Classifier:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file from `digits export`, or what `read_file` returned; by default
    $DIGITS_MODEL, else the bundled LeNet-5. threads: how many cores a call may use; 0: all.
    kernels: "integer" or "float", how to compute an int8 model; by default as its file says.
    threshold: `predict` rejects answers with less confidence, 0 to 1; by default those below the
    threshold that the model's file records; 0 rejects none. detector, recognizer: the same as model
    for the networks that find symbols and that read numbers; by default $DIGITS_DETECTOR and
    $DIGITS_RECOGNIZER, else the bundled ones. They are opened when they are needed: both to `read`,
    the detector also to look at a picture in which the model isn't sure of a digit, or in which
    something else may be. sha256: of the only file to accept for each of "classifier", "detector"
    and "recognizer", or empty for any; by default $DIGITS_MODEL_SHA256 and so on, else any.

    Raises ModelError if the model can't be used, and ValueError for a number out of range. The
    methods raise ModelError if a network fails, or if one of the others can't be used.
    """

    def __init__(
        self,
        model: ModelSource = None,
        threads: int = 1,
        kernels: Kernels | None = None,
        threshold: float | None = None,
        detector: ModelSource = None,
        recognizer: ModelSource = None,
        sha256: Mapping[Task, str] | None = None,
    ) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be 0 to 1, not {threshold}")
        sha256 = sha256 or {}
        self.model = Model(model, threads, kernels, sha256.get("classifier"))
        self._threshold = threshold
        self._detector_file = detector, threads, None, sha256.get("detector")
        self._recognizer_file = recognizer, threads, None, sha256.get("recognizer")
        self._detector: DetectorModel | None = None
        self._recognizer: RecognizerModel | None = None

    @property
    def threshold(self) -> float:
        """The least confidence with which `predict` answers, 0 to 1."""
        default = self.model.metadata.rejection_threshold
        return default if self._threshold is None else self._threshold

    @property
    def detector(self) -> "DetectorModel":
        """The network that finds symbols. Raises ModelError if it can't be used."""
        with _OPENING:
            if self._detector is None:  # most digits don't need it
                from digits.inference.detector_model import DetectorModel

                self._detector = DetectorModel(*self._detector_file)
            return self._detector

    @property
    def networks(self) -> "Networks":
        """Those that read pages. Raises ModelError if one can't be used."""
        from digits.inference.recognizer_model import RecognizerModel
        from digits.reader.reading import Networks

        detector = self.detector
        with _OPENING:
            if self._recognizer is None:
                self._recognizer = RecognizerModel(*self._recognizer_file)
            return Networks(detector, self._recognizer)

    def predict(self, source: Source) -> Prediction:
        """Read the one digit in a picture.

        source: a path, bytes, a file object, a PIL image, or an array [height, width] or [height,
        width, 1, 3 or 4 channels] of bool, integers or floats, in which 0 is black. Returns a
        Prediction without a digit, whose status says why, if the picture is blank or holds several
        digits. Raises PictureError if it can't be opened.

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
        if isinstance(sources, str | bytes):
            raise TypeError("predict_batch takes a list of pictures; predict takes one")
        examined = examine(self, [picture.load(source) for source in sources])
        return [candidates.prediction(self.threshold) for candidates in examined]

    def read(
        self,
        source: Source,
        constraints: "Constraints | None" = None,
        max_errors: float | None = None,
    ) -> Reading:
        """Read all numbers of a page: digits, minus signs and decimal points, line by line.

        source: see `predict`. constraints: what each number satisfies. max_errors: with which
        probability an accepted number may be wrong, 0 to 1, by default 0.01. A number that isn't
        accepted has a question mark in `Reading.text`. The reading of a picture without digits has
        no lines. Raises PictureError if the picture can't be opened.

        >>> Classifier().read("7.jpg").text
        '7'
        """
        from digits.constraints.constraints import Constraints  # `predict` needs neither
        from digits.reader.reading import error_limit, read_numbers

        limit = error_limit(max_errors)
        constraints = Constraints() if constraints is None else constraints  # some are false
        page = picture.load(source, picture.PAGE_MAX_SIDE)
        return read_numbers(self.networks, page, constraints, limit)

    def read_fields(self, source: Source, form: "Form", max_errors: float | None = None) -> "Sheet":
        """Read the number in each field of a filled form.

        source: see `predict`. form: from `fields.form_file.load`. max_errors: see `read`. A sheet
        that isn't in the picture as a whole has no numbers, and a note that says why. Raises
        PictureError if the picture can't be opened, and DataError if the form's picture can't.
        """
        from digits.forms.reading import read_sheet
        from digits.reader.reading import error_limit

        limit = error_limit(max_errors)
        page = picture.load(source, picture.SHEET_MAX_SIDE)
        return read_sheet(self.networks, page, form, limit)


def examine(classifier: Classifier, pictures: Sequence[GreyImage]) -> list[Candidates]:
    """Examine pictures, in one batch, and by the detector those that show more than a sure digit.

    Those cut or in doubt are examined in both polarities first. Raises ModelError if a model fails,
    or the detector can't be used.
    """
    min_confidence = classifier.model.metadata.rejection_threshold
    examined = examine_alone(classifier.model, pictures)
    for index, candidates in enumerate(examined):
        if not candidates.hypotheses or candidates.is_certain(min_confidence):
            continue
        if candidates.is_cut or candidates.ranking.confidence < min_confidence:
            candidates = examine_inverted(classifier.model, candidates)
        is_sure = candidates.ranking.confidence >= min_confidence
        if is_sure and len(candidates.hypotheses) > 1:  # is it this digit and no other?
            seen = _see(classifier, candidates.picture, candidates.box.longer)
            is_sure = seen.probabilities[candidates.ranking.probabilities.argmax()] > 0.5
        if not is_sure:
            candidates = candidates.combine(_see(classifier, candidates.picture))
        examined[index] = candidates
    return examined


def _see(classifier: Classifier, page: GreyImage, height: float | None = None) -> Evidence:
    from digits.reader.page import find_symbols, weigh  # most digits don't need it

    return weigh(find_symbols(page.pixels, classifier.detector.maps, height))
