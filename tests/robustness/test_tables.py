"""Damaged and malformed tables: results that are continued, and labels."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from digits.commands.results import ResultsFile
from digits.data import table
from digits.errors import DataError, DigitsError
from digits.formats import Csv, Json
from digits.prediction import Prediction
from tests.robustness import corpus
from tests.robustness.sandbox import harmless

COLUMNS = ("file", "modified", "size", *Prediction.COLUMNS[1:])
CELLS = ["a.png", "2026-01-02T03:04:05.000000006Z", "123", *["0.1"] * (len(COLUMNS) - 3)]
ROW = ",".join(CELLS)
CSV = "\n".join([",".join(COLUMNS), ROW, ROW.replace("a.png", '"b ""c"", d.png"'), ""]).encode()
LINE = json.dumps(dict(zip(COLUMNS, CELLS, strict=True)))
JSON = "\n".join([LINE, LINE.replace("a.png", "b é.png"), ""]).encode()
MALFORMED = (
    b"",
    b"\n" * 100_000,
    b"\0" * 100_000,
    b"x" * 10_000_000,  # one line
    CSV.replace(b"\n", b"\r"),
    CSV.replace(b"\n", b"\r\n"),
    CSV.decode().encode("utf-16"),
    CSV + b'"' * 1_000_001 + b"\n",
    CSV + b"," * 1_000_000 + b"\n",
    CSV + b'=cmd|"/c calc"!A1' + b"," * (len(COLUMNS) - 1) + b"\n",
    JSON + b"[" * 1_000_000 + b"\n",
    JSON + b'{"file": ' + b"9" * 10_000 + b"}\n",
    b"\xef\xbb\xbf" + CSV,
    CSV * 2,
    CSV[:-3],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table"


def is_continued(path: Path, name: str, raw: bytes, form: Csv | Json) -> bool:
    """Return whether results are appended to these bytes; checks that they are read back."""
    path.write_bytes(raw)
    row = (LINE if isinstance(form, Json) else ROW).replace("a.png", "new.png")
    with harmless(name, path.parent):
        try:
            results = ResultsFile(path, COLUMNS, form)
        except DigitsError as error:
            assert str(path) in str(error) and path.read_bytes() == raw
            return False
        with closing(results):
            results.append(row)
        with closing(ResultsFile(path, COLUMNS, form)) as again:
            assert again.done == results.done | {hash(("new.png",))}
    before, _, after = path.read_bytes().rpartition(row.encode())
    assert after == b"\n"
    assert raw.startswith(before) or not raw.count(b"\n")
    return True


@pytest.mark.parametrize(("raw", "form"), [(CSV, Csv()), (JSON, Json())], ids=["csv", "json"])
def test_mutated_results_are_continued_or_refused(path: Path, raw: bytes, form: Csv | Json) -> None:
    mutants = corpus.all_mutants({"results": raw}, 400)
    assert {is_continued(path, *mutant, form) for mutant in mutants} == {True, False}
    for number, malformed in enumerate(MALFORMED):
        is_continued(path, f"malformed {number}", malformed, form)


def count_rows(path: Path, name: str, raw: bytes, column: str) -> int:
    """Return the number of labelled pictures in the table, or 0 if refused. None is opened."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            table.has_pages(path)
            return len(list(table.rows(path, lambda error: None, column)))
        except DataError as error:
            assert str(path) in str(error)
            return 0


@pytest.mark.parametrize(
    ("raw", "column"),
    [
        (b'file,digit\na.png,7\n"b ""c"".png",3\n\xff.png,1\n', "digit"),
        (b'file,text\na.png,-7/1.5\n"b ""c"".png",3 4\n\xff.png,\n', "text"),
    ],
    ids=["digits", "pages"],
)
def test_label_tables(path: Path, raw: bytes, column: str) -> None:
    mutants = corpus.all_mutants({"labelled": raw}, 300)
    assert {count_rows(path, *mutant, column) for mutant in mutants} >= {0, 1, 2, 3}
    header = raw.partition(b"\n")[0]
    for malformed in MALFORMED:
        count_rows(path, "malformed", malformed, column)
    assert not count_rows(path, "field", header + b"\n" + b"x" * 200_000 + b",1\n", column)
    assert not count_rows(path, "lines", header + b'\n"' + b"a\n" * 500_000, column)
