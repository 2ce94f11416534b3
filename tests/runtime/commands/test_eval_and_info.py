"""`digits eval` of digits and `digits info`, mostly in this process."""

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from digits.classifier import examine
from digits.commands import reports
from digits.images import picture
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.vision.candidates import Candidates
from digits.vision.hypotheses import propose
from tests.conftest import Run
from tests.runtime.conftest import count_calls


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_of_mnist(run: Run) -> None:
    code, out, err = run("eval")
    assert (code, err) == (0, "")
    assert re.search(r"^data +MNIST's test digits$", out, re.MULTILINE)
    assert re.search(r"^accuracy +0\.9\d+$", out, re.MULTILINE)
    assert re.search(r"^confusion\n +0 +1 +2 .*\n +\d+ +0 +\d", out, re.MULTILINE)
    assert re.search(r"^mistakes\n +name +label +predicted ", out, re.MULTILINE)
    values = json.loads(run("eval", "--json")[1])
    assert (values["kernels"], values["data"]) == ("float", "MNIST's test digits")
    assert values["total"] == sum(map(sum, values["confusion"])) == 500
    assert values["accuracy"] == pytest.approx(1 - values["wrong"] / 500)


def test_eval_of_table_examines_each_picture_once(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    rows = [f"{picture},{picture.stem}" for picture in pictures]
    table.write_text("\n".join(["file,digit", *rows, "missing.png,3"]))
    functions = examine, Candidates.prediction, propose
    with count_calls(Model.__init__, picture.load, *functions, Model.probabilities) as calls:
        code, out, err = run("eval", "--data", table, "--plot", tmp_path / "plots", "--json")
    assert (code, json.loads(out)["total"]) == (1, 10)
    assert "missing.png" in err
    for name in ("confusion.png", "mistakes.png"):
        assert Image.open(tmp_path / "plots" / name).width > 400
    assert [calls[function.__name__] for function in functions] == [10] * 3
    assert (calls["__init__"], calls["load"]) == (2, 11)  # classifier and reader
    assert calls["probabilities"] == 10 + 1  # and the model's smoke test


def test_uneven_rows_and_control_characters_are_shown() -> None:
    assert [*reports.lines({"\x1b": "\x1b[31m"})] == [r"\x1b  \x1b[31m"]
    values = {"a": [{"x": 1}, {"x": 2, "y": 3}], "b": [[1], 2], "c": [[1, 2], [3]]}
    assert [*reports.lines(values)] == [
        *("b  1 2", "", "a", "  x  y", "  1  –", "  2  3"),
        *("", "c", "  0  1", "  1  2", "  3  –"),
    ]


@pytest.mark.parametrize(
    ("file", "lines", "metadata", "operators"),
    [
        (
            BUNDLED,
            [r"metadata\.recipe\.augmentation\.rotation +10", r"metadata\.kernels +float"],
            {"architecture": "lenet5", "seed": 0},
            {"Conv": 2},
        ),
        (
            BUNDLED_READER,
            [r"input +page, tensor\(uint8\), \['batch', 1, 'height', 'width'\]"],
            {"task": "reader"},
            {"DequantizeLinear": 11},
        ),
    ],
)
def test_info_text_and_json(
    run: Run,
    file: str,
    lines: list[str],
    metadata: dict[str, object],
    operators: dict[str, int],
) -> None:
    code, out, err = run("info", file)
    assert (code, err) == (0, "")
    assert f"{Path(file).stat().st_size:,}" in out
    for line in lines:
        assert re.search(rf"^{line}$", out, re.MULTILINE)
    values = json.loads(run("info", file, "--json")[1])
    assert values["metadata"].items() >= metadata.items()
    assert values["operators"].items() >= operators.items()


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("eval", "DIGITS_MODEL"),
        ("eval --data pages.csv", "DIGITS_READER"),
        (f"predict any.png --model {BUNDLED_READER}", ""),
        *(
            (command, variable)
            for command in ("predict any.png", "read any.png", "watch folder a.csv")
            for variable in ("DIGITS_MODEL", "DIGITS_READER")
        ),
        ("bench", "DIGITS_READER"),
        ("serve", "DIGITS_MODEL"),
    ],
)
def test_wrong_kind_of_model_is_named_with_the_commands_that_it_fits(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, variable: str
) -> None:
    is_reader = variable == "DIGITS_MODEL" or BUNDLED_READER in command
    model = BUNDLED_READER if is_reader else BUNDLED
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    Image.new("L", (60, 60), 200).save("any.png")
    (tmp_path / "pages.csv").write_text("file,text\nany.png,1\n")
    if variable:
        monkeypatch.setenv(variable, model)
        model += f" (${variable})"
    arguments = command.split()
    cause = (
        "as a classifier: it is a reader, for `digits read`, `digits eval` and"
        if is_reader
        else "as a reader: it is a classifier, for `digits predict`, `digits eval` and"
    )
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert f"error: `digits {arguments[0]}` can't use {model} {cause}" in err


def test_eval_plot_without_matplotlib_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "digits_train.plots", raising=False)
    code, _, err = run("eval", "--plot", tmp_path)
    assert code == 1
    assert "--plot needs matplotlib" in err
