from dataclasses import asdict, replace

import pytest

from digits_train import models
from digits_train.config import QUICK, TrainConfig, UnfitValueError, config_from_dict


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epochs", 0), ("epochs", True), ("batch_size", 1.5), ("learning_rate", -1.0)),
        *(("learning_rate", float("nan")), ("frames", float("inf")), ("frames", "0.5")),
        *(("frames", True), ("optimizer", "adam"), ("name", 7), ("ema_decay", "none")),
    ],
)
def test_unfit_values_of_recipes(name: str, value: object) -> None:
    with pytest.raises(UnfitValueError, match=f"{name} (must be above 0, not|can't be)"):
        replace(QUICK, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["lenet5", "reader"])
def test_config_from_dict(architecture: str) -> None:
    config = TrainConfig(architecture, models.get_recipe(architecture, "default", learning_rate=1))
    values = asdict(config)
    assert config_from_dict(values) == config
    for changed, complaint in (
        (values | {"other": 1}, "other"),
        (values | {"data_sha256": []}, "data_sha256 can't be"),
        ({key: value for key, value in values.items() if key != "init"}, "init is missing"),
    ):
        with pytest.raises(TypeError, match=complaint):
            config_from_dict(changed)
