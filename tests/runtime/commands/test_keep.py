"""The pictures that `digits watch --keep` keeps."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from digits.commands.keep import KeepFolder
from digits.commands.watch import FolderWatcher
from digits.commands.watch_readers import Row
from digits.text import csv_row
from tests.conftest import Run
from tests.runtime.commands.conftest import Bench


class Keeper(Bench):
    """A watched folder of doubtful pictures, of which 1000 bytes are kept."""

    def __init__(self, folder: Path) -> None:
        self.copies, self._count = folder / "keep", 0
        super().__init__(folder)
        self._read, self.work = (
            self.work,
            lambda picture: Row(csv_row([*picture.cells, *[""] * 18]), "", is_doubtful=True),
        )

    def read_really(self) -> None:
        self.work = self._read

    def watch(self) -> FolderWatcher:
        self.keep = KeepFolder(self.copies, str(self.inbox), self.reader.columns, 1000)
        return FolderWatcher(
            *(self.reader, self.start_worker, self.results, True, lambda: self.now), keep=self.keep
        )

    def restart(self, more: str = "") -> None:
        with (self.copies / "review.csv").open("a") as file:
            file.write(more)
        self.keep.rows.close()
        super().restart()

    def show(self, name: str, content: bytes = bytes(400)) -> None:
        """Have a picture arrive, an hour older than the one before."""
        self._count += 1
        (self.inbox / name).parent.mkdir(exist_ok=True)
        (self.inbox / name).write_bytes(content)
        os.utime(self.inbox / name, (10**9 - 3600 * self._count,) * 2)
        self.advance(0, 2)

    @property
    def names(self) -> list[str]:
        """Of the copies."""
        return sorted(
            path.relative_to(self.copies).as_posix() for path in self.copies.rglob("*.png")
        )

    @property
    def kept_rows(self) -> list[str]:
        """Their first cells."""
        lines = (self.copies / "review.csv").read_text().splitlines()[1:]
        return [line.split(",2")[0] for line in lines]


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path)


@pytest.mark.parametrize("restart", [False, True])
def test_oldest_copies_make_room(keeper: Keeper, restart: bool) -> None:
    """By the order of the rows; the clock says the contrary. What somebody else put there stays."""
    (keeper.copies / "mine.png").write_bytes(bytes(900))
    for name in ("b,1.png", "deep/c.png", "a.png", "b,1.png"):
        keeper.show(name)
        if restart:
            keeper.restart()
    assert keeper.names == ["a.png", "b,1.png", "mine.png"]
    assert keeper.kept_rows == ['"b,1.png"', "deep/c.png", "a.png", '"b,1.png"']
    (keeper.copies / "a.png").unlink()  # nobody's fault
    keeper.show("d.png", bytes(600))
    assert keeper.names == ["b,1.png", "d.png", "mine.png"]


def test_taken_name(keeper: Keeper) -> None:
    for content in (b"first", b"first", b"later"):  # the second is the same picture, read again
        keeper.show("now.png", 80 * content)
    first, second, third = keeper.kept_rows
    assert first == second == "now.png" and keeper.names == [third, "now.png"]
    assert (keeper.copies / third).read_bytes() == 80 * b"later"
    assert (keeper.copies / "now.png").read_bytes() == 80 * b"first"


def test_picture_that_changes_is_not_kept(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    copyfile = shutil.copyfile

    def overwrite(source: str, target: Path) -> None:
        copyfile(source, target)
        Path(source).write_bytes(b"newer")

    monkeypatch.setattr(shutil, "copyfile", overwrite)
    keeper.show("half.png")
    assert not keeper.names


def test_picture_larger_than_all_copies(keeper: Keeper, capsys: pytest.CaptureFixture[str]) -> None:
    keeper.show("small.png")
    keeper.show("large.png", bytes(1001))
    assert keeper.names == keeper.kept_rows == ["small.png"]
    message = "warning: large.png is larger than --keep-mb, so it isn't kept\n"
    assert capsys.readouterr().err == message


def test_remains_of_a_kill_are_removed(keeper: Keeper) -> None:
    keeper.show("a.png")
    (keeper.copies / ".a-0123abcd.png").touch()
    keeper.restart("b.png,20")
    assert keeper.names == keeper.kept_rows == ["a.png"]


@pytest.mark.parametrize("cell", ["../inbox/a.png", '"' * 99, "x" * 200_000, "\0/", r"\x00/\x00"])
def test_damaged_rows_remove_nothing(keeper: Keeper, cell: str) -> None:
    keeper.show("a.png")
    keeper.restart(f"{cell}{',' * 20}\n" * 2)
    for number in range(5):
        keeper.show(f"{number}.png")
    assert keeper.names == ["3.png", "4.png"] and len(list(keeper.inbox.iterdir())) == 6


def test_doubtful_pictures_are_kept(keeper: Keeper, pictures: list[Path]) -> None:
    keeper.read_really()
    keeper.add(pictures[7])
    (keeper.inbox / "bad.png").write_bytes(b"\x89PNG")
    Image.new("L", (99, 99), 200).save(keeper.inbox / "blank.png")
    keeper.advance(0, 2, 61)
    assert len(keeper.rows) == 3 and keeper.names == keeper.kept_rows == ["blank.png"]


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.unix
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("full", "No space left on device"),
        ("gone", "No such file or directory"),
        ("other", "{0}/review.csv holds something else: other columns, or no results"),
    ],
)
def test_trouble_costs_no_result(
    keeper: Keeper,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
    reason: str,
) -> None:
    with monkeypatch.context() as patch:
        if trouble == "full":
            patch.setattr(shutil, "copyfile", full)
        else:
            shutil.rmtree(keeper.copies)
        if trouble == "other":
            keeper.copies.mkdir()
            (keeper.copies / "review.csv").write_text("mine\n")
        for number in range(3):
            keeper.show(f"{number}.png")
    shutil.rmtree(keeper.copies, ignore_errors=True)
    keeper.copies.mkdir()
    keeper.show("3.png")
    assert len(keeper.rows) == 4 and keeper.names == ["3.png"]
    message = f"can't keep pictures in {keeper.copies}: {reason.format(keeper.copies)}"
    assert capsys.readouterr().err.splitlines() == [f"error: {message}; trying again", "recovered"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--keep .", "--keep must be a folder whose pictures aren't read"),
        ("--keep deep/../../inbox", "--keep must be a folder whose pictures aren't read"),
        ("--recursive --keep deep/er", "--keep must be a folder whose pictures aren't read"),
        ("--keep ../new --keep-mb 0", "greater than or equal to 1"),
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
    assert not (bench.inbox.parent / "new").exists()
