import io
import sys
from pathlib import Path

import pytest

from digits.commands import sources
from digits.errors import PictureError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", "c.webp", "deeper/d.png", "deeper/still/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def listed(*paths: Path, recursive: bool = False) -> tuple[list[Path], list[str]]:
    errors: list[PictureError] = []
    found = sources.listed(list(map(str, paths)), recursive, errors.append)
    return list(map(Path, found)), [str(error) for error in errors]


def test_folders_are_listed_in_order(folder: Path) -> None:
    found, errors = listed(folder)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.webp"]
    assert not errors


def test_folders_in_folders(folder: Path) -> None:
    found, errors = listed(folder, recursive=True)
    assert [path.name for path in found] == ["a.JPG", "b.png", "c.webp", "d.png", "e.tif"]
    assert not errors


def test_a_folder_without_pictures_is_an_error(folder: Path) -> None:
    (folder / "empty").mkdir()
    found, errors = listed(folder / "empty", folder / "b.png")
    assert found == [folder / "b.png"]
    assert errors == [f"there is no picture in {folder / 'empty'} (-r looks into its folders)"]


def test_patterns_that_the_shell_left(folder: Path) -> None:
    assert [path.name for path in listed(folder / "*.p?g")[0]] == ["b.png"]
    assert [path.name for path in listed(folder / "**" / "*.tif")[0]] == ["e.tif"]
    assert listed(folder / "*.bmp") == ([], [f"no file matches {folder / '*.bmp'}"])


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "[1].png").write_bytes(b"")
    assert listed(folder / "[1].png") == ([folder / "[1].png"], [])


def test_a_path_is_listed_as_itself(folder: Path) -> None:
    assert listed(folder / "missing.png") == ([folder / "missing.png"], [])
    found, errors = listed(folder / ("long" * 100), folder / "b.png")
    assert found[-1] == folder / "b.png"
    assert len(errors) + len(found) == 2


def test_a_loop_of_links_ends(folder: Path) -> None:
    (folder / "deeper" / "loop").symlink_to(folder)
    assert len(listed(folder, recursive=True)[0]) == 5


def test_one_picture_needs_no_name(folder: Path) -> None:
    one = [str(folder / "b.png")]
    assert sources.stands_for_one(one, one)
    assert not sources.stands_for_one([str(folder)], one)
    assert not sources.stands_for_one(one * 2, one * 2)


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"picture")))
    assert sources.opened("-") == b"picture"
    assert sources.opened("a.png") == "a.png"
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PictureError, match="closed"):
        sources.opened("-")


def test_stdin_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MAX_STDIN", 1 << 20)
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(endless))
        with pytest.raises(PictureError, match="longer than 1 MB"):
            sources.opened("-")
