from dataclasses import dataclass
from typing import Any, Literal

import pytest

from digits_train.typed import typed


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


def test_values_of_the_right_types() -> None:
    assert typed(Sample, GOOD) == Sample(**GOOD)
    assert typed(Sample, {**GOOD, "share": 1, "name": "n"}).share == 1


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
def test_other_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"{name} is"):
        typed(Sample, {**GOOD, name: value})


def test_missing_and_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError):
        typed(Sample, {name: value for name, value in GOOD.items() if name != "count"})
    with pytest.raises(TypeError):
        typed(Sample, {**GOOD, "other": 1})
