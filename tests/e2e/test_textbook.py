"""The commands, outputs and code of docs/textbook.md, on a subset of MNIST."""

import csv
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from digits_train import plots
from digits_train.data import held_out, mnist
from digits_train.models import get_network
from tests.conftest import PICTURES, Patch, Run

PAGE = Path(__file__).parents[2] / "docs" / "textbook.md"
TEXT = PAGE.read_text()
DATA, LOSS, FIT = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CLASSIC = ["train", "--recipe", "classic", "--seed", "0"]


def commands() -> Iterator[tuple[list[str], list[str]]]:
    """Yield the arguments of each command of the page, and the paths that it should write."""
    for line in re.findall(r"^    digits (.*)", TEXT, re.MULTILINE):
        command, _, written = line.partition("# -> ")
        yield shlex.split(command), written.split(", ") if written else []


@pytest.mark.usefixtures("slice_as_mnist")
def test_page_commands_write_files_they_name(run: Run, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests").mkdir()
    Path("tests/pictures").symlink_to(PICTURES)
    monkeypatch.setattr(plots, "MAX_MISTAKES", 8)  # like the next two, for speed
    few = {name: part[:40] for name, part in mnist.load_all().items()}
    for arguments, written in commands():
        if arguments[-1].endswith("vgg16"):  # which takes long
            continue
        assert not any(Path(path).exists() for path in written)
        epochs = 12 if arguments == CLASSIC else 1
        options = {"train": ["--set", f"recipe.epochs={epochs}"], "export": ["--force"]}
        with monkeypatch.context() as patch:
            if arguments != CLASSIC:
                patch.setattr(mnist, "load_all", lambda data=None: few)
                patch.setattr(held_out, "NUM_OUTLIERS", 10)
            code, _, err = run(*arguments, *options.get(arguments[0], []))
        assert code == 0, f"{arguments}: {err}"
        assert all(Path(path).exists() for path in written), arguments

    for name in ("metrics.csv", "run.json", "curves.png", "confusion.png", "mistakes.png"):
        assert f"`{name}`" in TEXT and Path("runs/lenet5", name).exists()
    with open("runs/lenet5/metrics.csv") as file:
        assert float(list(csv.DictReader(file))[-1]["validation_accuracy"]) > 0.7


def test_page_table_counts_parameters() -> None:
    network = get_network("lenet5")()
    counts = re.findall(r"^    (\w+) .* ([\d,]+)$", TEXT, re.MULTILINE)
    assert {name for name, _ in counts} == {*dict(network.named_children()), "total"}
    for name, count in counts:
        layer = network if name == "total" else network.get_submodule(name)
        assert f"{sum(p.numel() for p in layer.parameters()):,}" == count
    assert f"{sum(p.numel() for p in get_network('vgg16')().parameters()):,}" in TEXT


@pytest.mark.usefixtures("slice_as_mnist")
def test_page_code_matches_its_comments(tmp_path: Path, monkeypatch: Patch) -> None:
    names: dict[str, Any] = {}
    exec(DATA, names)
    digits = names["data"].train
    assert digits.images.shape[1:] == (28, 28)
    assert f"# {digits.labels[:10].tolist()}\n" in DATA
    monkeypatch.chdir(tmp_path)
    exec(FIT, names)
    assert names["history"][-1]["validation_accuracy"] > 0.7
    assert Path("curves.png").exists()
    exec(LOSS, names)
    logits, label = torch.tensor(names["logits"]), torch.tensor(names["label"])
    assert names["loss"] == pytest.approx(cross_entropy(logits, label).item())
    assert f"# {names['loss']:.2f}\n" in LOSS
    assert f"# {names['probabilities'][3]:.2f} for the 3\n" in LOSS
    assert np.isclose(names["probabilities"].sum(), 1)
