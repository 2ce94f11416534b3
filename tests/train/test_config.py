from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.config import WRITING, Recipe, TrainConfig, config_from_dict, from_dict

INFINITE, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epochs", 0), ("epochs", "5"), ("batch_size", 1.5), ("learning_rate", -1.0)),
        *(("learning_rate", NAN), ("frames", INFINITE), ("optimizer", "adam")),
    ],
)
def test_unfit_values_of_recipes(name: str, value: object) -> None:
    with pytest.raises(DigitsError, match=f"{name} (must be above 0, not|can't be)"):
        models.get_recipe("lenet5", "default", **{name: value})


@dataclass
class Sample:
    count: int
    share: float
    name: str | None
    kind: Literal["a", "b"]
    more: dict[str, Any]


GOOD: dict[str, Any] = {**{"count": 1, "share": 0.5, "name": None, "kind": "a", "more": {"x": [1]}}}


def test_from_dict() -> None:
    assert from_dict(Sample, GOOD) == Sample(**GOOD)
    assert from_dict(Sample, {**GOOD, "share": 1, "name": "n"}).share == 1
    with pytest.raises(TypeError, match="count is missing"):
        from_dict(Sample, {key: value for key, value in GOOD.items() if key != "count"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("count", 1.0), ("count", True), ("share", NAN), ("share", True), ("share", "0.5")),
        *(("name", 7), ("kind", "c"), ("more", []), ("other", 1)),
    ],
)
def test_from_dict_refuses_other_types_and_fields(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=name):
        from_dict(Sample, {**GOOD, name: value})


def test_stored_configs_are_restored() -> None:
    recipe = Recipe("test", 1, ema_decay=0.9, outlier_weight=0.2)
    for config in (
        TrainConfig("reader", models.Reader.recipes["default"], init="5f"),
        TrainConfig("lenet5", replace(recipe, augmentation=WRITING)),
    ):
        assert config_from_dict(asdict(config)) == config
