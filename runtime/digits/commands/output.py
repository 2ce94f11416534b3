"""Results as text: lines for people, JSON and CSV for programs.

json and csv are imported where they are used, because a plain `digits predict` must start fast.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from digits.names import escape_name
from digits.terminal import escaped, printable

if TYPE_CHECKING:
    from digits.prediction import Prediction, Reading

Form = Literal["text", "json", "csv"]

_DIGIT = ("digit", "confidence", "left", "top", "right", "bottom")
PREDICTION_COLUMNS = ("file", *_DIGIT, *(f"p{digit}" for digit in range(10)), "note")
READING_COLUMNS = ("file", "line", "column", *_DIGIT)
_NOT_STRICT = r"\\ud|NaN|Infinity"  # in JSON, perhaps
_CHANCE = 0.1  # of ten digits none is likelier than another
# What makes a spreadsheet compute a cell, or what it takes for one where `;` separates them.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = r"(?:^|(?<=;))[-+=@\uff0b\uff0d\uff1d\uff20]"


def prediction(file: str, answer: "Prediction", form: Form, named: bool) -> str:
    """The answer to a picture of one digit, as one line without its end.

    text: `7  (99.8 %)`, or `?  (61.2 %, perhaps 7)` for a rejected digit; named puts the file in
    front. json: the file and the fields of Prediction; a rejected digit is null. csv: a row; a
    rejected digit is an empty field.
    """
    if form == "json":
        return as_json(prediction_values(file, answer))
    if form == "csv":
        return row(prediction_cells(file, answer))
    name = f"{escape_name(file)}  " if named else ""
    confidence = f"{100 * answer.confidence:.1f} %"
    if answer.note:
        return f"{name}?  ({printable(answer.note)})"
    if answer.digit is None:
        better = round(answer.confidence, 3) > _CHANCE
        return f"{name}?  ({confidence}{f', perhaps {answer.top1}' if better else ''})"
    return f"{name}{answer.digit}  ({confidence})"


def reading(file: str, answer: "Reading", form: Form, named: bool) -> str:
    """The answer to a page of digits, as lines without the last one's end.

    text: the page's lines, `?` for a rejected digit, two blanks between columns; named puts the
    file in front of each. json: one object, with the digits of each column of each line. csv: a row
    for each digit.
    """
    if form == "json":
        return as_json(reading_values(file, answer))
    if form == "csv":
        return "\n".join(
            row([as_written(file), number, column_number, *_cells(digit)])
            for number, line in enumerate(answer.lines, 1)
            for column_number, column in enumerate(line, 1)
            for digit in column
        )
    name = f"{escape_name(file)}  " if named else ""
    return "\n".join(f"{name}{line}" for line in answer.text.splitlines())


def as_written(file: str) -> str:
    """How a file is called in CSV: as in other results, and never a formula."""
    return inert(escape_name(file))


def inert(cell: str) -> str:
    """The text of a cell that no spreadsheet computes. `names.unescape_name` undoes it."""
    return re.sub(_FORMULA, escaped, cell)


def as_json(values: object) -> str:
    """JSON that any parser takes: valid Unicode, and null for what is no number."""
    import json

    text = json.dumps(values)
    if not re.search(_NOT_STRICT, text):
        return text
    text = json.dumps(values, ensure_ascii=False)
    text = re.sub("[\ud800-\udfff]", lambda found: f"\\\\u{ord(found[0]):04x}", text)
    return json.dumps(json.loads(text, parse_constant=lambda _: None))


def prediction_values(file: str, answer: "Prediction", frame: bool = False) -> dict[str, Any]:
    """The fields of the JSON object. frame: with the 28x28 pixels, as rows."""
    note = printable(answer.note)
    return {"file": escape_name(file), **_values(answer, frame), "note": note}


def reading_values(file: str, answer: "Reading", frame: bool = False) -> dict[str, Any]:
    """The fields of the JSON object. frame: with the 28x28 pixels of each digit, as rows."""
    lines = [
        {"text": text, "columns": [[_values(digit, frame) for digit in column] for column in line]}
        for text, line in zip(answer.text.splitlines(), answer.lines, strict=True)
    ]
    return {"file": escape_name(file), "text": answer.text, "lines": lines}


def prediction_cells(file: str, answer: "Prediction") -> list[object]:
    """The fields of PREDICTION_COLUMNS. Control characters are escaped: a row is one line."""
    probabilities = [f"{number:.6f}" for number in answer.probabilities]
    return [as_written(file), *_cells(answer), *probabilities, inert(printable(answer.note))]


def row(cells: Sequence[object]) -> str:
    """A line of CSV, without its end."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cells(answer: "Prediction") -> list[object]:
    digit = "" if answer.digit is None else answer.digit
    return [digit, f"{answer.confidence:.6f}", *answer.box]


def _values(answer: "Prediction", frame: bool) -> dict[str, Any]:
    """A digit of a page has no note: there is nothing to be said of the whole page."""
    values = {name: value for name, value in vars(answer).items() if name not in ("note", "frame")}
    if frame:
        values["frame"] = None if answer.frame is None else answer.frame.tolist()
    return values
