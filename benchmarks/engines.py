"""The bundled LeNet-5 in the engines that can run it, with the same weights and pixels.

An engine is a function from the network and the batch size to a function from pixels, uint8
[batch, 1, 28, 28], to probabilities, float32 [batch, 10], NumPy arrays. Each is used in its fastest
usual way, with one thread unless it says "all cores": by default, onnxruntime has a thread for each
core and pins it there, even if we are pinned elsewhere. Call PyTorch's in inference mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from digits.inference.interface import CLASSIFIER
from digits.inference.metadata import Metadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, load
from digits_export.graph import Graph
from digits_export.optimize import fold_normalization, merge_calibration
from digits_export.temperature import CalibratedClassifier, TemperatureScaling
from digits_train.models.network import NONE
from digits_train.onnx_graph import to_onnx
from digits_train.start import load_start

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Call = Callable[[Pixels], Floats]

# The greatest difference between probabilities of two engines. Integer kernels round activations to
# eight bits: 0.014 on one of the 256 digits compared (LiteRT 5e-7).
EXACT, ROUNDED = 1e-4, 3e-2


@dataclass(frozen=True)
class Network:
    """The float network equivalent to the bundled int8 file, in the engines' formats."""

    weights: dict[str, Floats]  # by PyTorch's names, for pixels 0 to 255; fc3 gives eleven logits
    torch: CalibratedClassifier
    onnx: bytes


def bundled() -> Network:
    """Load the bundled network: the stored integers times their scales, in float32."""
    file = load(BUNDLED, Metadata, "")
    stored = file.scan.tensors
    none_logit = stored["fc3.bias.int"][NONE] * stored["fc3.bias.scale"][NONE]
    scaling = TemperatureScaling(file.metadata.temperature, float(none_logit))
    calibrated = CalibratedClassifier(load_start(None, "lenet5").model, scaling)
    # As other exporters do, without phases; but with the normalization in the weights.
    graph = Graph(to_onnx(calibrated, CLASSIFIER))
    graph.rename(lambda name: name.removeprefix("network."))
    fold_normalization(graph)
    merge_calibration(graph)
    weights = {name: array for name, array in graph.constants.items() if "." in name}
    weights["conv1.weight"] = weights["conv1.weight"] * graph.constants["scale"]
    return Network(weights, calibrated, graph.to_model().SerializeToString())


def digits(network: Network, batch: int) -> Call:
    return Model(BUNDLED).probabilities


def digits_all_cores(network: Network, batch: int) -> Call:
    return Model(BUNDLED, threads=0).probabilities


def onnxruntime_default(network: Network, batch: int) -> Call:
    return _onnxruntime(onnxruntime.InferenceSession(network.onnx))


def onnxruntime_one_thread(network: Network, batch: int) -> Call:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return _onnxruntime(onnxruntime.InferenceSession(network.onnx, options))


def onnxruntime_int8(network: Network, batch: int) -> Call:
    return _onnxruntime(onnxruntime.InferenceSession(BUNDLED))


def _onnxruntime(session: onnxruntime.InferenceSession) -> Call:
    return lambda pixels: session.run(None, {"images": pixels})[0]


def litert(network: Network, batch: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    from benchmarks import tflite

    interpreter = Interpreter(
        model_content=tflite.lenet5(network.weights, batch), num_threads=1
    )  # its newer CompiledModel is slower: 12.2 against 9.6 microseconds
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


def numpy(network: Network, batch: int) -> Call:
    """Convolutions as matrix products, with a row for each position."""
    weights = network.weights

    def patches(side: int, channels: int) -> NDArray[np.intp]:
        pixels = np.arange(side * side * channels).reshape(side, side, channels)
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (5, 5), (0, 1))
        return windows.reshape((side - 4) ** 2, channels * 25)

    def convolution(name: str, side: int, channels: int) -> Callable[[Floats], Floats]:
        where = patches(side, channels)
        kernel = np.ascontiguousarray(weights[f"{name}.weight"].reshape(-1, channels * 25).T)
        bias, left = weights[f"{name}.bias"], side - 4

        def call(maps: Floats) -> Floats:
            rows = maps.reshape(batch, -1).take(where, 1)
            rows = (rows @ kernel).reshape(batch, left, left, -1)
            wide = np.maximum(rows[:, ::2], rows[:, 1::2])
            # Adding the bias and ReLU can wait until after pooling.
            return np.maximum(np.maximum(wide[:, :, ::2], wide[:, :, 1::2]) + bias, 0)

        return call

    first, second = convolution("conv1", 28, 1), convolution("conv2", 12, 6)
    matrices = [np.ascontiguousarray(weights[f"fc{layer}.weight"].T) for layer in (1, 2, 3)]
    biases = [weights[f"fc{layer}.bias"] for layer in (1, 2, 3)]

    def call(pixels: Pixels) -> Floats:
        maps = second(first(pixels.astype(np.float32)))
        values = maps.transpose(0, 3, 1, 2).reshape(batch, 256)
        values = np.maximum(values @ matrices[0] + biases[0], 0)
        values = np.maximum(values @ matrices[1] + biases[1], 0)
        values = values @ matrices[2] + biases[2]
        odds = np.exp(values - values.max(1, keepdims=True))
        odds /= odds.sum(1, keepdims=True)
        probabilities: Floats = odds[:, :NONE] + odds[:, NONE:] / NONE
        return probabilities

    return call


ENGINES: dict[str, Callable[[Network, int], Call]] = {
    "digits, int8 file, float kernels": digits,
    "digits, the same, all cores": digits_all_cores,
    "onnxruntime, fp32 file, default, all cores": onnxruntime_default,
    "onnxruntime, fp32 file, one thread": onnxruntime_one_thread,
    "onnxruntime, int8 file, default, all cores": onnxruntime_int8,
    "LiteRT, fp32 file": litert,
    "OpenVINO, fp32 file": openvino,
    "PyTorch, eager": pytorch,
    "NumPy": numpy,
}


def ready(images: Pixels, batch: int) -> dict[str, Call]:
    """The installed engines, after checking that their answers for the images agree.

    images: uint8 [n, 1, 28, 28]; batch divides n.
    """
    network = bundled()
    calls = {}
    for name, engine in ENGINES.items():
        try:
            calls[name] = engine(network, batch)
        except ModuleNotFoundError as error:
            print(f"{name}: skipped, {error.name} is not installed")
    exact = _answers(calls["onnxruntime, fp32 file, one thread"], images, batch)
    print()
    for name, call in calls.items():
        answers = _answers(call, images, batch)
        integers = ENGINES[name] is onnxruntime_int8
        apart = float(np.abs(answers - exact).max())
        assert answers.shape == (len(images), 10) and answers.dtype == np.float32, name
        assert apart < (ROUNDED if integers else EXACT / 2), f"{name}: {apart} apart"
        assert (answers.argmax(1) == exact.argmax(1)).all(), name
        print(f"{name}: probabilities of {len(images)} digits at most {apart:.0e} apart")
    return calls


def _answers(call: Call, images: Pixels, batch: int) -> Floats:
    return np.concatenate(
        [call(images[start : start + batch]) for start in range(0, len(images), batch)]
    )
