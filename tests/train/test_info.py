"""`digits info` on checkpoints."""

import json
from pathlib import Path

import pytest

from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.run import RunDir
from tests.conftest import Run


@pytest.mark.parametrize("name", [".", "checkpoint.safetensors", "state.pt"])
def test_info_of_checkpoint(run: Run, tmp_path: Path, name: str) -> None:
    """Of a network that nobody has registered."""
    path = RunDir(tmp_path).checkpoint
    about = Provenance("mine", "0.1", {"name": "classic"}, 3, 5, {}, 800, 0.9)
    checkpoint.save(path, models.Reader(), about)
    (tmp_path / "state.pt").touch()
    code, out, err = run("info", tmp_path / name)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:2] == [f"file {path}", f"bytes {path.stat().st_size:,}"]
    assert {"provenance.recipe.name classic", "parameters 282,337"} < {*lines}
    assert {"tensors.up.weight 128 64 1 1", "tensors.neck.0.norm.num_batches_tracked –"} < {*lines}

    values = json.loads(run("info", tmp_path / name, "--json")[1])
    assert values.keys() == {"file", "bytes", "sha256", "provenance", "parameters", "tensors"}
    assert values["provenance"]["recipe"] == {"name": "classic"}
    assert (values["parameters"], values["tensors"]["up.bias"]) == (282_337, [128])


def test_info_of_non_checkpoint(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(b"\x80\2cposix\nsystem\n(X\4\0\0\0exitR.")
    code, out, err = run("info", path)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"error: {path} is damaged, or not a checkpoint")
