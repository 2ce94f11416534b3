import shutil
from pathlib import Path

import pytest
from PIL import Image

from digits.data import datasets
from digits.data.image_folder import assign_split, read_pictures
from digits.data.table import NO_DIGIT
from digits.errors import DataError, DigitsError


def fail(error: DigitsError) -> None:
    raise error


def read(data: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the names and labels of all digits, and the errors."""
    errors = list[DigitsError]()
    digits = [(digit.name, digit.label) for digit in read_pictures(data, errors.append)]
    return digits, [str(error) for error in errors]


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    """Ten pictures, each in the folder of its digit."""
    for path in pictures:
        (tmp_path / path.stem).mkdir()
        shutil.copy(path, tmp_path / path.stem)
    return tmp_path


@pytest.mark.slow
def test_folders_named_by_digit_give_labels(
    folder: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MODEL", str(folder / "gone.onnx"))  # the bundled model is used
    (folder / "3" / "notes.txt").write_text("not a picture")
    (folder / "3" / ".3.png").write_text("unfinished")
    expected = [(str(folder / path.stem / path.name), int(path.stem)) for path in pictures]
    assert read(folder) == (expected, [])
    (folder / "9").rename(folder / "none")
    assert read(folder) == (expected[:9], [])
    labels = [digit.label for digit in read_pictures(folder, fail, with_none=True)]
    assert labels == [*range(9), NO_DIGIT]


def test_what_shows_no_digit_is_reported_and_skipped(folder: Path) -> None:
    (folder / "4" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    blank = folder / "5" / "blank.png"
    Image.new("L", (40, 60), 200).save(blank)
    shutil.rmtree(folder / "9")
    (folder / "9").write_text("a file")
    digits, errors = read(folder)
    assert [label for _, label in digits] == [*range(9)]
    assert "broken.png" in errors[1]
    assert errors[::2] == [f"can't open {folder}/9: Not a directory", f"{blank}: no ink found"]


@pytest.mark.unix
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("/dev/null", "/dev/null: no such file or folder"),
        (".", "no labelled digits: sort .* 0 to 9 .* CSV file .* MNIST.* it has no train"),
        ("empty", "no labelled pictures in .*empty: sort them into"),
        ("few", "few has too few readable pictures: 0 train, 0 validation, 1 test"),
        ("bad.csv", "bad.csv, line 2: the digit is 'one', not 0 to 9 or none$"),
    ],
)
def test_path_without_labelled_pictures_is_an_error(
    tmp_path: Path, pictures: list[Path], data: str, reason: str
) -> None:
    for folder in ("empty/7", "few/7"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(pictures[7], tmp_path / "few" / "7")
    (tmp_path / "bad.csv").write_text("file,digit\n1/1.jpg,one\n")
    with pytest.raises(DataError, match=reason):
        datasets.load(tmp_path / data, fail)


def test_pictures_stay_in_their_splits() -> None:
    """Also in later versions: the first eight bytes of the digest decide."""
    digests = [number.to_bytes(8) + bytes([number]) * 24 for number in range(7, 14)]
    splits = [assign_split(digest) for digest in digests]
    assert splits == ["test", "validation", *["train"] * 5]
    groups = [*(f"writer {number}" for number in range(30)), "\udcff"]
    together = [{assign_split(digest, group) for digest in digests} for group in groups]
    assert {len(names) for names in together} == {1}
    assert set.union(*together) == {*splits}
