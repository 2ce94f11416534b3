"""The networks that read pictures: the classifier, and two that are opened when needed."""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING

from digits.inference.metadata import Kernels, NetworkTask
from digits.inference.model import ClassifierModel
from digits.inference.model_file import ModelSource

if TYPE_CHECKING:
    from digits.inference.detector_model import DetectorModel
    from digits.inference.recognizer_model import RecognizerModel

_OPENING = Lock()  # a lock of each object couldn't be sent to a worker process


class Networks:
    """A classifier of digits, a detector of symbols, and a recognizer of numbers.

    Arguments: see `Classifier`. Threads may share one. Raises ModelError if the classifier can't be
    used; the properties do if theirs can't.
    """

    def __init__(
        self,
        model: ModelSource,
        threads: int,
        kernels: Kernels | None,
        detector: ModelSource,
        recognizer: ModelSource,
        sha256: Mapping[NetworkTask, str],
    ) -> None:
        self.classifier = ClassifierModel(model, threads, kernels, sha256.get("classifier"))
        self._detector_arguments = detector, threads, None, sha256.get("detector")
        self._recognizer_arguments = recognizer, threads, None, sha256.get("recognizer")
        self._detector: DetectorModel | None = None
        self._recognizer: RecognizerModel | None = None

    @property
    def detector(self) -> "DetectorModel":
        """The network that finds symbols; most pictures of one digit don't need it."""
        with _OPENING:
            if self._detector is None:
                from digits.inference.detector_model import DetectorModel

                self._detector = DetectorModel(*self._detector_arguments)
            return self._detector

    @property
    def recognizer(self) -> "RecognizerModel":
        """The network that reads the crops of numbers."""
        with _OPENING:
            if self._recognizer is None:
                from digits.inference.recognizer_model import RecognizerModel

                self._recognizer = RecognizerModel(*self._recognizer_arguments)
            return self._recognizer
