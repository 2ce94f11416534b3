"""The digit in a picture, or the digits on a page, and their form as text, JSON and CSV."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from digits.text import csv_name, csv_row, escape_control, escape_formula, escape_name, to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Format = Literal["text", "json", "csv"]

_DIGIT_COLUMNS = ("digit", "confidence", "left", "top", "right", "bottom")
PREDICTION_COLUMNS = ("file", *_DIGIT_COLUMNS, *(f"p{digit}" for digit in range(10)), "note")
READING_COLUMNS = ("file", "line", "column", *_DIGIT_COLUMNS)

_CHANCE = 0.1  # the confidence if no digit is more likely than another


@dataclass(frozen=True)
class Prediction:
    """One digit, as the network reads it.

    digit: 0 to 9, or None if it is rejected: the confidence is below the model's rejection
    threshold, or the picture doesn't hold exactly one digit. confidence: the largest probability,
    0 to 1. probabilities: of 0 to 9, with the sum 1. box: left, top, right and bottom in pixels of
    the upright picture. note: a remark for people, or empty. frame: the network's input, uint8
    [28, 28], 255 = ink; None for a blank picture.

    >>> seven = Prediction(7, 0.91, (0.01,) * 7 + (0.91, 0.01, 0.01), (12, 8, 40, 60))
    >>> seven.to_text()
    '7  (91.0 %)'
    >>> seven.to_dict("seven.png")["box"]
    (12, 8, 40, 60)
    """

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    box: tuple[int, int, int, int]
    note: str = ""
    frame: "NDArray[np.uint8] | None" = field(default=None, repr=False, compare=False)

    @property
    def top1(self) -> int:
        """The most probable digit, even if it is rejected."""
        return self.probabilities.index(self.confidence)

    def to_text(self) -> str:
        """For people: `7  (99.8 %)`, or `?  (61.2 %, perhaps 7)` for a rejected digit."""
        confidence = f"{100 * self.confidence:.1f} %"
        if self.note:
            return f"?  ({escape_control(self.note)})"
        if self.digit is None:
            better = round(self.confidence, 3) > _CHANCE
            return f"?  ({confidence}{f', perhaps {self.top1}' if better else ''})"
        return f"{self.digit}  ({confidence})"

    def to_dict(self, file: str, frame: bool = False) -> dict[str, Any]:
        """The fields of a JSON object. frame: whether to include the 28x28 pixels, as rows."""
        fields = _digit_fields(self, frame)
        return {"file": escape_name(file), **fields, "note": escape_control(self.note)}

    def to_csv_row(self, file: str) -> list[object]:
        """The cells of PREDICTION_COLUMNS; a rejected digit is empty."""
        probabilities = [f"{number:.6f}" for number in self.probabilities]
        note = escape_formula(escape_control(self.note))
        return [csv_name(file), *_digit_cells(self), *probabilities, note]

    def format(self, file: str, format: Format, show_name: bool) -> str:
        """Format it as one line, without the line end. show_name: put the file before text."""
        if format == "json":
            return to_json(self.to_dict(file))
        if format == "csv":
            return csv_row(self.to_csv_row(file))
        return f"{escape_name(file)}  {self.to_text()}" if show_name else self.to_text()


@dataclass(frozen=True)
class Reading:
    """The digits of a page: lines from top to bottom, columns in a line, digits in a column.

    >>> one = Prediction(1, 0.91, (0.01, 0.91) + (0.01,) * 8, (0, 0, 9, 20))
    >>> Reading((((one, one), (one,)),)).text
    '11  1'
    """

    lines: tuple[tuple[tuple[Prediction, ...], ...], ...]

    @property
    def digits(self) -> tuple[Prediction, ...]:
        """All digits, in reading order."""
        return tuple(digit for line in self.lines for column in line for digit in column)

    @property
    def text(self) -> str:
        """A line of text for each line, with `?` for a rejected digit and two blanks for a gap."""
        return "\n".join(
            "  ".join(
                "".join("?" if digit.digit is None else str(digit.digit) for digit in column)
                for column in line
            )
            for line in self.lines
        )

    def to_dict(self, file: str, frame: bool = False) -> dict[str, Any]:
        """The fields of a JSON object. frame: whether to include each digit's 28x28 pixels."""
        lines = [
            {
                "text": text,
                "columns": [[_digit_fields(digit, frame) for digit in column] for column in line],
            }
            for text, line in zip(self.text.splitlines(), self.lines, strict=True)
        ]
        return {"file": escape_name(file), "text": self.text, "lines": lines}

    def to_csv_rows(self, file: str) -> list[list[object]]:
        """The cells of READING_COLUMNS for each digit; a rejected digit is empty."""
        return [
            [csv_name(file), number, column_number, *_digit_cells(digit)]
            for number, line in enumerate(self.lines, 1)
            for column_number, column in enumerate(line, 1)
            for digit in column
        ]

    def format(self, file: str, format: Format, show_name: bool) -> str:
        """Format it as lines, without the last line end. show_name: put the file before text."""
        if format == "json":
            return to_json(self.to_dict(file))
        if format == "csv":
            return "\n".join(map(csv_row, self.to_csv_rows(file)))
        name = f"{escape_name(file)}  " if show_name else ""
        return "\n".join(f"{name}{line}" for line in self.text.splitlines())


def _digit_cells(digit: Prediction) -> list[object]:
    read = "" if digit.digit is None else digit.digit
    return [read, f"{digit.confidence:.6f}", *digit.box]


def _digit_fields(digit: Prediction, frame: bool) -> dict[str, Any]:
    """The fields of a digit on a page, which has no note."""
    values = {name: value for name, value in vars(digit).items() if name not in ("note", "frame")}
    if frame:
        values["frame"] = None if digit.frame is None else digit.frame.tolist()
    return values
