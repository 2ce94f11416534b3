"""`digits eval` of pages, with a reader that sees "-12.5 8" on every page of the right shape."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Run


def write_table(*rows: str) -> str:
    Path("pages.csv").write_text("\n".join(["file;text", *rows]))
    return "pages.csv"


def test_errors_exact_pages_and_worst_pages(run: Run, pages: Path) -> None:
    table = write_table("a.png;-12.5 8", "b.png;-12,5/78", "grey.png;30")
    code, out, err = run("eval", "--data", table)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert {"data pages.csv", "error_rate 0.2", "symbols 15", "missed 3", "exact 1"} < {*lines}
    assert lines[-4:] == [
        "worst",
        "name text read missed wrong invented",
        "grey.png 30 2 0 0",
        "b.png -12.5/78 -12.5 8 1 0 0",
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Signs are ignored where the table has none.
        (
            ["a.png;125 8", "b.png;125/8"],
            {"signs": False, "symbols": 8, "exact": 2, "same_layout": 1, "error_rate": 0},
        ),
        # Digits are invented on a page without any.
        (["a.png;"], {"symbols": 0, "invented": 4, "error_rate": None, "calibration_error": 0.97}),
    ],
)
def test_json(run: Run, pages: Path, rows: list[str], expected: dict[str, object]) -> None:
    code, out, _ = run("eval", "--data", write_table(*rows), "--json")
    values = json.loads(out)
    assert code == 0
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=0.05)
    assert [page["read"] for page in values["worst"]] == ["125  8"] * (values["symbols"] == 0)


def test_bad_pages_cost_themselves(run: Run, pages: Path) -> None:
    Path("empty.png").touch()
    table = write_table("missing.png;1", "a.png;-12.5 8", "empty.png;2", "b.png;seven")
    code, out, err = run("eval", "--data", table, "--json")
    assert code == 1
    assert [line.startswith("error: ") for line in err.splitlines()] == [True] * 3
    assert "line 5: the text may have digits" in err
    assert "missing.png" in err and "empty.png is empty" in err
    assert (json.loads(out)["pages"], json.loads(out)["exact"]) == (1, 1)


def test_no_readable_page_is_an_error(run: Run, pages: Path) -> None:
    code, out, err = run("eval", "--data", write_table("missing.png;1"))
    assert (code, out) == (1, "") and "no readable pages in" in err


def test_labels_in_boxes_are_no_pages(run: Run, pages: Path) -> None:
    Path("labels.csv").write_text("file,box,text\na.png,1 2 3 4,7\n")
    code, out, err = run("eval", "--data", "labels.csv")
    assert (code, out, "measure it with --numbers" in err) == (1, "", True)


@pytest.mark.parametrize("text", ["-12.5 8", "-12.5/78"])  # without and with an error
def test_plot_shows_worst_pages(run: Run, pages: Path, text: str) -> None:
    code, _, err = run("eval", "--data", write_table(f"a.png;{text}"), "--plot", "plots")
    assert (code, err) == (0, "")
    with Image.open(pages / "plots" / "pages.png") as plot:
        assert np.asarray(plot).std() > 5 or text == "-12.5 8"
