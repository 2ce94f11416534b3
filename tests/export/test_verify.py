"""What stops an export, and how long a network takes."""

import time

import numpy as np
import onnx
import pytest

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.interface import CLASSIFIER
from digits.inference.model import open_session
from digits_export import graph, verify
from digits_export.evaluate import microseconds  # before the fixture `untimed` replaces it
from digits_train.models import Network

LABELS = Split(np.zeros((4, 28, 28), np.uint8), np.array([1, 2, 3, 4], np.uint8))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (0.01, r"of 7 inputs of 28x28 pixels, output \[5, 4\] is 0.310000 instead of 0.3"),
        (np.nan, ""),
    ],
)
def test_parity_is_the_largest_difference_of_all_batches(
    test_slice: Split, wrong: float, message: str
) -> None:
    def answers(images: np.ndarray, difference: float) -> list[np.ndarray]:
        probabilities = np.full((len(images), 10), 0.3, np.float32)
        if len(images) == 7:
            probabilities[5, 4] += difference
        return [probabilities]

    def compare(difference: float) -> float:
        return verify.check_parity(
            lambda images: answers(images, difference),
            lambda images: answers(images, 0),
            test_slice.images,
        )

    assert compare(5e-6) == pytest.approx(5e-6, rel=0.01)
    with pytest.raises(ModelError, match=f"disagrees with the checkpoint: {message}"):
        compare(wrong)


@pytest.mark.parametrize("source", ["nowhere", "images"])
def test_invalid_graph_is_an_error(network: Network, source: str) -> None:
    model = graph.build(network)
    model.graph.node[3].input[0] = source
    with pytest.raises(ModelError, match="not valid ONNX"):
        verify.check_graph(model)


@pytest.mark.parametrize("change", ["name", "batch"])
def test_unexpected_interface_is_an_error(network: Network, change: str) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(graph.build(network))
    if change == "name":
        changed.graph.output[0].name = changed.graph.node[-1].output[0] = "scores"
    else:
        changed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    session = open_session(changed.SerializeToString(), "float")
    with pytest.raises(ModelError, match=r"the exported model's (in|out)puts are \[\("):
        verify.check_interface(session, CLASSIFIER)


def answers(digits: list[int], confidences: list[float]) -> np.ndarray:
    rows = np.repeat((1 - np.array(confidences, np.float32)[:, None]) / 9, 10, 1)
    rows[np.arange(len(digits)), digits] = confidences
    return rows


@pytest.mark.parametrize(
    ("exact", "quantized", "message"),
    [
        (
            *(([1, 2, 3, 4], [0.9] * 4), ([1, 7, 8, 4], [0.6, 0.6, 0.8, 0.6])),
            r"costs 50.00 points .* with float kernels \(100.00% to 50.00%\); at most 0.05 are"
            r" allowed; worst: digit 2, a 3 \(90.0% confidence\), now read as 8 \(80.0%\); --force"
            " exports it all the same",
        ),
        # Not one that is still right, or that was wrong before, however sure.
        (
            *(([1, 9, 3, 4], [0.99, 0.99, 0.6, 0.5]), ([1, 9, 2, 5], [0.99, 0.99, 0.6, 0.6])),
            "worst: digit 2, a 3",
        ),
    ],
)
def test_lost_accuracy_names_the_worst_digit(
    exact: tuple[list[int], list[float]],
    quantized: tuple[list[int], list[float]],
    message: str,
) -> None:
    scores = answers(*exact), answers(*quantized)
    verify.check_accuracy("float", *scores, LABELS, force=True)
    with pytest.raises(ModelError, match=message):
        verify.check_accuracy("float", *scores, LABELS, force=False)


@pytest.mark.parametrize(("max_drop", "allowed"), [(0, 0), (0.05, 1), (25, 1), (26, 2)])
def test_accuracy_drop_is_rounded_up_to_whole_digits(
    max_drop: float, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or of a few hundred pictures, none might change."""
    monkeypatch.setattr(verify, "MAX_ACCURACY_DROP", max_drop)
    exact, lost = answers([1, 2, 3, 4], [0.9] * 4), [1, 2, 3, 4]
    lost[:allowed] = [9] * allowed
    verify.check_accuracy("float", exact, answers(lost, [0.9] * 4), LABELS, force=False)
    lost[allowed] = 9
    with pytest.raises(ModelError, match="quantization costs"):
        verify.check_accuracy("float", exact, answers(lost, [0.9] * 4), LABELS, force=False)


def test_large_file_names_its_largest_tensor(network: Network) -> None:
    model = graph.build(network)
    verify.check_size(301, 100, model)
    for size in (100, 300):
        with pytest.raises(
            ModelError,
            match=rf"{size} bytes, not less than a third .* fc1.weight, float \[120, 256\]",
        ):
            verify.check_size(300, size, model)


def test_microseconds_of_a_call() -> None:
    assert 2000 <= microseconds(lambda: time.sleep(0.002)) < 100_000
