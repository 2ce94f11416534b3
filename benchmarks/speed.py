"""Our networks compared with the same ones in other engines, called from Python on one core.

LeNet-5 has the weights of the bundled model (engines.py). VGG-16 has random weights, which are as
fast, but their answers hardly depend on the input, so these aren't compared.
"""

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks import engines
from benchmarks.timing import Row, seconds
from digits.data import mnist
from digits.inference.interface import CLASSIFIER
from digits.inference.model import ClassifierModel
from digits.inference.session import open_session
from digits_export.optimize import optimize
from digits_export.quantize import quantize
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.models import VGG16
from digits_train.onnx_graph import serialize, to_onnx

BATCH, FLOAT = 256, "onnxruntime, fp32 file"


def lenet5(batch: int) -> dict[str, float]:
    """Seconds of a call."""
    images = mnist.load("validation").images[:BATCH, None].copy()  # PyTorch needs writable memory
    calls = engines.ready(images, batch)
    return seconds({name: partial(call, images[:batch]) for name, call in calls.items()})


def two_threads() -> dict[str, float]:
    """Seconds of a call with a batch."""
    images = mnist.load("validation").images[:BATCH, None]
    ours, plain = ClassifierModel(threads=2), engines.plain_session(engines.bundled(), 2)
    theirs = partial(plain.run, None, {"images": images})
    return seconds({"digits": partial(ours.probabilities, images), FLOAT: theirs})


def vgg16() -> dict[str, float]:
    pixels = mnist.load("validation").images[:32, None].copy()
    network = VGG16().train()
    network(torch.tensor(pixels))  # some statistics for batch norm
    network.eval()
    calibrated = CalibratedClassifier(network, TemperatureScaling())
    exact = optimize(to_onnx(calibrated, CLASSIFIER))
    rounded = serialize(quantize(exact, [pixels]))
    plain = open_session(serialize(exact), "float")
    integer = open_session(rounded, "integer")
    inputs, tensor = {"images": pixels[:1]}, torch.tensor(pixels[:1])
    ours, theirs = (partial(session.run, None, inputs) for session in (integer, plain))
    calls = {"digits, int8": ours, FLOAT: theirs}
    return seconds({**calls, "PyTorch": lambda: network(tensor).softmax(1).numpy()})


def rows() -> Iterator[Row]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield Row("LeNet-5: one digit", "s", lenet5(1))
        for title, times in (("", lenet5(BATCH)), (", two threads", two_threads())):
            rates = {name: BATCH / time for name, time in times.items()}
            yield Row(f"LeNet-5: a batch of {BATCH}{title}", "images/s", rates)
        yield Row("VGG-16: one digit", "s", vgg16())
