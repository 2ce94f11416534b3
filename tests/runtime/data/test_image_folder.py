import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.data import datasets, image_folder
from digits.data.image_folder import read_pictures
from digits.data.table import NO_DIGIT
from digits.errors import DataError, DigitsError


def fail(error: DigitsError) -> None:
    raise error


def read(data: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the names and labels of all digits, and the errors."""
    errors: list[DigitsError] = []
    digits = [
        (digit.name, digit.label)
        for digit in read_pictures(data, errors.append)
        if digit.frame.shape == (28, 28) and digit.frame.any()
    ]
    return digits, [str(error) for error in errors]


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    """Ten pictures, each in the folder of its digit."""
    for path in pictures:
        (tmp_path / path.stem).mkdir()
        shutil.copy(path, tmp_path / path.stem)
    return tmp_path


def test_folders_named_by_digit_give_labels(
    folder: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MODEL", str(folder / "gone.onnx"))  # the bundled model is used
    (folder / "3" / "notes.txt").write_text("not a picture")
    (folder / "3" / ".3.png").write_text("unfinished")
    expected = [(str(folder / path.stem / path.name), int(path.stem)) for path in pictures]
    assert read(folder) == (expected, [])
    shutil.rmtree(folder / "0")  # not every digit must be there
    assert read(folder) == (expected[1:], [])


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


def test_frames_and_probabilities_match_the_classifier(folder: Path) -> None:
    classifier = Classifier(kernels="integer")  # the default kernels differ in the last bits
    digits = [*read_pictures(folder, fail, classifier)]
    for digit in digits:
        prediction = classifier.predict(digit.name)
        assert digit.probabilities == prediction.probabilities
        np.testing.assert_array_equal(digit.frame, prediction.frame)
    bundled = [digit.probabilities for digit in read_pictures(folder, fail)]
    assert bundled != [digit.probabilities for digit in digits]


def test_table_gives_labels_and_reports_bad_rows(folder: Path) -> None:
    table = folder / "any.csv"
    table.write_text("file,digit\n0/0.png,10\n1/1.png, 1\n0/0.png,0\n0/gone.png,0\n")
    digits, errors = read(table)
    assert [label for _, label in digits] == [1, 0]
    assert errors[0] == f"{table}, line 2: the digit is '10', not 0 to 9 or none"
    assert len(errors) == 2 and "gone.png" in errors[1]


@pytest.mark.unix
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("long" * 100, "long: no such file or folder"),
        ("/dev/null", "/dev/null: no such file or folder"),
        (".", "no labelled digits: sort .* 0 to 9 .* CSV file .* MNIST.* it has no train"),
        ("empty", "no labelled pictures in .*empty: sort them into"),
        ("bad.csv", "bad.csv, line 2: the digit is 'one', not 0 to 9 or none$"),
    ],
)
def test_path_without_labelled_pictures_is_an_error(tmp_path: Path, data: str, reason: str) -> None:
    (tmp_path / "empty" / "7").mkdir(parents=True)
    (tmp_path / "bad.csv").write_text("file,digit\n1/1.jpg,one\n")
    with pytest.raises(DataError, match=reason):
        datasets.load(tmp_path / data, fail)


def test_pictures_stay_in_their_splits() -> None:
    """Also in later versions: the first eight bytes of the digest decide."""
    digests = [number.to_bytes(8) + bytes([number]) * 24 for number in range(7, 14)]
    splits = [image_folder.assign_split(digest) for digest in digests]
    assert splits == ["test", "validation", *["train"] * 5]


def test_groups_stay_in_one_split() -> None:
    digests = [bytes(7) + bytes([number]) for number in range(7)]
    groups = [*(f"writer {number}" for number in range(30)), "\udcff"]
    splits = [{image_folder.assign_split(d, group) for d in digests} for group in groups]
    assert {len(names) for names in splits} == {1}
    assert set.union(*splits) == {"train", "validation", "test"}


def test_pictures_without_a_digit_are_passed_over_or_taken(folder: Path) -> None:
    (folder / "3").rename(folder / "none")
    digits, errors = read(folder)
    assert ([label for _, label in digits], errors) == ([0, 1, 2, 4, 5, 6, 7, 8, 9], [])
    labels = [digit.label for digit in read_pictures(folder, fail, with_none=True)]
    assert labels == [0, 1, 2, 4, 5, 6, 7, 8, 9, NO_DIGIT]
