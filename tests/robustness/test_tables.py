"""Damaged and malformed CSV files: results, logs and label tables."""

import os
from pathlib import Path

import pytest

from digits.commands import results
from digits.commands.csv_log import CsvLog
from digits.commands.watch import COLUMNS
from digits.data.image_folder import LabelledDataset
from digits.errors import DataError, DigitsError
from tests.robustness import corpus
from tests.robustness.sandbox import harmless

ROW = "a.png,2026-01-02T03:04:05.000000006Z,123,7," + ",".join(["0.1"] * (len(COLUMNS) - 4))
LINES = [",".join(COLUMNS), ROW, ROW.replace("a.png", '"b ""c"", d.png"'), ROW.replace("a", "é")]
TABLE = "\n".join(LINES).encode() + b"\n"
MALFORMED = (
    b"",
    b"\n" * 100_000,
    b"\0" * 100_000,
    b"x" * 10_000_000,  # one line
    TABLE.replace(b"\n", b"\r"),
    TABLE.replace(b"\n", b"\r\n"),
    TABLE.decode().encode("utf-16"),
    TABLE + b'"' * 1_000_001 + b"\n",
    TABLE + b"," * 1_000_000 + b"\n",
    TABLE + b'=cmd|"/c calc"!A1' + b"," * (len(COLUMNS) - 1) + b"\n",
    b"\xef\xbb\xbf" + TABLE,
    TABLE * 2,
    TABLE[:-3],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def load_processed(path: Path, name: str, raw: bytes) -> set[str] | None:
    """Return the files that `--skip-done` skips by these results, or None if refused."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            names, appends = results.load_processed(path, COLUMNS, as_csv=True)
        except DigitsError as error:
            assert str(path) in str(error)
            names, appends = None, False
    assert not appends and path.read_bytes() == raw  # it isn't stdout, so it is left unchanged
    return names


def append_to_log(path: Path, name: str, raw: bytes) -> bool:
    """Return whether a CsvLog accepts these bytes; checks that an appended row is read back."""
    path.write_bytes(raw)
    with harmless(name, path.parent):
        try:
            opened = CsvLog(path, COLUMNS)
        except DigitsError as error:
            assert str(path) in str(error) and path.read_bytes() == raw
            return False
        try:
            before = list(opened.rows())
            opened.append(ROW.split(","))
            after = list(opened.rows())
        finally:
            os.close(opened._file)
    assert after == [*before, ROW.split(",")]
    kept = path.read_bytes().rpartition(ROW.encode())[0]
    assert raw.startswith(kept) or not raw.count(b"\n")  # no complete line is lost
    return True


def test_skip_done_with_mutated_results(path: Path) -> None:
    skipped = [
        load_processed(path, name, raw) for name, raw in corpus.all_mutants({"csv": TABLE}, 400)
    ]
    assert None in skipped and any(skipped)


def test_csv_log_with_mutated_file(path: Path) -> None:
    taken = {
        append_to_log(path, name, raw) for name, raw in corpus.all_mutants({"csv": TABLE}, 400)
    }
    assert taken == {True, False}


@pytest.mark.parametrize("raw", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_csv_files(path: Path, raw: bytes) -> None:
    load_processed(path, "odd", raw)
    append_to_log(path, "odd", raw)


def count_labelled(path: Path, name: str, raw: bytes) -> int:
    """Return the number of images in the label table, or 0 if refused. No image is opened."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            return LabelledDataset(path, None, lambda error: None).total
        except DataError as error:
            assert str(path) in str(error)
            return 0


def test_mutated_label_tables(path: Path) -> None:
    table = b'file,digit\na.png,7\n"b ""c"".png",3\n\xff.png,1\n'
    counts = {
        count_labelled(path, *mutant) for mutant in corpus.all_mutants({"labelled": table}, 300)
    }
    assert counts >= {0, 1, 2, 3}


def test_malformed_label_tables(path: Path) -> None:
    for raw in MALFORMED:
        count_labelled(path, "odd", raw)
    assert not count_labelled(path, "field", b"file,digit\n" + b"x" * 200_000 + b",1\n")
    assert not count_labelled(path, "lines", b'file,digit\n"' + b"a\n" * 500_000)
