"""The recognizer: a convolutional network that reads a level crop of one number."""

from collections.abc import Mapping

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, ctc_loss, log_softmax, relu

from digits.inference.interface import CROP_INK, CROP_PAPER, RECOGNIZER, SYMBOLS
from digits_train.camera.presets import REAL_PAPER
from digits_train.distributed import trainer_threads
from digits_train.models.network import BaseNetwork, ConvBlock
from digits_train.recipes import RecognizerRecipe
from digits_train.targets import CropTargets

BLANK = len(SYMBOLS)  # the class of no symbol, the last

_DEFAULT = RecognizerRecipe(
    name="default",
    steps=23_040,
    interval=384,
    batch_size=32,
    learning_rate=2e-3,
    beta2=0.99,
    max_gradient_norm=5.0,
    warmup_fraction=1 / 60,
    schedule="wsd",
    weight_decay=0.02,
    ema_decay=0.9995,
    hands=1_500,
    texts=8_000,
    validation=2_000,  # crops
)


class RecognizerNetwork(BaseNetwork):
    """Any network from level crops, uint8 [n, 1, 48, width], to what is in them.

    Log probabilities of SYMBOLS and BLANK, float32 [n, width / 4, 13], for CTC; and the log odds
    that a crop shows one number, all of it: float32 [n]. Widths are multiples of 16.
    """

    task = "recognizer"
    interface = RECOGNIZER
    recipe_type = RecognizerRecipe
    recipes: Mapping[str, RecognizerRecipe] = {
        "default": _DEFAULT,
        "quick": replace(_DEFAULT, name="quick", steps=7_680, warmup_fraction=1 / 20),
    }
    camera = REAL_PAPER
    undrawn = "window", "single"
    threads = trainer_threads()  # the others compose what it is trained on
    mixed_precision = True

    @staticmethod
    def loss(outputs: tuple[Tensor, Tensor], targets: CropTargets) -> Tensor:
        """Negative log probabilities of the texts, and of whether they are whole: float32 [n].

        A. Graves et al., "Connectionist temporal classification", ICML 2006. A text that isn't
        known, or too long for its crop, costs nothing.
        """
        scores, whole = (output.float() for output in outputs)
        texts = [text or "" for text in targets.texts]
        symbols = [SYMBOLS.index(symbol) for symbol in "".join(texts)]
        lengths = torch.tensor([len(text) for text in texts])
        text_losses = ctc_loss(
            scores.transpose(0, 1),
            torch.tensor(symbols, dtype=torch.int64, device=scores.device),
            torch.full_like(lengths, scores.shape[1]),
            lengths,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
        known = torch.tensor([text is not None for text in targets.texts], device=scores.device)
        is_whole = targets.whole.to(whole.device, torch.float32)
        whole_losses = binary_cross_entropy_with_logits(whole, is_whole, reduction="none")
        return torch.where(known, text_losses, 0) + whole_losses


class Recognizer(RecognizerNetwork):
    """Reads 0 to 20 digits, minus signs and points in a level crop, see `digits.reader.crops`.

    Input: uint8 [n, 1, 48, width], normalised, a multiple of 16 wide. Output: log probabilities of
    SYMBOLS and BLANK, float32 [n, width / 4, 13], and the log odds of a whole number, float32 [n].
    743,000 parameters; 82 million multiplications
    for a number of six digits.

    Convolutions alone, so that it can be quantized: the first ones reduce the height to nothing and
    the width to a fourth, the last ones see 84 pixels to both sides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            ConvBlock(1, 24, (5, 5), (2, 2)),
            *(ConvBlock(24, 48, stride=(2, 2)), ConvBlock(48, 48)),
            *(ConvBlock(48, 64, stride=(2, 1)), ConvBlock(64, 64), ConvBlock(64, 64)),
            *(ConvBlock(64, 128, stride=(2, 1)), ConvBlock(128, 128)),
        )
        # The three rows that are left become one.
        self.flatten = nn.Conv2d(128, 128, (3, 1))
        self.context = nn.Sequential(
            *(ConvBlock(128, 128, (1, 5), dilation=(1, far)) for far in (1, 2, 1, 3))
        )
        self.symbols = nn.Conv2d(128, len(SYMBOLS) + 1, 1)
        # What is anywhere in a crop, such as a digit that its edge cuts off.
        self.signs = nn.Conv2d(128, 64, 1)
        self.whole = nn.Linear(64, 1)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        levels = (crops.float() - CROP_PAPER) / (CROP_INK - CROP_PAPER)
        columns = self.context(relu(self.flatten(self.features(levels))))
        scores = self.symbols(columns)[:, :, 0].transpose(1, 2)
        whole = self.whole(relu(self.signs(columns)).amax((2, 3)))[:, 0]
        return log_softmax(scores.float(), 2), whole.float()
