"""Mutants of everything that is read: each is taken, or refused in one sentence."""

import io
import json
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from digits.classifier import Classifier
from digits.commands import reports
from digits.commands.results import ResultsFile
from digits.data import table
from digits.errors import DataError, DigitsError
from digits.formats import Csv, Format, Json
from digits.images.formats import FORMATS
from digits.inference.metadata import AnyMetadata, add_metadata
from digits.inference.model import Model
from digits.inference.model_file import load
from digits.inference.reader_model import ReaderModel
from digits.prediction import Prediction
from digits.text import to_json
from digits_train import checkpoint, info
from tests.robustness import forgery, specimens
from tests.robustness.checkpoints import (
    forged,
    pickle_of_state,
    saved,
    sealed,
    state,
    with_pickle,
)
from tests.robustness.corpus import TABLES
from tests.robustness.mutants import Door

# torch warns about files that it wouldn't have written itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Detected pickle protocol", "ignore:Casting complex values"
)


@cache
def classifier() -> Classifier:
    return Classifier()


def predict(path: Path) -> None:
    prediction = classifier().predict(path)
    left, top, right, bottom = prediction.box
    assert 0 <= left < right and 0 <= top < bottom
    assert sum(prediction.probabilities) == pytest.approx(1, abs=1e-5)


def read(path: Path) -> None:
    for symbol in classifier().read(path).symbols:
        left, top, right, bottom = symbol.box
        assert 0 <= left < right and 0 <= top < bottom


def use_classifier(path: Path) -> None:
    load(path, AnyMetadata)
    for kernels in ("float", "integer"):
        model = Model(path, kernels=kernels)
        for ink in (0, 255):
            rows = model.probabilities(np.full((1, 28, 28), ink, np.uint8))
            assert (rows >= 0).all() and abs(rows.sum() - 1) < 1e-4


def use_reader(path: Path) -> None:
    load(path, AnyMetadata)
    reader = ReaderModel(path)
    noise = np.random.default_rng(0).integers(0, 256, (40, 70), np.uint8)
    for page in (noise, np.full((1, 1), 255, np.uint8)):
        assert all(np.isfinite(values).all() for values in reader.maps(page))


def describe_model(path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not valid JSON")

    model = load(path, AnyMetadata)
    if model.metadata.task == "classifier":  # a reader is slow to open
        Model(path)
    json.loads(to_json(reports.info(model)), parse_constant=refuse)


EVIL_VALUES = (
    *("", "-1", "1e999", "nan", "9" * 5000, "\0", "{" * 100_000, "٣", "x" * 1_000_000),
    *("null", "[]", '{"a": NaN}', '{"a": 1e999}', '{"a":' * 900 + "1" + "}" * 900),
)


def forged_metadata() -> Iterator[tuple[str, bytes]]:
    """Of each field, those of both kinds in a classifier."""
    fields = asdict(forgery.READER_METADATA) | asdict(forgery.METADATA)
    for field in fields:
        for value in EVIL_VALUES:
            changes: dict[str, Any] = {field: value}
            if hasattr(forgery.METADATA, field):
                raw = add_metadata(forgery.RAW, replace(forgery.METADATA, **changes))
            else:
                raw = add_metadata(forgery.READER_RAW, replace(forgery.READER_METADATA, **changes))
            yield f"{field} {value[:20]!r}", raw


def describe_checkpoint(path: Path) -> None:
    """Terminal escape sequences in it are not printed."""
    described, out = info.inspect(path), io.StringIO()
    with redirect_stdout(out):
        reports.print_report(described, as_json=False)
    assert "44,426" in out.getvalue() and "\x1b" not in out.getvalue()
    assert to_json(described)
    checkpoint.load(path)


def body(raw: bytes) -> bytes:
    """Return a model file without metadata and checksum."""
    model = onnx.load_from_string(raw)
    model.ClearField("metadata_props")
    return bytes(model.SerializeToString())


COLUMNS = ("file", "modified", "size", *Prediction.COLUMNS[1:])
CELLS = ["a.png", "2026-01-02T03:04:05.000000006Z", "123", *["0.1"] * (len(COLUMNS) - 3)]
ROW, LINE = ",".join(CELLS), json.dumps(dict(zip(COLUMNS, CELLS, strict=True)))
CSV = "\n".join([",".join(COLUMNS), ROW, ROW.replace("a.png", '"b ""c"", d.png"'), ""]).encode()
JSON = "\n".join([LINE, LINE.replace("a.png", "b é.png"), ""]).encode()


def continue_results(form: Format, row: str, path: Path) -> None:
    """Append a row, or leave the file as it is; what is appended is read back."""
    raw, row = path.read_bytes(), row.replace("a.png", "new.png")
    try:
        results = ResultsFile(path, COLUMNS, form)
    except DigitsError:
        assert path.read_bytes() == raw
        raise
    with closing(results):
        results.append(row)
    with closing(ResultsFile(path, COLUMNS, form)) as again:
        assert again.done == results.done | {hash(("new.png",))}
    before, _, after = path.read_bytes().rpartition(row.encode())
    assert after == b"\n"
    assert raw.startswith(before) or not raw.count(b"\n")


def read_labels(column: str, path: Path) -> None:
    """None of the pictures is opened."""
    table.has_pages(path)
    if not [*table.rows(path, lambda error: None, column)]:
        raise DataError(f"{path} has no labels")


SPECIMENS = specimens.pictures()
DIGITS = b'file,digit\na.png,7\n"b ""c"".png",3\n\xff.png,1\n'
PAGES = b'file,text\na.png,-7/1.5\n"b ""c"".png",3 4\n\xff.png,\n'


def of(format: str) -> dict[str, bytes]:
    return {name: raw for name, raw in SPECIMENS.items() if name.startswith(format)}


NONE = {False}
DOORS = {
    **{f"predict {format}": Door(of(format), predict, 20) for format in FORMATS},
    "read": Door(SPECIMENS, read, 4),
    "checksums": Door(of("PNG"), predict, 20, specimens.with_checksums),
    "classifier": Door({"sealed": body(forgery.RAW)}, use_classifier, 150, forgery.as_classifier),
    "metadata": Door({"whole": forgery.RAW}, describe_model, 20, taken=NONE, also=forged_metadata),
    "reader": Door({"sealed": body(forgery.READER_RAW)}, use_reader, 150, forgery.as_reader),
    "checkpoint": Door({"whole": saved()}, describe_checkpoint, 100, taken=NONE, also=forged),
    "state": Door({"state": state()}, checkpoint.load_state, 300, sealed),
    "pickle": Door(
        {"pickle": pickle_of_state()},
        checkpoint.load_state,
        500,
        lambda pickled: sealed(with_pickle(pickled)),
    ),
    **{
        name: Door({"table": raw}, attempt, 200, also=TABLES.items)
        for name, raw, attempt in (
            ("csv", CSV, partial(continue_results, Csv(), ROW)),
            ("json", JSON, partial(continue_results, Json(), LINE)),
            ("digits", DIGITS, partial(read_labels, "digit")),
            ("pages", PAGES, partial(read_labels, "text")),
        )
    },
}


@pytest.mark.parametrize("name", DOORS)
def test_mutants_are_taken_or_refused(name: str, tmp_path: Path) -> None:
    DOORS[name].check(tmp_path)
