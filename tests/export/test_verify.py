import numpy as np
import onnx
import pytest
import torch

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.interface import INPUT
from digits.inference.model import open_session
from digits_export import graph, verify
from digits_export.temperature import UNSCALED
from digits_train.models import LeNet5, Network


def test_parity_names_a_small_disagreement(network: Network, test_slice: Split) -> None:
    changed = LeNet5().eval()
    changed.load_state_dict(network.state_dict())
    with torch.no_grad():
        changed.get_parameter("fc3.bias")[4] += 0.01
    session = open_session(graph.build(network).SerializeToString(), "float")
    with pytest.raises(
        ModelError, match=r"disagrees with the checkpoint: on image \d+ of \d+, the prob"
    ):
        verify.check_parity(session, changed, UNSCALED, test_slice.images)


def test_parity_finds_nan(network: Network, test_slice: Split) -> None:
    broken = LeNet5().eval()
    with torch.no_grad():
        broken.get_parameter("fc1.weight").fill_(float("nan"))
    session = open_session(graph.build(broken).SerializeToString(), "float")
    with pytest.raises(ModelError, match="disagrees"):
        verify.check_parity(session, network, UNSCALED, test_slice.images)


def test_invalid_graph_is_an_error(network: Network) -> None:
    for change in ("nowhere", "images"):
        model = graph.build(network)
        model.graph.node[3].input[0] = change
        with pytest.raises(ModelError, match="not valid ONNX"):
            verify.check_graph(model)


def test_unexpected_interface_is_an_error(network: Network) -> None:
    model = graph.build(network)
    for change in ("name", "batch"):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        if change == "name":
            changed.graph.output[0].name = changed.graph.node[-1].output[0] = "scores"
        else:
            changed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
        session = open_session(changed.SerializeToString(), "float")
        with pytest.raises(ModelError, match=r"the exported model's (in|out)puts are \[\("):
            verify.check_interface(session)


def answers(digits: list[int], confidence: float) -> np.ndarray:
    rows = np.full((len(digits), 10), (1 - confidence) / 9, np.float32)
    rows[np.arange(len(digits)), digits] = confidence
    return rows


def test_lost_accuracy_names_the_worst_digit() -> None:
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([1, 2, 3, 4], np.uint8))
    exact, quantized = answers([1, 2, 3, 4], 0.9), answers([1, 7, 8, 4], 0.6)
    quantized[2] = answers([8], 0.8)[0]
    verify.check_accuracy("float", exact, quantized, split, max_drop=50)
    with pytest.raises(
        ModelError,
        match=r"costs 50.00 points .* with float kernels \(100.00% to 50.00%\); at most 25 are"
        r" allowed \(--max-accuracy-drop\); worst: digit 2, a 3 \(90.0% confidence\), now read as"
        r" 8 \(80.0%\)",
    ):
        verify.check_accuracy("float", exact, quantized, split, max_drop=25)


@pytest.mark.parametrize(("max_drop", "allowed"), [(0, 0), (0.05, 1), (25, 1), (26, 2)])
def test_accuracy_drop_is_rounded_up_to_whole_digits(max_drop: float, allowed: int) -> None:
    """Or of a few hundred pictures, none might change."""
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([1, 2, 3, 4], np.uint8))
    exact, lost = answers([1, 2, 3, 4], 0.9), [1, 2, 3, 4]
    lost[:allowed] = [9] * allowed
    verify.check_accuracy("float", exact, answers(lost, 0.9), split, max_drop)
    lost[allowed] = 9
    with pytest.raises(ModelError, match="quantization costs"):
        verify.check_accuracy("float", exact, answers(lost, 0.9), split, max_drop)


def test_large_file_names_its_largest_tensor(network: Network) -> None:
    model = graph.build(network)
    verify.check_size(301, 100, model)
    with pytest.raises(
        ModelError, match=r"300 bytes.* largest .* is fc1.weight, float \[120, 256\]"
    ):
        verify.check_size(300, 300, model)
    with pytest.raises(ModelError, match="not less than a third"):
        verify.check_size(300, 100, model)


def test_parity_is_the_largest_difference_of_all_batches(
    network: Network, test_slice: Split
) -> None:
    session = open_session(graph.build(network).SerializeToString(), "float")
    verify.check_interface(session)
    found = verify.check_parity(session, network, UNSCALED, test_slice.images)
    with torch.inference_mode():
        differences = [
            np.abs(
                UNSCALED.probabilities(network(torch.tensor(images[:, None]))).numpy()
                - session.run(None, {INPUT[0]: images[:, None]})[0]
            ).max()
            for images in (test_slice.images[:batch] for batch in (1, 7, 256))
        ]
    assert 0 < found == max(differences) < verify.MAX_DIFFERENCE


def test_only_a_digit_that_was_right_is_named_as_lost() -> None:
    """Not one that is still right, or that was wrong before, however sure."""
    split = Split(np.zeros((4, 28, 28), np.uint8), np.array([1, 2, 3, 4], np.uint8))
    exact, quantized = answers([1, 9, 3, 4], 0.99), answers([1, 9, 3, 5], 0.99)
    exact[3], quantized[3] = answers([4], 0.6)[0], answers([5], 0.6)[0]
    with pytest.raises(ModelError, match="worst: digit 3, a 4"):
        verify.check_accuracy("float", exact, quantized, split, max_drop=0)
