import shlex
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits_train import cli, models
from tests.train.short import FILES

pytestmark = pytest.mark.usefixtures("empty_folder")


def test_help_lists_networks_and_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    """cli.py spells them out because `--help` must not wait for torch."""
    with pytest.raises(SystemExit):
        cli.app(["-h"])
    shown = capsys.readouterr().out.partition("Networks (--network)")[2]
    for architecture, network in models.ARCHITECTURES.items():
        told = " ".join(shown.partition(f"  {architecture} ")[2].split())
        told = told[: told.find("textbook's" if architecture != "reader" else "all three")]
        for name, recipe in network.recipes.items():
            assert f"{name}: {recipe.epochs} epochs" in told or name == "finetune"
        assert "all three      finetune: " in shown and "finetune" in network.recipes


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--recipe best", "no recipe called 'best'; there are: classic, quick, default, finetune"),
        ("--network reader --recipe classic", "'classic'; there are: default, quick, finetune"),
        ("--network ''", "no network called ''; there are: lenet5, vgg16"),
        ("--learning-rate nan", "Invalid value for '--learning-rate'"),
        ("--resume runs/x --network vgg16", "continues as the run was started"),
        ("--resume runs/x --seed 3", "continues as the run was started"),
        ("--resume runs/x --start bundled", "continues as the run was started"),
        ("--start ''", "a path must not be empty"),
    ],
)
def test_wrong_usage(arguments: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.app(shlex.split(arguments))
    assert stopped.value.code == 2
    assert complaint in " ".join(capsys.readouterr().err.replace("│", "").split())
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--recipe finetune --data mine", "the recipe finetune needs --start: what to fine-tune"),
        ("--start bundled", "recipe finetune needs --data: your own labelled pictures"),
        ("--start bundled --data gone.csv", "gone.csv: no such file or folder"),
        ("--start bundled --data empty", "no labelled pictures in empty: sort them into"),
        ("--start missing --data empty", "missing.*: there is no such file"),
        ("--start bundled --network reader --data empty", "empty is a folder, not a CSV file"),
    ],
)
def test_what_cannot_be_fine_tuned(arguments: str, complaint: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(DigitsError, match=complaint):
        cli.app(shlex.split(arguments))
    assert not Path("runs").exists()


@pytest.mark.usefixtures("slice_as_mnist", "without_figures")
def test_useless_network_is_printed_and_raises(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        DigitsError, match=r"can't be told from guessing.*try more training digits, more --epochs"
    ):
        cli.app(shlex.split("--recipe classic --epochs 1 --learning-rate 1e-9"))
    assert capsys.readouterr().out.startswith("runs/lenet5  validation ")
    assert {path.name for path in Path("runs/lenet5").iterdir()} == FILES
