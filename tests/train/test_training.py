"""States of trainings that can't be resumed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from digits.errors import ModelError
from digits_train import checkpoint
from digits_train.run import RunDir
from tests.train.short import resume

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")
NAN = float("nan")
FIRST = [f"optimizer.0.{name}" for name in ("step", "exp_avg", "exp_avg_sq")]
MOMENTS = FIRST[1]
Damage = Callable[[dict[str, Any], dict[str, Tensor]], object]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda values, _: values["experiment"].update(precision="magic"), "value 'magic'"),
        (lambda values, _: values["experiment"]["recipe"].pop("epochs"), "field `epochs`"),
        (lambda values, _: values["experiment"]["recipe"].pop("own"), "it has no recipe.own"),
        (lambda values, _: values["experiment"].update(window=9), "it has window=9"),
        (lambda values, _: values["experiment"].update(network="mine"), "network called 'mine'"),
        (lambda values, _: values["experiment"].update(fonts="0a"), "draws with other fonts"),
        (lambda values, _: values.update(step=0), "wrong number of steps"),
        (lambda values, _: values["history"][1].pop("seconds"), "metrics are missing"),
        (lambda values, _: values["history"][0].update(train_loss=NAN), "metrics are missing"),
        (lambda _, tensors: tensors["model.fc3.bias"].fill_(NAN), "fc3.bias has NaN"),
        (lambda _, tensors: tensors.pop("average.fc3.bias"), "fc3.bias is missing"),
        # Fused kernels would write past the end of a state that is too small.
        (lambda _, tensors: tensors.update({MOMENTS: torch.zeros(5)}), "doesn't fit the weights"),
        (lambda _, tensors: tensors[MOMENTS].fill_(NAN), "doesn't fit the weights"),
        (lambda _, tensors: [tensors.pop(name) for name in FIRST], "doesn't fit the weights"),
    ],
)
def test_state_that_cannot_be_resumed(trained_run: RunDir, damage: Damage, complaint: str) -> None:
    """Damaged, of an older version, or of a network that must be named."""
    run = RunDir(Path(shutil.copytree(trained_run.folder, "run")))
    values, tensors, _ = checkpoint.read(run.state)
    damage(values, tensors)
    checkpoint.write(run.state, tensors, values)
    with pytest.raises(ModelError, match=complaint) as raised:
        resume(run.folder)
    assert str(raised.value).startswith(f"{run.state} ")
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()


def test_missing_or_damaged_state() -> None:
    Path("empty").mkdir()
    Path("empty/state.safetensors").touch()
    for name, cause in (("none", "there is no such file"), ("empty", "is damaged, or not a file")):
        with pytest.raises(ModelError, match=f"{name}/state.safetensors.*{cause}"):
            resume(Path(name))
