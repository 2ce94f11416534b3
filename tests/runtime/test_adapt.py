"""Refitting the last layer: mirrored sixes, which the bundled network takes for twos."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from digits.adapt import Adapted, LastLayer, adapt, fit
from digits.data.datasets import OWN, OwnPictures
from digits.data.mnist import Split
from digits.errors import DataError, ModelError
from digits.inference import metadata
from digits.inference.metadata import Metadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, ModelBytes, check, load
from tests.conftest import Run

FILE = load(BUNDLED, Metadata, "")
LAYER = LastLayer.of(FILE.content, FILE.name)


def own(split: Split) -> OwnPictures:
    """Some pictures, half of which are held back."""
    half = len(split) // 2
    return OwnPictures(split[:half], split[half:], "a1")


@pytest.fixture(scope="module")
def sixes(train_slice: Split) -> NDArray[np.uint8]:
    """Mirrored ones, uint8 [n, 28, 28]."""
    return np.ascontiguousarray(train_slice.images[train_slice.labels == 6][:, :, ::-1])


@pytest.fixture(scope="module")
def labelled(sixes: NDArray[np.uint8], train_slice: Split) -> Split:
    """Twenty of them, and ten of each other digit."""
    others = [digit for digit in range(10) if digit != 6]
    places = np.concatenate([np.flatnonzero(train_slice.labels == digit)[:10] for digit in others])
    images = np.concatenate([train_slice.images[places], sixes[:20]])
    labels = np.concatenate([train_slice.labels[places], np.full(20, 6, np.uint8)])
    return Split(images, labels)


@pytest.fixture(scope="module")
def adapted(labelled: Split) -> Adapted:
    return adapt(FILE, own(labelled))


def test_learns_and_keeps(
    sixes: NDArray[np.uint8], labelled: Split, adapted: Adapted, test_slice: Split
) -> None:
    assert adapted.total == 110 and adapted.before > 15 and adapted.after < 10
    before, after = (
        Model(ModelBytes("model", content), sha256="")
        for content in (FILE.content, adapted.content)
    )
    assert (after.probabilities(sixes[20:]).argmax(1) == 6).mean() > 0.7
    is_wrong = before.probabilities(labelled.images).argmax(1) != labelled.labels
    assert adapted.before == is_wrong.sum()
    kept = [
        (model.probabilities(test_slice.images).argmax(1) == test_slice.labels).mean()
        for model in (before, after)
    ]
    assert kept[1] > kept[0] - 0.05


def test_metadata_name_what_it_was_made_of(adapted: Adapted) -> None:
    about = check(ModelBytes("new", adapted.content), Metadata).metadata
    recipe = json.loads(about.recipe)
    assert (recipe["name"], recipe["parent"]) == ("adapt", json.loads(FILE.metadata.recipe))
    assert recipe["penalty"] > 0
    assert json.loads(about.data_sha256)[OWN] == "a1"
    assert about.checkpoint_sha256 == FILE.metadata.checkpoint_sha256


def test_only_the_digits_of_the_last_layer_change(adapted: Adapted) -> None:
    old, new = (LAYER.weights(raw) for raw in (FILE.content, adapted.content))
    assert (old[10] == new[10]).all()
    assert (old[:10] != new[:10]).any()
    layer = sum(array.nbytes for array in LAYER.tensors(adapted.content))
    before, after = (
        np.frombuffer(raw[: raw.index(b"format_version")], np.uint8)
        for raw in (FILE.content, adapted.content)
    )
    assert 0 < (before != after).sum() <= layer


def test_replace_rounds_by_less_than_a_step() -> None:
    old = LAYER.weights(FILE.content)
    wanted = old + np.random.default_rng(0).normal(0, 0.1, old.shape)
    wanted[3, -1], wanted[4, :-1] = 1e6, 0.0  # a bias beside which the weights vanish; none
    stored = LAYER.weights(LAYER.replace(FILE.content, wanted))[:10]
    steps = np.abs(wanted[:10, :-1]).max(1, keepdims=True) / 64
    rows = [0, 1, 2, 5, 6, 7, 8, 9]
    assert (np.abs(stored - wanted[:10])[rows, :-1] <= steps[rows] / 2 + 1e-6).all()
    np.testing.assert_allclose(stored[:, -1], wanted[:10, -1], rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("penalty", [1e-1, 1e2, 1e8])
def test_fit_is_a_minimum(penalty: float) -> None:
    random = np.random.default_rng(1)
    old, features = random.normal(size=(11, 5)), random.normal(size=(60, 5))
    labels = random.integers(0, 11, 60).astype(np.uint8)
    new = fit(old, features, labels, penalty)
    logits = features @ new.T
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    slope = ((shares - np.eye(11)[labels]).T @ features + penalty * (new - old))[:10]
    assert np.linalg.norm(slope) < 0.05
    assert (new[10] == old[10]).all()


def test_nothing_to_gain(test_slice: Split) -> None:
    images = test_slice.images[:150]
    right = Model(BUNDLED, sha256="").probabilities(images).argmax(1)
    with pytest.raises(DataError, match="gains nothing: of 150 pictures 0 are read wrong before"):
        adapt(FILE, own(Split(images, right.astype(np.uint8))))


def test_digits_without_pictures_would_be_forgotten(labelled: Split) -> None:
    with pytest.raises(DataError, match="5 pictures of each digit.*: there are only 4 of 0"):
        adapt(FILE, own(labelled[6:]))


def test_command(labelled: Split, tmp_path: Path, run: Run) -> None:
    rows = ["file,digit", "gone.png,6"]
    for number, (image, label) in enumerate(zip(labelled.images, labelled.labels, strict=True)):
        Image.fromarray(255 - image).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label}")
    table, model = tmp_path / "labels.csv", tmp_path / "mine.onnx"
    table.write_text("\n".join(rows))
    code, out, err = run("adapt", table, "-o", model)
    assert code == 0
    assert out.startswith(f"{model}  of 110 pictures ")
    assert "gone.png: No such file or directory; skipped" in err
    assert Model(model, sha256="").metadata.architecture == "lenet5"
    assert run("adapt", table, "-o", table)[0] == 2
    assert run("adapt", table, "-o", tmp_path)[0] == 2
    code, _, err = run("adapt", tmp_path / "none.csv", "-o", model)
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(("scale", np.array([1] * 10 + [value], np.float32)) for value in (0, 1e-45, np.inf)),
        ("scale", np.full(11, np.nan, np.float32)),
        ("scale", np.array(1, np.float32)),  # without dimensions
        ("int", np.zeros(11, np.int8)),
        ("", np.zeros(0)),  # the layer has one input
    ],
)
def test_forged_last_layers_are_refused(
    labelled: Split, name: str, values: NDArray[np.generic]
) -> None:
    model = onnx.load_from_string(FILE.content)
    if name:
        stored = {tensor.name: tensor for tensor in model.graph.initializer}
        tensor = stored[f"fc3.weight.{name}"]
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    else:
        [*_, last] = [node for node in model.graph.node if node.op_type == "Gemm"]
        del last.input[1:]
    with pytest.raises(ModelError, match="isn't an int8 file"):
        adapt(FILE._replace(content=model.SerializeToString()), own(labelled))


@pytest.mark.parametrize("field", metadata.OBJECTS)
@pytest.mark.parametrize("value", ["", "[]", "[" * 9000, '{"epochs": ' + "9" * 6000])
def test_forged_metadata_are_refused(labelled: Split, field: str, value: str) -> None:
    about = Metadata(**asdict(FILE.metadata) | {field: value})
    with pytest.raises(ModelError, match=f"{field} is not a JSON object"):
        adapt(FILE._replace(metadata=about), own(labelled))
