import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier, Prediction
from digits.classifier import Examination
from digits.data import datasets, image_folder, mnist
from digits.data.datasets import Dataset
from digits.data.image_folder import LabelledDataset, digest_of
from digits.data.mnist import Split, SplitName
from digits.errors import DataError, DigitsError

COUNT = 70


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """Seventy pictures, sorted by digit."""
    folder = tmp_path_factory.mktemp("own")
    for number in range(COUNT):
        place = folder / str(train_slice.labels[number])
        place.mkdir(exist_ok=True)
        Image.fromarray(255 - train_slice.images[number]).save(place / f"{number}.png")
    return folder


def fail(error: DigitsError) -> None:
    raise error


def image_bytes(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_load_without_data_gives_mnist(slice_as_mnist: None) -> None:
    found = datasets.load(None, fail)
    assert found.sha256 == mnist.SHA256
    assert {name: len(split) for name, split in found.splits.items()} == {
        "train": 800,
        "validation": 200,
        "test": 500,
    }


def test_splits_share_no_picture(folder: Path) -> None:
    splits = datasets.load(folder, fail).splits
    assert sum(map(len, splits.values())) == COUNT
    assert len(splits["train"]) > 0.55 * COUNT
    parts = [image_bytes(split) for split in splits.values()]
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_splits_keep_labels(folder: Path) -> None:
    right = {
        (image.tobytes(), int(label))
        for batch in LabelledDataset(folder, None, fail)
        for image, label in zip(batch.images, batch.labels, strict=True)
    }
    splits = datasets.load(folder, fail).splits.values()
    found = {(i.tobytes(), int(n)) for s in splits for i, n in zip(s.images, s.labels, strict=True)}
    assert found == right


def test_digest_depends_on_labels_not_names(folder: Path, tmp_path: Path) -> None:
    first = datasets.load(folder, fail)
    renamed = tmp_path / "renamed"
    for path in folder.rglob("*.png"):
        (renamed / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, renamed / path.parent.name / f"{hash(path)}.png")
    again = datasets.load(renamed, fail)
    assert again.sha256 == first.sha256
    for name, split in first.splits.items():
        np.testing.assert_array_equal(split.images, again.splits[name].images)
        np.testing.assert_array_equal(split.labels, again.splits[name].labels)
    [moved, *_] = (renamed / "7").iterdir()
    shutil.move(moved, renamed / "1")
    assert datasets.load(renamed, fail).sha256 != first.sha256


def test_split_is_stable_when_pictures_are_added(folder: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for path in sorted(folder.rglob("*.png"))[::2]:
        (few / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, few / path.parent.name)
    whole = datasets.load(folder, fail).splits
    for name, split in datasets.load(few, fail).splits.items():
        assert image_bytes(split) <= image_bytes(whole[name])


class InvertingClassifier(Classifier):
    """Inverts the frames that the other one finds in the same pictures."""

    def prediction(self, examined: Examination) -> Prediction:
        found = super().prediction(examined)
        assert found.frame is not None
        return dataclasses.replace(found, frame=255 - found.frame)


def test_split_is_independent_of_the_classifier(folder: Path) -> None:
    for part in ("train", "validation", "test"):
        one, other = (
            list(LabelledDataset(folder, part, fail, classifier))
            for classifier in (None, InvertingClassifier())
        )
        assert (one[0].images != other[0].images).all()
        assert [batch.names for batch in one] == [batch.names for batch in other]


def test_digest_depends_on_shape() -> None:
    blank = np.zeros((20, 30), np.uint8)
    assert digest_of(blank) != digest_of(blank.T)
    assert digest_of(blank) == digest_of(blank[::-1])


def test_training_digits_are_shuffled(folder: Path) -> None:
    """The first of them calibrate the quantization."""
    labels = datasets.load(folder, fail).splits["train"].labels
    assert (np.diff(labels.astype(int)) < 0).sum() > 10


def test_unreadable_picture_is_reported_and_skipped(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    (own / "3" / "broken.png").write_text("no picture")
    told: list[DigitsError] = []
    found = datasets.load(own, told.append)
    assert found.sha256 == datasets.load(folder, fail).sha256
    assert len(told) == 1 and "broken.png" in str(told[0])


def test_conflicting_labels_are_a_warning(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    [seven, another, *_] = sorted((own / "7").iterdir())
    shutil.copy(seven, own / "7" / "again.png")  # the same label twice is no conflict
    datasets.load(own, fail)
    assert capsys.readouterr().err == ""
    shutil.copy(seven, own / "1" / "seven.png")
    (own / "7" / "again.png").unlink()
    datasets.load(own, fail)
    told = capsys.readouterr().err
    assert told == (
        f"warning: {own}/1/seven.png and {seven} look the same,"
        " but one is labelled 1 and the other 7\n"
    )
    shutil.copy(another, own / "2" / "another.png")
    datasets.load(own, fail)
    assert capsys.readouterr().err.endswith("; and 1 more like that\n")


def test_too_few_pictures_are_an_error(tmp_path: Path, train_slice: Split) -> None:
    (tmp_path / "5").mkdir()
    Image.fromarray(train_slice.images[0]).save(tmp_path / "5" / "a.png")
    with pytest.raises(DataError, match="too few readable pictures: 1 train, 0 validation, 0"):
        datasets.load(tmp_path, fail)
    (tmp_path / "5" / "a.png").write_text("")
    with pytest.raises(DataError, match="too few readable pictures: 0 train"):
        datasets.load(tmp_path, lambda error: None)


def test_labelled_dataset_of_one_split(folder: Path) -> None:
    splits = datasets.load(folder, fail).splits
    for name, split in splits.items():
        images = [image for batch in LabelledDataset(folder, name, fail) for image in batch.images]
        assert {image.tobytes() for image in images} == image_bytes(split)


def test_split_proportions(train_slice: Split) -> None:
    parts = [image_folder.assign_split(digest_of(image)) for image in train_slice.images]
    shares: dict[SplitName, float] = {"train": 5 / 7, "validation": 1 / 7, "test": 1 / 7}
    for name, share in shares.items():
        assert parts.count(name) / len(parts) == pytest.approx(share, abs=0.04)  # 3 standard errors


def test_verify_checksums_refuses_other_data() -> None:
    own, others = Dataset({}, {"pictures": "01"}), Dataset({}, {"pictures": "02"})
    mnists, mine = Dataset({}, mnist.SHA256), Path("mine")
    datasets.verify_checksums(own, own.sha256, mine)
    datasets.verify_checksums(mnists, mnists.sha256, None)
    with pytest.raises(DataError, match="on pictures: name their folder with --data"):
        datasets.verify_checksums(mnists, own.sha256, None)
    with pytest.raises(DataError, match="on other pictures than those in mine"):
        datasets.verify_checksums(others, own.sha256, mine)
    with pytest.raises(DataError, match="on MNIST, not on what is in mine"):
        datasets.verify_checksums(own, mnists.sha256, mine)
