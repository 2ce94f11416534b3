"""What is drawn of a training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from digits_train import plots


def drawn(path: Path, color: str) -> bool:
    """Whether a colour is in the picture."""
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    away = np.abs(pixels - np.array(ImageColor.getrgb(color))).max(1)
    return bool((away < 30).sum() > 50)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"train_accuracy": 0.9}, {"validation_errors": 1.5}])
def test_curves(tmp_path: Path, more: dict[str, float]) -> None:
    epoch = {"number": 1, "train_loss": 2.5, "validation_loss": 0.5, "validation_accuracy": 0.95}
    path = tmp_path / "curves.png"
    plots.curves(path, [epoch | more], "epoch")
    assert drawn(path, "#E69F00") and drawn(path, "#0072B2")
