"""The digit in a picture, or the symbols on a page, and their form as text, JSON and CSV."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from digits.inference.interface import SYMBOLS
from digits.text import csv_name, csv_row, escape_control, escape_formula, escape_name, to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Format = Literal["text", "json", "csv"]
Status = Literal["sure", "unsure", "several", "none", "blank", "unreadable"]

_LOCATION = ("confidence", "left", "top", "right", "bottom")
_PROBABILITIES = tuple(f"p{digit}" for digit in range(10))
PREDICTION_COLUMNS = ("file", "digit", *_LOCATION, *_PROBABILITIES, "status", "note")
READING_COLUMNS = ("file", "line", "column", "symbol", *_LOCATION)
SIGNS = SYMBOLS[10:]  # what isn't a digit

_CHANCE = 0.1  # the confidence if no digit is more likely than another
_REPR_LENGTH = 60  # characters of a reading's text


@dataclass(frozen=True)
class Prediction:
    """One digit, as the network reads it.

    digit: 0 to 9, or None if it is rejected; `status` says why. confidence: the largest
    probability, 0 to 1. probabilities: of 0 to 9, with the sum 1. box: left, top, right and bottom
    in pixels of the upright picture. status: "sure"; "unsure" if the confidence is below the
    threshold, or "none" if the picture then is likely to show something else than a digit;
    "several" if it shows several digits; "blank" without ink; `digits watch` writes "unreadable"
    for a picture that can't be opened. note: a remark for people, or empty. frame: the network's
    input, uint8 [28, 28], 255 = ink; None for a blank picture.

    >>> seven = Prediction(7, 0.91, (0.01,) * 7 + (0.91, 0.01, 0.01), (12, 8, 40, 60))
    >>> seven.to_text()
    '7  (91.0 %)'
    >>> seven.to_dict("seven.png")["box"]
    (12, 8, 40, 60)
    """

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...] = field(repr=False)
    box: tuple[int, int, int, int]
    status: Status = "sure"
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
        fields = _fields(self, frame) | {"note": escape_control(self.note)}
        return {"file": escape_name(file), **fields}

    def to_csv_row(self, file: str) -> list[object]:
        """The cells of PREDICTION_COLUMNS; a rejected digit is empty."""
        probabilities = [f"{number:.6f}" for number in self.probabilities]
        note = escape_formula(escape_control(self.note))
        return [csv_name(file), *_cells(self.digit, self), *probabilities, self.status, note]

    def format(self, file: str, format: Format, show_name: bool) -> str:
        """Format it as one line, without the line end. show_name: put the file before text."""
        if format == "json":
            return to_json(self.to_dict(file))
        if format == "csv":
            return csv_row(self.to_csv_row(file))
        return f"{escape_name(file)}  {self.to_text()}" if show_name else self.to_text()

    def _repr_html_(self) -> str:
        """For notebooks: what the network saw, and its answer."""
        from html import escape

        return f"{_to_img(self.frame)} {escape(self.to_text())}"


@dataclass(frozen=True)
class Symbol:
    """A digit, a minus or a decimal point of a page.

    symbol: one of SYMBOLS ("0" to "9", "-", "."), or None if it is rejected: the confidence is
    below the model's rejection threshold. confidence: the largest probability, 0 to 1.
    probabilities: that each of SYMBOLS is there; their sum is the probability that any is, and the
    rest is that of nothing. box: left, top, right and bottom in pixels of the upright picture.
    frame: uint8 [28, 28], 255 = ink, if the classifier has seen it too: see `Classifier.read`.

    >>> Symbol("7", 0.91, (0.01,) * 7 + (0.91,) + (0.0,) * 4, (12, 8, 40, 60)).top1
    '7'
    """

    symbol: str | None
    confidence: float
    probabilities: tuple[float, ...] = field(repr=False)
    box: tuple[int, int, int, int]
    frame: "NDArray[np.uint8] | None" = field(default=None, repr=False, compare=False)

    @property
    def top1(self) -> str:
        """The most probable symbol, even if it is rejected."""
        return SYMBOLS[self.probabilities.index(self.confidence)]


@dataclass(frozen=True, repr=False)
class Reading:
    """The symbols of a page: lines from top to bottom, columns in a line, symbols in a column.

    >>> one = Symbol("1", 0.91, (0.01, 0.91) + (0.0,) * 10, (0, 0, 9, 20))
    >>> Reading((((one, one), (one,)),)).text
    '11  1'
    """

    lines: tuple[tuple[tuple[Symbol, ...], ...], ...]

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols, in reading order."""
        return tuple(symbol for line in self.lines for column in line for symbol in column)

    @property
    def status(self) -> Literal["sure", "unsure", "blank"]:
        """ "unsure" if a symbol is rejected, "blank" if there is none, else "sure"."""
        if not self.lines:
            return "blank"
        return "sure" if all(symbol.symbol for symbol in self.symbols) else "unsure"

    @property
    def text(self) -> str:
        """A line of text for each line, with `?` for a rejected symbol and two blanks for a gap."""
        return "\n".join(
            "  ".join("".join(symbol.symbol or "?" for symbol in column) for column in line)
            for line in self.lines
        )

    def digits_only(self) -> "Reading":
        """This reading without minus signs and decimal points.

        >>> minus = Symbol("-", 0.9, (0.0,) * 10 + (0.9, 0.0), (0, 9, 9, 11))
        >>> one = Symbol("1", 0.91, (0.01, 0.91) + (0.0,) * 10, (12, 0, 21, 20))
        >>> Reading((((minus, one),),)).digits_only().text
        '1'
        """
        without_signs = (
            tuple(tuple(symbol for symbol in column if symbol.top1 not in SIGNS) for column in line)
            for line in self.lines
        )
        filled = (tuple(filter(None, line)) for line in without_signs)
        return Reading(tuple(filter(None, filled)))

    def to_dict(self, file: str, frame: bool = False) -> dict[str, Any]:
        """The fields of a JSON object. frame: whether to include 28x28 pixels of each symbol."""
        lines = [
            {"text": text, "columns": [[_fields(symbol, frame) for symbol in col] for col in line]}
            for text, line in zip(self.text.splitlines(), self.lines, strict=True)
        ]
        name = escape_name(file)
        return {"file": name, "text": self.text, "status": self.status, "lines": lines}

    def to_csv_rows(self, file: str) -> list[list[object]]:
        """The cells of READING_COLUMNS for each symbol; a rejected one is empty."""
        return [
            [csv_name(file), number, column_number, *_cells(symbol.symbol, symbol)]
            for number, line in enumerate(self.lines, 1)
            for column_number, column in enumerate(line, 1)
            for symbol in column
        ]

    def format(self, file: str, format: Format, show_name: bool) -> str:
        """Format it as lines, without the last line end. show_name: put the file before text."""
        if format == "json":
            return to_json(self.to_dict(file))
        if format == "csv":
            return "\n".join(map(csv_row, self.to_csv_rows(file)))
        name = f"{escape_name(file)}  " if show_name else ""
        return "\n".join(f"{name}{line}" for line in self.text.splitlines())

    def __repr__(self) -> str:
        text = self.text
        start = text if len(text) <= _REPR_LENGTH else f"{text[:_REPR_LENGTH]}…"
        return f"<Reading {start!r}, {self.status}>"

    def _repr_html_(self) -> str:
        """For notebooks: the text, with a question mark for what is rejected."""
        from html import escape

        return f"<pre>{escape(self.text)}</pre>"


def _fields(of: Prediction | Symbol, frame: bool) -> dict[str, Any]:
    """frame: whether to include the 28x28 pixels, as rows."""
    fields = dict(vars(of))
    pixels = fields.pop("frame")
    return fields | {"frame": None if pixels is None else pixels.tolist()} if frame else fields


def _to_img(frame: "NDArray[np.uint8] | None") -> str:
    """An HTML image of uint8 [28, 28], 255 = ink, four times as large; empty for None."""
    if frame is None:
        return ""
    import base64  # neither these nor Pillow is needed to read digits that are arrays
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(255 - frame).resize((112, 112), Image.Resampling.NEAREST).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="what the network saw" src="data:image/png;base64,{data}">'


def _cells(answer: object, of: Prediction | Symbol) -> list[object]:
    return ["" if answer is None else answer, f"{of.confidence:.6f}", *of.box]
