"""Fine-tuned runs: exported if they aren't worse than what they began as."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from digits.data import mnist
from digits.errors import ModelError
from digits_export.export import ExportConfig, export_run
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.comparison import Comparison
from digits_train.models import BaseNetwork, Network
from digits_train.run import RunDir

SHA256 = mnist.SHA256 | {"own": "01"}
PROVENANCE = Provenance(
    *("lenet5", "0.0", {"epochs": 3, "own": 0.25}, 0, 3, SHA256, 50_000, 0.9, "5f" * 32)
)
OWN = Comparison("pictures of your own, held back", None, 40, 12, 3)
DIGITS = Comparison("validation digits of MNIST", 0.001, 10_000, 43, 50)
WORSE = replace(OWN, after=12), replace(DIGITS, after=70)
PROBLEMS = [
    "it reads your own pictures no better: 12 errors before, 12 after, of 40",
    "it reads validation digits of MNIST worse: 43 errors before, 70 after, of 10,000",
]
ROW = "| 40 pictures of your own, held back | 30.00% (18.07% to 45.43%) |"

pytestmark = pytest.mark.usefixtures("slice_as_mnist")


def save(folder: Path, network: BaseNetwork, compared: tuple[Comparison, ...]) -> RunDir:
    run = RunDir(folder / "run")
    checkpoint.save(run.checkpoint, network, PROVENANCE)
    values = {"comparison": [*map(asdict, compared)]} if compared else {}
    run.summary.write_text(json.dumps(values))
    return run


def test_card_names_parent_and_table(
    tmp_path: Path, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save(tmp_path, network, (OWN, DIGITS))
    export_run(run, ExportConfig())
    assert "warning" not in capsys.readouterr().err
    card = (run.folder / "MODEL_CARD.md").read_text()
    section = card.partition("\n## Fine-tuning\n")[2]
    assert f"SHA-256 `{PROVENANCE.init}`" in section
    lines = section.splitlines()
    assert "| examples | errors before | errors after |" in lines
    assert f"{ROW} 7.50% (2.58% to 19.86%) |" in lines
    assert any(line.startswith("| 10,000 validation digits of MNIST | 0.43% (") for line in lines)


def test_worse_network_needs_force(
    tmp_path: Path, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save(tmp_path, network, WORSE)
    with pytest.raises(ModelError) as raised:
        export_run(run, ExportConfig())
    assert str(raised.value) == f"{run.folder}: {PROBLEMS[0]}; --force exports it all the same"
    assert {path.name for path in run.folder.iterdir()} == {"checkpoint.safetensors", "run.json"}
    export_run(run, ExportConfig(force=True))
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if line.startswith("warning")] == [
        f"warning: {run.folder}: {problem}" for problem in PROBLEMS
    ]
    assert ROW in (run.folder / "MODEL_CARD.md").read_text()


def test_unfinished_run_is_refused(tmp_path: Path, network: Network) -> None:
    run = save(tmp_path, network, ())
    message = f"doesn't compare .*: finish its training with .*--resume {run.folder} --data ...`"
    with pytest.raises(ModelError, match=message):
        export_run(run, ExportConfig(force=True))
