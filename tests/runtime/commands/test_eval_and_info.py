"""`digits eval` of digits and `digits info`, mostly in this process."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from digits.data.image_folder import checksum, read_pictures
from digits.inference.metadata import add_metadata
from digits.inference.model_file import BUNDLED, BUNDLED_DETECTOR
from tests.conftest import Patch, Run
from tests.onnx_files import METADATA, RAW


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_of_mnist(run: Run) -> None:
    code, out, err = run("eval", "digits")
    assert (code, err) == (0, "")
    values = json.loads(out)
    assert values["data"] == "MNIST's test digits" and values["accuracy"] > 0.9
    assert re.search(r"^    \[\d+, 0, \d", out, re.MULTILINE)  # a line of the confusion


def test_mnist_needs_an_extra(run: Run, monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    code, out, err = run("eval", "digits")
    assert (code, out) == (1, "") and 'pip install "digits[train]"' in err


def test_pictures_that_a_network_learned_from(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["file,digit", *(f"{path},{path.stem}" for path in pictures)]))
    model = tmp_path / "a.onnx"
    learned = checksum(read_pictures(table, print))
    changed = replace(METADATA, data_sha256=json.dumps({"pictures": learned}))
    model.write_bytes(add_metadata(RAW, changed))
    command = "eval", "digits", table, "--model", model
    warning = f"warning: {model} learned from most of these pictures\n"
    assert run(*command)[::2] == (0, warning)
    table.write_text(table.read_text().rpartition("\n")[0])
    assert run(*command)[::2] == (0, "")


def test_info(run: Run) -> None:
    code, out, err = run("info")
    assert (code, err) == (0, "")
    values = json.loads(out)
    assert values["bytes"] == Path(BUNDLED).stat().st_size
    assert values["metadata"]["recipe"]["augmentation"]["rotation"] == 10
    values = json.loads(run("info", BUNDLED_DETECTOR)[1])
    assert values["input"] == "page, tensor(uint8), ['batch', 1, 'height', 'width']"
    assert values["metadata"]["task"] == "detector"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("eval numbers pages.csv", "DIGITS_DETECTOR"),
        (f"predict any.png --model {BUNDLED_DETECTOR}", ""),
        ("read . -o a.csv --watch", "DIGITS_RECOGNIZER"),
        ("serve", "DIGITS_MODEL"),
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
