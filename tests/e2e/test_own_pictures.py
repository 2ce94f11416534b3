"""Train, resume and export on a folder of one's own images in place of MNIST.

A thousand images take seconds, where MNIST takes minutes.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from digits.data.image_folder import assign_split, digest_of
from digits.data.mnist import Split

from .conftest import Run, assert_failed_with_error, file_limit

HOW = ("--recipe", "classic", "--epochs", 10, "--batch-size", 32)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A thousand images in a folder for each digit, and one that can't be read."""
    folder = tmp_path_factory.mktemp("own") / "pictures"
    for number, (image, label) in enumerate(
        zip(train_slice.images, train_slice.labels, strict=True)
    ):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(place / f"{number}.png")
    (folder / "0" / "broken.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def trained(own: Path, run_digits: Run) -> Path:
    """A folder in which `digits train` has written runs/lenet5."""
    done = run_digits("train", "--data", own, *HOW, "--json", cwd=own.parent)
    assert done.returncode == 0, done.stderr
    [warning] = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in warning
    assert json.loads(done.stdout)["test_accuracy"] > 0.7
    return own.parent


@pytest.fixture
def training(own: Path, trained: Path) -> subprocess.Popen[str]:
    """A running second training, which has finished the first of 20 epochs."""
    command = [str(Path(sys.executable).with_name("digits")), "train", "--data", str(own)]
    how = ("--recipe", "classic", "--epochs", "20")
    process = subprocess.Popen([*command, *how], cwd=trained, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("warning: ")
    lines = iter(process.stderr.readline, "")
    assert next(line for line in lines if line.startswith("epoch "))[:11] == "epoch  1/20"
    return process


def test_export_and_eval_on_own_images(
    own: Path, trained: Path, run_digits: Run, train_slice: Split
) -> None:
    done = run_digits(
        *("export", "--quantize", "--data", own, "--max-accuracy-drop", 2), cwd=trained
    )
    assert done.returncode == 0, done.stderr
    model = "runs/lenet5/lenet5.int8.onnx"
    about = json.loads(run_digits("info", model, "--json", cwd=trained).stdout)["metadata"]
    assert list(about["data_sha256"]) == ["pictures"]
    measured = run_digits("eval", model, "--data", own, "--split", "test", "--json", cwd=trained)
    values = json.loads(measured.stdout)
    tested = [assign_split(digest_of(255 - image)) == "test" for image in train_slice.images]
    assert values["total"] == sum(tested)
    # The export measures frames chosen by the bundled model, `eval` those chosen by the new one.
    assert values["accuracy"] == pytest.approx(about["test_accuracy"], abs=0.02)


@pytest.mark.parametrize("command", [("export",), ("train", "--resume", "runs/lenet5")])
def test_command_without_data_names_own_images(
    trained: Path, run_digits: Run, command: tuple[str, ...]
) -> None:
    done = run_digits(*command, cwd=trained)
    assert done.returncode == 1
    assert "was trained on pictures: name their folder with --data" in done.stderr
    assert "Traceback" not in done.stderr


def test_resume_after_sigkill_of_second_run(
    training: subprocess.Popen[str], own: Path, trained: Path, run_digits: Run
) -> None:
    training.kill()
    training.communicate()
    assert training.returncode == -signal.SIGKILL
    resumed = run_digits("train", "--resume", "runs/lenet5-2", "--data", own, "--json", cwd=trained)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == 20
    names = os.listdir(trained / "runs" / "lenet5-2")
    assert "checkpoint.safetensors" in names
    assert not [name for name in names if name[0] == "."]


def test_sigint_reports_kept_epoch_and_resume_command(training: subprocess.Popen[str]) -> None:
    training.send_signal(signal.SIGINT)
    rest = training.communicate()[1]
    assert training.returncode == 130, rest
    assert re.fullmatch(
        r"interrupted: epoch \d+ is kept; go on with `digits train --resume runs/lenet5-\d`",
        rest.splitlines()[-1],
    )
    assert "Traceback" not in rest


@pytest.fixture(scope="module")
def student(own: Path, trained: Path, run_digits: Run) -> Path:
    """A run distilled from the first one, trained on the validation digits too."""
    teacher = ("--teacher", Path("runs", "lenet5", "checkpoint.safetensors"))
    options = ("--all-data", "--out", "student")
    done = run_digits("train", *HOW, "--data", own, *teacher, *options, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "no validation (--all-data)" in done.stdout
    return trained / "student"


def test_student_run_records_teacher(student: Path) -> None:
    assert json.loads((student / "run.json").read_text())["teacher"]


def test_export_warns_about_run_with_all_data(student: Path, own: Path, run_digits: Run) -> None:
    exported = run_digits("export", student, "--data", own)
    assert exported.returncode == 0, exported.stderr
    assert "trained on the validation digits too" in exported.stderr


def test_train_on_full_disk_leaves_no_run_folder(
    own: Path, run_digits: Run, tmp_path: Path
) -> None:
    done = run_digits(*("train", *HOW, "--data", own), cwd=tmp_path, preexec_fn=file_limit(100_000))
    assert_failed_with_error(done, "can't write", "File too large")
    assert not list((tmp_path / "runs").iterdir())


def test_export_on_full_disk_leaves_no_files(
    own: Path, trained: Path, run_digits: Run, tmp_path: Path
) -> None:
    shutil.copy(trained / "runs" / "lenet5" / "checkpoint.safetensors", tmp_path)
    done = run_digits(
        *("export", tmp_path, "--quantize", "--max-accuracy-drop", 2, "--data", own),
        preexec_fn=file_limit(100_000),
    )
    assert_failed_with_error(done, f"can't write {tmp_path}/lenet5.onnx: File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
