import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data import datasets, image_folder, mnist
from digits.data.datasets import Dataset
from digits.data.image_folder import read_pictures
from digits.data.mnist import Split
from digits.errors import DataError, DigitsError

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


def fail(error: DigitsError) -> None:
    raise error


def labelled(split: Split) -> set[tuple[bytes, int]]:
    pairs = zip(split.images, split.labels, strict=True)
    return {(image.tobytes(), int(label)) for image, label in pairs}


def write_table(folder: Path, rows: Iterable[str]) -> Path:
    table = folder / "labels.csv"
    table.write_text("\n".join(["file,digit,group", *rows]))
    return table


def rows_of(folder: Path, count: int = COUNT) -> list[str]:
    """The rows of a table of the pictures in a sorted folder."""
    return [f"{path},{path.parent.name}" for path in sorted(folder.glob("*/*.png"))][:count]


def test_splits_hold_each_picture_once(folder: Path, dataset: Dataset) -> None:
    labels = dataset.splits["train"].labels
    assert len(labels) > 0.55 * COUNT
    assert (np.diff(labels.astype(int)) < 0).sum() > 10  # shuffled: the first calibrate
    digits = [*read_pictures(folder, fail)]
    assert sum(map(len, dataset.splits.values())) == len(digits) == COUNT
    for name, part in dataset.splits.items():
        expected = {(d.frame.tobytes(), d.label) for d in digits if d.split == name}
        assert labelled(part) == expected


def test_contradictory_pictures_are_left_out_and_doubled_ones_count_once(
    dataset: Dataset, folder: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    [seven, *_] = sorted((copied / "7").iterdir())
    shutil.copy(seven, copied / "7" / "again.png")
    assert datasets.load(copied, fail).sha256 == dataset.sha256
    shutil.move(copied / "7" / "again.png", copied / "1" / "seven.png")
    errors = list[DigitsError]()
    loaded = datasets.load(copied, errors.append)
    assert sum(map(len, loaded.splits.values())) == COUNT - 1
    assert [str(error) for error in errors] == [
        f"{copied}/1/seven.png and {seven} look the same, but are labelled 1 and 7"
    ]


def test_other_digits_than_those_trained_on_are_an_error(dataset: Dataset) -> None:
    datasets.verify_checksums(dataset, dataset.sha256, Path("mine"))
    with pytest.raises(DataError, match="on other digits than those in MNIST: name with"):
        datasets.verify_checksums(dataset, mnist.SHA256, None)


def test_own_pictures(folder: Path, dataset: Dataset, tmp_path: Path) -> None:
    own = datasets.load_own(write_table(tmp_path, rows_of(folder)), fail)
    assert labelled(own.train) == labelled(dataset.splits["train"])
    others = (labelled(dataset.splits[name]) for name in ("validation", "test"))
    assert labelled(own.held_back) == set.union(*others)
    rows = [f"{row},writer {number // 7}" for number, row in enumerate(rows_of(folder))]
    own = datasets.load_own(write_table(tmp_path, rows), fail)
    assert len(own.train) % 7 == len(own.held_back) % 7 == 0 < len(own.held_back)


def test_checksum_of_own_pictures(folder: Path, tmp_path: Path) -> None:
    rows = rows_of(folder, 4)
    groups = {image_folder.assign_split(b"", str(number)): number for number in range(20)}

    def sha256(*rows: str) -> str:
        return datasets.load_own(write_table(tmp_path, rows), fail).sha256

    expected = sha256(*rows)
    assert sha256(*rows[::-1]) == sha256(*rows, *rows) == expected
    of_groups = {sha256(f"{rows[0]},{group}", *rows[1:]) for group in groups.values()}
    assert len(of_groups) == 3 and expected in of_groups
    assert sha256(rows[0][:-1] + "none", *rows[1:]) not in of_groups
