import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError
from digits.files import atomic_write
from digits_train import run
from digits_train.metrics import DetectionMetrics, EpochMetrics
from digits_train.run import RunDir


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    names = [str(create()) for _ in range(3)]
    assert names == ["runs/lenet5", "runs/lenet5-2", "runs/lenet5-3"]


def test_concurrent_runs_get_separate_folders() -> None:
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(lambda _: create(), range(40)))
    assert len(set(folders)) == 40


def test_create_run_in_given_folder() -> None:
    assert create(Path("deep/mine")).is_dir()
    create(Path("deep/mine"))  # still empty: a run that was killed at its start
    Path("deep/mine/checkpoint.safetensors").write_text("")
    with pytest.raises(DigitsError, match="deep/mine is not empty"):
        create(Path("deep/mine"))
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


def test_create_run_after_kill_in_first_file() -> None:
    Path("mine").mkdir()
    for name in (".state-0123abcd.pt", ".teacher-0123abcd.safetensors"):
        Path("mine", name).write_bytes(b"half")
    assert not list(create(Path("mine")).iterdir())
    Path("mine", ".notes-12345678.txt").write_text("my notes")
    with pytest.raises(DigitsError, match="mine is not empty"):
        create(Path("mine"))


@pytest.mark.unix
def test_remove_stale_temps_leaves_other_files(tmp_path: Path) -> None:
    """Such as those of an export into the folder of an unfinished run, or the user's own."""
    with (
        atomic_write(tmp_path / "run.json") as json,
        atomic_write(tmp_path / "lenet5.onnx") as onnx,
    ):
        notes = tmp_path / ".notes-12345678.txt"
        notes.touch()
        (tmp_path / ".metrics-12345678.csv").touch()
        RunDir(tmp_path).remove_stale_temps()
        assert set(tmp_path.iterdir()) == {json, onnx, notes}


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
    assert run.find_run(Path("state.pt")).folder == Path()


def test_find_run_refuses_other_files() -> None:
    for name in ("checkpoint.safetensors", "best.safetensors"):
        Path(name).touch()
    with pytest.raises(ModelError, match="best.safetensors is neither a run folder nor its checkp"):
        run.find_run(Path("best.safetensors"))
    assert run.checkpoint_at(Path("best.safetensors")) == Path("best.safetensors")


def test_find_run_with_impossible_name() -> None:
    name = Path("long" * 100)
    assert run.find_run(name).folder == run.checkpoint_at(name) == name


def test_metrics_csv(tmp_path: Path) -> None:
    RunDir(tmp_path).write_metrics([EpochMetrics(1, 0.5, 0.9, 0.25, 0.95, 7.5, 1000.0)])
    assert (tmp_path / "metrics.csv").read_text() == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,"
        "seconds,images_per_second\n"
        "1,0.5,0.9,0.25,0.95,7.5,1000.0\n"
    )


def test_metrics_csv_of_reader(tmp_path: Path) -> None:
    epoch = DetectionMetrics(1, 2.5, 2.25, 0.75, 0.5, 0.125, 0.25, 0.125, 7.5, 50.0)
    RunDir(tmp_path).write_metrics([epoch])
    assert (tmp_path / "metrics.csv").read_text() == (
        "number,train_loss,validation_loss,validation_accuracy,validation_errors,"
        "validation_missed,validation_invented,validation_wrong,seconds,images_per_second\n"
        "1,2.5,2.25,0.75,0.5,0.125,0.25,0.125,7.5,50.0\n"
    )


def test_summary(tmp_path: Path) -> None:
    RunDir(tmp_path).write_summary({"seed": 3})
    assert json.loads((tmp_path / "run.json").read_text()) == {"seed": 3}
