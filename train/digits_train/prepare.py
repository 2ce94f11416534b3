"""What a training needs before its first epoch: its data, and a new or a restored network."""

import copy
from pathlib import Path
from typing import Any

import torch

from digits.data import datasets, mnist
from digits.data.datasets import Dataset, OwnPictures
from digits.data.table import has_pages
from digits.errors import DataError, DigitsError, ModelError
from digits.terminal import print_stderr
from digits_train import diagnose, models, optim, own_pages
from digits_train.camera import fonts
from digits_train.checkpoint import Checkpoint, TrainState
from digits_train.config import Precision, Recipe, TrainConfig, config_from_dict, from_dict
from digits_train.distributed import DistributedContext, has_bfloat16, set_threads
from digits_train.metrics import DetectionMetrics, EpochMetrics
from digits_train.models import AnyNetwork, Reader
from digits_train.run import Training
from digits_train.tasks.classification import Classification
from digits_train.tasks.detection import Detection
from digits_train.tasks.task import Task


def load_data(
    config: TrainConfig, data: Path | None, parent: AnyNetwork | None, dist: DistributedContext
) -> Dataset:
    """Load the splits to train on, to validate on and to test on, and the fonts to draw with.

    To fine-tune `parent`, the splits are MNIST's, and `data` has one's own pictures or pages. The
    main process loads all, which may have to be downloaded, for the others. Raises DigitsError if
    something is missing.
    """

    def load() -> Dataset:
        recipe = config.recipe
        if recipe.own:
            loaded = _load_own(recipe.name, data, parent)
        else:
            loaded = datasets.load(data, datasets.skip)
        for warning in diagnose.data_warnings(loaded.splits):
            print_stderr(f"warning: {warning}")
        if not isinstance(recipe, Recipe) or recipe.frames or recipe.outlier_weight:
            fonts.hands()
            fonts.printed()
        return loaded

    return dist.run_on_main(load)


def _load_own(recipe: str, data: Path | None, parent: AnyNetwork | None) -> Dataset:
    if parent is None:
        raise DigitsError(f"the recipe {recipe} needs --start: what to fine-tune")
    if data is None:
        raise DataError(f"the recipe {recipe} needs --data: your own labelled pictures")
    own: OwnPictures | own_pages.OwnPages
    if isinstance(parent, Reader):
        own = own_pages.load_own_pages(data, own_pages.network_maps(parent), datasets.skip)
    elif has_pages(data):
        raise DataError(f"{data} has numbers: a reader learns from them (--network reader)")
    else:
        own = datasets.load_own(data, datasets.skip)
        if not len(own.train):
            count = len(own.held_back)
            raise DataError(f"{data}: all {count} pictures are held back; label more, or groups")
    checksums = mnist.SHA256 | {datasets.OWN: own.sha256}
    return Dataset(mnist.load_all(None), checksums, own)


def make_task(
    config: TrainConfig, data: Dataset, parent: AnyNetwork | None, dist: DistributedContext
) -> Task:
    """What the network is to learn. Raises DigitsError if it can't be taught so.

    parent: the network that is fine-tuned, as it was.
    """
    splits, recipe = data.splits, config.recipe
    train, validation = splits["train"], splits["validation"]
    before: Any = parent and parent.to_device(dist.device).eval()
    task: Task
    if isinstance(recipe, Recipe):
        test = splits["test"]
        task = Classification(recipe, train, validation, test, config.seed, data.own, before)
    elif "pictures" in data.sha256:
        raise DigitsError("the reader's pages are written with MNIST's digits, not with pictures")
    else:
        task = Detection(recipe, train, validation, config.seed, data.own, before)
    # Batch norm can't measure the variance of one digit.
    if task.examples // task.steps < 2 * dist.world_size:
        size = recipe.batch_size
        raise DigitsError(f"batch size {size} is too small: each process needs at least 2")
    return task


def create_state(
    config: TrainConfig, device: torch.device, parent: Checkpoint | None = None
) -> TrainState:
    """Make a new network, its moving average and its optimizer, on the device.

    parent: whose weights to begin with instead of random ones.
    """
    torch.manual_seed(config.seed)
    model = models.build(config.architecture)
    if parent is not None:
        model.load_weights(parent.model.state_dict())
    model = model.to_device(device)
    set_threads(model.threads, device)
    ema_model = copy.deepcopy(model) if config.recipe.ema_decay else None
    optimizer = optim.make_optimizer(model, config.recipe)
    return TrainState(model, optimizer, config.seed, ema_model)


def restore(path: Path, stored: dict[str, Any], device: torch.device) -> Training:
    """Undo `RunDir.save`. path: that of state.pt, for errors. stored: what it holds.

    Raises ModelError if a value is missing, unknown, of another type or doesn't fit the others, and
    DigitsError if it is a user's own network, which must be named again.
    """
    try:
        config = config_from_dict(stored["config"])
        state = create_state(config, device)
        state.load_state_dict(stored["training"])
        kind: Any = EpochMetrics if isinstance(config.recipe, Recipe) else DetectionMetrics
        history = [from_dict(kind, epoch) for epoch in stored["history"]]
        if state.epoch != len(history) or state.epoch > config.recipe.epochs:
            raise ValueError("wrong number of epochs")
        parent = models.build(config.architecture).eval() if config.recipe.own else None
        if parent:
            parent.load_weights(stored["parent"])
        return Training(config, state, parent, history, stored["machines"])
    except torch.cuda.OutOfMemoryError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or of another version of digits: {error}") from error


def resolve_precision(config: TrainConfig, device: torch.device) -> Precision:
    """The config's, or for auto the faster one for this network and device."""
    if config.precision != "auto":
        return config.precision
    gains = models.ARCHITECTURES[config.architecture].mixed_precision
    return "bfloat16" if gains and has_bfloat16(device) else "float32"
