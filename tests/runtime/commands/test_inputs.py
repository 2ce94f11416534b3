import errno
import glob
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


def expand(*paths: Path, recursive: bool = False) -> tuple[list[Path], list[str]]:
    errors: list[PictureError] = []
    found = inputs.expand_paths(list(map(str, paths)), recursive, errors.append)
    return list(map(Path, found)), [str(error) for error in errors]


def test_expand_folder_sorted_by_name(folder: Path) -> None:
    found, errors = expand(folder)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.webp"]
    assert not errors


def test_expand_folder_recursively(folder: Path) -> None:
    found, errors = expand(folder, recursive=True)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.webp", "d.png", "e.tif"]
    assert not errors


def test_folder_without_pictures_is_an_error(folder: Path) -> None:
    (folder / "empty").mkdir()
    found, errors = expand(folder / "empty", folder / "b.png")
    assert found == [folder / "b.png"]
    assert errors == [f"no pictures in {folder / 'empty'} (-r includes subfolders)"]


def test_expand_glob_patterns(folder: Path) -> None:
    assert [path.name for path in expand(folder / "*.p?g")[0]] == ["b.png"]
    assert [path.name for path in expand(folder / "**" / "*.tif")[0]] == ["e.tif"]
    assert expand(folder / "*.bmp") == ([], [f"no file matches {folder / '*.bmp'}"])


def test_recursive_patterns_match_glob(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They match what glob.glob does, except folders."""
    (folder / ".hidden" / "deeper").mkdir(parents=True)
    (folder / ".hidden" / "deeper" / "f.png").write_bytes(b"")
    (folder / "deeper" / ".g.png").write_bytes(b"")
    (folder / "deeper" / "[h]").mkdir()
    (folder / "deeper" / "[h]" / "h.png").write_bytes(b"")
    monkeypatch.chdir(folder)
    for pattern in (
        *("**/*.png", "**", "**/", "./**/*.png", "*/**/*.tif", "d*/**/*.*", "deeper/**", "**/**"),
        *("**/still/**/*.tif", "**/*/**/*.png", f"{folder}/**/d.png", ".hidden/**/*.png", "a**"),
        *("**/[[]h]/*.png", "**/**/**/*/*.png", ".*/**/*", "**/nothing", "b.png/**", "no/**/*"),
    ):
        expected = {path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)}
        if pattern == "**/":  # which matches only folders
            expected = {path for path in glob.glob("**", recursive=True) if os.path.isfile(path)}
        errors: list[PictureError] = []
        found = inputs.expand_paths([pattern], False, errors.append)
        assert found == sorted(expected), pattern
        assert bool(errors) != bool(found)


@pytest.mark.unix
def test_recursive_pattern_ignores_links_to_folders(folder: Path) -> None:
    """For glob.glob, two links back to their folder make 2**40 paths."""
    for name in ("one", "two"):
        (folder / name).symlink_to(folder)
    assert [path.name for path in expand(folder / "**" / "*.png")[0]] == ["b.png", "d.png"]


def test_pattern_of_too_many_parts_is_an_error() -> None:
    errors: list[PictureError] = []
    assert inputs.expand_paths(["*/" * 3000], False, errors.append) == []
    assert "too complex" in str(errors[0])


@contextmanager
def nested_folders(count: int, name: str, top: Path) -> Iterator[None]:
    """Nested folders with a picture in the innermost; the whole path may be too long to open."""
    place = os.open(top, os.O_RDONLY)
    for _ in range(count):
        os.mkdir(name, dir_fd=place)
        place = step_into(name, place)
    os.close(os.open("a.png", os.O_CREAT, dir_fd=place))
    yield
    os.unlink("a.png", dir_fd=place)
    for _ in range(count):
        place = step_into("..", place)
        os.rmdir(name, dir_fd=place)
    os.close(place)


def step_into(name: str, folder: int) -> int:
    """Close the folder's file descriptor and return that of one in it."""
    other = os.open(name, os.O_RDONLY, dir_fd=folder)
    os.close(folder)
    return other


@pytest.mark.unix
def test_expand_1000_nested_folders(folder: Path) -> None:
    with nested_folders(1000, "d", folder / "deeper" / "still"):
        found, errors = expand(folder, recursive=True)
        by_pattern = expand(folder / "**" / "a.*")[0]
    assert [path.name for path in found] == [
        *("a.JPG", "b.png", "c.webp", "d.png", "a.png", "e.tif")
    ]
    assert errors == []
    assert by_pattern == [found[0], found[4]]


@pytest.mark.unix
def test_folders_beyond_path_max_are_one_error(folder: Path) -> None:
    with nested_folders(30, "d" * 200, folder / "deeper" / "still"):
        found, [error] = expand(folder, recursive=True)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.webp", "d.png", "e.tif"]
    assert error.startswith(f"can't open {folder}/deeper/still/dddd")
    assert error.endswith(": File name too long")


@pytest.mark.unix
def test_links_to_folders_are_skipped(folder: Path) -> None:
    (folder / "deeper" / "loop.png").symlink_to(folder)
    (folder / "deeper" / "round.png").symlink_to("round.png")  # reported when it is opened
    names = [path.name for path in expand(folder / "deeper", recursive=True)[0]]
    assert names == ["d.png", "round.png", "e.tif"]


def test_existing_file_wins_over_pattern(folder: Path) -> None:
    (folder / "[1].png").write_bytes(b"")
    assert expand(folder / "[1].png") == ([folder / "[1].png"], [])


def test_plain_path_is_kept(folder: Path) -> None:
    assert expand(folder / "missing.png") == ([folder / "missing.png"], [])
    found, errors = expand(folder / ("long" * 100), folder / "b.png")
    assert found[-1] == folder / "b.png"
    assert len(errors) + len(found) == 2


@pytest.mark.unix
def test_loop_of_links_ends(folder: Path) -> None:
    (folder / "deeper" / "loop").symlink_to(folder)
    assert len(expand(folder, recursive=True)[0]) == 5


def test_is_single_file(folder: Path) -> None:
    one = [str(folder / "b.png")]
    assert inputs.is_single_file(one, one)
    assert not inputs.is_single_file([str(folder)], one)
    assert not inputs.is_single_file(one * 2, one * 2)


def test_read_source_of_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    assert inputs.read_source("-") == PNG
    assert inputs.read_source("a.png") == "a.png"
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PictureError, match="closed"):
        inputs.read_source("-")


@pytest.mark.parametrize("raw", [b"nonsense" * 100_000, b"\0" * 100_000, b"x"])
def test_unknown_format_on_stdin_is_not_read_to_the_end(
    monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    content = io.BytesIO(raw)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    with pytest.raises(PictureError, match="^stdin is not a picture in a supported format"):
        inputs.read_source("-")
    assert content.tell() <= 1 << 16


def test_empty_stdin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(PictureError, match="stdin: it is empty"):
        inputs.read_source("-")


def test_stdin_over_the_size_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_MAX_STDIN", 1 << 20)
    content = io.BytesIO(PNG + bytes(2 << 20))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    with pytest.raises(PictureError, match="larger than 1 MB"):
        inputs.read_source("-")


def test_failing_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    class Torn(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Torn())))
    with pytest.raises(PictureError, match="can't read a picture from stdin: Input/output error"):
        inputs.read_source("-")


def test_empty_name_is_an_error() -> None:
    errors: list[PictureError] = []
    assert inputs.expand_paths([""], False, errors.append) == []
    assert [str(error) for error in errors] == ["'' is not a file name"]
