"""`digits info` on checkpoints."""

import json
from pathlib import Path

import pytest

from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.run import RunDir
from tests.conftest import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a network that nobody has registered."""
    folder = tmp_path_factory.mktemp("run")
    about = Provenance("mine", "0.1", {"name": "classic"}, 3, 5, {}, 800, 0.9)
    checkpoint.save(RunDir(folder).checkpoint, models.VGG16(), about)
    (folder / "state.pt").touch()
    return folder


@pytest.mark.parametrize("name", [".", "checkpoint.safetensors", "state.pt"])
def test_info_of_checkpoint(run: Run, folder: Path, name: str) -> None:
    code, out, err = run("info", folder / name)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    size = (folder / "checkpoint.safetensors").stat().st_size
    assert lines[:2] == [f"file {folder / 'checkpoint.safetensors'}", f"bytes {size:,}"]
    assert {"provenance.recipe.name classic", "parameters 14,985,546"} < {*lines}
    assert {"tensors.conv1_1.weight 64 1 3 3", "tensors.norm1_1.num_batches_tracked –"} < {*lines}


def test_info_as_json(run: Run, folder: Path) -> None:
    code, out, _ = run("info", folder, "--json")
    values = json.loads(out)
    assert code == 0
    assert values.keys() == {"file", "bytes", "sha256", "provenance", "parameters", "tensors"}
    assert values["provenance"]["recipe"] == {"name": "classic"}
    assert values["parameters"] == 14_985_546
    assert values["tensors"]["fc2.bias"] == [10]


@pytest.mark.parametrize("name", ["other.pt", "other.safetensors"])
def test_info_of_non_checkpoint(run: Run, tmp_path: Path, name: str) -> None:
    for text in (b"", b"nonsense", b"\x80\2cposix\nsystem\n(X\4\0\0\0exitR."):
        (tmp_path / name).write_bytes(text)
        code, out, err = run("info", tmp_path / name)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: {tmp_path / name} is damaged, or not a safetensors file")
        assert len(err.splitlines()) == 1
