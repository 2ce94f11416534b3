"""What a training needs before its first epoch: data, network, device, and whether they fit."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from digits.data import datasets, mnist
from digits.data.datasets import Dataset, OwnPictures
from digits.data.table import has_pages
from digits.errors import DataError, DigitsError
from digits.terminal import print_stderr
from digits_train import diagnose, models, optim, own_pages
from digits_train.camera import fonts
from digits_train.checkpoint import Checkpoint, TrainState
from digits_train.config import Precision, ReaderRecipe, Recipe, TrainConfig
from digits_train.distributed import DistributedContext, has_bfloat16, set_threads
from digits_train.models import AnyNetwork, Network, Reader
from digits_train.tasks.classification import Classification
from digits_train.tasks.detection import Detection
from digits_train.tasks.task import Task


def load_data(
    config: TrainConfig, data: Path | None, parent: Checkpoint | None, dist: DistributedContext
) -> Dataset:
    """Load the splits to train on, to validate on and to test on.

    To fine-tune `parent`, those are MNIST's, and `data` has one's own pictures or pages. The main
    process loads them, which may have to download them, for all. Raises DigitsError if something is
    missing.
    """
    if config.recipe.own:
        loaded = dist.run_on_main(lambda: _load_own(config, data, parent))
    else:
        loaded = dist.run_on_main(lambda: datasets.load(data, datasets.skip))
    for warning in diagnose.data_warnings(loaded.splits) if dist.is_main else ():
        print_stderr(f"warning: {warning}")
    return loaded


def _load_own(config: TrainConfig, data: Path | None, parent: Checkpoint | None) -> Dataset:
    recipe = f"the recipe {config.recipe.name}"
    if parent is None:
        raise DigitsError(f"{recipe} needs --start: what to fine-tune")
    if data is None:
        raise DataError(f"{recipe} needs --data: your own labelled pictures")
    own: OwnPictures | own_pages.OwnPages
    if isinstance(parent.model, Reader):
        own = own_pages.load_own_pages(data, own_pages.network_maps(parent.model), datasets.skip)
    elif has_pages(data):
        raise DataError(f"{data} has numbers: a reader learns from them (--network reader)")
    else:
        own = datasets.load_own(data, datasets.skip)
        if not len(own.train):
            count = len(own.held_back)
            raise DataError(f"{data}: all {count} pictures are held back; label more, or groups")
    checksums = mnist.SHA256 | {datasets.OWN: own.sha256}
    return Dataset(mnist.load_all(None), checksums, own)


def fetch_fonts(recipe: Recipe | ReaderRecipe, dist: DistributedContext) -> None:
    """Download the fonts that the recipe draws pictures with. Raises DataError."""
    if isinstance(recipe, ReaderRecipe) or recipe.generates:
        dist.run_on_main(lambda: [fonts.hands(), fonts.printed()])


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


def make_task(config: TrainConfig, data: Dataset, parent: Checkpoint | None) -> Task:
    """What the network is to learn. Raises DigitsError if it can't be taught so."""
    splits, recipe = data.splits, config.recipe
    before: Any = parent.model if parent and recipe.own else None
    if isinstance(recipe, Recipe):
        return Classification(
            *(recipe, splits["train"], splits["validation"], splits["test"], config.seed),
            *(data.own, before),
        )
    if "pictures" in data.sha256:
        raise DigitsError("the reader's pages are written with MNIST's digits, not with pictures")
    return Detection(recipe, splits["train"], splits["validation"], config.seed, data.own, before)


def resolve_precision(config: TrainConfig, device: torch.device) -> Precision:
    """The config's, or for auto the faster one for this network and device."""
    if config.precision != "auto":
        return config.precision
    gains = models.ARCHITECTURES[config.architecture].mixed_precision
    return "bfloat16" if gains and has_bfloat16(device) else "float32"


def check_batch(task: Task, model: AnyNetwork, dist: DistributedContext) -> None:
    """Raise DigitsError if a process's share of a batch is too small to learn from."""
    batch = task.examples // task.steps
    # Batch norm can't measure the variance of one digit. A crop of a page has enough pixels.
    normalised = isinstance(model, Network) and any(
        isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in model.modules()
    )
    needed = 2 if normalised else 1
    if batch // dist.world_size < needed:
        raise DigitsError(f"batch size {batch} is too small: each process needs at least {needed}")
