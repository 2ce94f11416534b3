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
    for name in ("empty", "deeper/e"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("b.png", "a.JPG", "notes.txt", "c.webp", "[1].png", "deeper/d.png"):
        (tmp_path / name).touch()
    (tmp_path / "deeper/e/f.tif").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "recursive", "expected", "show_name"),
    [
        (".", False, ALL, True),
        (".", True, [*ALL, "d.png", "f.tif"], True),
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
    assert inputs.resolve(["b.png", "b.png"], False)[:2] == (["b.png", "b.png"], True)
    assert inputs.resolve(["", "b.png"], False)[:2] == (["b.png"], True)


def test_largest_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    monkeypatch.setattr(inputs, "MAX_STDIN", len(PNG))
    assert inputs.read_source("-") == PNG


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't read a picture from stdin: it is closed"),
        (io.BytesIO(b"y" * (2 << 20)), "stdin is not a picture in a supported format"),
        (io.BytesIO(PNG + bytes(2 << 20)), "stdin is larger than 1 MB"),
    ],
)
def test_stdin_without_a_picture_is_an_error(
    monkeypatch: pytest.MonkeyPatch, content: io.BytesIO | None, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", content and io.TextIOWrapper(content))
    monkeypatch.setattr(inputs, "MAX_STDIN", 1 << 20)
    with pytest.raises(PictureError, match=f"^{message}"):
        inputs.read_source("-")
