"""What decides the weights of a training, and what doesn't."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from digits_train.fit import Epoch
from digits_train.recipe import Augmentation, Recipe
from digits_train.typed import typed

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


def best(history: list[Epoch]) -> Epoch:
    """The epoch with the highest validation accuracy; of equals, the one with the lowest loss.

    All of them must have been validated.
    """

    def merit(epoch: Epoch) -> tuple[float, float]:
        assert epoch.validation_accuracy is not None and epoch.validation_loss is not None
        return epoch.validation_accuracy, -epoch.validation_loss

    return max(history, key=merit)
