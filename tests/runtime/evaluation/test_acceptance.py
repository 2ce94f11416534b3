import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digits import DataError
from digits.constraints.constraints import Constraints
from digits.evaluation import acceptance
from digits.evaluation.acceptance import RiskBound, calibrate, parse_max_errors, save
from digits.inference.model_file import BUNDLED, BUNDLED_READER

FILES = None, Path(BUNDLED_READER)
SIX = Constraints(length=6)
BOUND = RiskBound(0.25, 0.01, 400, 330, 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What is promised of numbers with six digits, by the bundled reader."""
    path = tmp_path / "promise.json"
    save(path, BOUND, FILES, SIX)
    return path


def test_share() -> None:
    for text, share in (("0.1%", 0.001), ("0,1 %", 0.001), (" 1e-3", 0.001), ("99.9%", 0.999)):
        assert parse_max_errors(text, FILES, SIX) == pytest.approx(share)
    hints = dict.fromkeys(("0", "-1%", "nan", "100%", "100"), "")
    hints |= {"1": "; is 1% meant[?]", "99,9": "; is 99.9% meant[?]"}
    for text, hint in hints.items():
        with pytest.raises(ValueError, match=f"between 0 and 100%, not '{text}'{hint}$"):
            parse_max_errors(text, FILES, SIX)


def test_file(file: Path) -> None:
    assert parse_max_errors(str(file), FILES, SIX) == 0.25
    assert parse_max_errors(str(file), (None, None), Constraints(length=(6, 6))) == 0.25
    values = json.loads(file.read_text())
    assert {key: values[key] for key in BOUND._fields} == BOUND._asdict()


@pytest.mark.parametrize(
    ("files", "constraints", "cause"),
    [
        (
            FILES,
            Constraints(values=["8", "7"]),
            "length 6, not --list <2 allowed numbers, CRC [0-9a-f]{8}>$",
        ),
        (FILES, replace(SIX, digits_only=True), "--length 6, not --length 6 --digits-only$"),
        (FILES, Constraints(), "is for the constraints --length 6, not none$"),
        (FILES, Constraints((6, 8), "2.*", "luhn"), "length 6-8 --pattern 2.* --check luhn$"),
        (FILES, Constraints(range=(-0.5, 5_000_000)), "not --range -0.5-5000000$"),
        ((None, Path(BUNDLED)), SIX, "is for the reader [0-9a-f]{64}, not [0-9a-f]{64}$"),
        ((Path(BUNDLED_READER), None), SIX, "is for the model [0-9a-f]{64}, not [0-9a-f]{64}$"),
    ],
)
def test_file_holds_for_its_networks_and_constraints(
    file: Path, files: acceptance.Files, constraints: Constraints, cause: str
) -> None:
    with pytest.raises(DataError, match=cause):
        parse_max_errors(str(file), files, constraints)


def test_order_of_a_list_does_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "file", BOUND, FILES, Constraints(values=["8", "7"]))
    assert parse_max_errors(f"{tmp_path}/file", FILES, Constraints(values=["7", "8"])) == 0.25


@pytest.mark.unix
def test_any_other_file_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_text()
    contents = [
        *(whole.replace("0.25", value) for value in ("0", "1", "NaN", '"0.1"')),
        *('{"max_error_probability": 0.25}', "[0.25]", whole[:40], "[" * 60_000),
        " " * (1 << 16) + whole,
    ]
    paths = [tmp_path / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    os.mkfifo(tmp_path / "pipe")
    for path in (*paths, tmp_path / "pipe"):
        with pytest.raises(DataError, match=f"^{path} isn't a file from `digits eval --calibrate`"):
            parse_max_errors(str(path), FILES, SIX)


def test_as_many_as_possible_are_accepted() -> None:
    probabilities = np.linspace(1, 0.5, 1000).tolist()
    bound = calibrate(probabilities, [1] * 800 + [0] * 200, 0.02)
    assert bound == RiskBound(1 - probabilities[785], 0.02, 1000, 786, 0)
    # Of 400 at a rate of 2 %, at most 3 are wrong with a chance of 4.1 %, at most 4 of 9.7 %.
    assert calibrate([0.9] * 400, [1] * 397 + [0] * 3, 0.02).errors == 3
    with pytest.raises(DataError, match="can't promise"):
        calibrate([0.9] * 400, [1] * 396 + [0] * 4, 0.02)


@pytest.mark.parametrize(
    ("right", "wanted", "cause"),
    [
        ([1] * 28, 0.1, "28 labelled numbers were read; to promise at most 10% wrong takes 1 more"),
        ([], 0.01, "takes 299 more"),
        ([], 0.001, "takes 2,995 more"),
        ([1, 0] * 500, 0.1, "1,000 numbers can't promise at most 10% wrong, but at most 5[4-9]%"),
        ([0] * 300, 0.1, "but at most 100%"),
    ],
)
def test_no_promise(right: list[int], wanted: float, cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        calibrate(np.linspace(1, 0.5, len(right)).tolist(), right, wanted)


def test_documentation_says_how_many_it_takes() -> None:
    text = (Path(__file__).parents[3] / "docs" / "numbers.md").read_text()
    assert "1 % takes 299 right ones, 0.1 % 2,995." in text


def test_bound_is_one_that_can_be_loaded() -> None:
    for probability, expected in ((1.0, 2**-53), (0.5, 0.5), (1e-20, 1 - 2**-53)):
        bound = calibrate([probability] * 300, [1] * 300, 0.01)
        assert bound == RiskBound(expected, 0.01, 300, 300, 0)
