"""Accuracy, speed and size of each variant of a network."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.data.image_folder import Batch
from digits.data.mnist import Split
from digits.evaluation import Evaluation
from digits.inference.interface import INPUT
from digits.inference.metadata import Kernels
from digits.inference.model import open_session
from digits_export import verify
from digits_export.temperature import fit_temperature, rejection_threshold
from digits_train import outliers, photographs
from digits_train.metrics import predict
from digits_train.models import Network

Probabilities = NDArray[np.float32]  # [n, 10]

_WINDOWS, _SECONDS = 5, 0.05
_OUTLIERS, _BLANK = 2000, 300  # in the proportion of training
_SEED = (0, 0)  # never that of a training, which is a single number


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
        self, network: Network, validation: Split, test: Split, outliers: bool = False
    ) -> None:
        """outliers: whether the network was trained to recognize images without a digit."""
        self.network, self.validation, self._test = network, validation, test
        logits = predict(network, validation)
        others = _outlier_logits(network, validation) if outliers else None
        self.scaling = fit_temperature(logits, validation, others)
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
        self, name: str, kernels: Kernels, path: Path, model: bytes, batch: int = verify.BATCH_SIZE
    ) -> tuple[Variant, Probabilities]:
        """Return a file's metrics, and its probabilities for the validation digits."""
        session = open_session(model, kernels, threads=0)
        splits = (self.validation, self._test)
        found = [verify.probabilities(session, split, batch) for split in splits]
        single = open_session(model, kernels)
        pixels = {INPUT[0]: self.validation.images[:1, None]}
        latency = microseconds(lambda: single.run(None, pixels))
        variant = Variant(
            name=name,
            kernels=kernels,
            file=str(path),
            bytes=len(model),
            microseconds=latency,
            **self._metrics(*found),
        )
        return variant, found[0]

    def _metrics(self, validation: Probabilities, test: Probabilities) -> dict[str, float]:
        result = _evaluate(self._test, test)
        return {
            "validation_accuracy": _evaluate(self.validation, validation).accuracy,
            "test_accuracy": result.accuracy,
            "test_calibration_error": result.calibration_error,
            "rejection_threshold": rejection_threshold(validation),
            "disagreement": float((test.argmax(1) != self._expected[1].argmax(1)).mean()),
        }


def _outlier_logits(network: Network, validation: Split) -> Tensor:
    """Return float32 [n, 10] for images without a digit that the network hasn't seen."""
    drawn = outliers.generate(validation, _OUTLIERS, _SEED)
    images = np.concatenate([drawn, photographs.generate_blank(_BLANK, _SEED)])
    return predict(network, Split(images, np.zeros(len(images), np.uint8)))


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
