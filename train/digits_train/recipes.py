"""Recipes: how each kind of network is trained.

The comments beside a recipe's numbers say what they gained; docs/experiments.md has the evidence.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """How far to change each training digit, independently, each time it is seen.

    Every value bounds a uniform distribution around "unchanged", except for what is smooth or
    random in itself (elastic, noise). Half of the digits are not blurred and, independently, half
    have no noise. Pixels are those of the 28x28 frame.
    """

    # The hand: where, how large and how steadily it wrote.
    rotation: NotNegative = 12.0  # degrees
    scale: Share = 0.15  # each axis by 1 ± scale
    shear: NotNegative = 0.2  # horizontal shift per unit of height
    shift: NotNegative = 2.0  # pixels
    elastic: NotNegative = 1.0  # pixels: deviation of a smooth displacement, at its 6x6 nodes
    # The pen and the camera.
    stroke: Share = 0.0  # share of the way to strokes one pixel thicker or thinner on each side
    blur: Share = 0.0  # share of the way to a binomial blur of 3x3 pixels
    contrast: NotNegative = 0.0  # grey values v (0 to 1) become v ** exp(± contrast)
    noise: NotNegative = 0.0  # standard deviation of the sensor noise, where 1 = full ink
    # What else is on the paper: shares of the digits.
    lines: Share = 0.0  # with up to two strokes of a form or of another pen
    paper: Share = 0.0  # on grey, cloudy paper
    specks: Share = 0.0  # with up to a fifth of the pixels turned white or black
    outline: Share = 0.0  # drawn as an outline


class BaseRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train any network."""

    name: str
    batch_size: Annotated[int, Meta(ge=2)] = 128  # examples per step, over all processes
    # Adam if weight_decay is 0. sgd: with Nesterov momentum 0.9.
    optimizer: Literal["adamw", "sgd"] = "adamw"
    beta2: Annotated[float, Meta(ge=0, lt=1)] = 0.999  # AdamW's decay of the squared gradients
    max_gradient_norm: Positive | None = None  # a longer gradient is scaled down to it
    learning_rate: Positive = 1e-3  # the peak
    warmup_fraction: Share = 0.0  # share of the steps in which the learning rate rises from zero
    # After the warm-up. cosine: to zero; wsd: constant, then in the last fifth linearly to zero.
    schedule: Literal["constant", "cosine", "wsd"] = "constant"
    weight_decay: NotNegative = 0.0  # of kernels and matrices; never of biases and batch norm
    # Of the weights' moving average; if set, that is the result.
    ema_decay: Annotated[float, Meta(ge=0, lt=1)] | None = None

    unit: ClassVar[Literal["epoch", "step"]] = "step"

    @property
    def draws(self) -> bool:
        """Whether the camera draws pictures to learn from."""
        return True

    @property
    def total(self) -> int:
        """How many epochs or steps there are."""
        raise NotImplementedError


class ClassifierRecipe(BaseRecipe, frozen=True, kw_only=True, tag="classifier"):
    """How to train a network to classify digits, with cross-entropy."""

    epochs: Count
    augmentation: Augmentation | None = None  # None: the digits as they are
    no_aug_fraction: Share = 0.0  # share of the epochs, the last ones, that do without it
    # What to add to the training digits (`digits_train.data.pools`).
    frames: NotNegative = 0.0  # of generated pictures of digits, per training digit
    outlier_weight: NotNegative = 0.0  # of the loss on non-digits, a fourth as many as the digits
    own: Share = 0.0  # of one's own pictures, per training digit, to fine-tune a network on
    tests: bool = True  # whether the test digits are looked at, once, at the end

    unit = "epoch"

    @property
    def draws(self) -> bool:
        return bool(self.frames or self.outlier_weight)

    @property
    def total(self) -> int:
        return self.epochs

    def augmentation_in(self, epoch: int) -> Augmentation | None:
        """The augmentation in an epoch, counted from 0.

        The last ones may do without it: the network, which augmentation keeps from fitting anything
        exactly, settles on pictures as they are (Z. Ge et al., "YOLOX", 2021).
        """
        augmented = self.epochs - round(self.no_aug_fraction * self.epochs)
        return self.augmentation if epoch < augmented else None


class StreamRecipe(BaseRecipe, frozen=True, kw_only=True):
    """How to train a network on pictures that the camera takes as long as the training lasts."""

    steps: Count
    interval: Count  # steps between two validations, after which all is saved
    hands: Count  # people's hands, each with one pen, of which pictures are composed
    texts: Count  # words, letters and signs, likewise
    photographs: Count = 2  # of each composed window or number: composing takes longer
    validation: Count  # windows or crops, after each interval

    @property
    def total(self) -> int:
        return self.steps


class DetectorRecipe(StreamRecipe, frozen=True, kw_only=True, tag="detector"):
    """How to train a detector to find the symbols of generated pages."""

    window: Annotated[int, Meta(ge=96, multiple_of=96)] = 192  # pixels: its height and width
    final_validation: Count = 3_480  # windows, after the last step


class RecognizerRecipe(StreamRecipe, frozen=True, kw_only=True, tag="recognizer"):
    """How to train a recognizer to read crops of numbers."""

    passes: Count = 3  # how often each crop is shown, augmented: composing takes longer


AnyRecipe = ClassifierRecipe | DetectorRecipe | RecognizerRecipe

CLASSIC = ClassifierRecipe(name="classic", epochs=5)
# A fifth weaker: loss 0.0187, a fifth stronger: 0.0212, instead of 0.0184.
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
# Corrupted digits 94.8 instead of 90.7 %; twice as much gains nothing.
AUGMENTATION = replace(WRITING, lines=0.03, paper=0.015, specks=0.015, outline=0.007)
# For LeNet-5.
QUICK = ClassifierRecipe(
    name="quick",
    epochs=30,
    optimizer="sgd",
    learning_rate=0.05,  # 99.50 %; 0.1: 99.39; AdamW at 0.002 and 0.004: 99.28, 99.43
    warmup_fraction=0.15,
    schedule="cosine",
    weight_decay=1e-4,
    ema_decay=0.999,
    augmentation=WRITING,
    no_aug_fraction=0.125,  # loss 0.0223 instead of 0.0230
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
