"""`digits eval` and `digits info`, mostly in this process."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits import Classifier
from digits.commands import reports
from digits.images import picture
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER, inspect
from digits.text import to_json
from digits.vision.hypotheses import propose
from tests.conftest import Run
from tests.runtime.conftest import count_calls


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_prints_accuracy_on_test_split(run: Run) -> None:
    code, out, err = run("eval")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("lenet5.int8.onnx (float kernels) on MNIST's test digits")
    assert re.match(
        r"accuracy \d+\.\d\d% \(95 % interval 9\d.\d\d% to .*\): \d of 500 wrong", lines[1]
    )
    assert lines[5].startswith("digit  precision   recall   read as    0    1")
    assert lines[6].split()[0] == "0"


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_json_of_validation_split(run: Run) -> None:
    code, out, _ = run("eval", "--split", "validation", "--kernels", "integer", "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["total"], values["kernels"]) == (200, "integer")
    assert sum(map(sum, values["confusion"])) == 200
    assert values["data"] == "MNIST's validation digits"
    assert values["accuracy"] == pytest.approx(1 - values["wrong"] / 200)


def test_eval_of_table_plots_and_reports_missing_file(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    rows = "".join(f"{picture},{picture.stem}\n" for picture in pictures)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,digit\n{rows}missing.png,3\n")
    code, out, err = run("eval", "--data", table, "--plot", tmp_path / "plots", "--json")
    assert code == 1
    assert "missing.png" in err
    assert json.loads(out)["total"] == 10
    for name in ("confusion.png", "mistakes.png"):
        assert Image.open(tmp_path / "plots" / name).width > 400


def test_eval_examines_each_picture_once(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    rows = "".join(f"{picture},{picture.stem}\n" for picture in pictures)
    (tmp_path / "labels.csv").write_text(f"file,digit\n{rows}")
    functions = Classifier.examine, Classifier.prediction, picture.load, propose
    with count_calls(Model.__init__, *functions, Model.probabilities) as calls:
        assert run("eval", "--data", tmp_path / "labels.csv")[0] == 0
    assert [calls[function.__name__] for function in functions] == [10] * 4
    assert calls["__init__"] == 1
    assert calls["probabilities"] == 10 + 1  # and the model's smoke test


def test_eval_uses_the_confidences_of_predict(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    """The confidence comes from several hypotheses, not from the best frame alone."""
    classifier = Classifier()
    predictions = [classifier.predict(picture) for picture in pictures]
    frames = np.stack([one.frame for one in predictions if one.frame is not None])
    alone = classifier.model.probabilities(frames).max(1)
    confidences = np.array([one.confidence for one in predictions])
    digit = int(abs(confidences - alone).argmax())
    assert abs(confidences - alone)[digit] > 0.001
    wrong = tmp_path / str((digit + 1) % 10)  # a mistake, so that its confidence is printed
    wrong.mkdir()
    shutil.copy(pictures[digit], wrong)
    [mistake] = json.loads(run("eval", "--data", tmp_path, "--json")[1])["mistakes"]
    assert mistake["confidence"] == pytest.approx(confidences[digit], abs=1e-5)


def test_eval_plot_without_matplotlib_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "digits_train.plots", raising=False)
    code, _, err = run("eval", "--plot", tmp_path)
    assert code == 1
    assert "--plot needs matplotlib" in err


def test_eval_without_readable_pictures_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "empty.png").touch()
    code, out, err = run("eval", "--data", tmp_path)
    assert (code, out) == (1, "")
    assert "no readable pictures" in err


def test_info_text_and_json(run: Run) -> None:
    code, out, err = run("info")
    assert (code, err) == (0, "")
    assert "bytes, intact" in out
    assert re.search(r"\n  recipe.augmentation.rotation +10\n", out)
    assert re.search(r"\n  kernels +float\n", out)
    values = json.loads(run("info", "--json")[1])
    assert values["metadata"]["architecture"] == "lenet5"
    assert values["metadata"]["seed"] == 0
    assert values["operators"]["Conv"] == 2


def test_info_of_a_reader(run: Run) -> None:
    code, out, err = run("info", BUNDLED_READER)
    assert (code, err) == (0, "")
    assert re.search(r"\n  task +reader\n?", out)
    assert re.search(r"\n  input +page, tensor\(uint8\), \['batch', 1, 'height', 'width'\]\n", out)
    values = json.loads(run("info", BUNDLED_READER, "--json")[1])
    assert values["metadata"]["task"] == "reader"
    assert values["operators"]["DequantizeLinear"] == 11
    assert [part.split(",")[0] for part in values["output"].split("; ")] == [
        *("centres", "symbols", "boxes")
    ]


CLASSIFIER = "as a reader: it is a classifier, for `digits predict`, `digits eval` and"
READER = "as a classifier: it is a reader, for `digits read`, `digits eval --pages` and"


@pytest.mark.parametrize(
    ("arguments", "variable", "cause"),
    [
        (["eval", BUNDLED_READER], "", READER),
        (["eval"], "DIGITS_MODEL", READER),
        (["eval", "--pages", "any.csv", BUNDLED], "", CLASSIFIER),
        (["eval", "--pages", "any.csv"], "DIGITS_READER", CLASSIFIER),
        (["predict", "any.png", "--model", BUNDLED_READER], "", READER),
        (["predict", "any.png"], "DIGITS_MODEL", READER),
        (["predict", "any.png"], "DIGITS_READER", CLASSIFIER),
        (["read", "any.png", "--model", BUNDLED], "", CLASSIFIER),
        (["read", "any.png"], "DIGITS_READER", CLASSIFIER),
        (["watch", "folder", "any.csv"], "DIGITS_MODEL", READER),
        (["watch", "folder", "any.csv"], "DIGITS_READER", CLASSIFIER),
        (["bench"], "DIGITS_MODEL", READER),
        (["bench"], "DIGITS_READER", CLASSIFIER),
        (["serve"], "DIGITS_MODEL", READER),
        (["serve"], "DIGITS_READER", CLASSIFIER),
    ],
)
def test_wrong_kind_of_model_is_named_with_the_commands_that_it_fits(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variable: str,
    cause: str,
) -> None:
    model = BUNDLED if cause == CLASSIFIER else BUNDLED_READER
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    Image.new("L", (60, 60), 200).save("any.png")
    (tmp_path / "any.csv").write_text("file,text\nany.png,1\n" if "--pages" in arguments else "")
    if variable:
        monkeypatch.setenv(variable, model)
        model += f" (${variable})"
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert f"error: `digits {arguments[0]}` can't use {model} {cause}" in err


def test_info_of_a_picture_is_an_error(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("info", pictures[0])
    assert (code, out) == (1, "")
    assert "is not an ONNX file" in err


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_predict_with_either_kernels(run: Run, pictures: list[Path], kernels: str) -> None:
    code, out, _ = run("predict", pictures[7], "--kernels", kernels)
    assert code == 0
    assert out.startswith("7 ")


@pytest.mark.linux
@pytest.mark.slow
@pytest.mark.parametrize("name", ["a$x_$b", "m$\\b$", "l\udce9", "new\nline", "plain"])
def test_eval_plots_any_folder_name(
    run: Run, pictures: list[Path], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    (folder / "5").mkdir(parents=True)
    shutil.copy(pictures[5], folder / "5")
    code, out, err = run("eval", "--data", folder, "--plot", tmp_path / "plots")
    assert (code, err) == (0, "")
    assert "accuracy 100.00%" in out
    assert Image.open(tmp_path / "plots" / "confusion.png").width > 400


@pytest.mark.usefixtures("slice_as_mnist")
def test_unwritable_plot_still_prints_accuracy(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out, err = run("eval", "--plot", tmp_path / "file")
    assert code == 1
    assert "of 500 wrong" in out
    assert err.startswith("error: can't write")
    assert err.endswith("file is a file, not a folder\n")


@pytest.mark.unix
def test_eval_with_stderr_closed_succeeds(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "5").mkdir()
    shutil.copy(pictures[5], tmp_path / "5")
    command = f"{sys.executable} -m digits eval --data {tmp_path} 2>&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 0
    assert "accuracy 100.00%" in done.stdout


def test_info_error_escapes_control_characters(run: Run) -> None:
    _, _, err = run("info", "red\x1b[31m.onnx")
    assert "\\x1b[31m" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "recipe",
    [
        *('{"a":' * 100_000, "{broken", '{"a\u001b[31mx": 1}', '{"a": 1e999, "\\ud800": NaN}'),
        *('{"a":' * depth + "1" + "}" * depth for depth in (300, 490, 950, 3000)),
        *('{"a":' + "[" * depth + "]" * depth + "}" for depth in (490, 3000)),
    ],
)
def test_info_shows_malformed_recipe_as_is(recipe: str) -> None:
    found = inspect()
    object.__setattr__(found.metadata, "recipe", recipe)
    lines = "\n".join(reports.info_lines(found))
    assert "recipe" in lines
    assert "\x1b" not in lines
    values = json.loads(to_json(reports.info_dict(found)), parse_constant=pytest.fail)
    assert "recipe" in values["metadata"]
