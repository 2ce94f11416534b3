"""The run folder: what one training leaves behind."""

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digits.errors import DigitsError, ModelError
from digits.files import sweep, write_bytes, write_text
from digits_train.fit import Epoch

RUNS = Path("runs")


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
        for path in self.folder.glob(".*-????????.*"):
            path.unlink(missing_ok=True)

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


def create(architecture: str, folder: Path | None = None) -> Run:
    """Make runs/ARCHITECTURE, or runs/ARCHITECTURE-2 and so on when that is taken.

    With `folder`, make just that one; an empty one will do, and so will one in which a kill hit the
    first file. Raises DigitsError when it holds something, or can't be made.
    """
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for first in (Run(folder).state, Run(folder).teacher):
                sweep(first)
            if any(folder.iterdir()):
                raise DigitsError(f"{folder} is not empty; a run never overwrites another")
            return Run(folder)
        RUNS.mkdir(exist_ok=True)
        number = 1
        while True:
            candidate = RUNS / (architecture if number == 1 else f"{architecture}-{number}")
            try:
                candidate.mkdir()
                return Run(candidate)
            except FileExistsError:
                number += 1
    except OSError as error:
        raise DigitsError(f"can't make {error.filename}: {error.strerror}") from error


def newest() -> Run:
    """The run under runs/ whose checkpoint was written last. Raises ModelError if there is none."""
    checkpoints = RUNS.glob("*/checkpoint.safetensors")
    found = max(checkpoints, key=lambda path: path.stat().st_mtime, default=None)
    if found is None:
        raise ModelError(f"there is no finished epoch under {RUNS}/: run `digits train` first")
    return Run(found.parent)
