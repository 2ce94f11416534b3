"""A classifier, from MNIST to the curves: what `digits train` runs for LeNet-5 and VGG-16.

In a notebook:

    data = digits_train.load_mnist()
    model = digits_train.LeNet5()
    history = digits_train.fit(model, data, digits_train.recipes.CLASSIC)
    digits_train.evaluate(model, data.test)  # for example {"loss": 0.0392, "accuracy": 0.9868}
    digits_train.plot_curves(history, "curves.png")
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from digits.data.split import Split
from digits_train.data import mnist
from digits_train.data.digit_batches import DigitBatches, Pool
from digits_train.distributed import CPU, DistributedContext
from digits_train.experiment import Experiment
from digits_train.models.network import Network
from digits_train.recipes import CLASSIC, ClassifierRecipe
from digits_train.state import Metrics, TrainState, make_state

# What people are told of an epoch.
LOG_FORMAT = (
    "loss {train_loss:.4f}  accuracy {train_accuracy:.2%}"
    "  validation loss {validation_loss:.4f}  accuracy {validation_accuracy:.2%}"
)
_GUESSING = math.log(10)  # nats: the loss of who answers a tenth for each digit


class Data(NamedTuple):
    """Labelled digits to train on, to validate on after each epoch, and to test on at the end."""

    train: Split
    validation: Split
    test: Split


def load_mnist(folder: Path | None = None) -> Data:
    """Load MNIST: 50,000 training digits, the other 10,000 of these to validate, 10,000 to test.

    folder: has the four files, or gets them; by default $DIGITS_DATA, else the user's cache. Raises
    DataError if they can't be found.
    """
    return Data(**mnist.load_all(folder))


def fit(
    model: Network, data: Data, recipe: ClassifierRecipe = CLASSIC, seed: int = 0
) -> list[Metrics]:
    """Train a model, and return what each epoch measured; see `train_epochs`.

    The model ends with the weights that the recipe makes: the last ones, or their average. It
    learns from the digits alone: pictures that a recipe draws are for `digits train`. Raises
    DigitsError if the training diverges.
    """
    experiment = Experiment(network=type(model).__name__.lower(), recipe=recipe, seed=seed)
    training = make_state(experiment, model)
    for epoch in train_epochs(training, data):
        print(f"epoch {epoch['number']}  {LOG_FORMAT.format(**epoch)}")
    model.load_state_dict(training.eval_model.state_dict())
    return training.history


def train_epochs(
    training: TrainState,
    data: Data,
    pools: Sequence[Pool] = (),
    dist: DistributedContext = CPU,
    on_step: Callable[[], object] = lambda: None,
) -> Iterator[Metrics]:
    """Train from the next epoch to the last. Yields what each measures, so that it can be saved.

    pools: pictures to learn from beside the digits. dist: the processes that share each batch.
    on_step: called after each step. Raises DigitsError if the training diverges.

    The same experiment on the same CPU with the same numbers of threads and processes gives the
    same weights, bit for bit, interrupted or not.
    """
    model, recipe, seed = training.model, training.experiment.recipe, training.experiment.seed
    assert isinstance(model, Network) and isinstance(recipe, ClassifierRecipe)
    network = dist.in_parallel(model)
    batches = DigitBatches(data.train, recipe, seed, pools, dist)
    for epoch in range(training.step // len(batches), recipe.epochs):
        started, sums = time.perf_counter(), torch.zeros(3, device=dist.device)
        network.train()
        training.seed(dist.rank)  # dropout draws from it
        for batch in batches.epoch(epoch):
            with training.autocast():
                logits = network(batch.images)
            losses = model.loss(logits, batch.labels)  # of each picture
            training.update(losses @ batch.weights, recipe.epochs * len(batches))
            right = (logits.argmax(1) == batch.labels).float()
            counted = batch.are_digits.float()
            sums += torch.stack([losses.detach() @ counted, right @ counted, counted.sum()])
            on_step()
        seconds = time.perf_counter() - started
        loss, accuracy, digits = dist.all_reduce(sums).tolist()
        measured = {"number": epoch + 1, "train_loss": loss / digits}
        measured["train_accuracy"] = accuracy / digits
        validated = dist.run_on_main(lambda: evaluate(training.eval_model, data.validation))
        measured |= {f"validation_{name}": value for name, value in validated.items()}
        training.check_losses(measured, 3 * _GUESSING)
        measured["seconds"] = time.perf_counter() - started
        measured["images_per_second"] = digits / seconds
        training.history.append(measured)
        yield measured


def evaluate(model: torch.nn.Module, split: Split) -> Metrics:
    """The mean loss, in nats, and the accuracy, 0 to 1, of a model on labelled digits."""
    logits, labels = predict(model, split), torch.from_numpy(split.labels.astype("int64"))
    losses = Network.loss(logits, labels)
    right = (logits.argmax(1) == labels).double()
    return {"loss": losses.mean().item(), "accuracy": right.mean().item()}


@torch.inference_mode()
def predict(model: torch.nn.Module, split: Split) -> Tensor:
    """The logits of all digits: float32 [n, 10], on the CPU."""
    model.eval()
    images = torch.tensor(split.images[:, None], device=next(model.parameters()).device)
    return torch.cat([model(batch) for batch in torch.split(images, 1000)]).float().cpu()


def plot_curves(history: Sequence[Metrics], path: str | Path = "curves.png") -> None:
    """Draw the loss and the errors of each epoch, in training and validation, into a file."""
    from digits_train import plots  # imports matplotlib, which takes 0.6 s

    plots.curves(Path(path), history, "epoch")
