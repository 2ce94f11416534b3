"""The pictures that `digits watch --keep` keeps."""

import csv
import errno
import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from digits.tables import csv_row
from digits.watch import keep
from digits.watch.folder import FileStamp
from digits.watch.readers import Row
from digits.watch.watcher import FolderWatcher
from tests.conftest import Run
from tests.runtime.watch.conftest import Bench


class Keeper(Bench):
    """A watched folder whose pictures are all doubtful; 1000 bytes of them are kept."""

    def __init__(self, folder: Path) -> None:
        self.copies = folder / "keep"
        super().__init__(folder)
        self.read_really = self.work
        self.work = lambda file: Row(csv_row([*file.cells, *[""] * 18]), "", is_doubtful=True)

    def watch(self, keep: Path | None = None) -> FolderWatcher:
        return super().watch(self.copies)

    def show(self, name: str, content: bytes = bytes(400), modified: int = 10**18) -> None:
        """Have a picture arrive."""
        (self.inbox / name).parent.mkdir(exist_ok=True)
        (self.inbox / name).write_bytes(content)
        os.utime(self.inbox / name, ns=(modified, modified))
        self.advance(0, 2)

    @property
    def names(self) -> list[str]:
        """Of the copies."""
        return sorted(os.path.relpath(path, self.copies) for path in self.copies.rglob("*.png"))

    @property
    def kept_rows(self) -> list[str]:
        """The names in their rows."""
        with (self.copies / "review.csv").open() as file:
            return [row["file"] for row in csv.DictReader(file)]


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeper:
    monkeypatch.setattr(keep, "MAX_BYTES", 1000)
    return Keeper(tmp_path)


def test_full_folder_gets_no_more(keeper: Keeper, capsys: pytest.CaptureFixture[str]) -> None:
    (keeper.copies / "mine.png").write_bytes(bytes(200))
    for name in ("b,1.png", "deep/c.png", "d.png"):
        keeper.show(name)
    assert keeper.names == ["b,1.png", "deep/c.png", "mine.png"]
    assert keeper.kept_rows == ["b,1.png", "deep/c.png"]
    assert "0 MB are full; delete what you have reviewed" in capsys.readouterr().err
    (keeper.copies / "mine.png").unlink()
    keeper.show("small.png", bytes(200))
    assert keeper.names[2:] == ["small.png"] and capsys.readouterr().err == "recovered\n"


def test_taken_names(keeper: Keeper) -> None:
    for name, modified in (("a.png", 7), ("a-9.png", 8), ("a-10.png", 8), ("a.png", 9)):
        keeper.show(name, bytes(modified), modified)
    assert keeper.kept_rows == ["a.png", "a-9.png", "a-10.png", "a-11.png"]
    sizes = [(keeper.copies / name).stat().st_size for name in keeper.kept_rows]
    assert sizes == [7, 8, 8, 9]


@pytest.mark.unix
def test_only_the_picture_that_was_read_is_kept(keeper: Keeper, tmp_path: Path) -> None:
    """A link may be swapped in that leads to a file of the same time and size."""
    read, picture = keeper.work, keeper.inbox / "a.png"

    def swap_then_return(stamp: FileStamp) -> Row | None:
        picture.rename(tmp_path / "private.png")
        picture.symlink_to(tmp_path / "private.png")
        return read(stamp)

    keeper.work = swap_then_return
    keeper.show("a.png")
    assert len(keeper.rows) == 1 and not keeper.names


def test_doubtful_pictures_are_kept(keeper: Keeper, pictures: list[Path]) -> None:
    keeper.work = keeper.read_really
    keeper.add(pictures[7])
    (keeper.inbox / "bad.png").write_bytes(b"\x89PNG")
    Image.new("L", (99, 99), 200).save(keeper.inbox / "blank.png")
    keeper.advance(0, 2, 61)
    assert len(keeper.rows) == 3 and keeper.names == keeper.kept_rows == ["blank.png"]


def test_trouble_costs_no_result(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", Mock(side_effect=full))
        for name in ("1.png", "2.png"):
            keeper.show(name)
    keeper.show("3.png")
    assert len(keeper.rows) == 3 and keeper.names == ["3.png"]
    error = f"error: can't keep pictures in {keeper.copies}: No space left on device; trying again"
    assert capsys.readouterr().err.splitlines() == [error, "recovered"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--keep deep/../../inbox", "--keep must be a folder whose pictures aren't read"),
        ("--recursive --keep deep/er", "--keep must be a folder whose pictures aren't read"),
        ("--keep a", "write a/review.csv: "),
    ],
)
def test_unusable_folder(
    run: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    (bench.inbox / "deep").mkdir()
    (bench.inbox / "a").touch()
    monkeypatch.chdir(bench.inbox)
    code, out, err = run("watch", bench.inbox, "../new.csv", *options.split())
    assert code == (1 if message.startswith("write") else 2) and message in err and not out
    assert not (bench.inbox.parent / "new.csv").exists()
