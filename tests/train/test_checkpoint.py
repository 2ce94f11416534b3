import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from digits.errors import ModelError
from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99)
NAN = torch.full([10], float("nan"))


@pytest.mark.parametrize("architecture", ["lenet5", "reader"])
def test_checkpoint_round_trip(tmp_path: Path, architecture: str) -> None:
    path, about = tmp_path / "saved", replace(PROVENANCE, architecture=architecture)
    model = models.build(architecture).to_device(torch.device("cpu"))  # with other strides
    checkpoint.save(path, model, about)
    loaded = checkpoint.load(path)
    assert loaded.provenance == about
    assert not loaded.model.training
    expected = model.state_dict()
    assert loaded.model.state_dict().keys() == expected.keys()
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_layer_with_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tied(LeNet5):
        def __init__(self) -> None:
            super().__init__()
            self.again = self.fc2

    monkeypatch.setitem(models.ARCHITECTURES, "tied", Tied)
    network = Tied()
    checkpoint.save(tmp_path / "tied", network, replace(PROVENANCE, architecture="tied"))
    loaded = checkpoint.load(tmp_path / "tied").model
    assert isinstance(loaded, Tied)
    assert loaded.again is loaded.fc2
    assert torch.equal(loaded.fc2.weight, network.fc2.weight)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "is not a checkpoint of this version"),
        ({"digits": '{"format": "digits checkpoint 99"}'}, "is not a checkpoint of this version"),
        ({"digits": json.dumps({"format": checkpoint.FORMAT})}, "invalid header"),
        ({"digits": "[" * 100_000}, "invalid header"),
    ],
)
def test_foreign_safetensors(tmp_path: Path, header: dict[str, str] | None, message: str) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, header))
    with pytest.raises(ModelError, match=message):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("weights", "about", "complaint"),
    [
        ({}, {"epoch": 2.5}, "invalid header"),
        ({}, {"architecture": "vgg99"}, "no network called 'vgg99'; .*needs --network FILE"),
        ({}, {"architecture": "reader"}, "not a usable reader: .* is (missing|unknown)"),
        ({"fc3.bias": torch.zeros(11)}, {}, r"fc3.bias is float32 \[11\], not float32 \[10\]"),
        ({"fc3.bias": torch.zeros(10).double()}, {}, "fc3.bias is float64 .*, not float32"),
        ({"fc3.bias": NAN}, {}, "lenet5: fc3.bias has NaN or infinite weights; train it again"),
        ({"fc4.bias": torch.zeros(10)}, {}, "fc4.bias is unknown"),
        ({"fc3.bias": None}, {}, "fc3.bias is missing"),
    ],
)
def test_unfitting_checkpoints(
    tmp_path: Path, weights: dict[str, Any], about: dict[str, Any], complaint: str
) -> None:
    changed = {**LeNet5().state_dict(), **weights}

    class Odd(LeNet5):
        def state_dict(self, *_: Any, **__: Any) -> Any:
            return {name: tensor for name, tensor in changed.items() if tensor is not None}

    path = tmp_path / "odd.safetensors"
    checkpoint.save(path, Odd(), replace(PROVENANCE, **about))
    with pytest.raises(ModelError, match=complaint):
        checkpoint.load(path)


def test_missing_files(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ModelError, match="there is no such checkpoint"):
            checkpoint.load(path)
    with pytest.raises(ModelError, match="nothing to resume from"):
        checkpoint.load_state(tmp_path / "state.pt")


@pytest.mark.parametrize("state", [b"", b"PK\3\4 half a zip", [], torch.zeros(1)])
def test_damaged_state_or_another_file(tmp_path: Path, state: Any) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(state) if isinstance(state, bytes) else checkpoint.save_state(path, state)
    with pytest.raises(ModelError, match="state.pt is damaged, or not a state that digits wrote"):
        checkpoint.load_state(path)
