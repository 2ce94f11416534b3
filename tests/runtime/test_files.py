import errno
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.files import remove, replacing, write_all, write_bytes, write_text


def test_the_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes(path, b"old")
    with pytest.raises(DigitsError, match="file.bin: No space left"), replacing(path) as temporary:
        temporary.write_bytes(b"half of the new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_other_exceptions_pass_through(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DigitsError, match="can't write"):
        write_text(tmp_path / "file" / "below", "text")


def test_several_files_are_written_all_or_none(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "deep" / "two"
    write_all({one: b"1", two: b"2"})
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    (tmp_path / "file").touch()
    with pytest.raises(DigitsError, match="can't write .*file/three"):
        write_all({one: b"new", tmp_path / "file" / "three": b"3", two: b"new"})
    (tmp_path / "folder").mkdir()
    with pytest.raises(DigitsError, match="folder: it is a folder"):
        write_all({one: b"new", tmp_path / "folder": b"4"})
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "deep", "file", "folder"}


def test_what_a_kill_left_of_several_files_goes_when_they_are_written_again(tmp_path: Path) -> None:
    for name in (".one-0123abcd.txt", ".two[1]-89abcdef", ".other-0123abcd.txt", ".one-0.txt"):
        (tmp_path / name).write_bytes(b"half")
    write_all({tmp_path / "one.txt": b"1", tmp_path / "two[1]": b"2"})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"one.txt", "two[1]", ".other-0123abcd.txt", ".one-0.txt"}


def test_what_is_being_written_is_not_swept_away(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with replacing(path) as temporary:
        temporary.write_bytes(b"slow")
        write_all({path: b"fast"})
        assert path.read_bytes() == b"fast"
    assert path.read_bytes() == b"slow"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_without_locks_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    write_all({tmp_path / "one": b"1"})
    assert (tmp_path / "one").read_bytes() == b"1"


def test_what_can_t_be_deleted_is_named(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DigitsError, match="can't delete .*folder"):
        remove(tmp_path / "folder")
