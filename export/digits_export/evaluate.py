"""Accuracy, speed and size of each variant of a network."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digits.data.image_folder import Batch
from digits.data.mnist import Split
from digits.evaluation import Evaluation
from digits.inference.interface import INPUT
from digits.inference.metadata import Kernels
from digits.inference.model import open_session
from digits_export import verify
from digits_export.temperature import fit_temperature, rejection_threshold
from digits_train.metrics import predict
from digits_train.models import Network

Probabilities = NDArray[np.float32]  # [n, 10]

_WINDOWS, _SECONDS = 5, 0.05


@dataclass(frozen=True)
class Variant:
    """One form of the network, run with one kind of kernels. Shares are 0 to 1."""

    name: str  # checkpoint, fp32 or int8
    kernels: str  # torch, float or integer
    file: str
    bytes: int
    validation_accuracy: float
    test_accuracy: float
    test_calibration_error: float  # expected calibration error (ECE)
    rejection_threshold: float  # on confidence, see `temperature.rejection_threshold`
    disagreement: float  # share of the test digits read differently from the checkpoint
    microseconds: float  # one digit, one thread, on the machine that exported


class Evaluator:
    """Evaluates every variant of a network on the same digits, against the network itself."""

    def __init__(
        self,
        network: Network,
        validation: Split,
        test: Split,
        outliers: NDArray[np.uint8] | None = None,
    ) -> None:
        """outliers: uint8 [n, 28, 28], images without a digit, if the network recognizes them."""
        self.network, self.validation, self._test = network, validation, test
        logits, outlier_logits = predict(network, validation), None
        if outliers is not None:
            labels = np.zeros(len(outliers), np.uint8)  # which nobody reads
            outlier_logits = predict(network, Split(outliers, labels))
        self.scaling = fit_temperature(logits, validation, outlier_logits)
        self._expected = [
            self.scaling.probabilities(scores).numpy()
            for scores in (logits, predict(network, test))
        ]

    def evaluate_checkpoint(self, path: Path) -> Variant:
        """Evaluate the network itself, in PyTorch."""
        pixels = torch.tensor(self.validation.images[:1, None])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                latency = microseconds(
                    lambda: self.scaling.probabilities(self.network(pixels)).numpy()
                )
        finally:
            torch.set_num_threads(threads)
        return Variant(
            name="checkpoint",
            kernels="torch",
            file=str(path),
            bytes=path.stat().st_size,
            microseconds=latency,
            **self._metrics(*self._expected),
        )

    def evaluate_file(
        self, name: str, kernels: Kernels, path: Path, model: bytes
    ) -> tuple[Variant, Probabilities]:
        """Return a file's metrics, and its probabilities for the validation digits."""
        session = open_session(model, kernels, threads=0)
        splits = (self.validation, self._test)
        answers = [verify.probabilities(session, split) for split in splits]
        single = open_session(model, kernels)
        pixels = {INPUT[0]: self.validation.images[:1, None]}
        latency = microseconds(lambda: single.run(None, pixels))
        variant = Variant(
            name=name,
            kernels=kernels,
            file=str(path),
            bytes=len(model),
            microseconds=latency,
            **self._metrics(*answers),
        )
        return variant, answers[0]

    def _metrics(self, validation: Probabilities, test: Probabilities) -> dict[str, float]:
        result = _evaluate(self._test, test)
        return {
            "validation_accuracy": _evaluate(self.validation, validation).accuracy,
            "test_accuracy": result.accuracy,
            "test_calibration_error": result.calibration_error,
            "rejection_threshold": rejection_threshold(validation),
            "disagreement": float((test.argmax(1) != self._expected[1].argmax(1)).mean()),
        }


def _evaluate(split: Split, probabilities: Probabilities) -> Evaluation:
    result = Evaluation()
    result.add(Batch.from_split(split, "digit"), probabilities)
    return result


def microseconds(call: Callable[[], object]) -> float:
    """Return the median over five windows of a call's mean time, after a window of warm-up."""
    means = []
    for _ in range(_WINDOWS + 1):
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < _SECONDS:
            call()
            calls += 1
        means.append((time.perf_counter() - started) / calls * 1e6)
    return statistics.median(means[1:])
