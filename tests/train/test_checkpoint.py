"""Checkpoints, and what `digits info` says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from digits.errors import ModelError
from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.experiment import change, default_experiment
from digits_train.models import LeNet5
from digits_train.run import RunDir
from digits_train.structs import to_dict
from tests.conftest import Patch, Run

PROVENANCE = Provenance("0.0", default_experiment("lenet5", "classic"), 5, 50_000, 0.99)


def about(network: str) -> Provenance:
    return replace(PROVENANCE, experiment=replace(PROVENANCE.experiment, network=network))


class Tied(LeNet5):
    """One layer has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.again = self.fc2


@pytest.mark.slow
@pytest.mark.parametrize("network", ["detector", "tied"])
def test_checkpoint_round_trip(tmp_path: Path, network: str, monkeypatch: Patch) -> None:
    monkeypatch.setitem(models.ARCHITECTURES, "tied", Tied)
    path, model = tmp_path / "saved", models.get_network(network)()
    model = model.to_device(torch.device("cpu"))  # with other strides
    checkpoint.save(path, model, about(network))
    loaded = checkpoint.load(path)
    assert (loaded.provenance, loaded.model.training) == (about(network), False)
    torch.testing.assert_close(loaded.model.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("weights", "network", "complaint"),
    [
        ({}, "vgg99", "no network called 'vgg99'; .*needs --network FILE"),
        (
            {"fc3.bias": torch.zeros(11)},
            "lenet5",
            "size mismatch for fc3.bias: .*; train it again",
        ),
        ({"fc4.bias": torch.zeros(1)}, "lenet5", 'Unexpected key.* "fc4.bias"'),
    ],
)
def test_unfitting_weights(
    tmp_path: Path, weights: dict[str, Any], network: str, complaint: str
) -> None:
    path = tmp_path / "odd.safetensors"
    checkpoint.write(path, LeNet5().state_dict() | weights, to_dict(about(network)))
    with pytest.raises(ModelError, match=complaint):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda values: values.pop("progress"), "missing required field `progress`"),
        (lambda values: values["experiment"]["recipe"].update(crops=5), "unknown field `crops`"),
    ],
)
def test_values_of_another_version(
    tmp_path: Path, damage: Callable[[Any], object], complaint: str
) -> None:
    values = to_dict(PROVENANCE)
    damage(values)
    path = tmp_path / "old.safetensors"
    checkpoint.write(path, LeNet5().state_dict(), values)
    message = rf"old.safetensors is damaged, or not a file of this version of .*{complaint}"
    for read in (checkpoint.load, checkpoint.describe):
        with pytest.raises(ModelError, match=message):
            read(path)


def test_damage_and_another_format(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    message = r"is damaged, or not a file of this version of digits \("
    checkpoint.save(path, LeNet5(), PROVENANCE)
    raw = path.read_bytes()
    for content, cause in (
        (raw[:-1], "Error while deserializing: incomplete"),
        (raw.replace(b"checkpoint 4", b"checkpoint 3"), "its format isn't digits checkpoint 4"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=message + cause):
            checkpoint.load(path)


@pytest.mark.parametrize(
    ("network", "changes"),
    [("mine", None), ("lenet5", ["recipe.frames=0.5", "camera.lens.curved=0.2"])],
)
def test_info_of_a_network_known_or_not(
    run: Run, tmp_path: Path, network: str, changes: list[str] | None
) -> None:
    path = RunDir(tmp_path).checkpoint
    changed = change(PROVENANCE.experiment, ["recipe.frames=0.5", "camera.lens.curved=0.2"])
    renamed = replace(changed, network=network)
    checkpoint.save(path, models.Detector(), replace(PROVENANCE, experiment=renamed))
    code, out, err = run("info", tmp_path)
    values = json.loads(out)
    assert (code, err) == (0, "")
    expected = {"file": str(path), "bytes": path.stat().st_size, "network": network}
    expected |= {"recipe": "classic", "parameters": 339_321, "changes": changes}
    assert expected.items() <= values.items()
    tensors = {
        "up.bias": [128],
        "up.weight": [128, 64, 1, 1],
        "neck.0.norm.num_batches_tracked": [],
    }
    assert tensors.items() <= values["tensors"].items()
    assert values == json.loads(run("info", tmp_path / "state.safetensors")[1])
