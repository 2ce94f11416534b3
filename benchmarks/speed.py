"""Our networks compared with the same ones in other engines, called from Python on one core.

    make bench

LeNet-5 has the weights of the bundled model (engines.py). VGG-16 has random weights, which are as
fast, but their answers hardly depend on the input, so these aren't compared.
"""

import os
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch

from benchmarks import engines
from benchmarks.timing import microseconds, pin, show
from digits.data import mnist
from digits.inference.interface import CLASSIFIER
from digits.inference.session import open_session
from digits_export.optimize import optimize
from digits_export.quantize import quantize
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.models import VGG16
from digits_train.onnx_graph import to_onnx

COMPARED = 20  # digits on which all engines must agree
BATCH = 256

Contestant = Callable[[], object]


def one_digit() -> dict[str, float]:
    images = (
        mnist.load("validation").images[:COMPARED, None].copy()
    )  # PyTorch needs writable memory
    calls = engines.ready(images, batch=1)
    return microseconds(_with(images[:1], calls), calls=1000)


def many_digits() -> dict[str, float]:
    """Images per second."""
    images = mnist.load("validation").images[:BATCH, None].copy()
    calls = engines.ready(images, BATCH)
    times = microseconds(_with(images, calls), calls=20)
    return {name: BATCH / time * 1e6 for name, time in times.items()}


def _with(images: engines.Pixels, calls: dict[str, engines.Call]) -> dict[str, Contestant]:
    """Bind the images to each call."""

    def bind(call: engines.Call) -> Contestant:
        return lambda: call(images)

    return {name: bind(call) for name, call in calls.items()}


def vgg16() -> dict[str, float]:
    pixels = mnist.load("validation").images[:32, None].copy()
    network = VGG16().train()
    network(torch.tensor(pixels))  # some statistics for batch norm
    network.eval()
    calibrated = CalibratedClassifier(network, TemperatureScaling())
    exact = optimize(to_onnx(calibrated, CLASSIFIER))
    rounded = quantize(exact, pixels).SerializeToString()
    plain = open_session(exact.SerializeToString(), "float")
    integer, floating = open_session(rounded, "integer"), open_session(rounded, "float")
    single, tensor = pixels[:1], torch.tensor(pixels[:1])
    return microseconds(
        {
            "digits, int8 file, integer kernels": lambda: integer.run(None, {"images": single}),
            "digits, int8 file, float kernels": lambda: floating.run(None, {"images": single}),
            "onnxruntime, fp32 file, one thread": lambda: plain.run(None, {"images": single}),
            "PyTorch, eager": lambda: network(tensor).softmax(1).numpy(),
        },
        calls=20,
    )


def main() -> None:
    where = pin()
    torch.set_num_threads(1)
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}", end=", ")
    print(f"NumPy {np.__version__}, {os.cpu_count()} cores, {where}")
    with torch.inference_mode():
        show("One digit, one call, LeNet-5", "us", one_digit())
        show(f"{BATCH} digits, one call, LeNet-5", "images/s", many_digits(), rates=True)
        show("One digit, one call, VGG-16", "us", vgg16())


if __name__ == "__main__":
    main()
