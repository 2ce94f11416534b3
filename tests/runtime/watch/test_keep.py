"""The pictures that `digits watch --keep` keeps."""

import csv
import errno
import os
import shutil
from pathlib import Path

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
    """A watched folder of doubtful pictures, of which 1000 bytes are kept."""

    def __init__(self, folder: Path) -> None:
        self.copies = folder / "keep"
        super().__init__(folder)
        self.read_really, self.work = self.work, self.find_doubtful

    def find_doubtful(self, picture: FileStamp) -> Row:
        return Row(csv_row([*picture.cells, *[""] * 18]), "", is_doubtful=True)

    def watch(self, keep: Path | None = None) -> FolderWatcher:
        return super().watch(self.copies)

    def show(self, name: str, content: bytes = bytes(400), modified: int = 10**18) -> None:
        """Have a picture arrive. modified: nanoseconds since 1970."""
        (self.inbox / name).parent.mkdir(exist_ok=True)
        (self.inbox / name).write_bytes(content)
        os.utime(self.inbox / name, ns=(modified, modified))
        self.advance(0, 2)

    @property
    def names(self) -> list[str]:
        """Of the copies."""
        return sorted(
            path.relative_to(self.copies).as_posix() for path in self.copies.rglob("*.png")
        )

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
    """The time of the fourth is that in the name of the second."""
    for name, modified in (("a.png", 7), ("a-9.png", 8), ("a-10.png", 8), ("a.png", 9)):
        keeper.show(name, name.encode() * modified, modified)
    assert keeper.kept_rows == ["a.png", "a-9.png", "a-10.png", "a-11.png"]
    assert (keeper.copies / "a-9.png").read_bytes() == b"a-9.png" * 8
    assert (keeper.copies / "a-11.png").read_bytes() == b"a.png" * 9


@pytest.mark.unix
@pytest.mark.parametrize("link", ["deep/a.png", "deep"])
def test_only_the_picture_that_was_read_is_kept(keeper: Keeper, tmp_path: Path, link: str) -> None:
    """A link may be swapped in that leads to a file of the same time and size."""
    read, secret = keeper.work, tmp_path / "private" / "a.png"
    secret.parent.mkdir()
    secret.write_bytes(bytes(400))
    os.utime(secret, ns=(10**18, 10**18))

    def swap_then_return(picture: FileStamp) -> Row | None:
        (keeper.inbox / link).rename(tmp_path / "moved")
        (keeper.inbox / link).symlink_to(secret if link.endswith("png") else secret.parent)
        return read(picture)

    keeper.work = swap_then_return
    keeper.show("deep/a.png")
    assert len(keeper.rows) == 1 and not keeper.names


def test_doubtful_pictures_are_kept(keeper: Keeper, pictures: list[Path]) -> None:
    keeper.work = keeper.read_really
    keeper.add(pictures[7])
    (keeper.inbox / "bad.png").write_bytes(b"\x89PNG")
    Image.new("L", (99, 99), 200).save(keeper.inbox / "blank.png")
    keeper.advance(0, 2, 61)
    assert len(keeper.rows) == 3 and keeper.names == keeper.kept_rows == ["blank.png"]


@pytest.mark.unix
@pytest.mark.parametrize(
    "reason",
    [
        "No space left on device",
        "{0}/review.csv holds something else: other columns, or no results",
    ],
)
def test_trouble_costs_no_result(
    keeper: Keeper,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reason: str,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, reason)

    with monkeypatch.context() as patch:
        if reason.startswith("{0}"):
            (keeper.copies / "review.csv").write_text("mine\n")
        else:
            patch.setattr(shutil, "copyfileobj", fail)
        for number in range(3):
            keeper.show(f"{number}.png")
    shutil.rmtree(keeper.copies)
    keeper.copies.mkdir()
    keeper.show("3.png")
    assert len(keeper.rows) == 4 and keeper.names == ["3.png"]
    message = f"can't keep pictures in {keeper.copies}: {reason.format(keeper.copies)}"
    assert capsys.readouterr().err.splitlines() == [f"error: {message}; trying again", "recovered"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--keep deep/../../inbox", "--keep must be a folder whose pictures aren't read"),
        ("--recursive --keep deep/er", "--keep must be a folder whose pictures aren't read"),
        pytest.param("--keep a", "write a/review.csv: Not a directory", marks=pytest.mark.unix),
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
