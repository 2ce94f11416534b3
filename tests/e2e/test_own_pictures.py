"""The whole road with a folder of one's own pictures in place of MNIST, and what may happen on it.

A thousand pictures take seconds, where MNIST takes minutes.
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

from .conftest import Run, assert_one_sentence, file_limit

HOW = ("--recipe", "classic", "--epochs", 10, "--batch-size", 32)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, train_slice: Split) -> Path:
    """A thousand pictures sorted by digit, and one that can't be read."""
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
def trained(own: Path, digits: Run) -> Path:
    """Where `runs/lenet5` is."""
    done = digits("train", "--data", own, *HOW, "--json", cwd=own.parent)
    assert done.returncode == 0, done.stderr
    [warning] = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "broken.png" in warning
    assert json.loads(done.stdout)["test_accuracy"] > 0.7
    return own.parent


@pytest.fixture
def training(own: Path, trained: Path) -> subprocess.Popen[str]:
    """A second one, which has finished an epoch and has many before it."""
    command = [str(Path(sys.executable).with_name("digits")), "train", "--data", str(own)]
    how = ("--recipe", "classic", "--epochs", "20")
    process = subprocess.Popen([*command, *how], cwd=trained, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("warning: ")
    lines = iter(process.stderr.readline, "")
    assert next(line for line in lines if line.startswith("epoch "))[:11] == "epoch  1/20"
    return process


def test_the_road(own: Path, trained: Path, digits: Run, train_slice: Split) -> None:
    done = digits(*("export", "--quantize", "--data", own, "--max-accuracy-drop", 2), cwd=trained)
    assert done.returncode == 0, done.stderr
    model = "runs/lenet5/lenet5.int8.onnx"
    about = json.loads(digits("info", model, "--json", cwd=trained).stdout)["metadata"]
    assert list(about["data_sha256"]) == ["pictures"]
    measured = digits("eval", model, "--data", own, "--split", "test", "--json", cwd=trained)
    values = json.loads(measured.stdout)
    tested = [assign_split(digest_of(255 - image)) == "test" for image in train_slice.images]
    assert values["digits"] == sum(tested)
    # The export measures the frames that the bundled model chose; here the new one chooses.
    assert values["accuracy"] == pytest.approx(about["test_accuracy"], abs=0.02)


@pytest.mark.parametrize("command", [("export",), ("train", "--resume", "runs/lenet5")])
def test_other_digits_are_refused(trained: Path, digits: Run, command: tuple[str, ...]) -> None:
    done = digits(*command, cwd=trained)
    assert done.returncode == 1
    assert "was trained on pictures: name their folder with --data" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_run_can_be_resumed_and_a_second_one_gets_its_own_folder(
    training: subprocess.Popen[str], own: Path, trained: Path, digits: Run
) -> None:
    training.kill()
    training.communicate()
    assert training.returncode == -signal.SIGKILL
    resumed = digits("train", "--resume", "runs/lenet5-2", "--data", own, "--json", cwd=trained)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["epochs"] == 20
    names = os.listdir(trained / "runs" / "lenet5-2")
    assert "checkpoint.safetensors" in names
    assert not [name for name in names if name[0] == "."]


def test_ctrl_c_says_what_is_kept(training: subprocess.Popen[str]) -> None:
    training.send_signal(signal.SIGINT)
    rest = training.communicate()[1]
    assert training.returncode == 130, rest
    assert re.fullmatch(
        r"interrupted: epoch \d+ is kept; go on with `digits train --resume runs/lenet5-\d`",
        rest.splitlines()[-1],
    )
    assert "Traceback" not in rest


@pytest.fixture(scope="module")
def student(own: Path, trained: Path, digits: Run) -> Path:
    """A run that was taught by the first one, with the validation digits too."""
    teacher = ("--teacher", Path("runs", "lenet5", "checkpoint.safetensors"))
    options = ("--all-data", "--out", "student")
    done = digits("train", *HOW, "--data", own, *teacher, *options, cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "no validation (--all-data)" in done.stdout
    return trained / "student"


def test_a_student_learns_from_the_first_network(student: Path) -> None:
    assert json.loads((student / "run.json").read_text())["teacher"]


def test_export_tells_that_nothing_was_kept_to_validate(
    student: Path, own: Path, digits: Run
) -> None:
    exported = digits("export", student, "--data", own)
    assert exported.returncode == 0, exported.stderr
    assert "trained on the validation digits too" in exported.stderr


def test_a_full_disk_leaves_no_half_written_run(own: Path, digits: Run, tmp_path: Path) -> None:
    done = digits(*("train", *HOW, "--data", own), cwd=tmp_path, preexec_fn=file_limit(100_000))
    assert_one_sentence(done, "can't write", "File too large")
    assert not list((tmp_path / "runs").iterdir())


def test_a_full_disk_leaves_nothing_of_an_export(
    own: Path, trained: Path, digits: Run, tmp_path: Path
) -> None:
    shutil.copy(trained / "runs" / "lenet5" / "checkpoint.safetensors", tmp_path)
    done = digits(
        *("export", tmp_path, "--quantize", "--max-accuracy-drop", 2, "--data", own),
        preexec_fn=file_limit(100_000),
    )
    assert_one_sentence(done, f"can't write {tmp_path}/lenet5.onnx: File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
