"""Our networks beside the same ones in PyTorch and in onnxruntime alone, called from Python.

One thread unless a row says otherwise. The others, and our VGG-16, have random weights, which are
as fast; so answers aren't compared.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import Row, seconds
from digits.inference.classifier_model import ClassifierModel
from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ComputeType
from digits.inference.session import open_session
from digits_export.optimize import optimize
from digits_export.quantize import quantize
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.data import mnist
from digits_train.models import VGG16, LeNet5, Network
from digits_train.onnx_graph import serialize, to_onnx

BATCH, FLOAT = 256, "onnxruntime, fp32 file"

Pixels = NDArray[np.uint8]  # [n, 1, 28, 28]
Call = Callable[[Pixels], object]


class Exported(NamedTuple):
    """A network as it is trained, and its fp32 and int8 files."""

    network: Network
    exact: bytes
    rounded: bytes

    def pytorch(self, pixels: Pixels) -> object:
        return self.network(torch.tensor(pixels)).softmax(1).numpy()


def export(network: Network, pixels: Pixels) -> Exported:
    network.train()(torch.tensor(pixels))  # some statistics for batch norm
    calibrated = CalibratedClassifier(network.eval(), TemperatureScaling())
    exact = optimize(to_onnx(calibrated, CLASSIFIER))
    content = serialize(exact)
    return Exported(network, content, serialize(quantize(exact, [pixels])))


def opened(file: bytes, compute_type: ComputeType, threads: int = 1) -> Call:
    """A file in onnxruntime."""
    run = open_session(file, compute_type, threads).run
    return lambda pixels: run(None, {"images": pixels})


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    digits = mnist.load("validation").images[:BATCH, None].copy()
    with torch.inference_mode():
        lenet5, vgg16 = (export(network, digits[:32]) for network in (LeNet5(), VGG16()))
        ours = {threads: ClassifierModel(threads=threads).probabilities for threads in (1, 2)}
        theirs = {FLOAT: opened(lenet5.exact, "float"), "PyTorch": lenet5.pytorch}
        calls = {"digits": ours[1], **theirs}
        yield Row("LeNet-5: one digit", "s", times(calls, digits[:1]))
        yield Row(f"LeNet-5: a batch of {BATCH}", "images/s", rates(calls, digits))
        both = {"digits": ours[2], FLOAT: opened(lenet5.exact, "float", 2)}
        yield Row(f"LeNet-5: a batch of {BATCH}, two threads", "images/s", rates(both, digits))
        theirs = {FLOAT: opened(vgg16.exact, "float"), "PyTorch": vgg16.pytorch}
        calls = {"digits, int8": opened(vgg16.rounded, "integer"), **theirs}
        yield Row("VGG-16: one digit", "s", times(calls, digits[:1]))


def times(calls: dict[str, Call], pixels: Pixels) -> dict[str, float]:
    """Seconds of a call."""
    return seconds({name: partial(call, pixels) for name, call in calls.items()})


def rates(calls: dict[str, Call], pixels: Pixels) -> dict[str, float]:
    """Images per second."""
    return {name: len(pixels) / time for name, time in times(calls, pixels).items()}
