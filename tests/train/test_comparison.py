"""Before and after a fine-tuning: what is a reason against it, and the table."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from digits.errors import ModelError
from digits_train import comparison
from digits_train.comparison import Comparison

OWN = Comparison("pictures of your own, held back", None, 40, 12, 3)
MNIST = Comparison("validation digits of MNIST", 0.001, 10_000, 43, 50)


@pytest.mark.parametrize(
    ("tolerance", "total", "before", "after", "problem"),
    [
        (None, 40, 12, 3, ""),
        (None, 40, 12, 11, ""),
        (None, 40, 0, 0, ""),
        (
            *(None, 1_040, 12, 12),
            "it reads your own pictures no better: 12 errors before, 12 after, of 1,040",
        ),
        (None, 40, 0, 1, "it reads your own pictures no better: "),
        (None, 0, 0, 0, "none of your own pictures were held back to measure with: label more"),
        (0.001, 10_000, 40, 30, ""),
        (0.001, 10_000, 40, 50, ""),
        (0.001, 10_000, 40, 51, "it reads these worse: 40 errors before, 51 after, of 10,000"),
        (0.001, 200, 2, 3, "it reads these worse: "),
        (0.0, 200, 2, 2, ""),
        (0.002, 0, 0, 0, ""),
    ],
)
def test_problem(
    tolerance: float | None, total: int, before: int, after: int, problem: str
) -> None:
    compared = Comparison("these", tolerance, total, before, after)
    assert compared.problem.startswith(problem) and bool(compared.problem) == bool(problem)
    assert comparison.problems([compared, MNIST]) == [compared.problem] * bool(problem)


def test_table() -> None:
    none, inventive = Comparison("own", None, 0, 0, 0), Comparison("symbols", 0.002, 50, 60, 25)
    rows = [
        ("examples", "errors before", "errors after"),
        (
            "40 pictures of your own, held back",
            "30.00% (18.07% to 45.43%)",
            "7.50% (2.58% to 19.86%)",
        ),
        ("10,000 validation digits of MNIST", "0.43% (0.32% to 0.58%)", "0.50% (0.38% to 0.66%)"),
        ("0 own", "-", "-"),
        ("50 symbols", "120.00%", "50.00% (36.64% to 63.36%)"),
    ]
    assert [*comparison.rows([OWN, MNIST, none, inventive])] == rows
    text = [*comparison.lines([OWN, MNIST, none, inventive])]
    assert [tuple(re.split(" {2,}", line)) for line in text] == rows
    assert {line.index(row[1]) for line, row in zip(text, rows, strict=True)} == {36}


def test_load(tmp_path: Path) -> None:
    summary = tmp_path / "run.json"
    summary.write_text(json.dumps({"comparison": [asdict(OWN), asdict(MNIST)]}))
    assert comparison.load(summary) == [OWN, MNIST]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff",
        b"[" * 100_000,
        "null",
        {},
        {"comparison": None},
        {"comparison": []},
        {"comparison": {}},
        {"comparison": ["own"]},
        {"comparison": [asdict(OWN) | {"after": "3"}]},
        {"comparison": [asdict(OWN) | {"after": -1}]},
        {"comparison": [asdict(OWN) | {"after": 10**400}]},
        {"comparison": [asdict(OWN) | {"total": -40}]},
        {"comparison": [asdict(OWN) | {"more": 3}]},
        {"comparison": [asdict(OWN) | {"tolerance": float("nan")}]},
        {"comparison": [{"name": "own", "total": 40, "before": 12}]},
    ],
)
def test_damaged_missing_or_edited_summary(tmp_path: Path, content: Any) -> None:
    summary = tmp_path / "run.json"
    if content is not None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        summary.write_bytes(raw)
    message = (
        f"{summary} doesn't compare .*: finish its training with .*--resume {tmp_path} --data ...`$"
    )
    with pytest.raises(ModelError, match=message):
        comparison.load(summary)
