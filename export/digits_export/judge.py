"""How well, how fast and how small each form of a network is."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digits.data.evaluate import Batch, Evaluation
from digits.data.mnist import Split
from digits.models.graph import INPUT
from digits.models.metadata import Kernels
from digits.models.model import open_session
from digits_export import verify
from digits_export.calibration import calibrate, rejection_threshold
from digits_train import fit, outliers, photographs
from digits_train.models import Network

Probabilities = NDArray[np.float32]  # [n, 10]

_WINDOWS, _SECONDS = 5, 0.05
_OUTLIERS, _BLANK = 2000, 300  # in the proportion of training
_SEED = (0, 0)  # a training's is one number


@dataclass(frozen=True)
class Form:
    """One form of the network, run with one kind of kernels. Shares are 0 to 1."""

    name: str  # checkpoint, fp32 or int8
    kernels: str  # torch, float or integer
    file: str
    bytes: int
    validation_accuracy: float
    test_accuracy: float
    test_calibration_error: float  # expected, of calibrated confidences
    rejection_threshold: float  # confidence that real digits reach, see `rejection_threshold`
    changed: float  # share of the test digits that it reads differently from the checkpoint
    microseconds: float  # one digit, one thread, on the machine that exported


class Judge:
    """Measures every form of a network on the same digits, against the network's own answers."""

    def __init__(
        self, network: Network, validation: Split, test: Split, outliers: bool = False
    ) -> None:
        """outliers: whether the network has learnt what is no digit."""
        self.network, self.validation, self._test = network, validation, test
        logits = fit.predict(network, validation)
        others = _outliers(network, validation) if outliers else None
        self.calibration = calibrate(logits, validation, others)
        self._own = [
            self.calibration.probabilities(scores).numpy()
            for scores in (logits, fit.predict(network, test))
        ]

    def checkpoint(self, path: Path) -> Form:
        """The network itself, in PyTorch."""
        pixels = torch.tensor(self.validation.images[:1, None])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                taken = _microseconds(
                    lambda: self.calibration.probabilities(self.network(pixels)).numpy()
                )
        finally:
            torch.set_num_threads(threads)
        return self._form(
            "checkpoint", "torch", path, path.stat().st_size, self._own[0], self._own[1], taken
        )

    def file(
        self, name: str, kernels: Kernels, path: Path, model: bytes, batch: int = verify.BATCH
    ) -> tuple[Form, Probabilities]:
        """A file's figures, and its probabilities for the validation digits."""
        session = open_session(model, kernels, threads=0)
        found = [verify.predict(session, split, batch) for split in (self.validation, self._test)]
        one = open_session(model, kernels)
        pixels = {INPUT[0]: self.validation.images[:1, None]}
        taken = _microseconds(lambda: one.run(None, pixels))
        return self._form(name, kernels, path, len(model), found[0], found[1], taken), found[0]

    def _form(
        self,
        name: str,
        kernels: str,
        file: Path,
        size: int,
        validation: Probabilities,
        test: Probabilities,
        microseconds: float,
    ) -> Form:
        result = _evaluated(self._test, test)
        return Form(
            name,
            kernels,
            str(file),
            size,
            _evaluated(self.validation, validation).accuracy,
            result.accuracy,
            result.calibration_error,
            rejection_threshold(validation),
            float((test.argmax(1) != self._own[1].argmax(1)).mean()),
            microseconds,
        )


def _outliers(network: Network, validation: Split) -> Tensor:
    """The logits of pictures of no digit that the network hasn't seen: float32 [n, 10]."""
    drawn = outliers.make(validation, _OUTLIERS, _SEED)
    images = np.concatenate([drawn, photographs.make_blank(_BLANK, _SEED)])
    return fit.predict(network, Split(images, np.zeros(len(images), np.uint8)))


def _evaluated(split: Split, probabilities: Probabilities) -> Evaluation:
    result = Evaluation()
    result.add(Batch.of(split, "digit"), probabilities)
    return result


def _microseconds(call: Callable[[], object]) -> float:
    """The median over five windows of the mean time of a call, after one to warm up."""
    means = []
    for _ in range(_WINDOWS + 1):
        calls, started = 0, time.perf_counter()
        while time.perf_counter() - started < _SECONDS:
            call()
            calls += 1
        means.append((time.perf_counter() - started) / calls * 1e6)
    return statistics.median(means[1:])
