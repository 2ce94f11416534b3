import hashlib
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
from digits_train.models import LeNet5, Reader

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99)
STATE = {"rng": torch.zeros(4), "history": [{"a": 1.5}]}
NAN, INFINITE = torch.full([10], float("nan")), torch.full([10], -float("inf"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "checkpoint.safetensors"
    model = LeNet5().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    checkpoint.save(path, model, PROVENANCE)
    return path


@pytest.mark.parametrize("architecture", ["lenet5", "reader"])
def test_checkpoint_round_trip(tmp_path: Path, architecture: str) -> None:
    path, about = tmp_path / "saved", replace(PROVENANCE, architecture=architecture)
    model = Reader() if architecture == "reader" else LeNet5()
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


def test_checkpoint_is_plain_safetensors(saved: Path) -> None:
    with safetensors.safe_open(saved, framework="np") as file:
        header = json.loads(file.metadata()["digits"])
        assert header["provenance"]["architecture"] == "lenet5"
        assert file.get_tensor("fc3.bias").shape == (10,)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "is not a checkpoint of this version"),
        ({"digits": '{"format": "digits checkpoint 99"}'}, "is not a checkpoint of this version"),
        ({"digits": json.dumps({"format": checkpoint.FORMAT})}, "invalid header"),
        ({"digits": "[]"}, "invalid header"),
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
        ({}, {"seed": "3"}, "invalid header"),
        ({}, {"recipe": None}, "invalid header"),
        ({}, {"epoch": 2.5}, "invalid header"),
        ({}, {"architecture": "vgg99"}, "no network called 'vgg99'; .*needs --network FILE"),
        ({}, {"architecture": "reader"}, "not a usable reader: .* is (missing|unknown)"),
        ({"fc3.bias": torch.zeros(11)}, {}, r"fc3.bias is float32 \[11\], not float32 \[10\]"),
        ({"fc3.bias": torch.zeros(10).double()}, {}, "fc3.bias is float64 .*, not float32"),
        ({"fc3.bias": torch.zeros(10).half()}, {}, "fc3.bias is float16 .*, not float32"),
        ({"fc3.bias": torch.zeros(10).int()}, {}, "fc3.bias is int32 .*, not float32"),
        ({"fc3.bias": NAN}, {}, "lenet5: fc3.bias has NaN or infinite weights; train it again"),
        ({"fc3.bias": INFINITE}, {}, "fc3.bias has NaN or infinite weights"),
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


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F8_E8M0", "C128"])
def test_unsupported_dtypes(tmp_path: Path, dtype: str) -> None:
    header = json.dumps({"x": {"dtype": dtype, "shape": [0], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match="odd.safetensors is"):
        checkpoint.load(path)


def test_checkpoint_is_read_in_one_go(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and SHA-256 must be of one file, even if a training replaces it meanwhile."""
    before, real = saved.read_bytes(), safetensors.torch.load

    def replaced(*arguments: Any) -> Any:
        checkpoint.save(saved, LeNet5(), PROVENANCE)
        return real(*arguments)

    monkeypatch.setattr(safetensors.torch, "load", replaced)
    assert checkpoint.load(saved).sha256 == hashlib.sha256(before).hexdigest()


def test_missing_files(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ModelError, match="there is no such checkpoint"):
            checkpoint.load(path)
    with pytest.raises(ModelError, match="nothing to resume from"):
        checkpoint.load_state(tmp_path / "state.pt")


def test_state_round_trip(tmp_path: Path) -> None:
    checkpoint.save_state(tmp_path / "state.pt", STATE)
    loaded = checkpoint.load_state(tmp_path / "state.pt")
    assert torch.equal(loaded["rng"], STATE["rng"])  # type: ignore[arg-type]
    assert loaded["history"] == [{"a": 1.5}]


@pytest.mark.parametrize("raw", [b"", b"noise", b"PK\3\4 half a zip"])
def test_damaged_state(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(raw)
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load_state(tmp_path / "state.pt")


@pytest.mark.parametrize("state", [[], torch.zeros(1)])
def test_state_of_another_kind(tmp_path: Path, state: Any) -> None:
    checkpoint.save_state(tmp_path / "state.pt", state)
    with pytest.raises(ModelError, match="not a state that digits wrote"):
        checkpoint.load_state(tmp_path / "state.pt")
