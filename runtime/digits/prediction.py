"""The digit in a picture, or the symbols on a page, and what text, JSON and CSV say of them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from digits.inference.interface import SYMBOLS
from digits.text import escape_control, escape_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# May I act on an answer? Yes; only after a person has checked it; or there is none.
Status = Literal["accepted", "review", "none"]
Reason = Literal[  # why not, or empty
    "",
    "unsure",  # its confidence is too low
    "not_a_digit",  # the picture shows something else
    "several",  # digits, or a minus before one, where one is expected
    "blank",  # no ink
    "unreadable",  # the picture can't be opened
    "constraints",  # no likely text satisfies them
    "doubt",  # about its ink: it is cut, at an edge, struck out, of two meanings
    "rule",  # the form's sum or roster is violated
    "duplicate",  # the same sheet twice
    "not_found",  # no sheet of the form
    "corrected",  # no doubt is left: a person has entered it
]
NOTES: dict[Reason, str] = {
    "blank": "no ink found",
    "not_a_digit": "this is probably no digit",
    "several": "perhaps several digits: `digits read` reads them all",
}
_SIDES = ("left", "top", "right", "bottom")
SIGNS = SYMBOLS[10:]  # what isn't a digit

_CHANCE = 0.1  # the confidence if no digit is more likely than another


@dataclass(frozen=True)
class Prediction:
    """One digit, as the network reads it.

    digit: 0 to 9, or None if it isn't accepted.
    confidence: the largest probability, 0 to 1.
    probabilities: of 0 to 9, with the sum 1.
    box: left, top, right and bottom in pixels of the upright picture.
    status: "accepted"; "review" if the confidence is below the threshold; "none" without a guess.
    reason: "unsure" for review; "not_a_digit", "several", "blank" or "unreadable" for none.
    note: a remark for people, or empty.
    frame: the network's input, uint8 [28, 28], 255 = ink; None for a blank picture.
    """

    COLUMNS: ClassVar = (
        *("file", "digit", "confidence", *_SIDES),
        *("p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "status", "reason", "note"),
    )
    KEYS: ClassVar = (
        *("file", "digit", "confidence", "probabilities", "box", "status", "reason", "note"),
    )

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...] = field(repr=False)
    box: tuple[int, int, int, int]
    status: Status = "accepted"
    reason: Reason = ""
    note: str = ""
    frame: "NDArray[np.uint8] | None" = field(default=None, repr=False, compare=False)

    @property
    def guess(self) -> int:
        """The most probable digit, even if it is rejected."""
        return self.probabilities.index(self.confidence)

    def to_text(self) -> str:
        """Text for people: `7  (99.8 %)`, `?  (61.2 %, perhaps 7)`, or `?`."""
        confidence = f"{100 * self.confidence:.1f} %"
        if self.status == "none":
            return "?"
        if self.digit is None:
            guess = f", perhaps {self.guess}" if round(self.confidence, 3) > _CHANCE else ""
            return f"?  ({confidence}{guess})"
        return f"{self.digit}  ({confidence})"

    def to_dict(self, file: str, with_frame: bool = False) -> dict[str, Any]:
        """The fields of a JSON object. with_frame: whether to include the 28x28 pixels, as rows."""
        fields = {"file": escape_name(file), **vars(self), "note": escape_control(self.note)}
        pixels = fields.pop("frame")
        if with_frame:
            fields["frame"] = None if pixels is None else pixels.tolist()
        return fields

    def records(self, file: str) -> list[dict[str, Any]]:
        """The one row for a table, by its columns."""
        return [_flatten(self.to_dict(file))]


@dataclass(frozen=True)
class Symbol:
    """A digit, a minus or a decimal point of a page.

    symbol: one of SYMBOLS ("0" to "9", "-", ".").
    confidence: its probability, 0 to 1; the largest one, unless constraints want another symbol.
    probabilities: that each of SYMBOLS is there; their sum is the probability that any is, and
        the rest is that of nothing.
    box: left, top, right and bottom in pixels of the upright picture.
    """

    symbol: str
    confidence: float
    probabilities: tuple[float, ...] = field(repr=False)
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Number:
    """The number in a column of a page.

    text: its likeliest reading that satisfies the constraints; empty if it is unreadable.
    confidence: the probability that the text is right as a whole, 0 to 1.
    status: "accepted"; "review" if it is more likely wrong than `max_errors` allows; "none".
    reason: "unsure", "doubt" or "rule" for review; "constraints" if no likely text satisfies them,
        or "blank" for a form's field without a digit, for none.
    second_best: the second-best reading that satisfies the constraints, or empty.
    unconstrained: the reading without constraints.
    symbols: of the text, or of the unconstrained reading without one.
    line, column: counted from 1.
    """

    text: str
    confidence: float
    status: Status
    reason: Reason
    second_best: str
    unconstrained: str
    symbols: tuple[Symbol, ...] = field(repr=False)
    line: int = 1
    column: int = 1

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of the upright picture; 0 without symbols."""
        if not self.symbols:
            return 0, 0, 0, 0
        lefts, tops, rights, bottoms = zip(*(symbol.box for symbol in self.symbols), strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def to_text(self) -> str:
        """Text for people: `104`, `104?` for review, `?` for none, `–` if blank."""
        if self.reason == "blank":
            return "–"
        return self.text if self.status == "accepted" else f"{self.text}?"

    def to_dict(self) -> dict[str, Any]:
        """The fields of a JSON object."""
        return vars(self) | {"box": self.box, "symbols": [*map(vars, self.symbols)]}


@dataclass(frozen=True, repr=False)
class Reading:
    """The numbers of a page: lines from top to bottom, and the numbers of a line in columns.

    >>> one = Symbol("1", 0.91, (0.01, 0.91) + (0.0,) * 10, (0, 0, 9, 20))
    >>> eleven = Number("11", 0.82, "review", "unsure", "1", "11", (one, one))
    >>> Reading(((eleven, Number("1", 0.91, "review", "unsure", "", "1", (one,))),)).text
    '11?  1?'
    """

    COLUMNS: ClassVar = (
        *("file", "line", "column", "text", "confidence", "status", "reason"),
        *("second_best", "unconstrained", *_SIDES),
    )
    KEYS: ClassVar = ("file", "text", "status", "reason", "numbers")
    note: ClassVar = ""  # only a Prediction has one

    lines: tuple[tuple[Number, ...], ...]

    @property
    def numbers(self) -> tuple[Number, ...]:
        """All numbers, in reading order."""
        return tuple(number for line in self.lines for number in line)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All symbols, in reading order."""
        return tuple(symbol for number in self.numbers for symbol in number.symbols)

    @property
    def status(self) -> Status:
        """ "accepted" if all numbers are, "none" if none can be read, else "review"."""
        if self.reason in ("blank", "unreadable"):
            return "none"
        return "review" if self.reason else "accepted"

    @property
    def reason(self) -> Reason:
        """That of the first number that isn't accepted, or "blank" without numbers."""
        reasons = (number.reason for number in self.numbers if number.status != "accepted")
        return next(reasons, "") if self.lines else "blank"

    @property
    def text(self) -> str:
        """The numbers of each line as `Number.to_text`, with two blanks between them."""
        return "\n".join("  ".join(number.to_text() for number in line) for line in self.lines)

    def to_text(self) -> str:
        """Text for people: the same as `text`, or `?` if that is empty."""
        return self.text or "?"

    def to_dict(self, file: str) -> dict[str, Any]:
        """The fields of a JSON object."""
        numbers = [number.to_dict() for number in self.numbers]
        values = escape_name(file), self.text, self.status, self.reason, numbers
        return dict(zip(self.KEYS, values, strict=True))

    def records(self, file: str) -> list[dict[str, Any]]:
        """The rows for a table, by its columns: one for each number, or a single one for none."""
        name = {"file": escape_name(file)}
        records = [_flatten(name | number.to_dict()) for number in self.numbers]
        return records or [name | {"confidence": 0.0, "status": self.status, "reason": self.reason}]

    def __repr__(self) -> str:
        return f"<Reading {self.text!r:.60}, {self.status}>"


def _flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Add to a JSON object each side of its box and each of its probabilities, as a column."""
    sides = zip(_SIDES, record["box"], strict=True)
    probabilities = enumerate(record.get("probabilities", ()))
    return record | dict(sides) | {f"p{digit}": p for digit, p in probabilities}
