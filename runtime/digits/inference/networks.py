"""The three networks that read pictures, each opened when it is needed."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from digits.inference.metadata import Kernels, NetworkTask
from digits.inference.model import Model
from digits.inference.model_file import ModelSource

if TYPE_CHECKING:
    from digits.inference.detector_model import DetectorModel
    from digits.inference.recognizer_model import RecognizerModel


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
        self.classifier = Model(model, threads, kernels, sha256.get("classifier"))
        self._threads, self._sha256 = threads, sha256
        self._detector_file, self._recognizer_file = detector, recognizer

    @cached_property
    def detector(self) -> "DetectorModel":
        """The network that finds symbols; most pictures of one digit don't need it."""
        from digits.inference.detector_model import DetectorModel

        sha256 = self._sha256.get("detector")
        return DetectorModel(self._detector_file, self._threads, sha256=sha256)

    @cached_property
    def recognizer(self) -> "RecognizerModel":
        """The network that reads the crops of numbers."""
        from digits.inference.recognizer_model import RecognizerModel

        sha256 = self._sha256.get("recognizer")
        return RecognizerModel(self._recognizer_file, self._threads, sha256=sha256)
