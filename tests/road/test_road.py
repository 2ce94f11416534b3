"""The whole road on real data: train, export, read held-out digits from PNG files."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from digits.data.mnist import Split

from .conftest import Run


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, full_test_set: Split, digits: Run) -> Path:
    """A folder in which `digits train` and `digits export --quantize` have been run."""
    folder = tmp_path_factory.mktemp("workshop")
    trained = digits("train", "--recipe", "default", "--epochs", 3, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.startswith("runs/lenet5  validation 9")
    assert len(trained.stderr.splitlines()) == 3
    # Three epochs leave many digits near the border, so quantization may turn a few more.
    exported = digits("export", "--quantize", "--max-accuracy-drop", 0.2, cwd=folder)
    assert exported.returncode == 0, exported.stderr
    assert len(exported.stdout.splitlines()) == 5
    return folder


def test_the_exported_model_reads_held_out_digits(
    workshop: Path, digits: Run, full_test_set: Split, tmp_path: Path
) -> None:
    count = 200
    for index, image in enumerate(full_test_set.images[-count:]):
        Image.fromarray(255 - image).save(tmp_path / f"{index:03}.png")
    model = workshop / "runs" / "lenet5" / "lenet5.int8.onnx"
    done = digits("predict", tmp_path, "--model", model, "--json")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line)["digit"] for line in done.stdout.splitlines()]
    labels = full_test_set.labels[-count:].tolist()
    right = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    assert right >= 0.95 * count


def test_nothing_is_lost_on_the_way(workshop: Path) -> None:
    report = json.loads((workshop / "runs" / "lenet5" / "export.json").read_text())
    checkpoint, fp32, int8, integer = report["forms"]
    assert report["largest_difference"] <= 1e-5
    assert fp32["changed"] == 0
    for form in (int8, integer):
        assert form["bytes"] <= 60_000
        lost = checkpoint["test_accuracy"] - form["test_accuracy"]
        assert lost <= 0.001  # ten of 10,000 digits: three epochs leave many near the border
    assert checkpoint["test_accuracy"] > 0.97


def test_eval_and_info_agree_with_the_export(workshop: Path, digits: Run, tmp_path: Path) -> None:
    report = json.loads((workshop / "runs" / "lenet5" / "export.json").read_text())
    model = workshop / "runs" / "lenet5" / "lenet5.int8.onnx"
    for form in report["forms"][2:]:
        done = digits(
            *("eval", model, "--kernels", form["kernels"], "--json", "--plot", tmp_path / "plots")
        )
        assert done.returncode == 0, done.stderr
        values = json.loads(done.stdout)
        assert values["accuracy"] == pytest.approx(form["test_accuracy"], abs=1e-9)
        assert values["calibration_error"] == pytest.approx(form["test_calibration_error"])
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "confusion.png",
        "mistakes.png",
    }
    about = json.loads(digits("info", model, "--json").stdout)
    assert about["bytes"] == report["forms"][2]["bytes"]
    assert about["numbers"]["int8"] > 44_000


def test_a_full_disk_leaves_nothing_of_an_export(
    workshop: Path, digits: Run, tmp_path: Path
) -> None:
    shutil.copy(workshop / "runs" / "lenet5" / "checkpoint.safetensors", tmp_path)
    done = digits(
        *("export", tmp_path, "--quantize", "--max-accuracy-drop", 0.2),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: can't write {tmp_path}/lenet5.onnx: File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_the_run_folder_is_complete(workshop: Path) -> None:
    names = {path.name for path in (workshop / "runs" / "lenet5").iterdir()}
    assert names == {
        *("checkpoint.safetensors", "state.pt", "run.json", "metrics.csv"),
        *("curves.png", "confusion.png", "mistakes.png"),
        *("lenet5.onnx", "lenet5.int8.onnx", "export.json", "MODEL_CARD.md"),
    }


def test_a_killed_run_can_be_resumed_and_a_second_one_gets_its_own_folder(
    workshop: Path, digits: Run
) -> None:
    command = [str(Path(sys.executable).with_name("digits")), "train", "--epochs", "2"]
    process = subprocess.Popen(command, cwd=workshop, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/2")
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = digits("train", "--resume", "runs/lenet5-2", "--json", cwd=workshop)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == 2
    assert not [name for name in os.listdir(workshop / "runs" / "lenet5-2") if name[0] == "."]


def test_ctrl_c_says_what_is_kept(workshop: Path) -> None:
    command = [str(Path(sys.executable).with_name("digits")), "train", "--out", "stopped"]
    process = subprocess.Popen(
        command,
        cwd=workshop,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert rest.splitlines()[-1] == (
        "interrupted: epoch 1 is kept; go on with `digits train --resume stopped`"
    )
    assert "Traceback" not in rest


def test_several_processes_train_together(workshop: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = ["--nproc-per-node=2", "-m", "digits", "train", "--recipe", "classic"]
    done = subprocess.run(
        [*torchrun, *command, "--epochs", "1", "--out", "together", "--json"],
        cwd=workshop,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)  # of one process, not two
    assert summary["machines"][0]["processes"] == 2
    assert summary["validation_accuracy"] > 0.95


def test_a_student_learns_from_the_first_network(workshop: Path, digits: Run) -> None:
    teacher = Path("runs", "lenet5", "checkpoint.safetensors")
    command = ("train", "--recipe", "classic", "--epochs", 1, "--out", "student")
    done = digits(*command, "--teacher", teacher, "--all-data", cwd=workshop)
    assert done.returncode == 0, done.stderr
    assert "no validation: trained on its digits too" in done.stdout
    exported = digits("export", "student", cwd=workshop)
    assert exported.returncode == 0, exported.stderr
    assert "trained on the validation digits too" in exported.stderr
