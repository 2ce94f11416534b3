"""The run folder: what one training writes down, and what others find in it."""

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import digits
from digits.errors import DigitsError, ModelError
from digits.files import locked, remove, temporary_path, write_text
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.state import TrainState

RUNS = Path("runs")
FILES = {
    *("checkpoint.safetensors", "state.safetensors", "run.json", "metrics.csv"),
    *("curves.png", "confusion.png", "mistakes.png"),
}


class RunDir:
    """A run folder and the files in it. state: all that `--resume` needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "checkpoint.safetensors"
        self.state, self.summary = folder / "state.safetensors", folder / "run.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from training in this folder, until this process ends at the latest.

        Raises DigitsError if another process trains there.
        """
        with locked(self.folder) as free:
            if not free:
                raise DigitsError(
                    f"another process trains in {self.folder}: wait until it ends, or stop it"
                )
            yield

    def save(self, training: TrainState, training_digits: int) -> None:
        """Write the state, then the files of the last validation, if any.

        A kill between them is no loss. training_digits: see `Provenance`. Raises DigitsError if a
        file can't be written.
        """
        history = training.history
        training.save(self.state)
        if not history:
            return
        provenance = Provenance(
            digits_version=digits.__version__,
            experiment=training.experiment,
            progress=round(history[-1]["number"]),
            training_digits=training_digits,
            validation_accuracy=history[-1]["validation_accuracy"],
        )
        checkpoint.save(self.checkpoint, training.eval_model, provenance)
        table = io.StringIO()
        rows = csv.DictWriter(table, history[0], lineterminator="\n")
        rows.writeheader()
        rows.writerows(history)
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
    """The checkpoint of the run in a folder, or beside its state; any other path unchanged."""
    # False for an impossible name, too.
    is_run = os.path.isdir(path) or path.name == "state.safetensors"
    return find_run(path).checkpoint if is_run else path


def latest_run() -> RunDir:
    """The run under runs/ whose checkpoint was written last. Raises ModelError if there is none."""
    written = dict[float, Path]()
    for checkpoint_file in RUNS.glob("*/checkpoint.safetensors"):
        with suppress(FileNotFoundError):  # deleted meanwhile
            written[checkpoint_file.stat().st_mtime] = checkpoint_file.parent
    if not written:
        raise ModelError(f"no checkpoint under {RUNS}/: run `digits train` first")
    return RunDir(written[max(written)])


@contextmanager
def create_run(network: str, folder: Path | None = None) -> Iterator[RunDir]:
    """Make and lock runs/NETWORK, or runs/NETWORK-2 and so on if that is taken.

    With `folder`, make that one; it may exist and hold only what a run leaves that is killed in its
    first file. Raises DigitsError if it holds more, can't be made, or another process trains there.
    """
    with ExitStack() as lock:
        try:
            run = RunDir(folder or _make_numbered(network))
            run.folder.mkdir(parents=True, exist_ok=True)
            lock.enter_context(run.lock())
            remove(temporary_path(run.state))
            if any(run.folder.iterdir()):
                raise DigitsError(f"{run.folder} is not empty; runs are never overwritten")
        except OSError as error:
            raise DigitsError(f"can't make {error.filename}: {error.strerror}") from error
        yield run


def _make_numbered(network: str) -> Path:
    """Make a folder that no other process has made."""
    RUNS.mkdir(exist_ok=True)
    for number in count(1):
        folder = RUNS / (network if number == 1 else f"{network}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def describe(path: Path) -> dict[str, Any]:
    """The properties of a checkpoint, or of that of a run folder; see `checkpoint.describe`."""
    return checkpoint.describe(checkpoint_at(path))
