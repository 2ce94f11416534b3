"""LeNet-5."""

from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.functional import relu

from digits_train.models.network import Network, Normalize
from digits_train.recipes import AUGMENTATION, CLASSIC, FINETUNE, QUICK

_DEFAULT = replace(
    QUICK,
    name="default",
    epochs=80,
    augmentation=AUGMENTATION,
    frames=0.2,
    outlier_weight=0.3,  # letters that pass: 1.75 %; with 0.1, 2.67
)


class LeNet5(Network):
    """LeNet-5 with ReLU and max pooling: 44,426 parameters.

    Input: [batch, 1, 28, 28], 0 to 255. Output: logits, float32 [batch, 10].
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998. Theirs had tanh, trained subsampling and
    RBF outputs; this is the form that today's textbooks teach.
    """

    # With so few channels the integer convolution takes a generic path, and twice the time.
    compute_type = "float"
    # The layers are too small to split: two threads train 1.4 times as fast on two idle cores, but
    # 13 times as slow when something else uses one of them.
    threads = 1
    recipes = {"classic": CLASSIC, "quick": QUICK, "default": _DEFAULT, "finetune": FINETUNE}

    def __init__(self) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self._pooled(self.conv1(self.normalize(images)))
        x = self._pooled(self.conv2(x)).flatten(1)
        x = relu(self.fc1(x))
        x = relu(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits

    def _pooled(self, x: Tensor) -> Tensor:
        # The same; but training gains from fewer values, and engines fuse ReLU with convolution.
        return relu(self.pool(x)) if self.training else self.pool(relu(x))
