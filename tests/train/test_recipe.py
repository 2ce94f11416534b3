import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.models import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_classic_is_the_textbook_s(architecture: str) -> None:
    classic = models.choose(architecture, "classic")
    assert (classic.epochs, classic.batch_size, classic.learning_rate) == (5, 128, 1e-3)
    assert (classic.optimizer, classic.weight_decay) == ("adamw", 0)  # which is Adam
    assert classic.schedule == "constant"
    assert classic.augmentation is None
    assert classic.average is None


def test_every_network_has_its_recipes() -> None:
    for network in ARCHITECTURES.values():
        assert network.recipes.keys() >= {"classic", "default"}
        assert all(name == chosen.name for name, chosen in network.recipes.items())


def test_only_what_is_given_changes() -> None:
    changed = models.choose("lenet5", "default", epochs=3, batch_size=None)
    assert changed.epochs == 3
    assert changed.batch_size == models.LeNet5.recipes["default"].batch_size


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"outliers": -0.1},
        {"outliers": float("inf")},
        {"learning_rate": float("nan")},
        {"optimizer": "magic"},
        {"schedule": "magic"},
    ],
)
def test_values_out_of_range_are_errors(change: dict[str, object]) -> None:
    with pytest.raises(DigitsError):
        models.choose("lenet5", "classic", **change)


def test_an_unknown_recipe_is_an_error() -> None:
    with pytest.raises(
        DigitsError, match="no recipe called 'secret'; there are: classic, quick, default"
    ):
        models.choose("lenet5", "secret")
    with pytest.raises(DigitsError, match="no network called 'resnet'; there are: lenet5, vgg16"):
        models.choose("resnet", "default")
