"""Run an ONNX file that turns 28x28 pixels into ten probabilities."""

import numpy as np
from numpy.typing import NDArray

from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata
from digits.inference.session import Model, are_probabilities
from digits.system import cpu_count

_INPUT, _OUTPUT = CLASSIFIER.input.name, CLASSIFIER.outputs[0].name
_PIXEL, _SHAPES = np.dtype(np.uint8), ((28, 28), (1, 28, 28))
# Digits at a time and thread: the activations of more don't fit into a core's cache (measured from
# 16 to 256), and memory doesn't grow with the batch.
_CHUNK = 128


class ClassifierModel(Model[ClassifierMetadata]):
    """A classifier of digits; arguments and errors: see `Model`.

    >>> ClassifierModel().probabilities(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 10)
    """

    kind = ClassifierMetadata

    def _check_outputs(self) -> None:
        blank_and_full = np.full((2, 28, 28), [[[0]], [[255]]], np.uint8)
        if not are_probabilities(self.probabilities(blank_and_full)):
            raise ModelError(f"{self.name} outputs invalid probabilities")

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify a batch of framed digits.

        images: uint8 [n, 28, 28] or [n, 1, 28, 28], 0 = paper, 255 = ink, framed as in MNIST.
        Returns float32 [n, 10]; each row sums to 1. Raises ValueError for another shape or dtype,
        and ModelError if the network fails.
        """
        shape = images.shape
        if images.dtype != _PIXEL or shape[1:] not in _SHAPES:
            raise ValueError(f"images must be uint8 [n, 28, 28], not {images.dtype} {shape}")
        if not len(images):  # which not every network can run
            return np.zeros((0, 10), np.float32)
        batch = images.reshape(-1, 1, 28, 28)
        chunk = _CHUNK * (self.threads or cpu_count())
        starts = range(0, len(batch), chunk)
        rows = [self._run(batch[start : start + chunk]) for start in starts]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        [rows] = self.session.run({_INPUT: batch}, [_OUTPUT])
        return rows
