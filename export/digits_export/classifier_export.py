"""The exporter of networks that classify digits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from digits.data.mnist import Split, Splits
from digits.evaluation.digits import Evaluation
from digits.inference.interface import CLASSIFIER, INPUT
from digits.inference.metadata import Kernels, Metadata
from digits.inference.model import open_session
from digits_export import evaluate, model_card, quantize, verify
from digits_export.report import Variant
from digits_export.temperature import (
    REJECTION_RATE,
    CalibratedClassifier,
    fit_temperature,
    rejection_threshold,
)
from digits_train.checkpoint import Checkpoint
from digits_train.metrics import predict
from digits_train.models import Network

Probabilities = NDArray[np.float32]  # [n, 10]

MAX_ACCURACY_DROP = 0.05  # percentage points of the validation digits that int8 may cost
_BATCH_SIZE = 250  # VGG-16's activations take 1.1 MB a digit


class Digits(NamedTuple):
    """The digits of a training. outliers: uint8 [n, 28, 28], images without a digit that the
    network hasn't seen, if it was trained to recognize such images.
    """

    splits: Splits
    outliers: NDArray[np.uint8] | None = None


class ClassifierExporter:
    """Judges every form on the same digits, against the network itself.

    calibrated: what is exported. inputs, max_difference: what it is compared with its file on, and
    how far apart the outputs may be. int8_kernels: those to judge the int8 file with, the fastest
    first: clients in other languages run it with integer kernels by default. quantization: how that
    file is made.
    """

    interface = CLASSIFIER
    metadata = Metadata
    max_difference = 1e-5  # in probability

    def __init__(self, loaded: Checkpoint, digits: Digits, force: bool) -> None:
        """force: whether int8 may read worse."""
        assert isinstance(loaded.model, Network)
        self.loaded, self._network, self._force = loaded, loaded.model, force
        self.int8_kernels = tuple(dict.fromkeys([self._network.kernels, "integer"]))
        self._validation, self._test = digits.splits["validation"], digits.splits["test"]
        self._calibration = digits.splits["train"].images[: quantize.CALIBRATION_IMAGES, None]
        self.quantization = quantize.description(len(self._calibration))
        logits, outlier_logits = predict(self._network, self._validation), None
        if digits.outliers is not None:
            labels = np.zeros(len(digits.outliers), np.uint8)  # which nobody reads
            outlier_logits = predict(self._network, Split(digits.outliers, labels))
        self.scaling = fit_temperature(logits, self._validation, outlier_logits)
        self.calibrated = CalibratedClassifier(self._network, self.scaling)
        self.inputs = [self._validation.images[:size, None] for size in (1, 7, 256)]

    def quantize(self, graph: onnx.ModelProto) -> onnx.ModelProto:
        return quantize.quantize(graph, self._calibration)

    def evaluate(self, name: str, kernels: Kernels, path: Path, model: bytes) -> Variant:
        session, single = open_session(model, kernels, threads=0), open_session(model, kernels)
        validation, test = (
            probabilities(session, split) for split in (self._validation, self._test)
        )
        if name == "fp32":
            self._exact = test.argmax(1)
        pixels, result = {INPUT[0]: self._validation.images[:1, None]}, _evaluate(self._test, test)
        return Variant(
            name=name,
            kernels=kernels,
            file=str(path),
            bytes=0,
            validation_accuracy=_evaluate(self._validation, validation).accuracy,
            test_accuracy=result.accuracy,
            test_calibration_error=result.calibration.error,
            rejection_threshold=rejection_threshold(validation.max(1), REJECTION_RATE),
            changed=float((test.argmax(1) != self._exact).mean()),
            microseconds=evaluate.microseconds(lambda: single.run(None, pixels)),
        )

    def describe(self, variant: Variant, exact: Variant) -> dict[str, Any]:
        provenance = self.loaded.provenance
        return {
            "training_digits": provenance.training_digits,
            "temperature": round(self.scaling.temperature, 6),
            "rejection_threshold": variant.rejection_threshold,
            "validation_accuracy_float": exact.validation_accuracy,
            "validation_accuracy": variant.validation_accuracy,
            "test_accuracy_float": exact.test_accuracy,
            "test_accuracy": variant.test_accuracy,
        }

    def card(self, metadata: Any, variants: Sequence[Variant]) -> str:
        return model_card.render(metadata, variants)

    def check_int8(self, exact: Variant, small: Variant) -> None:
        total = len(self._validation)
        verify.check_errors(
            (1 - exact.validation_accuracy) * total,
            (1 - small.validation_accuracy) * total,
            total,
            MAX_ACCURACY_DROP,
            f"validation digits with {small.kernels} kernels",
            self._force,
        )


def _evaluate(split: Split, probabilities: Probabilities) -> Evaluation:
    result = Evaluation()
    result.add(split, probabilities)
    return result


def probabilities(session: onnxruntime.InferenceSession, split: Split) -> Probabilities:
    """Return the probabilities of a split's digits: float32 [n, 10]."""
    images = split.images[:, None]
    return np.concatenate(
        [
            session.run(None, {INPUT[0]: images[start : start + _BATCH_SIZE]})[0]
            for start in range(0, len(images), _BATCH_SIZE)
        ]
    )
