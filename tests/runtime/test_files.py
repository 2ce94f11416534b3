import errno
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.files import replacing, write_bytes, write_text


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
