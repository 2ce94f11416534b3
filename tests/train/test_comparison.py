"""Before and after a fine-tuning: what is a reason against it, and the table."""

from pathlib import Path

import pytest

from digits.errors import ModelError
from digits_train import comparison
from digits_train.comparison import Comparison

MNIST = Comparison("validation digits of MNIST", 0.001, 10_000, 43, 50)


@pytest.mark.parametrize(
    ("tolerance", "total", "before", "after", "problem"),
    [
        (None, 40, 12, 11, ""),
        (None, 40, 0, 0, ""),
        (None, 1_040, 12, 12, "it reads your own pictures no better: 12 errors before, 12 after"),
        (None, 40, 0, 1, "it reads your own pictures no better: "),
        (None, 0, 0, 0, "none of your own pictures were held back to measure with: label more"),
        (0.001, 10_000, 40, 50, ""),
        (0.001, 10_000, 40, 51, "it reads these worse: 40 errors before, 51 after, of 10,000"),
    ],
)
def test_problem(
    tolerance: float | None, total: int, before: int, after: int, problem: str
) -> None:
    compared = Comparison("these", tolerance, total, before, after)
    assert compared.problem.startswith(problem) and bool(compared.problem) == bool(problem)
    assert comparison.problems([compared, MNIST]) == [compared.problem] * bool(problem)


def test_row() -> None:
    rates = {"errors before": "0.43% (0.32% to 0.58%)", "errors after": "0.50% (0.38% to 0.66%)"}
    assert MNIST.row() == {"examples": "10,000 validation digits of MNIST"} | rates
    assert [*Comparison("own", None, 0, 0, 0).row().values()] == ["0 own", "-", "-"]
    inventive = Comparison("symbols", 0.002, 50, 60, 25)
    assert [*inventive.row().values()] == ["50 symbols", "120.00%", "50.00% (36.64% to 63.36%)"]


@pytest.mark.parametrize("content", ["{}", "[" * 100_000, '{"comparison": [{"name": "own"}]}'])
def test_damaged_summary(tmp_path: Path, content: str) -> None:
    summary = tmp_path / "run.json"
    summary.write_text(content)
    message = (
        f"{summary} doesn't compare .*: finish its training with .*--resume {tmp_path} --data ...`$"
    )
    with pytest.raises(ModelError, match=message):
        comparison.load(summary)
