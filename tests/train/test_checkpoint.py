import contextlib
import dataclasses
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digits.errors import ModelError
from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5, Reader

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99, None)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "checkpoint.safetensors"
    model = LeNet5().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    checkpoint.save(path, model, PROVENANCE)
    return path


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_checkpoint_round_trip(saved: Path) -> None:
    torch.manual_seed(0)
    expected = LeNet5().state_dict()
    loaded = checkpoint.load(saved)
    assert loaded.provenance == PROVENANCE
    assert not loaded.model.training
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_checkpoint_of_version_without_init(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks began with random weights."""

    def without_init(provenance: Provenance) -> dict[str, Any]:
        return {name: value for name, value in vars(provenance).items() if name != "init"}

    monkeypatch.setattr(checkpoint, "asdict", without_init)
    checkpoint.save(saved, LeNet5(), PROVENANCE)
    assert b'"teacher": null}' in saved.read_bytes().replace(b"\\", b"")
    assert checkpoint.load(saved).provenance == PROVENANCE


@pytest.mark.parametrize(
    ("other", "complaint"), [("lenet5", "is missing|is unknown"), ("vgg16", "is missing|is unkn")]
)
def test_reader_is_no_classifier(tmp_path: Path, other: str, complaint: str) -> None:
    path = tmp_path / "odd.safetensors"
    for architecture, model in (("reader", models.build(other)), (other, Reader())):
        about = dataclasses.replace(PROVENANCE, architecture=architecture)
        checkpoint.save(path, model, about)
        with pytest.raises(ModelError, match=f"not a usable {architecture}: .* ({complaint})"):
            checkpoint.load(path)


def test_checkpoint_of_reader(tmp_path: Path) -> None:
    path, reader = tmp_path / "reader.safetensors", Reader()
    checkpoint.save(path, reader, dataclasses.replace(PROVENANCE, architecture="reader"))
    loaded = checkpoint.load(path).model
    assert isinstance(loaded, Reader)
    pages = torch.randint(0, 256, (1, 1, 32, 40), dtype=torch.uint8)
    with torch.inference_mode():
        for found, expected in zip(loaded(pages), reader.eval()(pages), strict=True):
            torch.testing.assert_close(found, expected)


def test_checkpoint_is_plain_safetensors(saved: Path) -> None:
    with safetensors.safe_open(saved, framework="np") as file:
        header = json.loads(file.metadata()["digits"])
        assert header["provenance"]["architecture"] == "lenet5"
        assert file.get_tensor("fc3.bias").shape == (10,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_damaged_checkpoint(saved: Path, data: st.DataObject) -> None:
    raw = bytearray(saved.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    (saved.parent / "damaged").write_bytes(raw)
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load(saved.parent / "damaged")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_truncated_checkpoint(saved: Path, data: st.DataObject) -> None:
    raw = saved.read_bytes()
    (saved.parent / "short").write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(ModelError, match="short"):
        checkpoint.load(saved.parent / "short")


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


@pytest.mark.parametrize("change", [{"seed": "3"}, {"recipe": None}, {"epoch": 2.5}])
def test_header_of_wrong_types(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "odd.safetensors"
    checkpoint.save(path, LeNet5(), dataclasses.replace(PROVENANCE, **change))
    with pytest.raises(ModelError, match="invalid header"):
        checkpoint.load(path)


def test_unknown_architecture(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    checkpoint.save(path, LeNet5(), dataclasses.replace(PROVENANCE, architecture="vgg99"))
    with pytest.raises(ModelError, match="no network called 'vgg99'; .*needs --model FILE"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fc3.bias": torch.zeros(11)}, r"fc3.bias is float32 \[11\], not float32 \[10\]"),
        ({"fc3.bias": torch.zeros(10).double()}, "fc3.bias is float64 .*, not float32"),
        ({"fc3.bias": torch.zeros(10).half()}, "fc3.bias is float16 .*, not float32"),
        ({"fc3.bias": torch.zeros(10).int()}, "fc3.bias is int32 .*, not float32"),
        ({"fc3.bias": torch.full([10], float("nan"))}, "fc3.bias has NaN or infinite weights"),
        ({"fc3.bias": torch.full([10], -float("inf"))}, "fc3.bias has NaN or infinite weights"),
        ({"fc4.bias": torch.zeros(10)}, "fc4.bias is unknown"),
        ({"fc3.bias": None}, "fc3.bias is missing"),
    ],
)
def test_unfitting_weights_are_named(
    tmp_path: Path, change: dict[str, torch.Tensor | None], complaint: str
) -> None:
    weights = {**LeNet5().state_dict(), **change}
    left = {name: tensor for name, tensor in weights.items() if tensor is not None}
    path = tmp_path / "odd.safetensors"

    class Odd(LeNet5):
        def state_dict(self, *_: Any, **__: Any) -> Any:
            return left

    checkpoint.save(path, Odd(), PROVENANCE)
    with pytest.raises(ModelError, match=f"not a usable lenet5: {complaint}.*; train it again"):
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
    first, real = saved.read_bytes(), safetensors.torch.load

    def replaced(*arguments: Any) -> Any:
        checkpoint.save(saved, LeNet5(), PROVENANCE)
        return real(*arguments)

    monkeypatch.setattr(safetensors.torch, "load", replaced)
    assert checkpoint.load(saved).sha256 == hashlib.sha256(first).hexdigest()


def test_disguised_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    for name, load in (("a.safetensors", checkpoint.load), ("state.pt", checkpoint.load_state)):
        for bomb in (pickle.dumps(Bomb(tmp_path / "boom")), torch_bomb(tmp_path)):
            raw = bomb if load is checkpoint.load else bomb + hashlib.sha256(bomb).digest()
            (tmp_path / name).write_bytes(raw)
            with pytest.raises(ModelError, match=name):
                load(tmp_path / name)
    assert not (tmp_path / "boom").exists()


def torch_bomb(folder: Path) -> bytes:
    torch.save({"epoch": Bomb(folder / "boom")}, folder / "bomb.pt")
    return (folder / "bomb.pt").read_bytes()


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        checkpoint.load(tmp_path / "missing")
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        checkpoint.load(tmp_path)
    with pytest.raises(ModelError, match="nothing to resume from"):
        checkpoint.load_state(tmp_path / "state.pt")


def test_state_round_trip(tmp_path: Path) -> None:
    state: dict[str, Any] = {"rng": torch.get_rng_state(), "epoch": 3, "history": [{"loss": 0.5}]}
    checkpoint.save_state(tmp_path / "state.pt", state)
    loaded = checkpoint.load_state(tmp_path / "state.pt")
    assert torch.equal(loaded["rng"], state["rng"])
    assert loaded["history"] == [{"loss": 0.5}]


@pytest.mark.parametrize("raw", [b"", b"noise", b"PK\3\4 half a zip"])
def test_damaged_state(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(raw)
    with pytest.raises(ModelError, match="damaged"):
        checkpoint.load_state(tmp_path / "state.pt")


def resealed(raw: bytes | bytearray) -> bytes:
    """The changed content with a checksum that fits, as an attacker would write it."""
    data = bytes(raw[:-32])
    return data + hashlib.sha256(data).digest()


def test_state_with_one_flipped_bit(tmp_path: Path) -> None:
    """A truncated string length once raised struct.error."""
    checkpoint.save_state(tmp_path / "state.pt", {"rng": torch.zeros(4), "history": [{"a": 1.5}]})
    intact = (tmp_path / "state.pt").read_bytes()
    assert torch.load(tmp_path / "state.pt", weights_only=True)["history"] == [{"a": 1.5}]
    for place in range(len(intact)):
        raw = bytearray(intact)
        raw[place] ^= 1
        (tmp_path / "state.pt").write_bytes(raw)
        with pytest.raises(ModelError, match="damaged"):
            checkpoint.load_state(tmp_path / "state.pt")
    for place in range(400):
        raw = bytearray(intact)
        raw[place] ^= 1
        (tmp_path / "state.pt").write_bytes(resealed(raw))
        with contextlib.suppress(ModelError):
            assert isinstance(checkpoint.load_state(tmp_path / "state.pt"), dict)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_fuzzed_state_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    checkpoint.save_state(tmp_path / "state.pt", {"rng": torch.zeros(4), "history": [{"a": 1.5}]})
    raw = bytearray((tmp_path / "state.pt").read_bytes())
    # The pickle comes first; mutations of it get further than those of the zip around it.
    raw[data.draw(st.integers(0, min(len(raw), 400) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / "state.pt").write_bytes(resealed(raw))
    with contextlib.suppress(ModelError):
        assert isinstance(checkpoint.load_state(tmp_path / "state.pt"), dict)
