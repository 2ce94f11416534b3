"""What a training needs before its first epoch: data, network, device, and whether they fit."""

import copy
import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from digits.data import datasets, mnist
from digits.data.datasets import Dataset
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits.terminal import print_stderr, progress_bar
from digits.text import escape_control
from digits_train import diagnose, models, optim
from digits_train.checkpoint import TrainState
from digits_train.config import Precision, Recipe, RuntimeOptions, TrainConfig
from digits_train.distill import ask
from digits_train.distributed import DistributedContext, has_bfloat16
from digits_train.examples import Examples, generate_pools
from digits_train.fit import TrainContext
from digits_train.metrics import EpochMetrics
from digits_train.models import Network

_DEFAULT_THREADS = torch.get_num_threads()  # before a network has set its own


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


def create_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Make a new network, its moving average and its optimizer, on the device."""
    torch.manual_seed(config.seed)
    model = to_device(models.build(config.architecture), device)
    _set_threads(model, device)
    ema_model = copy.deepcopy(model) if config.recipe.ema_decay else None
    optimizer = optim.make_optimizer(model, config.recipe)
    return TrainState(model, optimizer, config.seed, ema_model)


def _set_threads(model: Network, device: torch.device) -> None:
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(model.threads or _DEFAULT_THREADS)


def to_device(model: Network, device: torch.device) -> Network:
    """Move the network to the device, in the memory layout whose convolutions are fastest there."""
    if device.type != "mps":  # its convolutions got this layout's gradients wrong until 2025
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.to(device)


def make_context(
    config: TrainConfig,
    options: RuntimeOptions,
    dist: DistributedContext,
    train: Split,
    teacher: Network | None,
) -> TrainContext:
    """Generate what the recipe adds to the digits, and ask the teacher about all of them."""
    with progress_bar() as bar:
        bar.disable |= not dist.is_main
        bar.add_task("generating extra training pictures", total=None)
        pools = generate_pools(config.recipe, train, config.seed)
    ctx = TrainContext(dist, config.precision == "bfloat16", options.compiled, pools)
    if teacher is None:
        return ctx
    threads = torch.get_num_threads()
    _set_threads(teacher, dist.device)
    images = Examples.of(train, pools, dist.device).images
    logits = ask(to_device(teacher, dist.device), images, dist)
    torch.set_num_threads(threads)
    return replace(ctx, teacher_logits=logits)


def resolve_precision(config: TrainConfig, device: torch.device) -> Precision:
    """The config's, or for auto the faster one for this network and device."""
    if config.precision != "auto":
        return config.precision
    gains = models.ARCHITECTURES[config.architecture].mixed_precision
    return "bfloat16" if gains and has_bfloat16(device) else "float32"


def check_batch(config: TrainConfig, model: Network, digits: int, dist: DistributedContext) -> None:
    """Raise DigitsError if a process's share of a batch is too small to learn from."""
    batch = digits // config.recipe.steps(digits)
    # Batch norm can't measure the variance of one digit.
    needed = 2 if any(isinstance(layer, nn.BatchNorm2d) for layer in model) else 1
    if batch // dist.world_size < needed:
        raise DigitsError(f"batch size {batch} is too small: each process needs at least {needed}")


def check_teacher(recipe: Recipe) -> None:
    """Raise DigitsError if all epochs are augmented: a teacher only teaches in the others."""
    if recipe.augmentation_in(recipe.epochs - 1) is not None:
        raise DigitsError(
            "--teacher needs epochs without augmentation, and there are none: raise --epochs or"
            " the recipe's no_aug_fraction"
        )


def check_history(config: TrainConfig, history: list[EpochMetrics]) -> None:
    """Raise ValueError if the config and the finished epochs contradict each other."""
    if [epoch.number for epoch in history] != list(range(1, len(history) + 1)):
        raise ValueError("epochs are not numbered in order")
    if len(history) > config.recipe.epochs:
        raise ValueError("more epochs than configured")
    if config.all_data and config.patience is not None:
        raise ValueError("patience without validation digits")
    if any((epoch.validation_loss is None) != config.all_data for epoch in history):
        raise ValueError("validation metrics contradict all_data")
