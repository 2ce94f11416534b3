import errno
import io
import os
import sys
from pathlib import Path

import pytest

from digits.commands import inputs
from digits.errors import PictureError

ALL = ["[1].png", "a.JPG", "b.png", "c.webp"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100_000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.png",
        "a.JPG",
        "notes.txt",
        "c.webp",
        "[1].png",
        "deeper/d.png",
        "deeper/e/f.tif",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "recursive", "expected", "show_name"),
    [
        (".", False, ALL, True),
        (".", True, [*ALL, "d.png", "f.tif"], True),
        ("deeper", False, ["d.png"], True),
        ("b.p?g", False, ["b.png"], True),
        ("[1].png", False, ["[1].png"], False),  # a file, although it looks like a pattern
        ("missing.png", False, ["missing.png"], False),  # reported when it is opened
        ("*.bmp", False, "no file matches *.bmp", True),
        ("empty", False, "no pictures in empty (-r includes subfolders)", True),
        ("empty", True, "no pictures in empty", True),
        ("", False, "'' is not a file name", True),
    ],
)
def test_resolve(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    argument: str,
    recursive: bool,
    expected: str | list[str],
    show_name: bool,
) -> None:
    given = inputs.resolve([argument], recursive)
    names, error = ([], f"error: {expected}\n") if isinstance(expected, str) else (expected, "")
    assert [os.path.basename(file) for file in given.files] == names
    assert (given.show_name, capsys.readouterr().err) == (show_name, error)


def test_resolve_several_shows_names(folder: Path) -> None:
    for arguments in (["b.png", "b.png"], ["", "b.png"]):
        given = inputs.resolve(arguments, recursive=False)
        assert given.files == [name for name in arguments if name]
        assert given.show_name


@pytest.mark.unix
def test_links_to_folders_are_skipped(folder: Path) -> None:
    """Two links back to their folder would make 2**40 paths."""
    for name in ("one", "two.png"):
        (folder / "deeper" / name).symlink_to(folder)
    (folder / "deeper" / "round.png").symlink_to("round.png")  # reported when it is opened
    files = inputs.resolve([str(folder / "deeper")], recursive=True).files
    assert [os.path.basename(file) for file in files] == ["d.png", "f.tif", "round.png"]


class Torn(io.RawIOBase):
    """A stdin that fails."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_largest_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    monkeypatch.setattr(inputs, "MAX_STDIN", len(PNG))
    assert inputs.read_source("-") == PNG


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't read a picture from stdin: it is closed"),
        (io.BufferedReader(Torn()), "can't read a picture from stdin: Input/output error"),
        (io.BytesIO(b"y" * (2 << 20)), "stdin is not a picture in a supported format"),
        (io.BytesIO(PNG + bytes(2 << 20)), "stdin is larger than 1 MB"),
    ],
)
def test_stdin_without_a_picture_is_an_error(
    monkeypatch: pytest.MonkeyPatch, content: io.BufferedIOBase | None, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", content and io.TextIOWrapper(content))  # type: ignore[type-var]
    monkeypatch.setattr(inputs, "MAX_STDIN", 1 << 20)
    with pytest.raises(PictureError, match=f"^{message}"):
        inputs.read_source("-")
