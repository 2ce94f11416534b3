"""How networks that classify digits are exported: judged on digits, against the network itself."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits.data.split import Split
from digits.evaluation.statistics import Calibration
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata, ComputeType
from digits.inference.session import open_session
from digits.terminal import print_stderr
from digits_export.exporter import Exporter
from digits_export.quantize import batches
from digits_export.temperature import (
    REJECTION_RATE,
    CalibratedClassifier,
    fit_temperature,
    rejection_threshold,
)
from digits_train.checkpoint import Checkpoint
from digits_train.classifier import predict
from digits_train.data import datasets, held_out
from digits_train.recipes import ClassifierRecipe

CALIBRATION_IMAGES = 1000  # from the training set


class ClassifierExporter(Exporter):
    """Digits of its data set judge a classifier."""

    metadata = ClassifierMetadata
    max_difference = 1e-5  # in probability
    max_drop, judges = 0.05, "validation digits"

    def __init__(self, loaded: Checkpoint, data: Path | None) -> None:
        """The data are those of the training: other splits might contain training digits."""
        super().__init__(loaded, data)
        experiment = loaded.provenance.experiment
        dataset = datasets.load(data, lambda error: print_stderr(f"warning: {error}"))
        trained_on = {**experiment.data_sha256}
        trained_on.pop(datasets.OWN_CHECKSUM_NAME, None)  # nothing is verified on them
        datasets.verify_checksums(dataset, trained_on, data)
        assert isinstance(experiment.recipe, ClassifierRecipe)
        self._validation, self._test = (dataset.splits[name] for name in ("validation", "test"))
        self._exact: NDArray[np.int64] | None = None  # the float file's answers
        self.total = len(self._validation)
        self.calibration = batches(dataset.splits["train"].images[:CALIBRATION_IMAGES, None])
        self.parity = [self._validation.images[:size, None] for size in (1, 7, 256)]
        logits, outlier_logits = predict(loaded.model, self._validation).double().numpy(), None
        if experiment.recipe.outlier_weight:
            outliers = held_out.draw_outliers()
            unlabelled = Split(outliers, np.zeros(len(outliers), np.uint8))
            outlier_logits = predict(loaded.model, unlabelled).double().numpy()
        scaling = fit_temperature(logits, self._validation.labels, outlier_logits)
        self.network = CalibratedClassifier(loaded.model, scaling)
        self.facts = {
            "training_digits": loaded.provenance.training_digits,
            **scaling._asdict(),
        }

    def evaluate(self, model: bytes, compute_type: ComputeType) -> dict[str, Any]:
        """The figures of a file, of which the float one comes first.

        rejection_threshold: on confidence, see `temperature.rejection_threshold`. changed: share of
        the test digits read differently from the float file.
        """
        session = open_session(model, compute_type, threads=0)

        def probabilities(split: Split) -> NDArray[np.float32]:
            inputs = batches(split.images[:, None])
            return np.concatenate(
                [session.run(None, {CLASSIFIER.input.name: batch})[0] for batch in inputs]
            )

        validation, test = probabilities(self._validation), probabilities(self._test)
        answers = test.argmax(1)
        if self._exact is None:
            self._exact = answers
        right = answers == self._test.labels
        return {
            "validation_accuracy": float((validation.argmax(1) == self._validation.labels).mean()),
            "test_accuracy": float(right.mean()),
            "test_calibration_error": Calibration(test.max(1), right).error,  # expected (ECE)
            "rejection_threshold": rejection_threshold(validation.max(1), REJECTION_RATE),
            "changed": float((answers != self._exact).mean()),
        }
