import errno
import io
import os
import sys
from pathlib import Path

import pytest

from digits.commands import inputs
from digits.errors import PictureError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", "c.webp", "deeper/d.png", "deeper/still/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "recursive", "expected"),
    [
        (".", False, ["[1].png", "a.JPG", "b.png", "c.webp"]),
        (".", True, ["[1].png", "a.JPG", "b.png", "c.webp", "d.png", "e.tif"]),
        ("b.p?g", False, ["b.png"]),
        ("*.bmp", False, "no file matches *.bmp"),
        ("empty", False, "no pictures in empty (-r includes subfolders)"),
        ("empty", True, "no pictures in empty"),
        ("", False, "'' is not a file name"),
        ("[1].png", False, ["[1].png"]),  # a file, although it looks like a pattern
        ("missing.png", False, ["missing.png"]),  # reported when it is opened
    ],
)
def test_resolve(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argument: str,
    recursive: bool,
    expected: str | list[str],
) -> None:
    monkeypatch.chdir(folder)
    Path("empty").mkdir()
    Path("[1].png").touch()
    given = inputs.resolve([argument, "b.png"], recursive)
    names, error = ([], f"error: {expected}\n") if isinstance(expected, str) else (expected, "")
    assert [os.path.basename(file) for file in given.files] == [*names, "b.png"]
    assert capsys.readouterr().err == error


@pytest.mark.parametrize(
    ("arguments", "show_name"), [(["b.png"], False), ([""], True), (["b.png"] * 2, True)]
)
def test_resolve_shows_names_unless_one_file_is_named(
    folder: Path, arguments: list[str], show_name: bool
) -> None:
    paths = [f"{folder}/{argument}" for argument in arguments]
    for name in ("a.JPG", "c.webp"):
        (folder / name).unlink()
    given = inputs.resolve(paths, recursive=False)
    assert (len(given.files), given.show_name) == (len(arguments), show_name)


@pytest.mark.unix
def test_links_to_folders_are_skipped(folder: Path) -> None:
    """Two links back to their folder would make 2**40 paths."""
    for name in ("one", "two.png"):
        (folder / "deeper" / name).symlink_to(folder)
    (folder / "deeper" / "round.png").symlink_to("round.png")  # reported when it is opened
    files = inputs.resolve([str(folder / "deeper")], recursive=True).files
    assert [os.path.basename(file) for file in files] == ["d.png", "round.png", "e.tif"]


class Torn(io.RawIOBase):
    """A stdin that fails."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_read_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    assert inputs.read_source("-") == PNG
    assert inputs.read_source("a.png") == "a.png"


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
