"""The recognizer: a convolutional network that reads a level crop of one number."""

from collections.abc import Mapping, Sequence

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, log_softmax, relu

from digits.inference.interface import INK, PAPER, RECOGNIZER, SYMBOLS
from digits_train.camera.presets import REAL_PAPER
from digits_train.distributed import trainer_threads
from digits_train.models.network import BaseNetwork, ConvBlock
from digits_train.recipes import RecognizerRecipe

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
    glyphs=20_000,
    texts=8_000,
    validation=2_000,  # crops
)


class RecognizerNetwork(BaseNetwork):
    """Any network from level crops, uint8 [n, 1, 48, width], to log probabilities.

    These are of SYMBOLS and BLANK, float32 [n, width / 4, 13], for CTC. Widths are multiples of 16.
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
    def loss(outputs: Tensor, texts: Sequence[str]) -> Tensor:
        """Negative log probabilities of the texts, float32 [n] (A. Graves et al., "Connectionist
        temporal classification", ICML 2006). A text too long for its crop costs nothing.
        """
        symbols = [SYMBOLS.index(symbol) for symbol in "".join(texts)]
        lengths = torch.tensor([len(text) for text in texts])
        return ctc_loss(
            outputs.float().transpose(0, 1),
            torch.tensor(symbols, dtype=torch.int64, device=outputs.device),
            torch.full_like(lengths, outputs.shape[1]),
            lengths,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )


class Recognizer(RecognizerNetwork):
    """Reads 0 to 20 digits, minus signs and points in a level crop, see `digits.reader.crops`.

    Input: uint8 [n, 1, 48, width], normalised, a multiple of 16 wide. Output: log probabilities of
    SYMBOLS and BLANK, float32 [n, width / 4, 13]. 735,000 parameters; 82 million multiplications
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

    def forward(self, crops: Tensor) -> Tensor:
        levels = (crops.float() - PAPER) / (INK - PAPER)
        columns = self.context(relu(self.flatten(self.features(levels))))
        scores = self.symbols(columns)[:, :, 0].transpose(1, 2)
        return log_softmax(scores.float(), 2)
