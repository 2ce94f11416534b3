"""Refitting the last layer: mirrored sixes, which the bundled network takes for twos."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from digits.adapt import LastLayer, adapt
from digits.data.datasets import OWN_CHECKSUM_NAME, OwnPictures
from digits.data.mnist import Split
from digits.errors import DataError, ModelError
from digits.inference import metadata
from digits.inference.metadata import ClassifierMetadata
from digits.inference.model import ClassifierModel
from digits.inference.model_file import BUNDLED, ModelBytes, check, load
from tests.conftest import Run

FILE = load(BUNDLED, ClassifierMetadata, "")
LAYER = LastLayer.find(FILE.content, FILE.name)


def own(split: Split) -> OwnPictures:
    half = len(split) // 2
    return OwnPictures(split[:half], split[half:], "a1")


def accuracy(model: ClassifierModel, split: Split) -> float:
    return float((model.probabilities(split.images).argmax(1) == split.labels).mean())


@pytest.fixture(scope="module")
def sixes(train_slice: Split) -> NDArray[np.uint8]:
    """Mirrored, uint8 [n, 28, 28]."""
    return np.ascontiguousarray(train_slice.images[train_slice.labels == 6][:, :, ::-1])


@pytest.fixture(scope="module")
def labelled(sixes: NDArray[np.uint8], train_slice: Split) -> Split:
    """Twenty of them, and ten of each other digit."""
    others = [digit for digit in range(10) if digit != 6]
    places = np.concatenate([np.flatnonzero(train_slice.labels == digit)[:10] for digit in others])
    images = np.concatenate([train_slice.images[places], sixes[:20]])
    labels = np.concatenate([train_slice.labels[places], np.full(20, 6, np.uint8)])
    return Split(images, labels)


@pytest.mark.slow
def test_learns_and_keeps(sixes: NDArray[np.uint8], labelled: Split, test_slice: Split) -> None:
    adapted = adapt(FILE, own(labelled))
    before, after = (
        partial(accuracy, ClassifierModel(ModelBytes("model", content), sha256=""))
        for content in (FILE.content, adapted.model_content)
    )
    wrong = round(110 * (1 - before(labelled)))
    assert adapted[1:3] == (110, wrong) and wrong > 15 and adapted.wrong_after < 10
    assert after(Split(sixes[20:], np.full(len(sixes) - 20, 6, np.uint8))) > 0.7
    assert after(test_slice) > before(test_slice) - 0.05
    about = check(ModelBytes("new", adapted.model_content), ClassifierMetadata).metadata
    recipe = json.loads(about.recipe)
    assert (recipe["name"], recipe["parent"]) == ("adapt", json.loads(FILE.metadata.recipe))
    assert json.loads(about.data_sha256)[OWN_CHECKSUM_NAME] == "a1"


def test_replace_rounds_by_less_than_a_step() -> None:
    old = LAYER.weights(FILE.content)
    wanted = old + np.random.default_rng(0).normal(0, 0.1, old.shape)
    wanted[3, -1], wanted[4, :-1] = 1e6, 0.0  # a bias beside which the weights vanish; none
    stored = LAYER.weights(LAYER.replace(FILE.content, wanted))[:10]
    steps = np.abs(wanted[:10, :-1]).max(1, keepdims=True) / 64
    is_rounded = np.abs(stored - wanted[:10])[:, :-1] <= steps / 2 + 1e-6
    assert np.delete(is_rounded, [3, 4], 0).all()
    np.testing.assert_allclose(stored[:, -1], wanted[:10, -1], rtol=1e-3, atol=0.05)


@pytest.mark.slow
def test_what_cannot_be_learned_is_an_error(labelled: Split, test_slice: Split) -> None:
    images = test_slice.images[:150]
    right = ClassifierModel(BUNDLED, sha256="").probabilities(images).argmax(1)
    with pytest.raises(DataError, match="gains nothing: of 150 pictures 0 are read wrong before"):
        adapt(FILE, own(Split(images, right.astype(np.uint8))))
    with pytest.raises(DataError, match="5 pictures of each digit.*: there are only 4 of 0"):
        adapt(FILE, own(labelled[6:]))


@pytest.mark.slow
def test_command(labelled: Split, tmp_path: Path, run: Run) -> None:
    rows = ["file,digit", "gone.png,6"]
    for number, image in enumerate(labelled.images):
        Image.fromarray(255 - image).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{labelled.labels[number]}")
    table, model = tmp_path / "labels.csv", tmp_path / "mine.onnx"
    table.write_text("\n".join(rows))
    code, out, err = run("adapt", table, "-o", model)
    assert code == 0 and out.startswith(f"{model}  of 110 pictures ")
    assert "gone.png: No such file or directory; skipped" in err
    assert ClassifierModel(model, sha256="").metadata.architecture == "lenet5"
    assert run("adapt", table, "-o", table)[0] == 2


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(("scale", np.full(11, value, np.float32)) for value in (0, np.inf, np.nan)),
        ("scale", np.array(1, np.float32)),  # without dimensions
        ("int", np.zeros(11, np.int8)),
    ],
)
def test_forged_layers_are_refused(labelled: Split, name: str, values: NDArray[np.generic]) -> None:
    model = onnx.load_from_string(FILE.content)
    [tensor] = [t for t in model.graph.initializer if t.name == f"fc3.weight.{name}"]
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    with pytest.raises(ModelError, match="isn't an int8 file"):
        adapt(FILE._replace(content=model.SerializeToString()), own(labelled))


@pytest.mark.parametrize("field", metadata.JSON_KEYS)
@pytest.mark.parametrize("value", ["[]", "[" * 9000, '{"epochs": ' + "9" * 6000])
def test_forged_metadata_are_refused(labelled: Split, field: str, value: str) -> None:
    about = ClassifierMetadata(**asdict(FILE.metadata) | {field: value})
    with pytest.raises(ModelError, match=f"{field} is not a JSON object"):
        adapt(FILE._replace(metadata=about), own(labelled))
