"""What a run writes down about itself."""

import dataclasses
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import digits
from digits import mnist
from digits.errors import DigitsError
from digits.mnist import Split
from digits_train import checkpoint, report
from digits_train.checkpoint import Provenance
from digits_train.fit import Epoch, Training, measure, predict
from digits_train.models import Network
from digits_train.plan import Plan
from digits_train.run import Run
from digits_train.world import World

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Splits = dict[mnist.SplitName, Split]


def save_state(folder: Run, plan: Plan, training: Training, history: list[Epoch]) -> None:
    """Write state.pt: all that `--resume` needs, so that nothing is lost with the other files."""
    checkpoint.save_state(
        folder.state,
        {
            "plan": dataclasses.asdict(plan),
            "training": training.state(),
            "history": [dataclasses.asdict(epoch) for epoch in history],
        },
    )


def save_checkpoint(
    folder: Run, plan: Plan, training: Training, training_digits: int, epoch: Epoch
) -> None:
    """Write checkpoint.safetensors: the network after this epoch, and where it comes from."""
    checkpoint.save(
        folder.checkpoint,
        training.result,
        Provenance(
            architecture=plan.architecture,
            digits_version=digits.__version__,
            recipe=dataclasses.asdict(plan.recipe),
            seed=plan.seed,
            epoch=training.epoch,
            data_sha256=mnist.SHA256,
            training_digits=training_digits,
            validation_accuracy=epoch.validation_accuracy,
            teacher=plan.teacher,
        ),
    )


def describe(plan: Plan, model: nn.Module, here: World) -> dict[str, Any]:
    """What is known of a run before its end."""
    cuda = here.device.type == "cuda"
    return {
        **dataclasses.asdict(plan),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": torch.cuda.get_device_name(here.device) if cuda else here.device.type,
        "processes": here.size,
        "threads": torch.get_num_threads(),
        "versions": {
            "digits": digits.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "data_sha256": mnist.SHA256,
    }


def conclude(
    folder: Run, plan: Plan, model: Network, here: World, history: list[Epoch], splits: Splits
) -> dict[str, Any]:
    """Evaluate the network on the digits it didn't train on; write run.json and the pictures.

    Returns what is in run.json. Without validation digits the pictures show the test digits.
    """
    logits: dict[mnist.SplitName, Tensor] = {
        name: predict(model, split) for name, split in splits.items() if name != "train"
    }
    summary = describe(plan, model, here) | {
        "epochs": len(history),
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
    }
    for name in logits:
        loss, accuracy = measure(logits[name], splits[name])
        summary |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    folder.write_summary(summary)

    shown: mnist.SplitName = "validation" if "validation" in splits else "test"
    probabilities = logits[shown].softmax(1).numpy()
    title, split = shown.capitalize(), splits[shown]
    report.curves(folder.folder / "curves.png", history)
    report.confusion(folder.folder / "confusion.png", title, split, probabilities.argmax(1))
    report.mistakes(folder.folder / "mistakes.png", title, split, probabilities)
    return summary


class Events:
    """The epochs as events for TensorBoard in a folder; nothing without one."""

    def __init__(self, folder: Path | None) -> None:
        self._writer = _summary_writer()(str(folder)) if folder else None

    @staticmethod
    def check() -> None:
        """Raises DigitsError when tensorboard isn't installed."""
        _summary_writer()

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer:
            self._writer.close()

    def add(self, epoch: Epoch) -> None:
        if self._writer:
            for name, value in dataclasses.asdict(epoch).items():
                if value is not None and name != "number":
                    self._writer.add_scalar(name.replace("_", "/", 1), value, epoch.number)
            self._writer.flush()


def _summary_writer() -> type["SummaryWriter"]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DigitsError("--tensorboard needs tensorboard: pip install tensorboard") from error
    return SummaryWriter
