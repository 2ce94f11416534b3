"""Teach the bundled network a way of writing that it can't read: label, fine-tune, export, read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits.data.mnist import Split

from .conftest import Run

TESTS = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


def mirrored_sixes(digits: Split, folder: Path) -> list[Path]:
    """Write them into a new folder."""
    folder.mkdir()
    sixes: list[NDArray[np.uint8]] = [*digits.images[digits.labels == 6]]
    for number, image in enumerate(sixes):
        Image.fromarray(255 - image[:, ::-1]).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def run_on_subset(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Call `digits` with a subset of MNIST: with all of it, an epoch takes a minute."""
    command = [sys.executable, "-m", "tests.train.subset_digits", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
    )


def count_sixes(run_digits: Run, pictures: list[Path], *options: object) -> int:
    done = run_digits("predict", "--json", *options, *pictures)
    assert done.returncode in (0, 1), done.stderr  # 1: one without an answer
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(pictures)
    return sum(answer["digit"] == 6 for answer in answers)


def test_mirrored_sixes(
    tmp_path: Path, run_digits: Run, train_slice: Split, test_slice: Split
) -> None:
    labelled = mirrored_sixes(train_slice, tmp_path / "mine")
    rows = [f"{path.name},6" for path in labelled]
    (tmp_path / "mine" / "labels.csv").write_text("\n".join(["file,digit", *rows]))
    how = ("--data", "mine/labels.csv", "--epochs", 6, "--batch-size", 32)
    trained = run_on_subset("train", "--start", "bundled", *how, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    table = [line.strip() for line in trained.stdout.splitlines()[3:]]
    assert table[0].split() == ["examples", "errors", "before", "errors", "after"]
    assert "pictures of your own, held back  100.00% (" in table[1]
    # Of so few validation digits, one is more than may be lost.
    exported = run_on_subset("export", "--quantize", "--force", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    run = tmp_path / "runs" / "lenet5"
    assert table[1].split("  ")[1] in (run / "MODEL_CARD.md").read_text()

    others = mirrored_sixes(test_slice, tmp_path / "others")
    assert count_sixes(run_digits, others) < 0.1 * len(others)
    mine = count_sixes(run_digits, others, "--model", run / "lenet5.int8.onnx")
    assert mine > 0.8 * len(others)
