"""The network's tensors on Arm, compared with those on this machine.

With integer kernels all are bit-identical up to the softmax, whose exponentials are computed
differently on each processor. With float kernels the sums are in another order, too.
"""

import numpy as np
import pytest

from digits.inference.model import Model
from digits.inference.model_file import BUNDLED
from tests.arm.conftest import LAYERS, LOGITS, Computed


@pytest.mark.parametrize("name", [*(f"{layer}.int" for layer in LAYERS), LOGITS])
def test_integer_kernels_are_bit_identical(arm: Computed, here: Computed, name: str) -> None:
    assert len(arm.tensors[name]) == 500
    assert len(np.unique(arm.tensors[name])) > 100
    assert arm.tensors[name].tobytes() == here.tensors[name].tobytes()


def test_probe_matches_model_probabilities(arm: Computed) -> None:
    assert arm.tensors["probabilities"].tobytes() == arm.tensors["integer"].tobytes()


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_probabilities_and_predictions_match(arm: Computed, here: Computed, kernels: str) -> None:
    """Measured: 2.4e-7 and 5.4e-7. The export allows as much between onnxruntime and PyTorch."""
    threshold = Model(BUNDLED).metadata.rejection_threshold
    ours, theirs = arm.tensors[kernels], here.tensors[kernels]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(ours.argmax(1), theirs.argmax(1))
    np.testing.assert_array_equal(ours.max(1) < threshold, theirs.max(1) < threshold)
