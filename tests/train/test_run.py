import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError
from digits_train import run
from digits_train.metrics import DetectionMetrics, EpochMetrics, Metrics
from digits_train.run import RunDir

pytestmark = pytest.mark.usefixtures("empty_folder")


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    names = [str(create()) for _ in range(3)]
    assert names == ["runs/lenet5", "runs/lenet5-2", "runs/lenet5-3"]
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(lambda _: create(), range(40)))
    assert len(set(folders)) == 40


def test_create_run_in_given_folder() -> None:
    mine = create(Path("deep/mine"))
    # What a run leaves that is killed in its first file.
    for name in (".state.pt.tmp", ".parent.safetensors.tmp"):
        (mine / name).write_bytes(b"half")
    assert not list(create(mine).iterdir())
    for name in (".notes.txt.tmp", "checkpoint.safetensors"):
        (mine / name).write_text("")
        with pytest.raises(DigitsError, match="deep/mine is not empty"):
            create(mine)
        (mine / name).unlink()
    Path("file").write_text("")
    with pytest.raises(DigitsError, match="can't make"):
        create(Path("file/below"))


@pytest.mark.unix
def test_create_run_in_locked_folder() -> None:
    with run.create_run("lenet5", Path("mine")) as mine:
        with pytest.raises(DigitsError, match="another process trains in mine: wait"):
            create(Path("mine"))
        assert not list(mine.folder.iterdir())
    create(Path("mine"))


def test_latest_run() -> None:
    with pytest.raises(ModelError, match="run `digits train` first"):
        run.latest_run()
    for age, name in ((100, "lenet5-2"), (200, "lenet5"), (0, "unfinished")):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        if age:
            (folder / "checkpoint.safetensors").write_text("")
            os.utime(folder / "checkpoint.safetensors", (10_000 - age, 10_000 - age))
    assert run.latest_run().folder == Path("runs/lenet5-2")


@pytest.mark.parametrize("name", ["", "checkpoint.safetensors", "state.pt"])
def test_find_run(name: str) -> None:
    folder = Path("runs/lenet5")
    assert run.find_run(folder / name).folder == folder
    folder.mkdir(parents=True)
    assert run.checkpoint_at(folder / name) == folder / "checkpoint.safetensors"


def test_find_run_of_other_paths() -> None:
    assert run.find_run(Path("state.pt")).folder == Path()
    name = Path("long" * 100)  # impossible
    assert run.find_run(name).folder == run.checkpoint_at(name) == name
    for file in ("checkpoint.safetensors", "best.safetensors"):
        Path(file).touch()
    with pytest.raises(ModelError, match="best.safetensors is neither a run folder nor its checkp"):
        run.find_run(Path("best.safetensors"))
    assert run.checkpoint_at(Path("best.safetensors")) == Path("best.safetensors")


@pytest.mark.parametrize(
    ("epoch", "text"),
    [
        (
            EpochMetrics(1, 0.5, 0.9, 0.25, 0.95, 7.5, 1000.0),
            "number,train_loss,train_accuracy,validation_loss,validation_accuracy,"
            "seconds,images_per_second\n"
            "1,0.5,0.9,0.25,0.95,7.5,1000.0\n",
        ),
        (
            DetectionMetrics(1, 2.5, 2.25, 0.75, 0.5, 0.125, 0.25, 0.125, 7.5, 50.0),
            "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
            "validation_missed,validation_invented,validation_wrong,seconds,images_per_second\n"
            "1,2.5,2.25,0.75,0.5,0.125,0.25,0.125,7.5,50.0\n",
        ),
    ],
)
def test_metrics_and_summary(tmp_path: Path, epoch: Metrics, text: str) -> None:
    RunDir(tmp_path).write_metrics([epoch])
    assert (tmp_path / "metrics.csv").read_text() == text
    RunDir(tmp_path).write_summary({"seed": 3})
    assert json.loads((tmp_path / "run.json").read_text()) == {"seed": 3}
