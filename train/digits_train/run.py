"""The run folder: what one training leaves behind."""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.errors import DigitsError, ModelError
from digits.files import locked_folder, remove, temporary_path, write_text
from digits_train.metrics import Metrics

RUNS = Path("runs")
FILES = {
    "checkpoint.safetensors",
    "state.pt",
    "parent.safetensors",  # where there is one
    "run.json",
    "metrics.csv",
    "curves.png",
    "confusion.png",
    "mistakes.png",
}


@dataclass(frozen=True)
class RunDir:
    """A run folder and the names of the files in it."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def state(self) -> Path:
        """All that `--resume` needs."""
        return self.folder / "state.pt"

    @property
    def parent(self) -> Path:
        """The network that is fine-tuned, if any."""
        return self.folder / "parent.safetensors"

    @property
    def summary(self) -> Path:
        return self.folder / "run.json"

    @property
    def has_export(self) -> bool:
        """Whether `digits export` has written models into the folder."""
        return any(self.folder.glob("*.onnx"))

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

    def delete(self) -> None:
        """Delete the folder if nothing has been trained in it."""
        with suppress(OSError):
            for path in (self.parent, self.state):
                path.unlink(missing_ok=True)
            self.folder.rmdir()  # fails if anything else is in it

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_text(self.summary, json.dumps(summary, indent=2) + "\n")

    def write_metrics(self, epochs: Sequence[Metrics]) -> None:
        """Write metrics.csv: a row per epoch, with the metrics' fields as columns."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(field.name for field in dataclasses.fields(epochs[0]))
        table.writerows(dataclasses.astuple(epoch) for epoch in epochs)
        write_text(self.folder / "metrics.csv", text.getvalue())


def find_run(path: Path) -> RunDir:
    """The run in a folder, or the run that a checkpoint or state.pt belongs to.

    Raises ModelError for any other file.
    """
    run = RunDir(path.parent)
    if path in (run.checkpoint, run.state):
        return run
    if os.path.isfile(path):  # False for an impossible name, too
        raise ModelError(
            f"{path} is neither a run folder nor its {run.checkpoint.name} or {run.state.name}"
        )
    return RunDir(path)


def checkpoint_at(path: Path) -> Path:
    """The checkpoint of the run in a folder, or beside its state.pt; any other path unchanged."""
    if os.path.isdir(path) or path == RunDir(path.parent).state:
        return find_run(path).checkpoint
    return path


@contextmanager
def create_run(architecture: str, folder: Path | None = None) -> Iterator[RunDir]:
    """Make and lock runs/ARCHITECTURE, or runs/ARCHITECTURE-2 and so on if that is taken.

    With `folder`, make that one; it may exist and hold only leftovers of a killed run. Raises
    DigitsError if it holds more, can't be made, or another process trains there.
    """
    with ExitStack() as lock:
        try:
            run = RunDir(folder or _numbered(architecture))
            run.folder.mkdir(parents=True, exist_ok=True)
            lock.enter_context(run.lock())
            for first in (run.state, run.parent):
                remove(temporary_path(first))
            if not run.state.exists():  # a killed run can't go on with its parent alone
                run.parent.unlink(missing_ok=True)
            if any(run.folder.iterdir()):
                raise DigitsError(f"{run.folder} is not empty; runs are never overwritten")
        except OSError as error:
            raise DigitsError(f"can't make {error.filename}: {error.strerror}") from error
        yield run


def _numbered(architecture: str) -> Path:
    """Make a folder that no other process has made."""
    RUNS.mkdir(exist_ok=True)
    number = 1
    while True:
        folder = RUNS / (architecture if number == 1 else f"{architecture}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def latest_run() -> RunDir:
    """The run under runs/ whose checkpoint was written last. Raises ModelError if there is none."""
    checkpoints = sorted(
        RUNS.glob("*/checkpoint.safetensors"), key=lambda path: path.stat().st_mtime
    )
    if not checkpoints:
        raise ModelError(f"no finished epoch under {RUNS}/: run `digits train` first")
    return RunDir(checkpoints[-1].parent)
