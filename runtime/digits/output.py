"""Results on stdout: lines for people, JSON and CSV for programs."""

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path

from digits.classifier import Prediction
from digits.terminal import emit, printable

Write = Callable[[Path, Prediction], None]


def as_text(with_name: bool) -> Write:
    """Writes `7  (99.8 %)`, or `?  (61.2 %, perhaps 7)` for a rejected digit.

    with_name puts the file in front.
    """

    def write(file: Path, prediction: Prediction) -> None:
        name = f"{printable(str(file))}  " if with_name else ""
        confidence = f"{100 * prediction.confidence:.1f} %"
        if prediction.digit is None:
            likeliest = prediction.probabilities.index(prediction.confidence)
            emit(f"{name}?  ({confidence}, perhaps {likeliest})")
        else:
            emit(f"{name}{prediction.digit}  ({confidence})")

    return write


def as_json() -> Write:
    """Writes one object a line: file, and the fields of Prediction; a rejected digit is null."""

    def write(file: Path, prediction: Prediction) -> None:
        emit(json.dumps({"file": str(file), **dataclasses.asdict(prediction)}))

    return write


def as_csv() -> Write:
    """Writes a header, then one row a picture; a rejected digit is an empty field."""
    header = ["file", "digit", "confidence", "left", "top", "right", "bottom"]
    _emit_row([*header, *(f"p{digit}" for digit in range(10))])

    def write(file: Path, prediction: Prediction) -> None:
        digit = "" if prediction.digit is None else prediction.digit
        numbers = [prediction.confidence, *prediction.probabilities]
        confidence, *probabilities = (f"{number:.6f}" for number in numbers)
        _emit_row([str(file), digit, confidence, *prediction.box, *probabilities])

    return write


def _emit_row(row: list[object]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)  # without "\n" it leaves a "\n" unquoted
    emit(text.getvalue().removesuffix("\n"))
