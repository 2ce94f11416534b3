"""Examples per second of training, with one thread, beside PyTorch's usual loop.

`digits` are the recipes' epochs without their validation. VGG-16 learns from training digits alone:
what its recipe adds to them is generated once, before the training.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from digits_train.config import DetectorRecipe, Recipe, TrainConfig
from digits_train.metrics import Metrics
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import Compose, Normalize, ToTensor
from torchvision.transforms.functional import to_pil_image

from benchmarks.timing import Row
from digits.data import mnist
from digits.data.mnist import Split
from digits_train.camera.materials import make_materials
from digits_train.distributed import CPU, has_bfloat16
from digits_train.fit import fit
from digits_train.models import VGG16, BaseNetwork, LeNet5, get_network, get_recipe
from digits_train.tasks import Classification, Detection, Task
from digits_train.tasks.detection import Batch
from digits_train.training import begin

LENET5, VGG = 25_600, 384  # training digits
BATCHES = 16  # of the detector


class Example(Dataset[tuple[torch.Tensor, int]]):
    """Like torchvision.datasets.MNIST, with the transforms of PyTorch's MNIST example."""

    transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = to_pil_image(self.split.images[index])
        return self.transform(picture), int(self.split.labels[index])


def ours(architecture: str, task: Task, epochs: int) -> float:
    """The rate of the fastest of some epochs."""
    gains = get_network(architecture).mixed_precision and has_bfloat16(CPU.device)
    config = TrainConfig(architecture, task.recipe, precision="bfloat16" if gains else "float32")
    training = begin(config, CPU.device)
    return max(epoch["images_per_second"] for epoch in islice(fit(training, task), epochs))


def plain(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], count: int) -> float:
    """The rate of a loop in float32 over `count` examples."""
    optimizer, started = torch.optim.Adam(network.parameters()), time.perf_counter()
    for images, labels in batches:
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return count / (time.perf_counter() - started)


def classification(architecture: str, name: str, train: Split) -> Classification:
    recipe = get_recipe(architecture, name)
    assert isinstance(recipe, Recipe)
    return Classification(recipe, train, mnist.load("validation")[:100])


class Composed(Detection):
    """Crops that have been composed before, and no validation."""

    ready: list[Batch]

    def compose(self) -> float:
        """Compose an epoch; return the crops per second, without the start of the processes."""
        rng, times = torch.Generator(), []
        self.materials = make_materials(self.train, 0, 500, 250)
        self.ready = []
        for batch in super().batches(0, rng, get_network("detector")()):
            self.ready.append(batch)
            times.append(time.perf_counter())
        return self.recipe.batch_size * (len(times) - 1) / (times[-1] - times[0])

    def batches(self, epoch: int, rng: torch.Generator, model: BaseNetwork) -> Iterator[Batch]:
        return iter(self.ready)

    def validate(self, model: BaseNetwork) -> Metrics:
        return {"validation_loss": 0.0}


def rows() -> Iterator[Row]:
    train = mnist.load("train")
    small = train[:LENET5]
    loader = DataLoader(Example(small), 128, shuffle=True)
    rates = {
        "digits": ours("lenet5", classification("lenet5", "classic", small), 3),
        "PyTorch's DataLoader and transforms": plain(LeNet5(), loader, LENET5),
    }
    yield Row("training LeNet-5, `classic`", "images/s", rates)
    few = train[:VGG]
    tensors = torch.tensor(few.images[:, None]), torch.tensor(few.labels).long()
    batches = DataLoader(TensorDataset(*tensors), 128)
    rates = {
        "digits": ours("vgg16", classification("vgg16", "default", few), 2),
        "PyTorch, float32": plain(VGG16(), batches, VGG),
    }
    yield Row("… VGG-16, `default`", "images/s", rates)
    size = get_recipe("detector", "default").batch_size
    recipe = get_recipe("detector", "default", crops=BATCHES * size)
    assert isinstance(recipe, DetectorRecipe)
    task = Composed(recipe, train, train)
    rates = {"digits, composing": task.compose(), "digits, learning": ours("detector", task, 1)}
    yield Row("… the detector, a process each", "windows/s", rates)
