"""How digits are changed each time they are seen."""

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from digits.data.split import Split
from digits_train import augment as augmentation
from digits_train.augment import BatchRng
from digits_train.recipes import Augmentation

STILL = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0)


@pytest.fixture
def images(train_slice: Split) -> torch.Tensor:
    return torch.tensor(train_slice.images[:64, None])


def augment(images: torch.Tensor, **params: Any) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return augmentation.augment(images, replace(STILL, **params), rng)


@pytest.mark.parametrize("name", [*Augmentation.__struct_fields__])
def test_every_bound_changes_digits(name: str, images: torch.Tensor) -> None:
    same = images[:1].expand(64, 1, 28, 28)
    changed = augment(same, **{name: 0.5})
    assert (changed - same).abs().mean() > 0.3 and changed.std(0).mean() > 0.3
    assert changed.min() >= 0 and changed.max() <= 255


class Fixed(BatchRng):
    """Every random number has its highest value."""

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.ones(self.size, *shape)

    normal = uniform


@pytest.mark.parametrize(
    ("params", "source"),
    [
        # Where the output pixel 6 right of and 4 below the middle comes from, (right, below).
        ({"rotation": 30}, (6 * 0.866 - 4 * 0.5, 6 * 0.5 + 4 * 0.866)),
        ({"scale": 0.5}, (6 / 1.5, 4 / 1.5)),
        ({"shear": 0.5}, (6 + 4 * 0.5, 4)),
        ({"shift": 3}, (6 + 3, 4 + 3)),
        ({"elastic": 2}, (6 + 2, 4 + 2)),
    ],
)
def test_geometry_matches_parameters(
    params: dict[str, Any], source: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation, "BatchRng", Fixed)
    positions = torch.arange(28.0) - 13.5
    ramps = positions.expand(1, 1, 28, 28) + 100, positions[:, None].expand(1, 1, 28, 28) + 100
    planes = [augment(ramp, **params)[0, 0] - 100 for ramp in ramps]
    # The ramps are linear, so between two pixels is between their values.
    x, y = 19, 17  # the first of the two pixels on either side of 6 right and 4 below
    values = [plane[y : y + 2, x : x + 2].mean().item() for plane in planes]
    assert values == pytest.approx(source, abs=0.05)


@pytest.mark.parametrize("kind", ["lines", "paper", "specks", "outline"])
def test_share_of_digits_is_changed(kind: str, images: torch.Tensor) -> None:
    plain = augment(images)
    for share, least, most in ((0.25, 8, 25), (1.0, 57, 64)):
        changed = augment(images, **{kind: share}) - plain
        assert least <= (changed.abs().amax((1, 2, 3)) > 25).sum() <= most
