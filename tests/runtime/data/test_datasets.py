import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Prediction
from digits.data import datasets, mnist
from digits.data.datasets import Dataset
from digits.data.image_folder import LabelledDataset
from digits.data.mnist import Split
from digits.data.table import LABELS
from digits.errors import DataError, DigitsError
from digits.vision.candidates import Candidates

COUNT = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """Seventy pictures, sorted by digit."""
    folder = tmp_path_factory.mktemp("sorted")
    for number in range(COUNT):
        digit = folder / str(train_slice.labels[number])
        digit.mkdir(exist_ok=True)
        Image.fromarray(255 - train_slice.images[number]).save(digit / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return datasets.load(folder, fail)


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def fail(error: DigitsError) -> None:
    raise error


def labelled(split: Split) -> set[tuple[bytes, int]]:
    pairs = zip(split.images, split.labels, strict=True)
    return {(image.tobytes(), int(label)) for image, label in pairs}


def test_load_without_data_gives_mnist(mnist_subset: None) -> None:
    loaded = datasets.load(None, fail)
    assert loaded.sha256 == mnist.SHA256
    assert {name: len(split) for name, split in loaded.splits.items()} == {
        "train": 800,
        "validation": 200,
        "test": 500,
    }


def test_splits_hold_each_picture_once(folder: Path, dataset: Dataset) -> None:
    parts = {name: labelled(split) for name, split in dataset.splits.items()}
    assert sum(map(len, dataset.splits.values())) == COUNT == len(set.union(*parts.values()))
    assert len(parts["train"]) > 0.55 * COUNT
    digits = [*LabelledDataset(folder, fail).pictures()]
    for name, part in parts.items():
        assert {(d.frame.tobytes(), d.label) for d in digits if d.split == name} == part


def test_training_digits_are_shuffled(dataset: Dataset) -> None:
    """The first of them calibrate the quantization."""
    labels = dataset.splits["train"].labels
    assert (np.diff(labels.astype(int)) < 0).sum() > 10


def test_checksum_depends_on_labels_not_names(dataset: Dataset, copied: Path) -> None:
    for path in list(copied.rglob("*.png")):
        path.rename(path.with_stem(str(hash(path))))
    again = datasets.load(copied, fail)
    assert again.sha256 == dataset.sha256
    for name, split in dataset.splits.items():
        np.testing.assert_array_equal(split.images, again.splits[name].images)
        np.testing.assert_array_equal(split.labels, again.splits[name].labels)
    [moved, *_] = (copied / "7").iterdir()
    shutil.move(moved, copied / "1")
    assert datasets.load(copied, fail).sha256 != dataset.sha256


def test_splits_are_stable_when_pictures_are_added(dataset: Dataset, copied: Path) -> None:
    for path in sorted(copied.rglob("*.png"))[::2]:
        path.unlink()
    for name, split in datasets.load(copied, fail).splits.items():
        assert labelled(split) <= labelled(dataset.splits[name])


def test_splits_are_independent_of_what_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another classifier may see other frames in the same pictures."""
    splits = [digit.split for digit in LabelledDataset(folder, fail).pictures()]
    real = Candidates.prediction

    def invert(examined: Candidates, threshold: float) -> Prediction:
        prediction = real(examined, threshold)
        assert prediction.frame is not None
        return dataclasses.replace(prediction, frame=255 - prediction.frame)

    monkeypatch.setattr(Candidates, "prediction", invert)
    assert [digit.split for digit in LabelledDataset(folder, fail).pictures()] == splits


def test_unreadable_picture_is_reported_and_skipped(dataset: Dataset, copied: Path) -> None:
    (copied / "3" / "broken.png").write_text("no picture")
    errors: list[DigitsError] = []
    assert datasets.load(copied, errors.append).sha256 == dataset.sha256
    assert len(errors) == 1 and "broken.png" in str(errors[0])


def test_contradictory_pictures_are_left_out_and_doubled_ones_count_once(
    dataset: Dataset, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [seven, another, *_] = sorted((copied / "7").iterdir())
    shutil.copy(seven, copied / "7" / "again.png")
    assert datasets.load(copied, fail).sha256 == dataset.sha256
    assert capsys.readouterr().err == ""
    shutil.copy(seven, copied / "1" / "seven.png")
    (copied / "7" / "again.png").unlink()
    loaded = datasets.load(copied, fail)
    assert sum(map(len, loaded.splits.values())) == COUNT - 1
    assert capsys.readouterr().err == (
        f"warning: {copied}/1/seven.png and {seven} look the same,"
        " but are labelled 1 and 7: left out, as are all such pictures (1 in all)\n"
    )
    shutil.copy(another, copied / "2" / "another.png")
    datasets.load(copied, fail)
    assert capsys.readouterr().err.endswith("(2 in all)\n")


def test_too_few_pictures_are_an_error(tmp_path: Path, train_slice: Split) -> None:
    (tmp_path / "5").mkdir()
    Image.fromarray(train_slice.images[0]).save(tmp_path / "5" / "a.png")
    with pytest.raises(DataError, match="too few readable pictures: 1 train, 0 validation, 0"):
        datasets.load(tmp_path, fail)
    (tmp_path / "5" / "a.png").write_text("")
    with pytest.raises(DataError, match="too few readable pictures: 0 train"):
        datasets.load(tmp_path, lambda error: None)


PICTURES, OTHERS = {"pictures": "01"}, {"pictures": "02"}
MINE, YOURS = mnist.SHA256 | {"own": "01"}, mnist.SHA256 | {"own": "02"}


@pytest.mark.parametrize(
    ("loaded", "expected", "data", "reason"),
    [
        (PICTURES, PICTURES, Path("mine"), ""),
        (mnist.SHA256, mnist.SHA256, None, ""),
        (mnist.SHA256, PICTURES, None, "on pictures: name their folder with --data"),
        (OTHERS, PICTURES, Path("mine"), "on other pictures than those in mine"),
        (PICTURES, mnist.SHA256, Path("mine"), "on MNIST, not on what is in mine"),
        (MINE, MINE, Path("mine"), ""),
        (YOURS, MINE, Path("mine"), "fine-tuned on other pictures than those in mine"),
    ],
)
def test_verify_checksums(
    loaded: dict[str, str], expected: dict[str, str], data: Path | None, reason: str
) -> None:
    if not reason:
        datasets.verify_checksums(Dataset({}, loaded), expected, data)
        return
    with pytest.raises(DataError, match=reason):
        datasets.verify_checksums(Dataset({}, loaded), expected, data)


def write_table(folder: Path, rows: list[str], columns: str = "file,digit") -> Path:
    table = folder / "labels.csv"
    table.write_text("\n".join([columns, *rows]))
    return table


def rows_of(folder: Path, count: int = COUNT) -> list[str]:
    """The rows of a table of the pictures in a sorted folder."""
    return [f"{path},{path.parent.name}" for path in sorted(folder.glob("*/*.png"))][:count]


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_own_pictures(folder: Path, dataset: Dataset, tmp_path: Path, kind: str) -> None:
    data = folder if kind == "folder" else write_table(tmp_path, rows_of(folder))
    own = datasets.load_own(data, fail)
    assert labelled(own.train) == labelled(dataset.splits["train"])
    others = (labelled(dataset.splits[name]) for name in ("validation", "test"))
    assert labelled(own.held_back) == set.union(*others)


@pytest.mark.parametrize("labels", [["7", "none"], ["7"], ["none"]])
def test_twenty_own_pictures_of_any_label(folder: Path, tmp_path: Path, labels: list[str]) -> None:
    names = [row.split(",")[0] for row in rows_of(folder, 20)]
    rows = [f"{name},{labels[number % len(labels)]}" for number, name in enumerate(names)]
    own = datasets.load_own(write_table(tmp_path, rows), fail)
    assert len(own.train) + len(own.held_back) == 20
    assert len(own.train) > 10
    seen = {*own.train.labels.tolist(), *own.held_back.labels.tolist()}
    assert seen == {LABELS.index(label) for label in labels}
    assert own.train.images.shape[1:] == own.held_back.images.shape[1:] == (28, 28)


@pytest.mark.usefixtures("mnist_subset")
def test_mnist_is_none_of_ones_own_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^{tmp_path} has no readable pictures to train on"):
        datasets.load_own(tmp_path, fail)


def test_own_pictures_of_a_group_stay_together(folder: Path, tmp_path: Path) -> None:
    rows = [f"{row},writer {number // 7}" for number, row in enumerate(rows_of(folder))]
    own = datasets.load_own(write_table(tmp_path, rows, "file,digit,group"), fail)
    assert len(own.train) % 7 == len(own.held_back) % 7 == 0
    assert len(own.held_back) > 0


def test_checksum_of_own_pictures(folder: Path, tmp_path: Path) -> None:
    """It is of pictures, labels and splits, and of nothing else."""
    rows = rows_of(folder, 20)
    first = f"{rows[0]},"

    def sha256(rows: list[str], columns: str = "file,digit,group") -> str:
        return datasets.load_own(write_table(tmp_path, rows, columns), fail).sha256

    expected = sha256(rows)
    assert sha256(rows[::-1]) == sha256([*rows, *rows]) == expected
    assert sha256([f"{first}{rows[0][-1]}", *rows[1:]], "file,digit,x") == expected
    of_groups = {sha256([f"{first}{group}", *rows[1:]]) for group in range(20)}
    assert len(of_groups) == 3 and expected in of_groups
    assert sha256([first.replace(f",{rows[0][-1]},", ",none,"), *rows[1:]]) not in of_groups
    assert sha256(rows[1:]) not in of_groups
