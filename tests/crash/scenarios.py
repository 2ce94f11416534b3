"""Commands that tests interrupt, and what must hold then."""

import csv
import json
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from tests.conftest import PICTURES
from tests.crash.invariants import assert_intact, stale_temps
from tests.crash.running import Command, Driver
from tests.train.short import FILES

Faults = dict[str, Any] | None


class Scenario(ABC):
    """A command, run in a folder. scratch: a folder that stays."""

    name: str

    def __init__(self, driver: Driver, scratch: Path) -> None:
        self.driver, self.scratch = driver, scratch

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make the folder as before the command; what an interruption left behind may stay."""

    @abstractmethod
    def start(self, folder: Path, faults: Faults = None) -> Command:
        """Start the command, or continue it."""

    @abstractmethod
    def check_interrupted(self, folder: Path) -> None:
        """Check what an interruption left."""

    @abstractmethod
    def check_completed(self, folder: Path) -> None:
        """Check the result."""

    def complete(self, folder: Path) -> None:
        """Run the command, or continue it, and check the result."""
        self.run(folder)
        self.check_completed(folder)

    def run(self, folder: Path, faults: Faults = None) -> None:
        command = self.start(folder, faults)
        assert command.wait() == 0, command.err


class Train(Scenario):
    """`digits train` resumes to the result of an uninterrupted run."""

    name = "train"

    def __init__(self, driver: Driver, scratch: Path) -> None:
        super().__init__(driver, scratch)
        self.run(scratch)
        self._expected = self._result(scratch)

    def prepare(self, folder: Path) -> None:
        shutil.rmtree(folder / "run", ignore_errors=True)

    def start(self, folder: Path, faults: Faults = None) -> Command:
        short = ("--recipe", "classic", "--epochs", 2, "--out", "run")
        has_state = (folder / "run" / "state.pt").exists()
        arguments = ("--resume", "run") if has_state else short
        return self.driver.start(folder, "train", *arguments, faults=faults)

    def check_interrupted(self, folder: Path) -> None:
        run = folder / "run"
        assert_intact(run)
        assert len(stale_temps(run)) <= 1

    def check_completed(self, folder: Path) -> None:
        assert self._result(folder) == self._expected

    def _result(self, folder: Path) -> dict[str, object]:
        """Everything that must not depend on interruptions."""
        run = folder / "run"
        assert {path.name for path in run.iterdir()} == FILES
        assert_intact(run)
        timed = ("seconds", "images_per_second", "machines")
        summary = json.loads((run / "run.json").read_text())
        with (run / "metrics.csv").open() as file:
            rows = [
                {k: v for k, v in row.items() if k not in timed} for row in csv.DictReader(file)
            ]
        names = ("checkpoint.safetensors", "confusion.png", "mistakes.png")
        return {
            "summary": {key: value for key, value in summary.items() if key not in timed},
            "metrics": rows,
            **{name: (run / name).read_bytes() for name in names},
        }


class Export(Scenario):
    """`digits export --quantize` leaves each file either old or new."""

    name = "export"

    def __init__(self, driver: Driver, scratch: Path) -> None:
        super().__init__(driver, scratch)
        for epochs in (1, 2):
            arguments = ("--recipe", "classic", "--epochs", epochs, "--out", f"{epochs}")
            command = driver.start(scratch, "train", *arguments)
            assert command.wait() == 0, command.err
        (scratch / "1").rename(scratch / "run")
        self.run(scratch)
        (scratch / "2" / "checkpoint.safetensors").rename(scratch / "run/checkpoint.safetensors")
        self._before = self._files(scratch)  # the exported files are those of another network
        self.run(scratch)
        self._after = self._files(scratch)
        changed = {name for name in self._before if self._after[name] != self._before[name]}
        assert changed == {"lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"}

    def prepare(self, folder: Path) -> None:
        (folder / "run").mkdir(exist_ok=True)
        for name, content in self._before.items():
            (folder / "run" / name).write_bytes(content)

    def start(self, folder: Path, faults: Faults = None) -> Command:
        arguments = ("export", "run", "--quantize", "--force")
        return self.driver.start(folder, *arguments, faults=faults)

    def check_interrupted(self, folder: Path) -> None:
        run = folder / "run"
        assert_intact(run)
        files, unfinished = self._files(folder), stale_temps(run)
        assert files.keys() - unfinished == self._before.keys()
        assert all(files[name] in (self._before[name], self._after[name]) for name in self._before)

    def check_completed(self, folder: Path) -> None:
        assert self._files(folder) == self._after

    def _files(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (folder / "run").iterdir()}


class Output(Scenario):
    """`digits predict -o FILE` and `read -o FILE` have each picture exactly once in the end."""

    COUNT = 40

    def __init__(
        self, driver: Driver, scratch: Path, command: str, form: str, jobs: int = 1
    ) -> None:
        super().__init__(driver, scratch)
        self.name, self._form, self._jobs = command, form, jobs
        (scratch / "pictures").mkdir()
        for number in range(self.COUNT):
            picture = PICTURES / ("0.png", "1.png", "4.png")[number % 3]
            shutil.copy(picture, scratch / "pictures" / f"{number:03}.png")
        self.run(scratch)
        self._expected = self._written(scratch)
        assert self._expected.count(b"\n") == self.COUNT + (form == "csv")

    def prepare(self, folder: Path) -> None:
        (folder / f"results.{self._form}").unlink(missing_ok=True)

    def start(self, folder: Path, faults: Faults = None) -> Command:
        results = folder / f"results.{self._form}"
        arguments = (self.name, "pictures", "--jobs", self._jobs, "-o", results)
        return self.driver.start(self.scratch, *arguments, faults=faults)

    def check_interrupted(self, folder: Path) -> None:
        written = self._written(folder)
        assert self._expected.startswith(written)

    def check_completed(self, folder: Path) -> None:
        assert self._written(folder) == self._expected

    def _written(self, folder: Path) -> bytes:
        results = folder / f"results.{self._form}"
        return results.read_bytes() if results.exists() else b""
