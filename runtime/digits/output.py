"""Results on stdout: lines for people, JSON and CSV for programs."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from digits.classifier import Prediction, Reading
from digits.terminal import emit, printable

Form = Literal["text", "json", "csv"]


def predictions(form: Form, with_name: bool) -> Callable[[Path, Prediction], None]:
    """What writes the answer to a picture of one digit.

    text: `7  (99.8 %)`, or `?  (61.2 %, perhaps 7)` for a rejected digit; with_name puts the file
    in front. json: one object a line, the file and the fields of Prediction; a rejected digit is
    null. csv: a header, then one row a picture; a rejected digit is an empty field.
    """

    def text(file: Path, prediction: Prediction) -> None:
        name = f"{printable(str(file))}  " if with_name else ""
        confidence = f"{100 * prediction.confidence:.1f} %"
        if prediction.note:
            emit(f"{name}?  ({prediction.note})")
        elif prediction.digit is None:
            emit(f"{name}?  ({confidence}, perhaps {prediction.likeliest})")
        else:
            emit(f"{name}{prediction.digit}  ({confidence})")

    def as_json(file: Path, prediction: Prediction) -> None:
        emit(json.dumps({"file": str(file), **dataclasses.asdict(prediction)}))

    def as_csv(file: Path, prediction: Prediction) -> None:
        probabilities = [f"{number:.6f}" for number in prediction.probabilities]
        _emit_row([str(file), *_cells(prediction), *probabilities, prediction.note])

    if form == "csv":
        numbers = (f"p{digit}" for digit in range(10))
        _emit_row(["file", *_COLUMNS, *numbers, "note"])
    return {"text": text, "json": as_json, "csv": as_csv}[form]


def readings(form: Form, with_name: bool) -> Callable[[Path, Reading], None]:
    """What writes the answer to a page of digits.

    text: the page's lines, `?` for a rejected digit, two blanks between columns; with_name puts the
    file in front of each. json: one object a page, with the digits of each column of each line.
    csv: a header, then one row a digit.
    """

    def text(file: Path, reading: Reading) -> None:
        name = f"{printable(str(file))}  " if with_name else ""
        for line in reading.text.splitlines():
            emit(f"{name}{line}")

    def as_json(file: Path, reading: Reading) -> None:
        lines = [
            {"text": text, "columns": [[_values(digit) for digit in column] for column in line]}
            for text, line in zip(reading.text.splitlines(), reading.lines, strict=True)
        ]
        emit(json.dumps({"file": str(file), "text": reading.text, "lines": lines}))

    def as_csv(file: Path, reading: Reading) -> None:
        for number, line in enumerate(reading.lines, 1):
            for column, digits in enumerate(line, 1):
                for digit in digits:
                    _emit_row([str(file), number, column, *_cells(digit)])

    if form == "csv":
        _emit_row(["file", "line", "column", *_COLUMNS])
    return {"text": text, "json": as_json, "csv": as_csv}[form]


_COLUMNS = ("digit", "confidence", "left", "top", "right", "bottom")


def _cells(prediction: Prediction) -> list[object]:
    digit = "" if prediction.digit is None else prediction.digit
    return [digit, f"{prediction.confidence:.6f}", *prediction.box]


def _values(prediction: Prediction) -> dict[str, Any]:
    """A digit of a page has no note: there is nothing to be said of the whole page."""
    return {key: value for key, value in vars(prediction).items() if key != "note"}


def _emit_row(row: list[object]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)  # without "\n" it leaves a "\n" unquoted
    emit(text.getvalue().removesuffix("\n"))
