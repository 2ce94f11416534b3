import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from digits_train import checkpoint, models
from digits_train.checkpoint import Provenance
from digits_train.experiment import default_experiment
from digits_train.run import RunDir
from tests.conftest import Patch, Run
from tests.train.short import interrupt_after

pytestmark = pytest.mark.usefixtures("empty_folder")
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
CONTINUES = "--resume continues as the run was started"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ("--recipe best", 2, "no recipe called 'best'; there are: classic, quick, default, fine"),
        ("--set recipe.epoch=3", 2, "is no recipe.epoch; did you mean recipe.epochs?"),
        ("--resume runs/x --network vgg16", 2, CONTINUES),
        ("--recipe finetune --data mine", 1, "recipe finetune needs --start: what to fine-tune"),
        pytest.param("--device cuda", 1, "PyTorch finds no cuda device", marks=NO_GPU),
        ("--start run", 1, "recipe finetune needs --data: your own labelled pictures"),
        ("--start run --network vgg16", 1, "run is a lenet5: a vgg16 can't start from its weights"),
        ("--start nowhere", 1, "name a run folder that `digits train` wrote"),
        ("--start run --data empty", 1, "no labelled pictures in empty: sort them into"),
        (
            "--start run --data pages.csv",
            1,
            "pages.csv: its columns are file, text; needs file and digit",
        ),
    ],
)
def test_what_cannot_be_trained(run: Run, arguments: str, code: int, complaint: str) -> None:
    Path("empty").mkdir()
    Path("pages.csv").write_text("file,text\n")
    Path("run").mkdir()
    about = Provenance("0.1", default_experiment("lenet5", "classic"), 5, 800, 0.9)
    checkpoint.save(RunDir(Path("run")).checkpoint, models.LeNet5(), about)
    stopped, out, err = run("train", *shlex.split(arguments))
    assert (stopped, out) == (code, "")
    assert complaint in " ".join(err.replace("│", "").split())
    assert not Path("runs").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_ctrl_c_keeps_an_epoch_and_names_the_command(run: Run, monkeypatch: Patch) -> None:
    """What was set is in all that is kept."""
    interrupt_after(1, monkeypatch)
    monkeypatch.setattr("os._exit", sys.exit)
    changes = ("--set", "recipe.epochs=2", "--set", "recipe.beta2=0.9")
    code, out, err = run("train", "--recipe", "classic", *changes)
    assert (code, out) == (130, "")
    line = "epoch #/#  loss #  accuracy #%  validation loss #  accuracy #%  # images/s"
    assert line in re.sub(r"[\d.,]+", "#", err)
    assert err.splitlines()[-1].startswith("interrupted: epoch 1 is kept; go on with ")
    assert err.endswith("digits train --resume runs/lenet5`\n")
    summary = json.loads(Path("runs/lenet5/run.json").read_text())
    assert (summary["recipe"]["epochs"], summary["recipe"]["beta2"]) == (2, 0.9)
    about = checkpoint.load(Path("runs/lenet5/checkpoint.safetensors")).provenance
    assert (about.experiment.recipe.total, about.experiment.recipe.beta2) == (2, 0.9)
    assert (about.experiment.recipe.name, about.progress) == ("classic", 1)
