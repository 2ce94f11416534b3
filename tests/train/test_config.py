from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.config import (
    WRITING,
    BaseRecipe,
    ReaderRecipe,
    Recipe,
    TrainConfig,
    config_from_dict,
    from_dict,
    to_dict,
)
from digits_train.models import ARCHITECTURES


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_classic_recipe(architecture: str) -> None:
    classic = models.get_recipe(architecture, "classic")
    assert isinstance(classic, Recipe)
    assert (classic.epochs, classic.batch_size, classic.learning_rate) == (5, 128, 1e-3)
    assert (classic.optimizer, classic.weight_decay) == ("adamw", 0)  # which is Adam
    assert classic.schedule == "constant"
    assert classic.augmentation is None
    assert classic.ema_decay is None


def test_every_network_has_recipes() -> None:
    for network in ARCHITECTURES.values():
        assert "default" in network.recipes
        assert all(name == chosen.name for name, chosen in network.recipes.items())


def test_get_recipe_ignores_none() -> None:
    changed = models.get_recipe("lenet5", "default", epochs=3, batch_size=None)
    assert changed.epochs == 3
    assert changed.batch_size == models.LeNet5.recipes["default"].batch_size


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"outlier_weight": -0.1},
        {"outlier_weight": float("inf")},
        {"learning_rate": float("nan")},
        {"no_aug_fraction": -0.1},
        {"no_aug_fraction": 1.1},
        {"optimizer": "magic"},
        {"schedule": "magic"},
    ],
)
def test_recipe_values_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(DigitsError):
        models.get_recipe("lenet5", "classic", **change)


@pytest.mark.parametrize(
    ("epochs", "fraction", "augmented"),
    [(80, 0.125, 70), (30, 0.125, 26), (1, 0.125, 1), (4, 0.0, 4), (4, 1.0, 0)],
)
def test_last_epochs_without_augmentation(epochs: int, fraction: float, augmented: int) -> None:
    recipe = Recipe("test", epochs, augmentation=WRITING, no_aug_fraction=fraction)
    found = [recipe.augmentation_in(epoch) for epoch in range(epochs)]
    assert found == [WRITING] * augmented + [None] * (epochs - augmented)


def test_unknown_recipe() -> None:
    with pytest.raises(
        DigitsError, match="no recipe called 'secret'; there are: classic, quick, default"
    ):
        models.get_recipe("lenet5", "secret")
    with pytest.raises(DigitsError, match="no network called 'resnet'; there are: lenet5, vgg16"):
        models.get_recipe("resnet", "default")


@dataclass
class Sample:
    count: int
    share: float
    name: str | None
    kind: Literal["a", "b"]
    flag: bool
    more: dict[str, Any]


GOOD: dict[str, Any] = {
    "count": 1,
    "share": 0.5,
    "name": None,
    "kind": "a",
    "flag": True,
    "more": {"x": [1]},
}


def test_from_dict() -> None:
    assert from_dict(Sample, GOOD) == Sample(**GOOD)
    assert from_dict(Sample, {**GOOD, "share": 1, "name": "n"}).share == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 1.0),
        ("count", True),
        ("share", float("nan")),
        ("share", True),
        ("share", "0.5"),
        ("name", 7),
        ("kind", "c"),
        ("flag", 1),
        ("more", []),
    ],
)
def test_from_dict_refuses_wrong_types(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{name} is"):
        from_dict(Sample, {**GOOD, name: value})


def test_from_dict_refuses_missing_and_unknown_fields() -> None:
    with pytest.raises(TypeError):
        from_dict(Sample, {name: value for name, value in GOOD.items() if name != "count"})
    with pytest.raises(TypeError):
        from_dict(Sample, {**GOOD, "other": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"crops": 0},
        {"beta2": 1.0},
        {"beta2": -0.1},
        {"max_gradient_norm": 0.0},
        {"max_gradient_norm": float("inf")},
        {"learning_rate": 0.0},
    ],
)
def test_reader_recipe_values_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(DigitsError):
        models.get_recipe("reader", "default", **change)


def test_recipes_have_no_fields_of_the_other_task() -> None:
    shared = {field.name for field in fields(BaseRecipe)}
    digits, pages = ({f.name for f in fields(kind)} for kind in (Recipe, ReaderRecipe))
    assert digits & pages == shared
    assert {"augmentation", "drawn", "outlier_weight"} <= digits - pages
    assert {"crops"} <= pages - digits


def test_readers_config_is_restored() -> None:
    config = TrainConfig("reader", models.Reader.recipes["default"], init="5f")
    assert config_from_dict(to_dict(config)) == config


def test_config_of_version_without_init() -> None:
    config = TrainConfig("lenet5", Recipe("test", 1))
    stored = to_dict(config)
    del stored["init"]
    assert config_from_dict(stored) == config


def test_stored_field_names() -> None:
    recipe = Recipe("test", 1, ema_decay=0.9, warmup_fraction=0.1, outlier_weight=0.2)
    config = TrainConfig("lenet5", replace(recipe, augmentation=WRITING))
    stored = to_dict(config)
    assert {"average": 0.9, "warmup": 0.1, "outliers": 0.2}.items() <= stored["recipe"].items()
    assert len(stored["recipe"]) == len(fields(Recipe))
    assert config_from_dict(stored) == config
