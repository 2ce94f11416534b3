from typing import Any

import numpy as np
import pytest

from digits.data.mnist import Split
from digits.errors import ModelError
from digits.inference.metadata import Kernels
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, ModelBytes
from tests.robustness.forgery import honest, network, sealed, zeros


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(BUNDLED)


@pytest.mark.parametrize("batch", [1, 7, 256])
def test_probabilities_of_any_batch_size(model: Model, test_slice: Split, batch: int) -> None:
    images = test_slice.images[:batch]
    probabilities = model.probabilities(images)
    assert probabilities.shape == (batch, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.probabilities(images[:, None]), probabilities)


def test_bundled_model_accuracy_matches_its_metadata(model: Model, full_test_set: Split) -> None:
    answers = model.probabilities(full_test_set.images).argmax(1)
    assert (answers == full_test_set.labels).mean() == pytest.approx(
        model.metadata.test_accuracy, abs=2e-4
    )


def test_float_and_integer_kernels_agree(test_slice: Split) -> None:
    """onnxruntime once dropped every ReLU with float kernels, which changed half of the answers."""
    kinds: tuple[Kernels, ...] = ("integer", "float")
    integer, floating = (
        Model(BUNDLED, kernels=kernels).probabilities(test_slice.images) for kernels in kinds
    )
    assert (integer.argmax(1) == floating.argmax(1)).mean() >= 0.995
    assert np.abs(integer - floating).mean() < 0.005


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (honest(bias=np.full(10, np.nan, np.float32)), "it outputs invalid probabilities"),
        # A bias of another length than the matrix; the name would colour a terminal.
        (honest(bias=zeros(7)), "onnxruntime can't run it: "),
        (
            network(
                "flat = Flatten<axis = 1>(images)",  # integers, which Gemm can't take
                "probabilities = Gemm<transB = 1>(flat, weight, bias)",
                weight=zeros(10, 784),
                bias=zeros(10),
            ),
            "onnxruntime can't load it: .*Gemm",
        ),
    ],
    ids=["NaN", "fails to run", "fails to load"],
)
def test_invalid_network_is_refused_and_logs_nothing(
    forged: Any, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    forged.graph.node[-1].name = "\x1b[31mred"
    with pytest.raises(ModelError, match=f"^{reason}"):
        Model(ModelBytes("it", sealed(forged)))
    assert capfd.readouterr() == ("", "")
