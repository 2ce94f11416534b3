"""A classifier from its checkpoint to verified files."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace as changed

from digits.errors import DigitsError, ModelError
from digits.inference.classifier_model import ClassifierModel
from digits.inference.model_file import ModelFile
from digits_export import cli, export, model_card
from digits_export.classifier_export import ClassifierExporter
from digits_export.export import ExportConfig, export_run
from digits_train import checkpoint
from digits_train.data import mnist
from digits_train.experiment import change
from digits_train.models import Network
from digits_train.onnx_graph import to_onnx
from digits_train.run import RunDir
from tests.conftest import Capsys, Patch
from tests.export.conftest import INT8, PROVENANCE, Exported, provenance, save

FILES = {"lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"}

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


@pytest.fixture
def run(tmp_path: Path, network: Network) -> RunDir:
    return save(tmp_path, network)


def test_files_and_their_metadata(exported: Exported) -> None:
    folder, report = exported
    assert {path.name for path in folder.iterdir()} == {"checkpoint.safetensors", *FILES}
    forms = json.loads((folder / "export.json").read_text())["forms"]
    assert forms == report.forms
    kinds = [("fp32", "float"), ("int8", "float"), ("int8", "integer")]
    assert [(form["name"], form["compute_type"]) for form in forms] == kinds
    assert forms[0]["changed"] == 0
    test = mnist.load("test")
    for form in forms:
        assert form["bytes"] == Path(form["file"]).stat().st_size
        answers = (
            ClassifierModel(form["file"], compute_type=form["compute_type"])
            .probabilities(test.images)
            .argmax(1)
        )
        assert (answers == test.labels).mean() == pytest.approx(form["test_accuracy"])
    assert forms[1]["bytes"] < forms[0]["bytes"] / 3
    full, small = (ClassifierModel(form["file"]).metadata for form in forms[:2])
    assert full.quantization == "none"
    assert small.quantization.endswith("activations minmax over 800 inputs")
    assert (small.seed, json.loads(small.data_sha256)) == (4, mnist.SHA256)
    assert small.checkpoint_sha256 == checkpoint.load(RunDir(folder).checkpoint).sha256
    assert small.test_accuracy_float == full.test_accuracy
    assert 0 < small.rejection_threshold < 1
    card = (folder / "MODEL_CARD.md").read_text()
    for form in forms:
        assert f"| {form['name']} | {form['compute_type']} | {form['bytes']:,} |" in card
    assert "50,000 digits with seed 4" in card
    assert "- **Data**: MNIST (LeCun, Cortes, Burges, 1998)\n- **Recipe**: classic\n" in card


def command(*arguments: str) -> None:
    """Run `digits export ARGUMENTS`."""
    with pytest.raises(SystemExit) as stopped:
        cli.app(arguments)
    assert stopped.value.code == 0


def test_command_is_reproducible_and_deletes_an_old_int8_file(
    exported: Exported, tmp_path: Path, monkeypatch: Patch, capsys: Capsys
) -> None:
    before, _ = exported
    folder = Path(shutil.copytree(before, tmp_path / "runs" / "new"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "to_onnx", to_onnx)  # by PyTorch, not the copy of its first graph
    # Without an argument it is the newest run, which may still be training.
    command("--quantize")
    out, err = capsys.readouterr()
    assert err == "exporting runs/new, epoch 5 of 5\n"
    head, _, int8, _ = out.splitlines()
    assert head.split()[:3] == ["name", "compute", "type"] and head.endswith("  file")
    size = (before / "lenet5.int8.onnx").stat().st_size
    assert int8.startswith(f"int8  float         {size:,} ")
    assert int8.endswith("%    runs/new/lenet5.int8.onnx")
    for name in FILES - {"export.json"}:
        assert (folder / name).read_bytes() == (before / name).read_bytes()
    with pytest.raises(DigitsError, match="gone: no such file or folder"):
        command("runs/new", "--data", "gone")
    command("runs/new/state.safetensors", "--network", "lenet5")
    assert not (folder / "lenet5.int8.onnx").exists()  # export.json no longer mentions it


def fails(run: RunDir, message: str, config: ExportConfig = INT8) -> None:
    """An export must fail and write nothing."""
    before = {*run.folder.iterdir()}
    with pytest.raises(DigitsError, match=message):
        export_run(run, config)
    assert {*run.folder.iterdir()} == before


def test_large_accuracy_drop_needs_force(run: RunDir, capsys: Capsys) -> None:
    """One channel 3,000 times as strong as the others: the same function, but not in int8."""
    loaded = checkpoint.load(run.checkpoint)
    with torch.no_grad():
        loaded.model.get_parameter("conv1.weight")[0] *= 3000
        loaded.model.get_parameter("conv1.bias")[0] *= 3000
        loaded.model.get_parameter("conv2.weight")[:, 0] /= 3000
    checkpoint.save(run.checkpoint, loaded.model, loaded.provenance)
    fails(run, r"quantization raises the error rate on .*; --force exports it all the same")
    export_run(run, ExportConfig())  # the float file is as good as before
    capsys.readouterr()
    command(str(run.folder), "--quantize", "--force")
    assert "warning: quantization raises the error rate" in capsys.readouterr().err


def test_other_failures(tmp_path: Path, run: RunDir, monkeypatch: Patch) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        export_run(RunDir(tmp_path), INT8)
    fails(run, "contains lenet5, not tiny; name the run", replace(INT8, network="tiny"))
    with monkeypatch.context() as patch:
        patch.setattr(ClassifierExporter, "max_difference", -1.0)  # always exceeded
        fails(run, "disagrees with the checkpoint")

    def open_model(file: ModelFile[Any]) -> None:
        if "int8" in file.name:
            raise ModelError(f"the runtime refuses {file.name}")

    monkeypatch.setattr(export, "open_model", open_model)
    fails(run, "the runtime refuses lenet5.int8.onnx")


@pytest.mark.parametrize(
    ("changes", "recipe"),
    [
        (
            ("recipe.frames=0.2", "camera.lens.curved=0.5"),
            "classic with `recipe.frames=0.2`, `camera.lens.curved=0.5`\n",
        ),
        # All of a recipe that the network doesn't have.
        (("recipe.name=mine",), 'mine with `recipe.type="classifier"`, `recipe.name="mine"`, '),
    ],
)
def test_card_says_what_an_experiment_changes(
    exported: Exported, changes: Sequence[str], recipe: str
) -> None:
    folder, report = exported
    about = ClassifierModel(folder / "lenet5.int8.onnx").metadata
    experiment = change(PROVENANCE.experiment, changes)
    assert f"- **Recipe**: {recipe}" in model_card.render(about, experiment, report.table())


def test_card_of_a_tuned_network_names_the_owners_pictures(exported: Exported) -> None:
    folder, report = exported
    about = ClassifierModel(folder / "lenet5.int8.onnx").metadata
    experiment = provenance("lenet5", "finetune").experiment
    tuned = changed(experiment, data_sha256=mnist.SHA256 | {"own": "01"})
    card = model_card.render(about, tuned, report.table())
    assert "- **Data**: MNIST (LeCun, Cortes, Burges, 1998) and its owner's pictures\n" in card
