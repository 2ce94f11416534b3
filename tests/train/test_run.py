import json
import os
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError
from digits_train import run
from digits_train.fit import Epoch
from digits_train.run import Run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_runs_are_numbered_and_never_overwritten() -> None:
    names = [str(run.create("lenet5").folder) for _ in range(3)]
    assert names == ["runs/lenet5", "runs/lenet5-2", "runs/lenet5-3"]


def test_a_folder_of_one_s_own() -> None:
    assert run.create("lenet5", Path("deep/mine")).folder.is_dir()
    run.create("lenet5", Path("deep/mine"))  # still empty: a run that was killed at its start
    Path("deep/mine/checkpoint.safetensors").write_text("")
    with pytest.raises(DigitsError, match="deep/mine is not empty"):
        run.create("lenet5", Path("deep/mine"))
    Path("file").write_text("")
    with pytest.raises(DigitsError, match="can't make"):
        run.create("lenet5", Path("file/below"))


def test_a_kill_in_the_first_file_leaves_the_name_free() -> None:
    Path("mine").mkdir()
    for name in (".state-0123abcd.pt", ".teacher-0123abcd.safetensors"):
        Path("mine", name).write_bytes(b"half")
    assert not list(run.create("lenet5", Path("mine")).folder.iterdir())
    Path("mine", ".notes-12345678.txt").write_text("my notes")
    with pytest.raises(DigitsError, match="mine is not empty"):
        run.create("lenet5", Path("mine"))


def test_the_newest_run_with_a_finished_epoch() -> None:
    with pytest.raises(ModelError, match="run `digits train` first"):
        run.newest()
    for age, name in ((100, "lenet5-2"), (200, "lenet5"), (0, "unfinished")):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        if age:
            (folder / "checkpoint.safetensors").write_text("")
            os.utime(folder / "checkpoint.safetensors", (10_000 - age, 10_000 - age))
    assert run.newest().folder == Path("runs/lenet5-2")


def test_metrics_csv(tmp_path: Path) -> None:
    Run(tmp_path).write_metrics([Epoch(1, 0.5, 0.9, 0.25, 0.95, 7.5, 1000.0)])
    assert (tmp_path / "metrics.csv").read_text() == (
        "number,train_loss,train_accuracy,validation_loss,validation_accuracy,"
        "seconds,images_per_second\n"
        "1,0.5,0.9,0.25,0.95,7.5,1000.0\n"
    )


def test_summary(tmp_path: Path) -> None:
    Run(tmp_path).write_summary({"seed": 3})
    assert json.loads((tmp_path / "run.json").read_text()) == {"seed": 3}
