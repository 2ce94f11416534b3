"""A small detector and a small recognizer to copy.

`digits train --network docs/small_reader.py:SmallDetector`.
"""

from torch import Tensor, nn
from torch.nn.functional import log_softmax

from digits_train.models import DetectorNetwork, Maps, RecognizerNetwork
from digits_train.models.network import ConvBlock


class SmallDetector(DetectorNetwork):
    """Two strided convolutions, and a head for each cell of 4x4 pixels: centre, symbols, box."""

    float_layers = ("heads",)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(1, 8, stride=(2, 2)), ConvBlock(8, 8, stride=(2, 2)))
        self.heads = nn.Conv2d(8, 1 + 12 + 4, 1)
        nn.init.constant_(self.heads.bias[:1], -3.5)  # type: ignore[index]  # few cells hold a centre

    def forward(self, pages: Tensor) -> Maps:
        return Maps(*self.heads(self.body(pages.float() / 255)).split((1, 12, 4), 1))


class SmallRecognizer(RecognizerNetwork):
    """Strided convolutions until a column of the crop, 4 pixels wide, is one pixel high."""

    float_layers = ("symbols",)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvBlock(1, 8, stride=(4, 4)), ConvBlock(8, 8, stride=(4, 1)))
        self.symbols = nn.Conv2d(8, 12 + 1, (3, 1))

    def forward(self, crops: Tensor) -> Tensor:
        scores: Tensor = self.symbols(self.body(crops.float() / 255))
        return log_softmax(scores[:, :, 0].transpose(1, 2), 2)
