"""The recognizer."""

import torch

from digits.inference.interface import CROP_HEIGHT
from digits_train.models.recognizer import BLANK, Recognizer


def test_network_is_small_and_a_crop_says_the_same_beside_any_other() -> None:
    network = Recognizer().eval()
    assert sum(weights.numel() for weights in network.parameters()) < 800_000
    crops = torch.randint(0, 256, (4, 1, CROP_HEIGHT, 160), dtype=torch.uint8)
    with torch.inference_mode():
        together = network(crops)
        alone = torch.cat([network(crop[None]) for crop in crops])
    assert together.shape == (4, 40, BLANK + 1) and together.dtype == torch.float32
    assert together.exp().sum(2).allclose(torch.ones(4, 40))
    assert together.allclose(alone, atol=1e-4)
