"""The network's tensors on Arm, compared with those on this machine.

With integer kernels all are bit-identical up to the softmax, whose exponentials are computed
differently on each processor. With float kernels the sums are in another order, too.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digits.data.mnist import Split
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED

SCRIPT = Path(__file__).with_name("tensors.py")
LAYERS = ["max_pool2d", "view", "relu_2", "relu_3"]  # as PyTorch calls what products read
LOGITS = "linear_3"

Tensors = Mapping[str, np.ndarray]


def build_probe() -> bytes:
    """Return the bundled model with all int8 tensors and the logits as further outputs."""
    model = onnx.load(BUNDLED)
    nodes = model.graph.node
    quantized = [node.output[0] for node in nodes if node.op_type == "QuantizeLinear"]
    assert quantized == [f"{layer}.int" for layer in LAYERS]
    assert [node.input[0] for node in nodes if node.op_type == "Softmax"] == [LOGITS]
    outputs = dict.fromkeys(quantized, TensorProto.UINT8) | {LOGITS: TensorProto.FLOAT}
    for name, type_ in outputs.items():
        model.graph.output.append(helper.make_tensor_value_info(name, type_, None))
    return bytes(model.SerializeToString())


def compute_tensors(python: list[str], folder: Path, images: np.ndarray) -> Tensors:
    (folder / "probe.onnx").write_bytes(build_probe())
    np.save(folder / "images.npy", images)
    done = subprocess.run(
        [*python, str(SCRIPT), str(folder)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    tensors: Tensors = np.load(folder / "tensors.npz")
    return tensors


@pytest.fixture(scope="module")
def arm(python: list[str], tmp_path_factory: pytest.TempPathFactory, test_slice: Split) -> Tensors:
    return compute_tensors(python, tmp_path_factory.mktemp("arm"), test_slice.images)


@pytest.fixture(scope="module")
def here(root: Path, tmp_path_factory: pytest.TempPathFactory, test_slice: Split) -> Tensors:
    return compute_tensors([sys.executable], tmp_path_factory.mktemp("here"), test_slice.images)


def test_emulated_processor_is_64_bit_arm(python: list[str]) -> None:
    code = "import platform, sys; print(platform.machine(), sys.maxsize == 2**63 - 1)"
    done = subprocess.run([*python, "-c", code], capture_output=True, text=True)
    assert done.stdout == "aarch64 True\n"


@pytest.mark.parametrize("name", [*(f"{layer}.int" for layer in LAYERS), LOGITS])
def test_integer_kernels_are_bit_identical(arm: Tensors, here: Tensors, name: str) -> None:
    assert len(arm[name]) == 500
    assert len(np.unique(arm[name])) > 100
    assert arm[name].tobytes() == here[name].tobytes()


def test_probe_matches_model_probabilities(arm: Tensors) -> None:
    assert arm["probabilities"].tobytes() == arm["integer"].tobytes()


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_probabilities_and_predictions_match(arm: Tensors, here: Tensors, kernels: str) -> None:
    """Measured: 2.4e-7 and 5.4e-7. The export allows as much between onnxruntime and PyTorch."""
    threshold = Model(BUNDLED).metadata.rejection_threshold
    np.testing.assert_allclose(arm[kernels], here[kernels], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(arm[kernels].argmax(1), here[kernels].argmax(1))
    np.testing.assert_array_equal(arm[kernels].max(1) < threshold, here[kernels].max(1) < threshold)
