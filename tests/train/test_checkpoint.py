"""Checkpoints, what `digits info` says of them, states of trainings; bundled files as a start."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, load
from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5
from digits_train.run import RunDir
from digits_train.start import load_start
from tests.conftest import Patch, Run

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99)
NAN = torch.full([10], float("nan"))


class Tied(LeNet5):
    """One layer has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.again = self.fc2


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["detector", "tied"])
def test_checkpoint_round_trip(tmp_path: Path, architecture: str, monkeypatch: Patch) -> None:
    monkeypatch.setitem(models.ARCHITECTURES, "tied", Tied)
    path, about = tmp_path / "saved", replace(PROVENANCE, architecture=architecture)
    model = models.get_network(architecture)().to_device(torch.device("cpu"))  # with other strides
    checkpoint.save(path, model, about)
    loaded = checkpoint.load(path)
    assert (loaded.provenance, loaded.model.training) == (about, False)
    torch.testing.assert_close(loaded.model.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("weights", "about", "complaint"),
    [
        ({}, {"epoch": 2.5}, "epoch can't be 2.5"),
        ({}, {"architecture": "vgg99"}, "no network called 'vgg99'; .*needs --network FILE"),
        ({"fc3.bias": torch.zeros(11)}, {}, r"fc3.bias is float32 \[11\], not float32 \[10\]"),
        ({"fc3.bias": NAN}, {}, "lenet5: fc3.bias has NaN or infinite weights; train it again"),
    ],
)
def test_unfitting_checkpoints(
    tmp_path: Path, weights: dict[str, Any], about: dict[str, Any], complaint: str
) -> None:
    class Odd(LeNet5):
        def state_dict(self, *_: Any, **__: Any) -> Any:
            return LeNet5().state_dict() | weights

    path = tmp_path / "odd.safetensors"
    checkpoint.save(path, Odd(), replace(PROVENANCE, **about))
    with pytest.raises(ModelError, match=complaint):
        checkpoint.load(path)


def test_checkpoint_of_another_version(tmp_path: Path) -> None:
    path, header = tmp_path / "checkpoint", {"digits": '{"format": "digits checkpoint 1"}'}
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, header))
    message = r"is damaged, or not a checkpoint of this version of digits \(its format isn't"
    with pytest.raises(ModelError, match=message):
        checkpoint.load(path)


def test_missing_or_damaged_state(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").touch()
    for name, cause in (("state", "there is no such file"), ("empty", "not a state that digits")):
        with pytest.raises(ModelError, match=f"{name}.pt.*{cause}"):
            checkpoint.load_state(tmp_path / f"{name}.pt")


def test_info_of_an_unregistered_network(run: Run, tmp_path: Path) -> None:
    path = RunDir(tmp_path).checkpoint
    about = replace(PROVENANCE, architecture="mine", recipe={"name": "classic"})
    checkpoint.save(path, models.Detector(), about)
    code, out, err = run("info", tmp_path)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[:2] == [f"file {path}", f"bytes {path.stat().st_size:,}"]
    assert {"provenance.recipe.name classic", "parameters 339,321"} < {*lines}
    assert {"tensors.up.weight 128 64 1 1", "tensors.neck.0.norm.num_batches_tracked –"} < {*lines}
    values = json.loads(run("info", path, "--json")[1])
    assert values == json.loads(run("info", tmp_path / "state.pt", "--json")[1])
    assert values.keys() == {"file", "bytes", "sha256", "provenance", "parameters", "tensors"}
    assert values["tensors"]["up.bias"] == [128]


@pytest.mark.slow
def test_bundled_file_and_run(trained_run: RunDir) -> None:
    for source, file in (
        (None, Path(BUNDLED)),
        (trained_run.folder, trained_run.checkpoint),
        (trained_run.state, trained_run.checkpoint),
    ):
        architecture, model, sha256 = load_start(source, None)
        assert (architecture, model.training) == ("lenet5", False)
        assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "no vgg16 is bundled: name a run, or an exported ONNX file"),
        (Path(BUNDLED), "is a lenet5: a vgg16 can't start from its weights"),
        (Path("missing.onnx"), "missing.onnx: no such model"),
    ],
)
def test_unusable_sources(source: Path | None, message: str) -> None:
    with pytest.raises(DigitsError, match=message):
        load_start(source, "vgg16")


def test_other_exported_files(tmp_path: Path) -> None:
    path, about = tmp_path / "own.onnx", load(BUNDLED, metadata.ClassifierMetadata).metadata
    other = replace(about, architecture="vgg16")  # of pairs with the same key, the last counts
    path.write_bytes(metadata.add_metadata(Path(BUNDLED).read_bytes(), other))
    with pytest.raises(ModelError, match="own.onnx is a vgg16: only its run can be a start, not"):
        load_start(path, None)
