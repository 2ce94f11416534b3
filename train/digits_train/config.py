"""The configuration of a training: all that decides its weights."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from digits.errors import DigitsError

Precision = Literal["auto", "float32", "bfloat16"]

T = TypeVar("T")


class UnfitValueError(DigitsError, TypeError):
    """A value of another type than its field's, or out of its range."""


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """Make a dataclass. Raises TypeError if a value is missing, unknown or of another type."""
    # An earlier version of digits may not have done what a default says.
    if missing := get_type_hints(kind).keys() - values.keys():
        raise TypeError(f"{missing.pop()} is missing")
    made = kind(**values)
    _check_types(made)
    return made


def _check_types(value: object) -> None:
    for name, hint in get_type_hints(type(value)).items():
        if not _matches(getattr(value, name), hint):
            raise UnfitValueError(f"{name} can't be {getattr(value, name)!r}")


def _matches(value: object, hint: Any) -> bool:
    """Whether a value is of a type. True is no integer, and NaN and infinity are no numbers."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is dict:
        return isinstance(value, dict)
    if inner:  # a union
        return any(_matches(value, kind) for kind in inner)
    if hint is float:
        return type(value) is int or (type(value) is float and math.isfinite(value))
    return type(value) is int if hint is int else isinstance(value, hint)


@dataclass(frozen=True)
class Augmentation:
    """How far to change each training digit, independently, each time it is seen.

    Every value bounds a uniform distribution around "unchanged", except for what is smooth or
    random in itself (elastic, noise). Half of the digits are not blurred and, independently, half
    have no noise. Pixels are those of the 28x28 frame.
    """

    # The hand: where, how large and how steadily it wrote.
    rotation: float = 12.0  # degrees
    scale: float = 0.15  # each axis by 1 ± scale
    shear: float = 0.2  # horizontal shift per unit of height
    shift: float = 2.0  # pixels
    elastic: float = 1.0  # pixels: standard deviation of a smooth displacement, at its 6x6 nodes
    # The pen and the camera.
    stroke: float = 0.0  # share of the way to strokes one pixel thicker or thinner on each side
    blur: float = 0.0  # share of the way to a binomial blur of 3x3 pixels
    contrast: float = 0.0  # grey values v (0 to 1) become v ** exp(± contrast)
    noise: float = 0.0  # standard deviation of the sensor noise, where 1 = full ink
    # What else is on the paper: shares of the digits, each from 0 to 1.
    lines: float = 0.0  # with up to two strokes of a form or of another pen
    paper: float = 0.0  # on grey, cloudy paper
    specks: float = 0.0  # with up to a fifth of the pixels turned white or black
    outline: float = 0.0  # drawn as an outline


@dataclass(frozen=True)
class BaseRecipe:
    """How to train any network. `Recipe` is for digits, the others for pages and crops."""

    name: str
    epochs: int
    batch_size: int = 128  # examples per step, over all processes
    # Adam if weight_decay is 0. sgd: with Nesterov momentum 0.9.
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3  # the peak
    warmup_fraction: float = 0.0  # share of the steps in which the learning rate rises from zero
    # After the warm-up. cosine: to zero; wsd: constant, then in the last fifth linearly to zero.
    schedule: Literal["constant", "cosine", "wsd"] = "constant"
    weight_decay: float = 0.0  # of kernels and matrices; never of biases and batch norm
    ema_decay: float | None = None  # of the weights' moving average; if set, that is the result

    def __post_init__(self) -> None:
        """Raise UnfitValueError if a value is of another type or out of its range."""
        _check_types(self)
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise UnfitValueError(f"{name} must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class Recipe(BaseRecipe):
    """How to train a network to classify digits, with cross-entropy."""

    augmentation: Augmentation | None = None  # None: the digits as they are
    no_aug_fraction: float = 0.0  # share of the epochs, the last ones, that do without it
    # What to add to the training digits (`digits_train.examples`).
    frames: float = 0.0  # of generated pictures of digits, per training digit
    outlier_weight: float = 0.0  # of the loss on non-digits, a fourth as many as the digits
    own: float = 0.0  # of one's own pictures, per training digit, to fine-tune a network on

    def augmentation_in(self, epoch: int) -> Augmentation | None:
        """The augmentation in an epoch, counted from 0.

        The last ones may do without it: the network, which augmentation keeps from fitting anything
        exactly, settles on pictures as they are (Z. Ge et al., "YOLOX", 2021).
        """
        augmented = self.epochs - round(self.no_aug_fraction * self.epochs)
        return self.augmentation if epoch < augmented else None


@dataclass(frozen=True)
class GeneratedRecipe(BaseRecipe):
    """How to train a network on crops of generated pages."""

    crops: int = 6400  # generated for an epoch, and never seen in another one
    beta2: float = 0.99  # AdamW's decay of the squared gradients
    max_gradient_norm: float = 5.0  # a longer gradient is scaled down to it


@dataclass(frozen=True)
class DetectorRecipe(GeneratedRecipe):
    """How to train a detector to find the symbols of generated pages."""

    own: float = 0.0  # share of the crops that show one's own pages, to fine-tune a detector on


@dataclass(frozen=True)
class RecognizerRecipe(GeneratedRecipe):
    """How to train a recognizer to read crops of numbers."""

    crops: int = 4096
    passes: int = 3  # how often an epoch shows each crop, augmented: composing takes longer

    @property
    def own(self) -> float:
        """The share of one's own crops: none yet."""
        return 0.0


AnyRecipe = Recipe | DetectorRecipe | RecognizerRecipe

CLASSIC = Recipe("classic", epochs=5)
WRITING = Augmentation(
    rotation=10,
    scale=0.12,
    shear=0.2,
    shift=1.5,
    elastic=0.8,
    stroke=0.3,
    blur=0.3,
    contrast=0.3,
    noise=0.03,
)
AUGMENTATION = replace(WRITING, lines=0.03, paper=0.015, specks=0.015, outline=0.007)
# For LeNet-5.
QUICK = Recipe(
    "quick",
    epochs=30,
    optimizer="sgd",
    learning_rate=0.05,
    warmup_fraction=0.15,
    schedule="cosine",
    weight_decay=1e-4,
    ema_decay=0.999,
    augmentation=WRITING,
    no_aug_fraction=0.125,
)
FINETUNE = replace(
    QUICK,
    name="finetune",
    epochs=3,
    learning_rate=0.01,
    augmentation=AUGMENTATION,
    no_aug_fraction=0.0,
    frames=0.5,  # of which the network forgets most
    outlier_weight=0.1,
    own=0.25,
)


@dataclass(frozen=True)
class TrainConfig:
    """What decides the weights: on the same CPU, the same config gives the same weights."""

    architecture: str
    recipe: AnyRecipe
    seed: int = 0
    # Of convolutions and products in training. auto: bfloat16 if network and device gain from it.
    precision: Precision = "auto"
    data_sha256: dict[str, str] = field(default_factory=dict)  # of the training data, by name
    init: str | None = None  # SHA-256 of the checkpoint whose weights the training starts from


def config_from_dict(values: dict[str, Any]) -> TrainConfig:
    """Undo `dataclasses.asdict`. Raises LookupError, TypeError or AttributeError."""
    recipe = {**values["recipe"]}
    if recipe.get("augmentation") is not None:
        recipe["augmentation"] = from_dict(Augmentation, recipe["augmentation"])
    generated = RecognizerRecipe if "passes" in recipe else DetectorRecipe
    kind = generated if "crops" in recipe else Recipe
    return from_dict(TrainConfig, {**values, "recipe": from_dict(kind, recipe)})
