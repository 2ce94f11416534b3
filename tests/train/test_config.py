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

INFINITE, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("architecture", ["lenet5", "vgg16"])
def test_classic_recipe(architecture: str) -> None:
    # Without weight decay AdamW is Adam.
    assert models.get_recipe(architecture, "classic") == Recipe(
        "classic", 5, 128, "adamw", 1e-3, 0.0, "constant", 0.0, None, None
    )


def test_get_recipe() -> None:
    for network in models.ARCHITECTURES.values():
        assert "default" in network.recipes
        assert all(name == recipe.name for name, recipe in network.recipes.items())
    changed = models.get_recipe("lenet5", "default", epochs=3, batch_size=None)
    assert changed.epochs == 3
    assert changed.batch_size == models.LeNet5.recipes["default"].batch_size
    with pytest.raises(DigitsError, match="called 'secret'; there are: classic, quick, default"):
        models.get_recipe("lenet5", "secret")
    with pytest.raises(DigitsError, match="no network called 'resnet'; there are: lenet5, vgg16"):
        models.get_recipe("resnet", "default")


@pytest.mark.parametrize(
    ("architecture", "field", "value"),
    [
        ("lenet5", "epochs", 0),
        ("lenet5", "batch_size", 0),
        ("lenet5", "learning_rate", -1.0),
        ("lenet5", "learning_rate", 0.0),
        ("lenet5", "learning_rate", NAN),
        ("lenet5", "outlier_weight", -0.1),
        ("lenet5", "outlier_weight", INFINITE),
        ("lenet5", "no_aug_fraction", -0.1),
        ("lenet5", "no_aug_fraction", 1.1),
        ("lenet5", "optimizer", "magic"),
        ("lenet5", "schedule", "magic"),
        ("reader", "epochs", 0),
        ("reader", "crops", 0),
        ("reader", "beta2", 1.0),
        ("reader", "beta2", -0.1),
        ("reader", "max_gradient_norm", 0.0),
        ("reader", "max_gradient_norm", INFINITE),
    ],
)
def test_recipe_values_out_of_range(architecture: str, field: str, value: object) -> None:
    with pytest.raises(DigitsError, match=f"{field.replace('_', ' ')} must be|unknown {field}"):
        models.get_recipe(architecture, "default", **{field: value})


@pytest.mark.parametrize(
    ("epochs", "fraction", "augmented"),
    [(80, 0.125, 70), (30, 0.125, 26), (1, 0.125, 1), (4, 0.0, 4), (4, 1.0, 0)],
)
def test_last_epochs_without_augmentation(epochs: int, fraction: float, augmented: int) -> None:
    recipe = Recipe("test", epochs, augmentation=WRITING, no_aug_fraction=fraction)
    augmentations = [recipe.augmentation_in(epoch) for epoch in range(epochs)]
    assert augmentations == [WRITING] * augmented + [None] * (epochs - augmented)


@dataclass
class Sample:
    count: int
    share: float
    name: str | None
    kind: Literal["a", "b"]
    flag: bool
    more: dict[str, Any]


GOOD: dict[str, Any] = {
    **{"count": 1, "share": 0.5, "name": None, "kind": "a", "flag": True, "more": {"x": [1]}}
}


def test_from_dict() -> None:
    assert from_dict(Sample, GOOD) == Sample(**GOOD)
    assert from_dict(Sample, {**GOOD, "share": 1, "name": "n"}).share == 1


@pytest.mark.parametrize(
    "change",
    [
        {"count": 1.0},
        {"count": True},
        {"count": None},
        {"share": NAN},
        {"share": True},
        {"share": "0.5"},
        {"name": 7},
        {"kind": "c"},
        {"flag": 1},
        {"more": []},
        {"other": 1},
    ],
)
def test_from_dict_refuses_other_types_and_fields(change: dict[str, object]) -> None:
    [name] = change
    with pytest.raises(TypeError, match=name):
        from_dict(Sample, {**GOOD, **change})
    with pytest.raises(TypeError):
        from_dict(Sample, {key: value for key, value in GOOD.items() if key != "count"})


def test_config_of_another_version_is_refused() -> None:
    """An earlier one may not have done what a default says."""
    stored = to_dict(TrainConfig("lenet5", Recipe("test", 1)))
    with pytest.raises(TypeError, match="drawn"):
        config_from_dict({**stored, "recipe": {**stored["recipe"], "drawn": 0.2}})
    del stored["init"]
    with pytest.raises(TypeError, match="init is missing"):
        config_from_dict(stored)


def test_recipes_have_no_fields_of_the_other_task() -> None:
    digits, pages = ({field.name for field in fields(kind)} for kind in (Recipe, ReaderRecipe))
    assert digits & pages == {field.name for field in fields(BaseRecipe)} | {"own"}
    assert {"augmentation", "frames", "outlier_weight"} <= digits - pages
    assert {"crops"} <= pages - digits


def test_stored_configs_are_restored() -> None:
    reader = TrainConfig("reader", models.Reader.recipes["default"], init="5f")
    assert config_from_dict(to_dict(reader)) == reader
    recipe = Recipe("test", 1, ema_decay=0.9, warmup_fraction=0.1, outlier_weight=0.2)
    config = TrainConfig("lenet5", replace(recipe, augmentation=WRITING))
    stored = to_dict(config)
    assert config_from_dict(stored) == config
    assert {"average": 0.9, "warmup": 0.1, "outliers": 0.2}.items() <= stored["recipe"].items()
    assert len(stored["recipe"]) == len(fields(Recipe))
