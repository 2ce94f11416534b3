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
from digits.files import locked_folder, sweep, write_bytes, write_text
from digits_train.fit import Epoch

RUNS = Path("runs")
FILES = {
    "checkpoint.safetensors",
    "state.pt",
    "teacher.safetensors",  # where there is one
    "run.json",
    "metrics.csv",
    "curves.png",
    "confusion.png",
    "mistakes.png",
}


@dataclass(frozen=True)
class Run:
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
    def teacher(self) -> Path:
        """The checkpoint that this run's network learns from, if it has a teacher."""
        return self.folder / "teacher.safetensors"

    @property
    def exported(self) -> bool:
        """Whether `digits export` has written models into the folder."""
        return any(self.folder.glob("*.onnx"))

    def sweep(self) -> None:
        """Delete what `files.replacing` had begun to write when the process was killed."""
        for name in FILES:
            sweep(self.folder / name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder; the end of this one gives it back.

        Raises DigitsError when another one trains there.
        """
        with locked_folder(self.folder) as free:
            if not free:
                raise DigitsError(
                    f"another process trains in {self.folder}: wait until it has ended, or stop it"
                )
            yield

    def keep_teacher(self, checkpoint: Path) -> None:
        write_bytes(self.teacher, checkpoint.read_bytes())

    def discard(self) -> None:
        """Leave the name free again when nothing has been trained."""
        with suppress(OSError):
            for path in (self.teacher, self.state):
                path.unlink(missing_ok=True)
            self.folder.rmdir()  # which refuses if anything else is in it

    @property
    def summary(self) -> Path:
        return self.folder / "run.json"

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_text(self.summary, json.dumps(summary, indent=2) + "\n")

    def write_metrics(self, epochs: Sequence[Epoch]) -> None:
        """Write metrics.csv: a line an epoch, its columns the fields of Epoch."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(field.name for field in dataclasses.fields(Epoch))
        table.writerows(dataclasses.astuple(epoch) for epoch in epochs)
        write_text(self.folder / "metrics.csv", text.getvalue())


def find(path: Path) -> Run:
    """The run in a folder, or the one whose checkpoint or state.pt this is.

    Raises ModelError for another file.
    """
    run = Run(path.parent)
    if path in (run.checkpoint, run.state):
        return run
    if os.path.isfile(path):  # False, too, for a name that no file can have
        raise ModelError(
            f"{path} is no run folder, nor the {run.checkpoint.name} or {run.state.name} in one"
        )
    return Run(path)


def checkpoint_at(path: Path) -> Path:
    """The checkpoint of the run in a folder, or beside its state.pt; any other file itself."""
    if os.path.isdir(path) or path == Run(path.parent).state:
        return find(path).checkpoint
    return path


@contextmanager
def create(architecture: str, folder: Path | None = None) -> Iterator[Run]:
    """Make and hold runs/ARCHITECTURE, or runs/ARCHITECTURE-2 and so on when that is taken.

    With `folder`, make just that one; an empty one will do, and so will one in which a kill hit the
    first file. Raises DigitsError when it holds something, can't be made, or another process
    trains there.
    """
    with ExitStack() as stack:
        try:
            run = Run(folder or _numbered(architecture))
            run.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(run.held())
            for first in (run.state, run.teacher):
                sweep(first)
            if any(run.folder.iterdir()):
                raise DigitsError(f"{run.folder} is not empty; a run never overwrites another")
        except OSError as error:
            raise DigitsError(f"can't make {error.filename}: {error.strerror}") from error
        yield run


def _numbered(architecture: str) -> Path:
    """A folder that only this process has made."""
    RUNS.mkdir(exist_ok=True)
    number = 1
    while True:
        candidate = RUNS / (architecture if number == 1 else f"{architecture}-{number}")
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            number += 1


def newest() -> Run:
    """The run under runs/ whose checkpoint was written last. Raises ModelError if there is none."""
    checkpoints = RUNS.glob("*/checkpoint.safetensors")
    found = max(checkpoints, key=lambda path: path.stat().st_mtime, default=None)
    if found is None:
        raise ModelError(f"there is no finished epoch under {RUNS}/: run `digits train` first")
    return Run(found.parent)
