"""How networks that classify digits are exported: judged on digits, against the network itself."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.data.mnist import Split, Splits
from digits.evaluation.statistics import Calibration
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata, Kernels
from digits.inference.session import open_session
from digits_export.quantize import batches
from digits_export.report import Form
from digits_export.temperature import (
    REJECTION_RATE,
    CalibratedClassifier,
    fit_temperature,
    rejection_threshold,
)
from digits_train.checkpoint import Checkpoint
from digits_train.metrics import predict
from digits_train.models import Network

CALIBRATION_IMAGES = 1000  # from the training set


class ClassifierExporter:
    """calibrated: what is exported. inputs, max_difference: what it is compared with its file on,
    and how far apart the outputs may be. int8_kernels: those to judge the int8 file with, the
    fastest first: clients in other languages run it with integer kernels by default. calibration,
    float_layer, quantization: how that file is made. max_drop: percentage points of `total`, the
    judges, that it may cost.
    """

    interface, metadata = CLASSIFIER, ClassifierMetadata
    max_difference = 1e-5  # in probability
    float_layer = ""
    max_drop, judges = 0.05, "validation digits"
    columns = {
        "form": "{name}",
        "kernels": "{kernels}",
        "size": "{bytes:,} bytes",
        "validation": "{validation_accuracy:.2%}",
        "test": "{test_accuracy:.2%}",
        "ECE": "{test_calibration_error:.2%}",
        "changed": "{changed:.2%}",
    }

    def __init__(
        self, loaded: Checkpoint, splits: Splits, outliers: NDArray[np.uint8] | None
    ) -> None:
        """outliers: uint8 [n, 28, 28], images without a digit, if it was trained to know such."""
        network = loaded.model
        assert isinstance(network, Network)
        self.loaded = loaded
        self.int8_kernels = tuple(dict.fromkeys([network.kernels, "integer"]))
        self._validation, self._test = splits["validation"], splits["test"]
        self.total = len(self._validation)
        images = splits["train"].images[:CALIBRATION_IMAGES, None]
        self.calibration = batches(images)
        self.quantization = (
            "int8, static (QDQ): weights per channel, activations minmax over"
            f" {len(images)} training digits"
        )
        logits, outlier_logits = predict(network, self._validation).double().numpy(), None
        if outliers is not None:
            unlabelled = Split(outliers, np.zeros(len(outliers), np.uint8))
            outlier_logits = predict(network, unlabelled).double().numpy()
        self.scaling = fit_temperature(logits, self._validation.labels, outlier_logits)
        self.calibrated = CalibratedClassifier(network, self.scaling)
        self.inputs = [self._validation.images[:size, None] for size in (1, 7, 256)]

    def evaluate(self, model: bytes, name: str, kernels: Kernels) -> dict[str, float]:
        """The figures of a file, of which the float one comes first.

        rejection_threshold: on confidence, see `temperature.rejection_threshold`. changed: share of
        the test digits read differently from the float file.
        """
        session = open_session(model, kernels, threads=0)
        validation, test = (
            probabilities(session, split.images[:, None])
            for split in (self._validation, self._test)
        )
        answers = test.argmax(1)
        if name == "fp32":
            self._exact = answers
        right = answers == self._test.labels
        return {
            "validation_accuracy": float((validation.argmax(1) == self._validation.labels).mean()),
            "test_accuracy": float(right.mean()),
            "test_calibration_error": Calibration(test.max(1), right).error,  # expected (ECE)
            "rejection_threshold": rejection_threshold(validation.max(1), REJECTION_RATE),
            "changed": float((answers != self._exact).mean()),
        }

    def error(self, form: Form) -> float:
        return 1 - float(form["validation_accuracy"])

    def describe(self, form: Form, exact: Form) -> dict[str, Any]:
        return {
            "training_digits": self.loaded.provenance.training_digits,
            "temperature": round(self.scaling.temperature, 6),
            "rejection_threshold": form["rejection_threshold"],
            "validation_accuracy_float": exact["validation_accuracy"],
            "validation_accuracy": form["validation_accuracy"],
            "test_accuracy_float": exact["test_accuracy"],
            "test_accuracy": form["test_accuracy"],
        }


def probabilities(
    session: onnxruntime.InferenceSession, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return the probabilities of digits, float32 [n, 10]. images: uint8 [n, 1, 28, 28]."""
    rows = [session.run(None, {CLASSIFIER.input.name: batch})[0] for batch in batches(images)]
    return np.concatenate(rows)
