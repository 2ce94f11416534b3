"""A detector and a recognizer of a few layers, as in a user's own file."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import log_softmax

from digits_train.models import DetectorNetwork, RecognizerNetwork
from digits_train.models.detection import Maps
from digits_train.models.network import ConvBlock
from digits_train.recipes import DetectorRecipe, RecognizerRecipe
from tests.train import short


class Spots(DetectorNetwork):
    recipes: Mapping[str, DetectorRecipe] = {"default": short.DETECTOR}
    float_layers: ClassVar[tuple[str, ...]] = ("heads",)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(1, 8, stride=(2, 2)), ConvBlock(8, 8, stride=(2, 2)))
        self.heads = nn.Conv2d(8, 17, 1)
        nn.init.constant_(self.heads.bias[:1], -3.5)  # type: ignore[index]

    def forward(self, pages: Tensor) -> Maps:
        return Maps(*self.heads(self.body(pages.float() / 255)).split((1, 12, 4), 1))


class Strokes(RecognizerNetwork):
    recipes: Mapping[str, RecognizerRecipe] = {"default": short.RECOGNIZER}
    float_layers: ClassVar[tuple[str, ...]] = ("symbols",)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(1, 8, stride=(4, 4)), ConvBlock(8, 8, stride=(4, 1)))
        self.symbols = nn.Conv2d(8, 13, (3, 1))

    def forward(self, crops: Tensor) -> Tensor:
        scores: Tensor = self.symbols(self.body(crops.float() / 255))
        return log_softmax(scores[:, :, 0].transpose(1, 2), 2)
