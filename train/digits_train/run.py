"""The run folder: what one training writes down, and what others find in it."""

import csv
import dataclasses
import io
import json
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

import digits
from digits.errors import DigitsError, ModelError
from digits.files import locked_folder, remove, temporary_path, write_text
from digits_train import checkpoint
from digits_train.checkpoint import Provenance, TrainState
from digits_train.config import TrainConfig, to_dict
from digits_train.distributed import DistributedContext
from digits_train.metrics import Metrics
from digits_train.models import AnyNetwork

RUNS = Path("runs")
FILES = {
    *("checkpoint.safetensors", "state.pt", "run.json", "metrics.csv"),
    *("curves.png", "confusion.png", "mistakes.png"),
}


@dataclass
class Training:
    """A training so far.

    parent: the network that is fine-tuned, as it was. history: the finished epochs. machines: what
    they were trained with.
    """

    config: TrainConfig
    state: TrainState
    parent: AnyNetwork | None = None
    history: list[Metrics] = field(default_factory=list)
    machines: list[dict[str, Any]] = field(default_factory=list)

    def record_machine(self, dist: DistributedContext) -> None:
        """Note what the epochs from the next one on are trained with."""
        device = dist.device.type
        machine = {
            "first_epoch": len(self.history) + 1,
            "device": torch.cuda.get_device_name(dist.device) if device == "cuda" else device,
            "processes": dist.world_size,
            "threads": torch.get_num_threads(),  # per process
            "digits": digits.__version__,
            "torch": str(torch.__version__),  # a subclass of str, which state.pt can't hold
            "python": platform.python_version(),
        }
        self.machines.append(machine)

    def summary(self) -> dict[str, Any]:
        """What run.json says before the end of the run."""
        parameters = sum(parameter.numel() for parameter in self.state.eval_model.parameters())
        return {**to_dict(self.config), "parameters": parameters, "machines": self.machines}


@dataclass(frozen=True)
class RunDir:
    """A run folder and the files in it."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def state(self) -> Path:
        """All that `--resume` needs."""
        return self.folder / "state.pt"

    @property
    def summary(self) -> Path:
        return self.folder / "run.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from training in this folder, until this process ends at the latest.

        Raises DigitsError if another process trains there.
        """
        with locked_folder(self.folder) as free:
            if not free:
                raise DigitsError(
                    f"another process trains in {self.folder}: wait until it ends, or stop it"
                )
            yield

    def save(self, training: Training, training_digits: int) -> None:
        """Write state.pt, then the files of the last epoch, if any; a kill between them is no loss.

        Raises DigitsError if a file can't be written.
        """
        config, state, history = training.config, training.state, training.history
        stored = {
            "config": to_dict(config),
            "training": state.state_dict(),
            "parent": training.parent and training.parent.state_dict(),
            "history": [asdict(epoch) for epoch in history],
            "machines": training.machines,
        }
        checkpoint.save_state(self.state, stored)
        if not history:
            return
        provenance = Provenance(
            architecture=config.architecture,
            digits_version=digits.__version__,
            recipe=to_dict(config.recipe),
            seed=config.seed,
            epoch=state.epoch,
            data_sha256=config.data_sha256,
            training_digits=training_digits,
            validation_accuracy=history[-1].validation_accuracy,
            init=config.init,
        )
        checkpoint.save(self.checkpoint, state.eval_model, provenance)
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(column.name for column in dataclasses.fields(history[0]))
        rows.writerows(dataclasses.astuple(epoch) for epoch in history)
        write_text(self.folder / "metrics.csv", table.getvalue())
        self.write_summary(training.summary())

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_text(self.summary, json.dumps(summary, indent=2) + "\n")

    def delete(self) -> None:
        """Delete the folder if nothing has been trained in it."""
        with suppress(OSError):
            self.state.unlink(missing_ok=True)
            self.folder.rmdir()  # fails if anything else is in it


def find_run(path: Path) -> RunDir:
    """The run in a folder, or the run that a file such as its checkpoint belongs to."""
    return RunDir(path.parent if path.name in FILES else path)


def checkpoint_at(path: Path) -> Path:
    """The checkpoint of the run in a folder, or beside its state.pt; any other path unchanged."""
    is_run = os.path.isdir(path) or path.name == "state.pt"  # False for an impossible name, too
    return find_run(path).checkpoint if is_run else path


def latest_run() -> RunDir:
    """The run under runs/ whose checkpoint was written last. Raises ModelError if there is none."""
    checkpoints = [*RUNS.glob("*/checkpoint.safetensors")]
    if not checkpoints:
        raise ModelError(f"no finished epoch under {RUNS}/: run `digits train` first")
    return RunDir(max(checkpoints, key=lambda path: path.stat().st_mtime).parent)


@contextmanager
def create_run(architecture: str, folder: Path | None = None) -> Iterator[RunDir]:
    """Make and lock runs/ARCHITECTURE, or runs/ARCHITECTURE-2 and so on if that is taken.

    With `folder`, make that one; it may exist and hold only what a run leaves that is killed in its
    first file. Raises DigitsError if it holds more, can't be made, or another process trains there.
    """
    with ExitStack() as lock:
        try:
            run = RunDir(folder or _numbered(architecture))
            run.folder.mkdir(parents=True, exist_ok=True)
            lock.enter_context(run.lock())
            remove(temporary_path(run.state))
            if any(run.folder.iterdir()):
                raise DigitsError(f"{run.folder} is not empty; runs are never overwritten")
        except OSError as error:
            raise DigitsError(f"can't make {error.filename}: {error.strerror}") from error
        yield run


def _numbered(architecture: str) -> Path:
    """Make a folder that no other process has made."""
    RUNS.mkdir(exist_ok=True)
    folder, number = RUNS / architecture, 1
    while True:
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
        number += 1
        folder = RUNS / f"{architecture}-{number}"
