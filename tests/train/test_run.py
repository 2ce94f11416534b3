"""Run folders: new ones, those that are taken, and the newest."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError
from digits_train import run
from tests.train.short import resume

pytestmark = pytest.mark.usefixtures("empty_folder")


def create(folder: Path | None = None) -> Path:
    with run.create_run("lenet5", folder) as created:
        return created.folder


def test_runs_are_numbered() -> None:
    with ThreadPoolExecutor(8) as threads:
        folders = {str(folder) for folder in threads.map(lambda _: create(), range(40))}
    assert folders == {"runs/lenet5", *(f"runs/lenet5-{number}" for number in range(2, 41))}


def test_create_run_in_given_folder() -> None:
    mine = create(Path("deep/mine"))
    (mine / ".state.safetensors.tmp").write_bytes(b"half")  # of a run killed in its first file
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
def test_folder_of_another_training() -> None:
    mine = Path("mine")
    with run.create_run("lenet5", mine):
        for begin in (create, resume):
            with pytest.raises(DigitsError, match="another process trains in mine: wait"):
                begin(mine)
        assert not list(mine.iterdir())
    create(mine)


def test_latest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="run `digits train` first"):
        run.latest_run()
    for time, name in ((2, "lenet5-2"), (1, "lenet5")):
        file = create(Path("runs", name)) / "checkpoint.safetensors"
        file.touch()
        os.utime(file, (time, time))
    create(Path("runs/unfinished"))
    assert run.latest_run().folder == Path("runs/lenet5-2")
    deleted = Path("runs/deleted meanwhile/checkpoint.safetensors")
    monkeypatch.setattr(Path, "glob", lambda *_: [deleted, file])
    assert run.latest_run().folder == Path("runs/lenet5")
