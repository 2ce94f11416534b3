import re
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from digits_train import models
from digits_train.config import QUICK, TrainConfig, UnfitValueError, config_from_dict
from tests.conftest import Patch, Run
from tests.train.short import FILES, interrupt_after

pytestmark = pytest.mark.usefixtures("empty_folder")
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
CONTINUES = "--resume continues as the run was started"


def test_help_lists_networks_and_recipes(run: Run) -> None:
    """cli.py spells them out because `--help` must not wait for torch."""
    shown = run("train", "-h")[1].partition("Networks (--network)")[2]
    ends = {"detector": "recognizer ", "recognizer": "first three"}
    for architecture, network in models.ARCHITECTURES.items():
        told = " ".join(shown.partition(f"  {architecture} ")[2].split())
        told = told[: told.find(ends.get(architecture, "textbook's"))]
        for name, recipe in network.recipes.items():
            assert f"{name}: {recipe.epochs} epochs" in told or name == "finetune"
        assert ("finetune" in network.recipes) == (architecture != "recognizer")
    assert "first three    finetune: " in shown


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ("--recipe best", 2, "no recipe called 'best'; there are: classic, quick, default, fine"),
        ("--network detector --recipe classic", 2, "classic'; there are: default, quick, finetune"),
        ("--network recognizer --recipe finetune", 2, "'finetune'; there are: default, quick"),
        ("--learning-rate nan", 2, "Invalid value: learning_rate can't be nan"),
        ("--resume runs/x --network vgg16", 2, CONTINUES),
        ("--resume runs/x --seed 3", 2, CONTINUES),
        ("--recipe finetune --data mine", 1, "recipe finetune needs --start: what to fine-tune"),
        pytest.param("--device cuda", 1, "PyTorch finds no cuda device", marks=NO_GPU),
        ("--start bundled", 1, "recipe finetune needs --data: your own labelled pictures"),
        ("--start nowhere", 1, "name a run folder that `digits train` wrote"),
        ("--start bundled --data empty", 1, "no labelled pictures in empty: sort them into"),
        ("--start bundled --data pages.csv", 1, "a detector learns from them (--network detector)"),
    ],
)
def test_what_cannot_be_trained(run: Run, arguments: str, code: int, complaint: str) -> None:
    Path("empty").mkdir()
    Path("pages.csv").write_text("file,text\n")
    stopped, out, err = run("train", *shlex.split(arguments))
    assert (stopped, out) == (code, "")
    assert complaint in " ".join(err.replace("│", "").split())
    assert not Path("runs").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_ctrl_c_keeps_an_epoch_and_names_the_command(run: Run, monkeypatch: Patch) -> None:
    interrupt_after(1, monkeypatch)
    monkeypatch.setattr("os._exit", sys.exit)
    code, out, err = run("train", "--recipe", "classic", "--epochs", 2)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("interrupted: epoch 1 is kept; go on with ")
    assert err.endswith("digits train --resume runs/lenet5`\n")


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_useless_network_is_kept_and_told(run: Run) -> None:
    code, out, err = run("train", *shlex.split("--recipe classic --epochs 1 --learning-rate 1e-9"))
    assert code == 1 and out.startswith("runs/lenet5  validation ")
    assert "can't be told from guessing: it reads " in err
    line = "epoch #/#  loss #  accuracy #%  validation loss #  accuracy #%  # images/s"
    assert line in re.sub(r"[\d.,]+", "#", err)
    assert {path.name for path in Path("runs/lenet5").iterdir()} == FILES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epochs", 0), ("epochs", True), ("batch_size", 1.5), ("learning_rate", -1.0)),
        *(("learning_rate", float("nan")), ("frames", float("inf")), ("frames", "0.5")),
        *(("frames", True), ("optimizer", "adam"), ("name", 7), ("ema_decay", "none")),
    ],
)
def test_unfit_values_of_recipes(name: str, value: object) -> None:
    with pytest.raises(UnfitValueError, match=f"{name} (must be above 0, not|can't be)"):
        replace(QUICK, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["lenet5", "detector"])
def test_config_from_dict(architecture: str) -> None:
    config = TrainConfig(architecture, models.get_recipe(architecture, "default", learning_rate=1))
    values = asdict(config)
    assert config_from_dict(values) == config
    for changed, complaint in (
        (values | {"other": 1}, "other"),
        (values | {"data_sha256": []}, "data_sha256 can't be"),
        ({key: value for key, value in values.items() if key != "init"}, "init is missing"),
    ):
        with pytest.raises(TypeError, match=complaint):
            config_from_dict(changed)
