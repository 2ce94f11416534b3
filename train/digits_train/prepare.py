"""What a training needs before its first epoch: data, network, device, and whether they fit."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from digits.data import datasets, mnist
from digits.data.datasets import Dataset
from digits.errors import DigitsError
from digits.terminal import print_stderr
from digits.text import escape_control
from digits_train import checkpoint, diagnose, models, optim
from digits_train.checkpoint import Checkpoint, TrainState
from digits_train.config import Precision, ReaderRecipe, Recipe, TrainConfig, from_dict
from digits_train.distributed import DistributedContext, has_bfloat16, set_threads, to_device
from digits_train.metrics import DetectionMetrics, EpochMetrics, Metrics
from digits_train.models import AnyNetwork, Network
from digits_train.run import checkpoint_at
from digits_train.tasks.classification import Classification
from digits_train.tasks.task import Task


def load_data(data: Path | None, all_data: bool, dist: DistributedContext) -> Dataset:
    """Load the splits to train on, to validate on (not with all_data) and to test on.

    One process after the other, because the first may have to download them.
    """

    def on_error(error: DigitsError) -> None:
        if dist.is_main:
            print_stderr(f"warning: {escape_control(str(error))}; skipped")

    if not dist.is_main:
        dist.barrier()
    loaded = datasets.load(data, on_error)
    if dist.is_main:
        dist.barrier()
    if all_data:
        both = mnist.concat(loaded.splits["train"], loaded.splits["validation"])
        loaded = replace(loaded, splits={"train": both, "test": loaded.splits["test"]})
    for warning in diagnose.data_warnings(loaded.splits) if dist.is_main else ():
        print_stderr(f"warning: {warning}")
    return loaded


def load_init(config: TrainConfig, path: Path | None) -> Checkpoint | None:
    """The checkpoint, or that of the run folder, whose weights a training starts from, if any.

    Raises DigitsError if it can't be used, or is another network's.
    """
    if path is None:
        return None
    path = checkpoint_at(path)
    loaded = checkpoint.load(path)
    found = loaded.provenance.architecture
    if found != config.architecture:
        raise DigitsError(
            f"{path} is a {found}: a {config.architecture} can only start from the weights of"
            f" another {config.architecture}"
        )
    return loaded


def create_state(
    config: TrainConfig, device: torch.device, init: Checkpoint | None = None
) -> TrainState:
    """Make a new network, its moving average and its optimizer, on the device.

    init: whose weights to begin with instead of random ones.
    """
    torch.manual_seed(config.seed)
    model = models.build(config.architecture)
    if init is not None:
        model.load_weights(init.model.state_dict())
    model = to_device(model, device)
    set_threads(model.threads, device)
    ema_model = copy.deepcopy(model) if config.recipe.ema_decay else None
    optimizer = optim.make_optimizer(model, config.recipe)
    return TrainState(model, optimizer, config.seed, ema_model)


def make_task(config: TrainConfig, data: Dataset, teacher: AnyNetwork | None) -> Task:
    """What the network is to learn. Raises DigitsError if it can't be taught so."""
    splits, recipe = data.splits, config.recipe
    if isinstance(recipe, Recipe):
        if teacher is not None and not isinstance(teacher, Network):
            raise DigitsError("a reader can't teach a network that classifies digits")
        return Classification(
            recipe, splits["train"], splits.get("validation"), splits["test"], config.seed, teacher
        )
    if config.all_data:
        raise DigitsError("a reader's validation pages need digits to validate on")
    if "pictures" in data.sha256:
        raise DigitsError("the reader's pages are written with MNIST's digits, not with pictures")
    from digits_train.tasks.detection import Detection  # imports matplotlib, for its fonts

    return Detection(recipe, splits["train"], splits["validation"], config.seed)


def resolve_precision(config: TrainConfig, device: torch.device) -> Precision:
    """The config's, or for auto the faster one for this network and device."""
    if config.precision != "auto":
        return config.precision
    gains = models.ARCHITECTURES[config.architecture].mixed_precision
    return "bfloat16" if gains and has_bfloat16(device) else "float32"


def check_batch(
    config: TrainConfig, model: AnyNetwork, examples: int, dist: DistributedContext
) -> None:
    """Raise DigitsError if a process's share of a batch is too small to learn from."""
    batch = examples // config.recipe.steps(examples)
    # Batch norm can't measure the variance of one digit. A crop of a page has enough pixels.
    normalised = isinstance(model, Network) and any(
        isinstance(layer, nn.BatchNorm2d) for layer in model
    )
    needed = 2 if normalised else 1
    if batch // dist.world_size < needed:
        raise DigitsError(f"batch size {batch} is too small: each process needs at least {needed}")


def check_teacher(recipe: Recipe | ReaderRecipe) -> None:
    """Raise DigitsError if no epoch does without augmentation: a teacher only teaches in those."""
    if isinstance(recipe, ReaderRecipe):
        raise DigitsError("a reader learns from pages whose symbols are known: it has no teacher")
    if recipe.augmentation_in(recipe.epochs - 1) is not None:
        raise DigitsError(
            "--teacher needs epochs without augmentation, and there are none: raise --epochs or"
            " the recipe's no_aug_fraction"
        )


def read_history(config: TrainConfig, epochs: list[dict[str, Any]]) -> list[Metrics]:
    """The finished epochs, as `dataclasses.asdict` gave them.

    Raises TypeError if a value is missing, unknown or of another type, and ValueError if they and
    the config contradict each other.
    """
    task = "classification" if isinstance(config.recipe, Recipe) else "detection"
    if models.get_network(config.architecture).task != task:
        raise ValueError("the recipe is another network's")
    kind: type[Metrics] = EpochMetrics if task == "classification" else DetectionMetrics
    history: list[Metrics] = [from_dict(kind, epoch) for epoch in epochs]
    check_history(config, history)
    return history


def check_history(config: TrainConfig, history: Sequence[Metrics]) -> None:
    """Raise ValueError if the config and the finished epochs contradict each other."""
    if [epoch.number for epoch in history] != list(range(1, len(history) + 1)):
        raise ValueError("epochs are not numbered in order")
    if len(history) > config.recipe.epochs:
        raise ValueError("more epochs than configured")
    if config.all_data and config.patience is not None:
        raise ValueError("patience without validation digits")
    if any((epoch.validation_loss is None) != config.all_data for epoch in history):
        raise ValueError("validation metrics contradict all_data")
