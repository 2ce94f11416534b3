import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.classifier import Examination
from digits.data import image_folder
from digits.data.image_folder import LabelledDataset
from digits.data.mnist import SplitName
from digits.errors import DataError, DigitsError


def read(
    data: Path | None, split: SplitName | None = None
) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the names and labels of all digits, and the errors."""
    errors: list[DigitsError] = []
    digits = LabelledDataset(data, split, errors.append)
    found = [
        (name, int(label))
        for batch in digits
        for name, label, image in zip(batch.names, batch.labels, batch.images, strict=True)
        if image.shape == (28, 28) and image.any()
    ]
    return found, [str(error) for error in errors]


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    """Ten pictures, each in the folder of its digit."""
    for picture in pictures:
        (tmp_path / picture.stem).mkdir()
        shutil.copy(picture, tmp_path / picture.stem)
    return tmp_path


@pytest.mark.usefixtures("slice_as_mnist")
def test_mnist_digits_are_named_by_split_and_index() -> None:
    found, errors = read(None)
    assert errors == []
    assert len(found) == 500
    assert found[0] == ("test 0", 7)
    assert found[-1][0] == "test 499"
    assert len(read(None, split="validation")[0]) == 200


def test_folders_named_by_digit_give_labels(folder: Path, pictures: list[Path]) -> None:
    (folder / "3" / "notes.txt").write_text("not a picture")
    found, errors = read(folder)
    assert errors == []
    assert found == [(str(folder / p.stem / p.name), int(p.stem)) for p in pictures]


def test_missing_digit_folder_is_allowed(folder: Path) -> None:
    shutil.rmtree(folder / "0")
    assert [label for _, label in read(folder)[0]] == list(range(1, 10))


@pytest.mark.unix
def test_folders_not_named_by_digit_are_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".cache", "05", "ten"):
        (folder / name).mkdir()
    (folder / "round").symlink_to("round")
    (folder / "notes.txt").touch()
    assert len(read(folder)[0]) == 10
    assert capsys.readouterr().err == f"warning: ignoring 05, ten in {folder}: not 0 to 9\n"


def test_table_of_predictions_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("file,digit,confidence\na.png,7,0.99\n")
    with pytest.raises(DataError, match="has predictions, not labels"):
        read(tmp_path / "results.csv")


def test_bad_picture_is_reported_and_skipped(folder: Path) -> None:
    (folder / "4" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found, [error] = read(folder)
    assert len(found) == 10
    assert "broken.png" in error


def test_blank_picture_is_reported_and_skipped(folder: Path) -> None:
    blank = folder / "4" / "blank.png"
    Image.new("L", (40, 60), 200).save(blank)
    found, errors = read(folder)
    assert len(found) == 10
    assert errors == [f"{blank}: no ink found"]


def test_frames_and_probabilities_match_the_classifier(folder: Path) -> None:
    classifier = Classifier(kernels="integer")  # the default kernels differ in the last bits
    [batch] = LabelledDataset(folder, None, lambda error: None, classifier)
    predictions = [classifier.predict(name) for name in batch.names]
    assert batch.probabilities is not None and batch.probabilities.dtype == np.float32
    expected = np.array([prediction.probabilities for prediction in predictions], np.float32)
    np.testing.assert_array_equal(batch.probabilities, expected)
    np.testing.assert_array_equal(batch.images, [one.frame for one in predictions])
    [other] = LabelledDataset(folder, None, lambda error: None)
    assert other.probabilities is not None and (other.probabilities != expected).any()


def test_pictures_are_read_with_the_bundled_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_MODEL", str(folder / "gone.onnx"))
    assert len(read(folder)[0]) == 10


@pytest.mark.usefixtures("slice_as_mnist")
def test_mnist_opens_no_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("digits.classifier.Classifier")
    assert len(read(None)[0]) == 500


def test_table_gives_labels(folder: Path, pictures: list[Path]) -> None:
    rows = [f"{p.stem}/{p.name},{p.stem},mine" for p in pictures[:3]]
    table = folder / "any.csv"
    table.write_text("file,digit,source\n" + "\n".join(rows) + "\n", encoding="utf-8-sig")
    found, errors = read(table)
    assert errors == []
    assert [label for _, label in found] == [0, 1, 2]


@pytest.mark.parametrize("row", ["0/0.png,10", "0/0.png,x", "0/0.png", ",3", "0/0.png,-1"])
def test_bad_row_is_reported_and_skipped(folder: Path, row: str) -> None:
    table = folder / "any.csv"
    table.write_text(f"file,digit\n{row}\n1/1.jpg,1\n0/0.png,0\n0/gone.png,0\n")
    found, errors = read(table)
    assert [label for _, label in found][-1] == 0
    assert "any.csv, line 2: file or digit is missing" in errors[0]
    assert "gone.png" in errors[-1]


def test_spaces_around_cells_are_stripped(folder: Path) -> None:
    table = folder / "any.csv"
    [one] = (folder / "1").iterdir()
    table.write_text(f"file,digit\n {one} , 1\n")
    assert [label for _, label in read(table)[0]] == [1]


def test_table_of_bad_rows_names_the_reason(folder: Path) -> None:
    table = folder / "any.csv"
    table.write_text("file,digit\n1/1.jpg,one\n")
    with pytest.raises(
        DataError, match=r"no labelled pictures in .*any.csv \(.*line 2: file or digit"
    ):
        read(table)


def test_endless_line_in_table_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "any.csv"
    with table.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(DataError, match="any.csv is not a CSV file"):
        read(table)


@pytest.mark.parametrize("text", [b"", b"picture,label\na,1\n", b"\x00\xff\xfe" * 50])
def test_malformed_table_is_an_error(tmp_path: Path, text: bytes) -> None:
    table = tmp_path / "any.csv"
    table.write_bytes(text)
    with pytest.raises(DataError, match="any.csv"):
        read(table)


@pytest.mark.unix
def test_path_without_labelled_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="can't open .*: File name too long"):
        read(tmp_path / ("long" * 100))
    with pytest.raises(DataError, match="not a file or folder"):
        read(Path("/dev/null"))
    with pytest.raises(
        DataError, match="no labelled digits: sort .* 0 to 9 .* CSV file .* MNIST.* has neither"
    ):
        read(tmp_path)
    (tmp_path / "7").mkdir()
    with pytest.raises(DataError, match="no labelled pictures in"):
        read(tmp_path)


def test_pictures_are_opened_batch_by_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    real = Classifier.examine

    def examine(self: Classifier, sources: Iterable[Path]) -> list[Examination]:
        opened.extend(sources)
        return real(self, sources)

    monkeypatch.setattr(Classifier, "examine", examine)
    monkeypatch.setattr(image_folder, "_BATCH_SIZE", 3)
    digits: Iterator[object] = iter(LabelledDataset(folder, None, lambda error: None))
    assert len(opened) == 0
    next(digits)
    assert len(opened) == 3
    assert sum(1 for _ in digits) == 3
    assert len(opened) == 10
