"""`digits info` on checkpoints."""

import json
from pathlib import Path

import pytest

from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5, summary
from digits_train.run import RunDir
from tests.conftest import Run
from tests.train.models.test_custom import TINY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder."""
    folder = tmp_path_factory.mktemp("run")
    save(folder, "lenet5")
    (folder / "state.pt").touch()
    return folder


def save(folder: Path, architecture: str) -> None:
    folder.mkdir(exist_ok=True)
    about = Provenance(architecture, "0.1", {"name": "classic"}, 3, 5, {}, 800, None, None)
    checkpoint.save(RunDir(folder).checkpoint, models.build(architecture), about)


@pytest.mark.parametrize("name", [".", "checkpoint.safetensors", "state.pt"])
def test_info_of_checkpoint(run: Run, folder: Path, name: str) -> None:
    code, out, err = run("info", folder / name)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    size = (folder / "checkpoint.safetensors").stat().st_size
    assert lines[0] == f"{folder / 'checkpoint.safetensors'}: {size:,} bytes, intact"
    assert "  recipe.name          classic" in lines
    table = list(summary.table(LeNet5()))
    assert lines[-len(table) :] == table


def test_info_as_json(run: Run, folder: Path) -> None:
    code, out, _ = run("info", folder, "--json")
    values = json.loads(out)
    assert code == 0
    assert values.keys() == {"file", "bytes", "sha256", "provenance", "parameters", "layers"}
    assert values["provenance"]["recipe"] == {"name": "classic"}
    assert values["parameters"] == 44_426
    conv1 = {"name": "conv1", "type": "Conv2d 6@5x5", "output": [6, 24, 24], "parameters": 156}
    assert values["layers"][1] == conv1


def test_info_of_own_network(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ARCHITECTURES", dict(models.ARCHITECTURES))
    (tmp_path / "tiny.py").write_text(TINY)
    spec = f"{tmp_path}/tiny.py:Tiny"
    models.register(spec)
    save(tmp_path / "run", "tiny")
    del models.ARCHITECTURES["tiny"]  # as in a new process
    code, out, err = run("info", tmp_path / "run")
    assert (code, out) == (1, "")
    assert "no network called 'tiny'" in err
    assert "--model FILE.py:CLASS" in err
    code, out, err = run("info", tmp_path / "run", "--model", spec)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].split() == ["total", "7,850"]


@pytest.mark.parametrize("name", ["other.pt", "other.safetensors"])
def test_info_of_non_checkpoint(run: Run, tmp_path: Path, name: str) -> None:
    for text in (b"", b"nonsense", b"\x80\2cposix\nsystem\n(X\4\0\0\0exitR."):
        (tmp_path / name).write_bytes(text)
        code, out, err = run("info", tmp_path / name)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: {tmp_path / name} is damaged, or not a safetensors file")
        assert len(err.splitlines()) == 1
