"""The networks that read pictures, each opened when it is needed."""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from digits.inference.classifier_model import ClassifierModel
from digits.inference.metadata import ComputeType, NetworkTask
from digits.inference.model_file import ModelSource

if TYPE_CHECKING:
    from digits.inference.detector_model import DetectorModel
    from digits.inference.recognizer_model import RecognizerModel
    from digits.inference.second_opinion import SecondOpinion

T = TypeVar("T")

_OPENING = Lock()  # a lock of each object couldn't be sent to a worker process


class Models:
    """A classifier of digits, a detector of symbols, and a recognizer of numbers.

    Arguments: see `Reader`. Threads may share one. The properties raise ModelError if a network
    can't be used.
    """

    def __init__(
        self,
        model: ModelSource,
        threads: int,
        compute_type: ComputeType | None,
        detector: ModelSource,
        recognizer: ModelSource,
        sha256: Mapping[NetworkTask, str],
        second_opinion: bool,
    ) -> None:
        self._arguments: dict[str, tuple[Any, ...]] = {
            "classifier": (model, threads, compute_type, sha256.get("classifier")),
            "detector": (detector, threads, None, sha256.get("detector")),
            "recognizer": (recognizer, threads, None, sha256.get("recognizer")),
        }
        if second_opinion:
            self._arguments["second opinion"] = (threads,)
        self._models = dict[str, Any]()

    @property
    def classifier(self) -> ClassifierModel:
        """The network that reads one digit."""
        return self._opened("classifier", ClassifierModel)

    @property
    def detector(self) -> "DetectorModel":
        """The network that finds symbols; most pictures of one digit don't need it."""
        from digits.inference.detector_model import DetectorModel

        return self._opened("detector", DetectorModel)

    @property
    def recognizer(self) -> "RecognizerModel":
        """The network that reads the crops of numbers."""
        from digits.inference.recognizer_model import RecognizerModel

        return self._opened("recognizer", RecognizerModel)

    @property
    def second_opinion(self) -> "SecondOpinion | None":
        """Another package's recognizer of the same crops; None unless it is asked for."""
        from digits.inference.second_opinion import SecondOpinion

        is_wanted = "second opinion" in self._arguments
        return self._opened("second opinion", SecondOpinion) if is_wanted else None

    def _opened(self, name: str, kind: type[T]) -> T:
        with _OPENING:
            if name not in self._models:
                self._models[name] = kind(*self._arguments[name])
            model: T = self._models[name]
            return model
