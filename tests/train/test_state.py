"""States of trainings that can't be resumed."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from digits.errors import ModelError
from digits_train import checkpoint
from digits_train.run import RunDir
from digits_train.state import SavedState
from digits_train.structs import to_dict
from tests.train.short import resume

pytestmark = pytest.mark.usefixtures("slice_as_mnist", "empty_folder", "without_figures")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("network", "mine", "can't be used: no network called 'mine'"),
        ("network", "vgg16", "is damaged, .*: Missing key"),
        ("fonts", "0a", "is damaged, or of another version of digits: it draws with other fonts"),
    ],
)
def test_state_that_cannot_be_resumed(
    trained_run: RunDir, field: str, value: str, complaint: str
) -> None:
    """Of an older version, or of a network that must be named."""
    run = RunDir(Path(shutil.copytree(trained_run.folder, "run")))
    state, tensors, _ = checkpoint.read(run.state, SavedState)
    changed = replace(state, experiment=replace(state.experiment, **{field: value}))
    checkpoint.write(run.state, tensors, to_dict(changed))
    with pytest.raises(ModelError, match=f"^{run.state} {complaint}"):
        resume(run.folder)
    assert run.checkpoint.read_bytes() == trained_run.checkpoint.read_bytes()


def test_missing_or_damaged_state() -> None:
    Path("empty").mkdir()
    Path("empty/state.safetensors").touch()
    for name, cause in (("none", "there is no such file"), ("empty", "is damaged, or not a file")):
        with pytest.raises(ModelError, match=f"{name}/state.safetensors.*{cause}"):
            resume(Path(name))
