"""What a training needs before its first epoch: data, network, device, and whether they fit."""

import copy
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from digits.data import datasets, mnist
from digits.data.datasets import DataSet
from digits.data.mnist import Split
from digits.errors import DigitsError
from digits.terminal import complain, printable, progress_bar
from digits_train import diagnose, examples, models, optimize, world
from digits_train.checkpoint import Checkpoint
from digits_train.fit import Epoch, Resources, Training
from digits_train.models import Network
from digits_train.plan import Options, Plan, Precision
from digits_train.world import World


def load(data: Path | None, all_data: bool, here: World) -> DataSet:
    """The digits to train on, choose by (not with all_data) and report.

    One process after the other, because the first may have to fetch them.
    """

    def report(error: DigitsError) -> None:
        if here.leads:
            complain(f"warning: {printable(str(error))}; it isn't trained on")

    if not here.leads:
        here.barrier()
    loaded = datasets.load(data, report)
    if here.leads:
        here.barrier()
    if all_data:
        both = mnist.join(loaded.splits["train"], loaded.splits["validation"])
        loaded = replace(loaded, splits={"train": both, "test": loaded.splits["test"]})
    for warning in diagnose.digits(loaded.splits) if here.leads else ():
        complain(f"warning: {warning}")
    return loaded


def start(plan: Plan, device: torch.device) -> Training:
    """A new network, its moving average and its optimizer, on the device."""
    torch.manual_seed(plan.seed)
    model = place(models.build(plan.architecture), device)
    if device.type == "cpu" and model.threads and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(model.threads)
    average = copy.deepcopy(model) if plan.recipe.average else None
    return Training(model, optimize.optimizer(model, plan.recipe), plan.seed, average)


def place(model: Network, device: torch.device) -> Network:
    """The network on the device, in the layout in which convolutions are fastest there."""
    if device.type != "mps":  # whose convolutions got this layout's gradients wrong until 2025
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.to(device)


def resources(plan: Plan, options: Options, here: World, taught: Checkpoint | None) -> Resources:
    """What `fit` has at its disposal, but for what has to be drawn.

    The teacher computes in the precision that suits it.
    """
    return Resources(
        here,
        bfloat16=plan.precision == "bfloat16",
        compiled=options.compiled,
        teacher=place(taught.model, here.device) if taught else None,
        teacher_bfloat16=bool(
            taught and taught.model.mixed_precision and world.has_bfloat16(here.device)
        ),
    )


def draw_pools(plan: Plan, using: Resources, train: Split) -> Resources:
    """The same with what the recipe wants beside the training digits."""
    with progress_bar() if using.world.leads else nullcontext() as bar:
        if bar:
            bar.add_task("drawing what is learnt from beside the digits", total=None)
        return replace(using, pools=examples.pools(plan.recipe, train, plan.seed))


def precision(plan: Plan, device: torch.device) -> Precision:
    """The plan's, or what network and device gain most from."""
    if plan.precision != "auto":
        return plan.precision
    gains = models.ARCHITECTURES[plan.architecture].mixed_precision
    return "bfloat16" if gains and world.has_bfloat16(device) else "float32"


def check_batch(plan: Plan, model: Network, digits: int, here: World) -> None:
    """Raise DigitsError where a process has too few digits of a batch to learn from."""
    batch = digits // plan.recipe.steps(digits)
    # Batch norm needs more than one digit to tell how far they spread.
    needed = 2 if any(isinstance(layer, nn.BatchNorm2d) for layer in model) else 1
    if batch // here.size < needed:
        raise DigitsError(
            f"a batch of {batch} is too small: each process needs {needed} digits or more of it"
        )


def check_history(plan: Plan, history: list[Epoch]) -> None:
    """Raise ValueError where plan and finished epochs contradict each other."""
    if [epoch.number for epoch in history] != list(range(1, len(history) + 1)):
        raise ValueError("the epochs aren't numbered one by one")
    if len(history) > plan.recipe.epochs:
        raise ValueError("there are more epochs than planned")
    if plan.all_data and plan.patience is not None:
        raise ValueError("without validation digits there is no patience")
    if any((epoch.validation_loss is None) != plan.all_data for epoch in history):
        raise ValueError("the validation figures make no sense")
