"""A small residual network to copy: `digits train --network docs/resnet8.py:ResNet8`."""

from torch import Tensor, nn
from torch.nn.functional import relu

from digits_train.models import Network, Normalize
from digits_train.recipes import AUGMENTATION, ClassifierRecipe


class Block(nn.Module):
    """Two convolutions, and a shortcut past them (K. He et al., CVPR 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.norm1(self.conv1(x)))
        return relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet8(Network):
    """Seven convolutions, a depthwise one instead of pooling, and a dense layer."""

    recipes = {
        "default": ClassifierRecipe(
            name="default", epochs=30, schedule="cosine", augmentation=AUGMENTATION
        )
    }

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv = nn.Conv2d(1, 16, 5)  # 24x24; a border of zeros would be grey paper
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.depthwise = nn.Conv2d(64, 64, 6, groups=64)
        self.fc = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = relu(self.conv(self.normalize(images)))
        x = relu(self.depthwise(self.blocks(x)))
        logits: Tensor = self.fc(x.flatten(1))
        return logits
