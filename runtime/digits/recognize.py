"""Read the digit in a picture, the numbers on a page, or the fields of a form."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING

from digits.digit import predict_digits
from digits.images import picture
from digits.images.picture import Source
from digits.inference.classifier_model import ClassifierModel
from digits.inference.metadata import ComputeType, NetworkTask
from digits.inference.model_file import ModelSource
from digits.inference.models import Models
from digits.prediction import Prediction, Reading

if TYPE_CHECKING:
    from digits.constraints.constraints import Constraints
    from digits.forms import Form, Sheet


DEFAULT_MAX_ERRORS = 0.01


class Reader:
    """Reads pictures of handwritten digits. Threads may share one.

    model: an ONNX file from `digits export`, or what `read_file` returned; by default
        $DIGITS_MODEL, else the bundled LeNet-5.
    threads: how many cores a call may use; 0: all.
    compute_type: "integer" or "float", how to compute an int8 model; by default as its file says.
    threshold: the confidence, 0 to 1, below which `predict` rejects an answer; 0 rejects none; by
        default the threshold that the model's file records.
    detector, recognizer: the files of the networks that find symbols and that read numbers; by
        default $DIGITS_DETECTOR and $DIGITS_RECOGNIZER, else the bundled ones. Each network is
        opened when it is needed: these two to `read`, the model to `predict`, and the detector also
        to look at a picture in which the model isn't sure of a digit, or in which something else
        may be.
    sha256: the checksum of the only file to accept for each of "classifier", "detector" and
        "recognizer", or empty for any; by default $DIGITS_MODEL_SHA256 and so on, else any.
    second_opinion: whether PP-OCR's recognizer, of the extra `ocr`, reads numbers, too: more are
        right, and each takes longer.

    Raises ValueError for a threshold out of range. The methods raise ModelError if a network fails
    or can't be used.
    """

    def __init__(
        self,
        model: ModelSource = None,
        threads: int = 1,
        compute_type: ComputeType | None = None,
        threshold: float | None = None,
        detector: ModelSource = None,
        recognizer: ModelSource = None,
        sha256: Mapping[NetworkTask, str] | None = None,
        second_opinion: bool = False,
    ) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be 0 to 1, not {threshold}")
        self._threshold = threshold
        self.models = Models(
            model, threads, compute_type, detector, recognizer, sha256 or {}, second_opinion
        )

    @property
    def model(self) -> ClassifierModel:
        """The network that classifies digits."""
        return self.models.classifier

    @property
    def threshold(self) -> float:
        """The least confidence with which `predict` answers, 0 to 1."""
        default = self.models.classifier.metadata.rejection_threshold
        return default if self._threshold is None else self._threshold

    def predict(self, source: Source) -> Prediction:
        """Read the one digit in a picture.

        source: a path, bytes, a file object, a PIL image, or an array [height, width] or [height,
            width, 1, 3 or 4 channels] of bool, integers or floats, in which 0 is black.

        Returns a Prediction without a digit, whose status says why, if the picture is blank or
        holds several digits. Raises PictureError if it can't be opened.

        >>> prediction = Reader().predict("7.jpg")
        >>> prediction.digit, prediction.confidence > 0.9
        (7, True)
        """
        return self.predict_batch([source])[0]

    def predict_batch(self, sources: Iterable[Source]) -> list[Prediction]:
        """Read the one digit in each picture, in one batch.

        sources: see `predict`. Raises PictureError for the first picture that can't be opened.

        >>> first, second = Reader().predict_batch(["0.png", "7.jpg"])
        >>> first.digit, second.digit
        (0, 7)
        """
        if isinstance(sources, str | bytes):
            raise TypeError("predict_batch takes a list of pictures; predict takes one")
        pictures = [picture.load(source) for source in sources]
        return predict_digits(self.models, pictures, self._threshold)

    def read(
        self,
        source: Source,
        constraints: "Constraints | None" = None,
        max_errors: float | None = None,
    ) -> Reading:
        """Read all numbers of a page: digits, minus signs and decimal points, line by line.

        source: see `predict`.
        constraints: what each number satisfies.
        max_errors: the probability with which an accepted number may be wrong, 0 to 1, by default
            0.01. A number that isn't accepted has a question mark in `Reading.text`.

        The reading of a picture without digits has no lines. Raises PictureError if the picture
        can't be opened.

        >>> Reader().read("7.jpg").text
        '7'
        """
        from digits.constraints.constraints import Constraints  # `predict` needs neither
        from digits.reader.read_page import read_numbers

        checked = _check_max_errors(max_errors)
        constraints = Constraints() if constraints is None else constraints
        page = picture.load(source, picture.PAGE_MAX_SIDE)
        return read_numbers(self.models, page, constraints, checked)

    def read_fields(self, source: Source, form: "Form", max_errors: float | None = None) -> "Sheet":
        """Read the number in each field of a filled form.

        source: see `predict`.
        form: what `digits.forms.load_form` returned.
        max_errors: see `read`.

        A sheet that isn't in the picture as a whole has no numbers, and a note that says why.
        Raises PictureError if the picture can't be opened, and DataError if the form's picture
        can't.
        """
        from digits.forms import read_sheet

        checked = _check_max_errors(max_errors)
        page = picture.load(source, picture.SHEET_MAX_SIDE)
        return read_sheet(self.models, page, form, checked)


def _check_max_errors(max_errors: float | None) -> float:
    """Return it, or the default. Raises ValueError if it isn't between 0 and 1."""
    if max_errors is None:
        return DEFAULT_MAX_ERRORS
    if not (isinstance(max_errors, Real) and 0 < max_errors < 1):
        raise ValueError(f"max_errors must be a number between 0 and 1, not {max_errors!r}")
    return max_errors
