"""What a picture is answered with: the digit on it, or the digits of a page."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """What the network says of one digit.

    digit: 0 to 9, or None when the confidence is below the model's rejection threshold, or the
    picture plainly doesn't hold one digit. confidence: the largest of the ten probabilities (0 to
    1). probabilities: of 0, 1, … 9; they sum to 1. box: left, top, right, bottom of the digit in
    the picture's own pixels, upright. note: what a person should know of the picture, or empty.
    frame: what the network saw, uint8 [28, 28], 255 = ink; None where nothing was there to see.
    """

    digit: int | None
    confidence: float
    probabilities: tuple[float, ...]
    box: tuple[int, int, int, int]
    note: str = ""
    frame: "NDArray[np.uint8] | None" = field(default=None, repr=False, compare=False)

    @property
    def top1(self) -> int:
        """The digit with the largest probability, sure or not."""
        return self.probabilities.index(self.confidence)


@dataclass(frozen=True)
class Reading:
    """The digits of a page: lines from top to bottom, in each its columns, in each its digits."""

    lines: tuple[tuple[tuple[Prediction, ...], ...], ...]

    @property
    def digits(self) -> tuple[Prediction, ...]:
        """All of them, in reading order."""
        return tuple(digit for line in self.lines for column in line for digit in column)

    @property
    def text(self) -> str:
        """A line of text for each line, `?` for a digit that isn't sure, two blanks for a gap."""
        return "\n".join(
            "  ".join(
                "".join("?" if digit.digit is None else str(digit.digit) for digit in column)
                for column in line
            )
            for line in self.lines
        )
