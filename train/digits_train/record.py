"""What a run writes down about itself."""

import dataclasses
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import digits
from digits.data.evaluate import Batch, Evaluation
from digits.data.mnist import Split, SplitName, Splits
from digits.errors import DigitsError
from digits_train import checkpoint, report
from digits_train.checkpoint import Provenance
from digits_train.fit import Epoch, Training, measure, predict
from digits_train.models import Network
from digits_train.models.network import probabilities
from digits_train.plan import Plan
from digits_train.run import Run
from digits_train.world import World

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Machine:
    """What the epochs from one on were trained with."""

    first_epoch: int
    device: str
    processes: int
    threads: int  # of one process
    compiled: bool
    digits: str  # version, as the next two
    torch: str
    python: str


def machine(first_epoch: int, here: World, compiled: bool) -> Machine:
    """This one, in this process."""
    cuda = here.device.type == "cuda"
    return Machine(
        first_epoch,
        torch.cuda.get_device_name(here.device) if cuda else here.device.type,
        here.size,
        torch.get_num_threads(),
        compiled,
        digits.__version__,
        str(torch.__version__),  # a subclass, which state.pt may not hold
        platform.python_version(),
    )


def save_state(
    folder: Run, plan: Plan, training: Training, history: list[Epoch], machines: list[Machine]
) -> None:
    """Write state.pt: all that `--resume` needs, so that nothing is lost with the other files."""
    checkpoint.save_state(
        folder.state,
        {
            "plan": dataclasses.asdict(plan),
            "training": training.state(),
            "history": [dataclasses.asdict(epoch) for epoch in history],
            "machines": [dataclasses.asdict(machine) for machine in machines],
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
            data_sha256=plan.data_sha256,
            training_digits=training_digits,
            validation_accuracy=epoch.validation_accuracy,
            teacher=plan.teacher,
        ),
    )


def describe(plan: Plan, model: nn.Module, machines: list[Machine]) -> dict[str, Any]:
    """What is known of a run before its end."""
    return {
        **dataclasses.asdict(plan),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "machines": [dataclasses.asdict(machine) for machine in machines],
    }


def conclude(
    folder: Run,
    plan: Plan,
    model: Network,
    machines: list[Machine],
    history: list[Epoch],
    splits: Splits,
) -> tuple[dict[str, Any], Evaluation]:
    """Evaluate the network on the digits it didn't train on; write run.json and the pictures.

    Returns what is in run.json, and how the validation digits are read: they are in the pictures.
    Without validation digits these are the test digits.
    """
    logits: dict[SplitName, Tensor] = {
        name: predict(model, split) for name, split in splits.items() if name != "train"
    }
    summary = describe(plan, model, machines) | {
        "epochs": len(history),
        "seconds": round(sum(epoch.seconds for epoch in history), 1),
    }
    for name in logits:
        loss, accuracy = measure(logits[name], splits[name])
        summary |= {f"{name}_loss": loss, f"{name}_accuracy": accuracy}
    folder.write_summary(summary)

    shown: SplitName = "validation" if "validation" in splits else "test"
    result = evaluate(logits[shown], splits[shown], shown)
    report.curves(folder.folder / "curves.png", history)
    report.confusion(folder.folder / "confusion.png", f"{shown} digits", result)
    report.mistakes(folder.folder / "mistakes.png", f"{shown} digits", result)
    return summary, result


def evaluate(logits: Tensor, split: Split, name: str = "digit") -> Evaluation:
    """Count how the digits of a split, which are called `name`, are read. logits: [n, 10]."""
    result = Evaluation()
    result.add(Batch.of(split, name), probabilities(logits).numpy())
    return result


class Events:
    """The epochs as events for TensorBoard in a folder; nothing without one.

    Of a resumed run the finished epochs are written again: a kill may have cost some of them.
    """

    def __init__(self, folder: Path | None, history: list[Epoch]) -> None:
        # TensorBoard forgets what other files say of the steps from purge_step on.
        self._writer = _summary_writer()(str(folder), purge_step=1) if folder else None
        for epoch in history:
            self.add(epoch)

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
