"""`digits eval` of pages and numbers, with a detector that sees "-12.5 8" on pages of its shape."""

import json
from pathlib import Path

import pytest

from digits import Classifier
from digits.images import documents
from digits.prediction import Number, Reading, Symbol
from tests.conftest import Patch, Run
from tests.runtime.conftest import count_calls

ONE = Symbol("1", 0.9, (0.0, 0.9) + (0.0,) * 10, (0, 0, 9, 20))


def write_table(*rows: str, column: str = "text") -> str:
    Path("table.csv").write_text("\n".join([f"file;{column}", *rows]))
    return "table.csv"


def words(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


@pytest.mark.slow
def test_errors_exact_pages_and_worst_pages(run: Run, pages: Path) -> None:
    table = write_table("a.png;-12.5 8", "b.png;-12,5/78", "grey.png;30")
    code, out, err = run("eval", "--data", table, "--plot", ".")
    assert (code, err, Path("pages.png").exists()) == (0, "", True)
    lines = words(out)
    assert {"data table.csv", "error_rate 0.2", "symbols 15", "missed 3", "exact 1"} < {*lines}
    assert lines[-4:] == [
        "worst",
        "name text read missed wrong invented",
        "grey.png 30 2 0 0",
        "b.png -12.5/78 -12.5 8 1 0 0",
    ]


def test_signs_are_ignored_where_the_table_has_none(run: Run, pages: Path) -> None:
    report = json.loads(run("eval", "--data", write_table("a.png;125 8"), "--json")[1])
    assert (report["signs"], report["symbols"], report["error_rate"]) == (False, 4, 0)


def test_bad_pages_cost_themselves(run: Run, pages: Path) -> None:
    Path("empty.png").touch()
    table = write_table("missing.png;1", "a.png;-12.5 8", "empty.png;2", "b.png;seven")
    code, out, err = run("eval", "--data", table, "--json")
    assert code == 1
    assert [line.startswith("error: ") for line in err.splitlines()] == [True] * 3
    assert "line 5: the text may have digits" in err
    assert "missing.png" in err and "empty.png is empty" in err
    assert (json.loads(out)["pages"], json.loads(out)["exact"]) == (1, 1)
    code, out, err = run("eval", "--data", write_table("missing.png;1"))
    assert (code, out) == (1, "") and "no readable pages in" in err


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: Patch) -> str:
    """A table of 300 pages, of whose numbers the 20 least probable are wrong."""
    monkeypatch.chdir(tmp_path)

    def read(self: Classifier, source: str, *_: object) -> Reading:
        number = int(Path(source).stem)
        confidence = 1 - number / 1000
        text = "1" if number < 280 else "7"
        read = Number(text, confidence, "review", "unsure", "", text, (ONE,))
        return Reading(((read,),))

    monkeypatch.setattr(Classifier, "read", read)
    monkeypatch.setattr(documents, "load", lambda name, max_side: name)
    return write_table(*(f"{number}.png;1" for number in range(300)), column="number")


# The boxes of "-12.5" and "8", and of both; what is between them.
FIRST, SECOND, BOTH, NOTHING = "40 60 150 100", "300 60 330 100", "0 0 400 200", "180 60 260 100"


@pytest.mark.parametrize(
    ("labels", "options", "expected"),
    [
        ([(NOTHING, "3"), (SECOND, "8")], [], {"numbers": 2, "exact": 1}),
        ([(BOTH, "-12.5/8")], [], {"numbers": 2, "exact": 2}),
        ([(FIRST, "-12.5"), (SECOND, "8")], ["--range", "7-9"], {"numbers": 1, "exact": 1}),
    ],
)
def test_page_is_read_once_and_compared_in_boxes(
    run: Run,
    pages: Path,
    labels: list[tuple[str, str]],
    options: list[str],
    expected: dict[str, object],
) -> None:
    numbers = write_table(*(f"a.png;{box};{text}" for box, text in labels), column="box;text")
    with count_calls(Classifier.read) as calls:
        code, out, err = run("eval", "--numbers", numbers, "--json", *options)
    assert (code, calls["read"]) == (0, 1)
    assert {"invented": 0, **expected}.items() <= json.loads(out).items()
    left_out = "left out, as they don't satisfy the constraints and so are of other fields: 1 of 2"
    assert err == (f"{left_out} labelled numbers\n" if options else "")


def test_label_that_contradicts_the_constraints_is_an_error(run: Run, pages: Path) -> None:
    Path("allowed.txt").write_text("8\n9\n")
    numbers = write_table("a.png;8 9", "b.png;9 17", "grey.png;-8")
    code, out, err = run("eval", "--numbers", numbers, "--list", "allowed.txt", "--json")
    assert err == (
        "error: b.png is labelled 17, which contradicts the constraints\n"
        "error: grey.png is labelled -8, which contradicts the constraints\n"
    )
    assert (code, json.loads(out)["numbers"]) == (1, 2)


@pytest.mark.parametrize(
    ("options", "code", "cause"),
    [
        ("--numbers table.csv --data table.csv", 2, "exclude each other"),
        ("--numbers table.csv --calibrate labels.json", 1, "isn't a file from"),
        ("--numbers table.csv", 1, "no readable numbers in table.csv"),
        ("--data boxes.csv", 1, "measure it with --numbers"),
    ],
)
def test_error(run: Run, pages: Path, options: str, code: int, cause: str) -> None:
    write_table()
    Path("labels.json").write_text("{}")
    Path("boxes.csv").write_text("file,box,text\na.png,1 2 3 4,7\n")
    status, out, err = run("eval", *options.split())
    assert (status, out) == (code, "")
    assert Path("labels.json").read_text() == "{}"
    assert cause in " ".join(err.split())


def test_risk_bound_is_for_reading_with_the_same_options(run: Run, labelled: str) -> None:
    calibrated = ["eval", "--numbers", labelled, "--max-errors", "2%", "--length", "1"]
    code, out, err = run(*calibrated, "--calibrate", "bound.json")
    values = json.loads(Path("bound.json").read_text())
    assert (code, err, values["numbers"], values["max_risk"]) == (0, "", 300, 0.02)
    assert values["accepted"] == pytest.approx(280, rel=0.05)
    assert "risk_bound.max_risk" in out
    again = json.loads(run(*calibrated, "--calibrate", "bound.json", "--json")[1])["risk_bound"]
    assert {"max_error_probability", "max_risk", "numbers", "accepted", "errors"} < again.keys()
    assert again.pop("file") == "bound.json" and again.items() <= values.items()
    use = ["eval", "--numbers", labelled, "--max-errors", "bound.json", "--json"]
    report = json.loads(run(*use, "--length", "1")[1])
    assert (report["accepted"], report["risk_bound"]) == (values["accepted"], None)
    assert run(*use, "--length", "1", "--calibrate", "bound.json")[0] == 2  # of itself
    code, _, err = run(*use)
    assert (code, "bound.json is for the constraints --length 1, not none" in err) == (1, True)
