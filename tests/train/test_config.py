from dataclasses import dataclass
from typing import Any, Literal

import pytest

from digits.errors import DigitsError
from digits_train import models
from digits_train.config import from_dict

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


GOOD: dict[str, Any] = {"count": 1, "share": 0.5, "name": None, "kind": "a", "more": {"x": [1]}}


def test_from_dict() -> None:
    assert from_dict(Sample, GOOD) == Sample(**GOOD)
    assert from_dict(Sample, {**GOOD, "share": 1, "name": "n"}).share == 1
    with pytest.raises(TypeError, match="count is missing"):
        from_dict(Sample, {"share": 0.5, "name": None, "kind": "a", "more": {}})


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
