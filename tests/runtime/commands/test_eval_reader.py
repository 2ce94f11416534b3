"""`digits eval numbers`, with a detector that sees "-12.5 8" on pages of its shape."""

import json
from pathlib import Path

import pytest

from digits import Reader
from digits.images import documents
from digits.prediction import Number, Reading, Symbol
from tests.conftest import Patch, Run
from tests.runtime.conftest import count_calls

ONE = Symbol("1", 0.9, (0.0, 0.9) + (0.0,) * 10, (0, 0, 9, 20))


def write_table(*rows: str, column: str = "text") -> str:
    Path("table.csv").write_text("\n".join([f"file;{column}", *rows]))
    return "table.csv"


def test_bad_pages_cost_themselves(run: Run, pages: Path) -> None:
    Path("empty.png").touch()
    table = write_table("missing.png;1", "a.png;-12.5 8", "empty.png;2", "b.png;seven")
    code, out, err = run("eval", "numbers", table)
    assert code == 1
    assert sum(line.startswith("error: ") for line in err.splitlines()) == 3
    assert "line 5: the text may have digits" in err
    assert "missing.png" in err and "empty.png is empty" in err
    assert (json.loads(out)["numbers"], json.loads(out)["exact"]) == (2, 2)
    code, out, err = run("eval", "numbers", write_table("missing.png;1"))
    assert (code, out) == (1, "") and "no readable numbers in" in err


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: Patch) -> str:
    """A table of 300 pages, of whose numbers the 20 least probable are wrong."""
    monkeypatch.chdir(tmp_path)

    def read(self: Reader, source: str, *_: object) -> Reading:
        number = int(Path(source).stem)
        confidence = 1 - number / 1000
        text = "1" if number < 280 else "7"
        read = Number(text, confidence, "review", "unsure", "", text, (ONE,))
        return Reading(((read,),))

    monkeypatch.setattr(Reader, "read", read)
    monkeypatch.setattr(documents, "load", lambda name, max_side: name)
    return write_table(*(f"{number}.png;1" for number in range(300)))


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
    with count_calls(Reader.read) as calls:
        code, out, err = run("eval", "numbers", numbers, *options)
    assert (code, calls["read"]) == (0, 1)
    assert {"insertions": 0, **expected}.items() <= json.loads(out).items()
    left_out = "left out, as they don't satisfy the constraints and so are of other fields: 1 of 2"
    assert (f"{left_out} labelled numbers\n" in err) == bool(options)


def test_label_that_contradicts_the_constraints_is_an_error(run: Run, pages: Path) -> None:
    Path("allowed.txt").write_text("8\n9\n")
    numbers = write_table("a.png;8 9", "b.png;9 17", "grey.png;-8")
    code, out, err = run("eval", "numbers", numbers, "--list", "allowed.txt")
    assert "error: b.png is labelled 17, which contradicts the constraints\n" in err
    assert "error: grey.png is labelled -8, which contradicts the constraints\n" in err
    assert (code, json.loads(out)["numbers"]) == (1, 2)


def test_risk_bound_is_a_value_of_max_errors(run: Run, labelled: str) -> None:
    arguments = "eval", "numbers", labelled, "--max-errors"
    code, out, err = run(*arguments, "2%")
    bound = json.loads(out)["risk_bound"]
    assert (code, err, bound["numbers"], bound["max_risk"]) == (0, "", 300, 0.02)
    assert bound["accepted"] == pytest.approx(280, rel=0.05)
    again = json.loads(run(*arguments, bound["max_errors"])[1])
    assert (again["accepted"], again["max_errors"]) == (bound["accepted"], bound["max_errors"])
    code, out, err = run(*arguments, "0.1%")
    assert (code, json.loads(out)["risk_bound"]) == (0, None) and "takes 2,695 more" in err
