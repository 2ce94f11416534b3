"""The whole road with a folder of one's own pictures in place of MNIST."""

import json
from pathlib import Path

import pytest
from PIL import Image

from digits.data.labelled import digest_of, split_of
from digits.data.mnist import Split

from .conftest import Run


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A thousand pictures sorted by digit, and one that can't be read."""
    folder = tmp_path_factory.mktemp("own") / "pictures"
    for number, (image, label) in enumerate(
        zip(train_slice.images, train_slice.labels, strict=True)
    ):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(place / f"{number}.png")
    (folder / "0" / "broken.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def trained(own: Path, digits: Run) -> Path:
    """Where `runs/lenet5` is."""
    how = ("--recipe", "classic", "--epochs", 10, "--batch-size", 32)
    done = digits("train", "--data", own, *how, "--json", cwd=own.parent)
    assert done.returncode == 0, done.stderr
    [warning] = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in warning
    assert json.loads(done.stdout)["test_accuracy"] > 0.7
    return own.parent


def test_the_road(own: Path, trained: Path, digits: Run, train_slice: Split) -> None:
    done = digits(*("export", "--quantize", "--data", own, "--max-accuracy-drop", 2), cwd=trained)
    assert done.returncode == 0, done.stderr
    model = "runs/lenet5/lenet5.int8.onnx"
    about = json.loads(digits("info", model, "--json", cwd=trained).stdout)["metadata"]
    assert list(about["data_sha256"]) == ["pictures"]
    measured = digits("eval", model, "--data", own, "--split", "test", "--json", cwd=trained)
    values = json.loads(measured.stdout)
    tested = [split_of(digest_of(255 - image)) == "test" for image in train_slice.images]
    assert values["digits"] == sum(tested)
    # The export measures the frames that the bundled model chose; here the new one chooses.
    assert values["accuracy"] == pytest.approx(about["test_accuracy"], abs=0.02)


@pytest.mark.parametrize("command", [("export",), ("train", "--resume", "runs/lenet5")])
def test_other_digits_are_refused(trained: Path, digits: Run, command: tuple[str, ...]) -> None:
    done = digits(*command, cwd=trained)
    assert done.returncode == 1
    assert "was trained on pictures: say with --data where they are" in done.stderr
    assert "Traceback" not in done.stderr
