"""The bundled LeNet-5 in the engines that can run it, with the same weights and pixels.

An engine is a function from the network and the batch size to a function from pixels, uint8
[batch, 1, 28, 28], to probabilities, float32 [batch, 10], NumPy arrays. Each is used in its fastest
usual way, with one thread. Call PyTorch's in inference mode.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import ClassifierMetadata
from digits.inference.model import ClassifierModel
from digits.inference.model_file import BUNDLED, load
from digits_export.optimize import (
    fold_normalization,
    merge_calibration,
    name_values,
)
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.models.network import NONE
from digits_train.onnx_graph import serialize, to_onnx
from digits_train.start import load_start

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Call = Callable[[Pixels], Floats]

CLOSE = 5e-5  # the greatest difference between probabilities of two engines (LiteRT 5e-7)


@dataclass(frozen=True)
class Network:
    """The float network equivalent to the bundled int8 file, in the engines' formats."""

    weights: dict[str, Floats]  # by PyTorch's names, for pixels 0 to 255; fc3 gives eleven logits
    torch: CalibratedClassifier
    onnx: bytes


def bundled() -> Network:
    """Load the bundled network: the stored integers times their scales, in float32."""
    file = load(BUNDLED, ClassifierMetadata, "")
    stored = _stored(file.content)
    none_logit = stored["fc3.bias.int"][NONE] * stored["fc3.bias.scale"][NONE]
    scaling = TemperatureScaling(file.metadata.temperature, float(none_logit))
    calibrated = CalibratedClassifier(load_start(None, "lenet5").model, scaling)
    # As other exporters do, without phases; but with the normalization in the weights.
    model = to_onnx(calibrated, CLASSIFIER)
    name_values(model.graph)
    fold_normalization(model.graph)
    merge_calibration(model.graph)
    raw = serialize(model)
    stored = _stored(raw)
    weights = {name: array for name, array in stored.items() if not name.startswith(".")}
    weights["conv1.weight"] = weights["conv1.weight"] * stored[".scale"]
    return Network(weights, calibrated, raw)


def _stored(model: bytes) -> dict[str, Floats]:
    """The stored tensors of a file, by their names."""
    tensors = onnx.load_from_string(model).graph.initializer
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}


def digits(network: Network, batch: int) -> Call:
    return ClassifierModel(BUNDLED).probabilities


def onnxruntime_run(network: Network, batch: int) -> Call:
    session = plain_session(network)
    return lambda pixels: session.run(None, {"images": pixels})[0]


def onnxruntime_binding(network: Network, batch: int) -> Call:
    session = plain_session(network)
    images = np.zeros((batch, 1, 28, 28), np.uint8)
    answers = np.zeros((batch, 10), np.float32)
    binding = session.io_binding()
    binding.bind_input("images", "cpu", 0, np.uint8, images.shape, images.ctypes.data)
    shape, address = answers.shape, answers.ctypes.data
    binding.bind_output("probabilities", "cpu", 0, np.float32, shape, address)

    def call(pixels: Pixels) -> Floats:
        images[...] = pixels
        session.run_with_iobinding(binding)
        return answers.copy()

    return call


def plain_session(network: Network, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(network.onnx, options)


def litert(network: Network, batch: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    from benchmarks import tflite

    # Its newer CompiledModel is slower: 12.2 against 9.6 microseconds.
    interpreter = Interpreter(model_content=tflite.lenet5(network.weights, batch), num_threads=1)
    interpreter.allocate_tensors()
    [first], [last] = interpreter.get_input_details(), interpreter.get_output_details()
    images, probabilities = first["index"], last["index"]

    def call(pixels: Pixels) -> Floats:
        # One channel: the bytes of NCHW and NHWC are the same.
        interpreter.set_tensor(images, pixels.reshape(batch, 28, 28, 1))
        interpreter.invoke()
        rows: Floats = interpreter.get_tensor(probabilities)
        return rows

    return call


def openvino(network: Network, batch: int) -> Call:
    import openvino as ov

    core = ov.Core()
    model = core.read_model(network.onnx)
    model.reshape([batch, 1, 28, 28])  # a fixed shape makes it 1.4 times as fast
    one_thread = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # the default is bfloat16 if the processor has it
    }
    request = core.compile_model(model, "CPU", one_thread).create_infer_request()
    images = np.zeros((batch, 1, 28, 28), np.uint8)
    request.set_input_tensor(ov.Tensor(images, shared_memory=True))
    probabilities = request.get_output_tensor().data

    def call(pixels: Pixels) -> Floats:
        images[...] = pixels
        # Otherwise names and results are looked up in each call, which takes twice as long.
        request.infer(share_outputs=True)
        rows: Floats = probabilities.copy()
        return rows

    return call


def pytorch(network: Network, batch: int) -> Call:
    return lambda pixels: network.torch(torch.from_numpy(pixels)).numpy()


ENGINES: dict[str, Callable[[Network, int], Call]] = {
    "digits": digits,
    "onnxruntime, fp32 file": onnxruntime_run,
    "onnxruntime, IO binding": onnxruntime_binding,
    "LiteRT": litert,
    "OpenVINO": openvino,
    "PyTorch": pytorch,
}


def ready(images: Pixels, batch: int) -> dict[str, Call]:
    """The installed engines, after checking that their answers for the images agree.

    images: uint8 [n, 1, 28, 28]; batch divides n.
    """
    network = bundled()
    calls = {}
    for name, engine in ENGINES.items():
        with suppress(ModuleNotFoundError):
            calls[name] = engine(network, batch)
    exact = _answers(calls["onnxruntime, fp32 file"], images, batch)
    for name, call in calls.items():
        answers = _answers(call, images, batch)
        assert answers.dtype == np.float32 and np.abs(answers - exact).max() < CLOSE, name
    return calls


def _answers(call: Call, images: Pixels, batch: int) -> Floats:
    return np.concatenate([call(part) for part in np.split(images, len(images) // batch)])
