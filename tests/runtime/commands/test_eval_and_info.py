"""`digits eval` of digits and `digits info`, mostly in this process."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from digits.commands import reports
from digits.data import datasets
from digits.data.image_folder import read_pictures
from digits.digit import to_prediction
from digits.images import picture
from digits.inference.metadata import add_metadata
from digits.inference.model import ClassifierModel
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR
from digits.vision.ink import extract_ink
from tests.conftest import Patch, Run
from tests.onnx_files import METADATA, RAW
from tests.runtime.conftest import count_calls


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_of_mnist(run: Run) -> None:
    code, out, err = run("eval")
    assert (code, err) == (0, "")
    assert re.search(r"^data +MNIST's test digits$", out, re.MULTILINE)
    assert re.search(r"^accuracy +0\.9\d+$", out, re.MULTILINE)
    assert re.search(r"^confusion\n +0 +1 +2 .*\n +\d+ +0 +\d", out, re.MULTILINE)
    assert re.search(r"^mistakes\n +name +label +predicted ", out, re.MULTILINE)


@pytest.mark.slow
def test_table_examines_each_picture_once(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = [f"{picture},{picture.stem}" for picture in pictures]
    table.write_text("\n".join(["file,digit", *rows, "missing.png,3"]))
    functions = to_prediction, extract_ink
    with count_calls(
        ClassifierModel.__init__, picture.load, *functions, ClassifierModel.probabilities
    ) as calls:
        code, out, err = run("eval", "--data", table, "--plot", tmp_path / "plots", "--json")
    assert (code, json.loads(out)["total"]) == (1, 10) and "missing.png" in err
    plots = {path.name for path in (tmp_path / "plots").iterdir()}
    assert plots == {"confusion.png", "mistakes.png"}
    assert [calls[function.__name__] for function in functions] == [10] * 2
    # The detector is opened once: the ink of one digit is in two pieces.
    assert (calls["__init__"], calls["load"]) == (2, 11)
    assert calls["probabilities"] == 10 + 1 + 1  # of one's box; of the smoke test


def test_pictures_that_a_network_learned_from(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["file,digit", *(f"{path},{path.stem}" for path in pictures)]))
    model = tmp_path / "a.onnx"
    checksum = datasets.checksum(read_pictures(table, print))
    changed = replace(METADATA, data_sha256=json.dumps({"pictures": checksum}))
    model.write_bytes(add_metadata(RAW, changed))
    command = "eval", "--model", model, "--data", table
    warning = f"warning: {model} learned from most of these pictures\n"
    assert run(*command)[::2] == (0, warning)
    table.write_text(table.read_text().rpartition("\n")[0])
    assert run(*command)[::2] == (0, "")


def test_uneven_rows_and_control_characters_are_shown() -> None:
    assert [*reports.lines({"\x1b": "\x1b[31m"})] == [r"\x1b  \x1b[31m"]
    values = {"a": [{"x": 1}, {"x": 2, "y": 3}], "b": [[1], 2], "c": [[1, 2], [3]]}
    assert [*reports.lines(values)] == [
        *("b  1 2", "", "a", "  x  y", "  1  –", "  2  3"),
        *("", "c", "  0  1", "  1  2", "  3  –"),
    ]


def test_info(run: Run) -> None:
    code, out, err = run("info")
    assert (code, err) == (0, "")
    for line in (
        f"bytes +{Path(BUNDLED).stat().st_size:,}",
        r"metadata\.recipe\.augmentation\.rotation +10",
    ):
        assert re.search(rf"^{line}$", out, re.MULTILINE)
    values = json.loads(run("info", BUNDLED_DETECTOR, "--json")[1])
    assert values["input"] == "page, tensor(uint8), ['batch', 1, 'height', 'width']"
    assert values["metadata"]["task"] == "detector"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("eval", "DIGITS_MODEL"),
        ("eval --data pages.csv", "DIGITS_DETECTOR"),
        ("eval --data pages.csv", "DIGITS_RECOGNIZER"),
        (f"predict any.png --model {BUNDLED_DETECTOR}", ""),
        ("predict any.png", "DIGITS_DETECTOR"),
        ("watch . a.csv", "DIGITS_DETECTOR"),
        ("watch . a.csv --numbers", "DIGITS_RECOGNIZER"),
        ("bench", "DIGITS_DETECTOR"),
        *(("serve", f"DIGITS_{name}") for name in ("MODEL", "DETECTOR", "RECOGNIZER")),
    ],
)
def test_wrong_kind_of_model_is_named_with_the_commands_that_it_fits(
    run: Run, tmp_path: Path, monkeypatch: Patch, command: str, variable: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pages.csv").write_text("file,text\nany.png,1\n")
    if variable in ("DIGITS_DETECTOR", "DIGITS_RECOGNIZER"):
        wanted = variable.removeprefix("DIGITS_").lower()
        model, cause = BUNDLED, f"as a {wanted}: it is a classifier, for `digits predict`"
    else:
        model, cause = BUNDLED_DETECTOR, "as a classifier: it is a detector, for `digits read`"
    if variable:
        monkeypatch.setenv(variable, model)
        model += f" (${variable})"
    code, out, err = run(*command.split())
    assert (code, out) == (1, "")
    assert f"error: `digits {command.split()[0]}` can't use {model} {cause}" in err
