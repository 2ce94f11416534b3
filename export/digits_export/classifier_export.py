"""How networks that classify digits are exported: judged on digits, against the network itself."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digits.data.split import Split, Splits
from digits.evaluation.statistics import Calibration
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata, Kernels
from digits.inference.session import open_session
from digits.terminal import print_stderr, progress_bar
from digits_export.exporter import Exporter
from digits_export.quantize import batches
from digits_export.report import Variant
from digits_export.temperature import (
    REJECTION_RATE,
    CalibratedClassifier,
    fit_temperature,
    rejection_threshold,
)
from digits_train.checkpoint import Checkpoint
from digits_train.data import datasets, held_out
from digits_train.recipes import ClassifierRecipe
from digits_train.tasks.classification import predict

CALIBRATION_IMAGES = 1000  # from the training set


class ClassifierExporter(Exporter):
    """Digits of its data set judge a classifier."""

    metadata = ClassifierMetadata
    max_difference = 1e-5  # in probability
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
        super().__init__(loaded)
        self._validation, self._test = splits["validation"], splits["test"]
        self.total = len(self._validation)
        self.calibration = batches(splits["train"].images[:CALIBRATION_IMAGES, None])
        self.parity = [self._validation.images[:size, None] for size in (1, 7, 256)]
        logits, outlier_logits = predict(loaded.model, self._validation).double().numpy(), None
        if outliers is not None:
            unlabelled = Split(outliers, np.zeros(len(outliers), np.uint8))
            outlier_logits = predict(loaded.model, unlabelled).double().numpy()
        self.scaling = scaling = fit_temperature(logits, self._validation.labels, outlier_logits)
        self.network = CalibratedClassifier(loaded.model, scaling)

    @classmethod
    def prepare(cls, loaded: Checkpoint, data: Path | None) -> Self:
        """The data are those of the training: other splits might contain training digits."""
        experiment = loaded.provenance.experiment
        dataset = datasets.load(data, lambda error: print_stderr(f"warning: {error}"))
        trained_on = {**experiment.data_sha256}
        trained_on.pop(datasets.OWN_CHECKSUM_NAME, None)  # nothing is verified on them
        datasets.verify_checksums(dataset, trained_on, data)
        assert isinstance(experiment.recipe, ClassifierRecipe)
        outliers = None
        with progress_bar() as bar:
            bar.add_task("drawing outliers", total=None)
            if experiment.recipe.outlier_weight:
                outliers = held_out.draw_outliers(dataset.splits["validation"])
            return cls(loaded, dataset.splits, outliers)

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

    def error(self, variant: Variant) -> float:
        return 1 - float(variant["validation_accuracy"])

    def describe(self, variant: Variant, exact: Variant) -> dict[str, Any]:
        return {
            "training_digits": self.loaded.provenance.training_digits,
            "temperature": round(self.scaling.temperature, 6),
            "rejection_threshold": variant["rejection_threshold"],
            "validation_accuracy_float": exact["validation_accuracy"],
            "validation_accuracy": variant["validation_accuracy"],
            "test_accuracy_float": exact["test_accuracy"],
            "test_accuracy": variant["test_accuracy"],
        }


def probabilities(
    session: onnxruntime.InferenceSession, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return the probabilities of digits, float32 [n, 10]. images: uint8 [n, 1, 28, 28]."""
    rows = [session.run(None, {CLASSIFIER.input.name: batch})[0] for batch in batches(images)]
    return np.concatenate(rows)
