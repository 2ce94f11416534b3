"""What decides the weights of a training, and what doesn't."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from digits_train.fit import Epoch
from digits_train.recipe import Augmentation, Recipe

T = TypeVar("T")

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Plan:
    """What decides the weights: the same plan on the same CPU gives the same ones."""

    architecture: str
    recipe: Recipe
    seed: int = 0
    # Of convolutions and products while training. auto: bfloat16 where network and device gain.
    precision: Precision = "auto"
    all_data: bool = False  # train on the validation digits too, and so have none
    patience: int | None = None  # stop after so many epochs without a better validation accuracy
    teacher: str | None = None  # SHA-256 of the checkpoint that the network learns from
    data_sha256: dict[str, str] = field(default_factory=dict)  # of what it is trained on, by name


@dataclass(frozen=True)
class Options:
    """Where and how a plan is carried out."""

    device: str = "auto"
    data: Path | None = None  # where the digits are, as for `digits.data.datasets.load`
    compiled: bool = False  # by torch.compile
    tensorboard: bool = False
    max_minutes: float | None = None  # start no epoch that would end later


def parse(described: dict[str, Any]) -> Plan:
    """The plan that `dataclasses.asdict` described. Raises LookupError, TypeError, DigitsError."""
    recipe = dict(described["recipe"])
    if recipe["augmentation"] is not None:
        recipe["augmentation"] = typed(Augmentation, recipe["augmentation"])
    return typed(Plan, {**described, "recipe": typed(Recipe, recipe)})


def typed(kind: type[T], values: dict[str, Any]) -> T:
    """A dataclass with these values. Raises TypeError when one is missing or of another type."""
    made = kind(**values)
    for name, hint in get_type_hints(kind).items():
        if not _fits(getattr(made, name), hint):
            raise TypeError(f"{name} is {getattr(made, name)!r}")
    return made


def _fits(value: object, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is dict:
        return isinstance(value, dict)
    if inner:  # a union
        return any(_fits(value, kind) for kind in inner)
    if hint is float:
        return isinstance(value, float | int) and math.isfinite(value)
    return isinstance(value, hint)


def best(history: list[Epoch]) -> Epoch:
    """The epoch with the highest validation accuracy; of equals, the one with the lowest loss.

    All of them must have been validated.
    """

    def merit(epoch: Epoch) -> tuple[float, float]:
        assert epoch.validation_accuracy is not None and epoch.validation_loss is not None
        return epoch.validation_accuracy, -epoch.validation_loss

    return max(history, key=merit)
