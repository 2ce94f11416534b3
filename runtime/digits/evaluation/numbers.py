"""How many numbers are read right, and how many wrong ones are accepted, counted page by page."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from digits.alignment import UNMATCHED, align
from digits.data.table import Box
from digits.evaluation.statistics import Calibration, ratio, wilson_interval
from digits.prediction import Number
from digits.reader.detections import NMS_IOU, overlaps

MAX_WORST = 12  # silent errors kept to be looked at

_CURVE = (0.05, 0.02, 0.01, 0.005, 0.001)  # max_errors


class SilentError(NamedTuple):
    """A number that is accepted, but wrong. label: empty if nothing is written there."""

    confidence: float
    name: str
    label: str
    read: str


@dataclass
class NumberEvaluation:
    """Running totals, which grow by 9 bytes with each number that is read.

    written: how many numbers are written.
    substitutions: how many of these were read as another one.
    insertions: how many numbers were read where none is written.
    confidences, right: of each number that was read, its confidence and whether it is right.
    worst: the surest silent errors.

    >>> evaluation = NumberEvaluation()
    >>> evaluation.add("7.png", ["7"], [Number("1", 0.99, "accepted", "", "7", "1", ())])
    >>> evaluation.worst
    [SilentError(confidence=0.99, name='7.png', label='7', read='1')]
    """

    written: int = 0
    substitutions: int = 0
    insertions: int = 0
    confidences: "array[float]" = field(default_factory=lambda: array("d"))
    right: "array[int]" = field(default_factory=lambda: array("b"))
    worst: list[SilentError] = field(default_factory=list)

    def add(self, name: str, written: Sequence[str], numbers: Sequence[Number]) -> None:
        """Count a page, or a box on it.

        written: what is written there, in reading order.
        numbers: what was read there, in reading order.
        """
        self.written += len(written)
        partners = [*range(len(written))]
        if len(numbers) != len(written):
            partners = align([number.text for number in numbers], written).partners
        for number, partner in zip(numbers, partners, strict=True):
            label = "" if partner == UNMATCHED else written[partner]
            if number.reason == "constraints":
                continue
            self.insertions += not label
            self.substitutions += bool(label) and number.text != label
            self.confidences.append(number.confidence)
            self.right.append(number.text == label)
            if number.status == "accepted" and number.text != label:
                error = SilentError(number.confidence, name, label, number.text)
                self.worst = sorted([*self.worst, error], reverse=True)[:MAX_WORST]

    def accepting(self, max_errors: float) -> dict[str, Any]:
        """Count which numbers would be accepted, and which of these are wrong; with the shares."""
        accepted = np.array(self.right)[np.array(self.confidences) >= 1 - max_errors]
        n, errors = len(accepted), int((accepted == 0).sum())
        shares = {"coverage": ratio(n, self.written + self.insertions), "risk": ratio(errors, n)}
        counts = {"max_errors": max_errors, "accepted": n, "silent_errors": errors}
        return counts | shares | {"risk_interval": wilson_interval(shares["risk"], n)}

    def to_dict(self, max_errors: float) -> dict[str, Any]:
        """Return the results as values; NaN for a ratio without numbers."""
        exact = sum(self.right)
        accuracy = ratio(exact, self.written)
        return {
            "numbers": self.written,
            "exact": exact,
            "deletions": self.written - exact - self.substitutions,
            "substitutions": self.substitutions,
            "insertions": self.insertions,
            "accuracy": accuracy,
            "interval": wilson_interval(accuracy, self.written),
            "calibration_error": Calibration(self.confidences, self.right).error,
            **self.accepting(max_errors),
            "curve": [*map(self.accepting, sorted({max_errors, *_CURVE}, reverse=True))],
            "worst": [error._asdict() for error in self.worst],
        }


class FieldCounts(Counter[str]):
    """How many labels of a form's field, or of all, are read right, and how many answers accepted.

    A blank optional field is accepted like a number, as nobody looks at either again; it is a
    silent error if something is written there, as is an accepted number where nothing is.
    """

    def add(self, label: str, number: Number, is_optional: bool) -> None:
        """Count an answer. label: what is written in the field; empty if nothing is."""
        is_exact = number.text == label and number.reason != "constraints"
        is_accepted = number.status == "accepted" or is_optional and number.reason == "blank"
        self["labels"] += 1
        self["exact"] += is_exact
        self["accepted"] += is_accepted
        self["silent_errors"] += is_accepted and not is_exact

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, and the share of errors among what is accepted; NaN without any."""
        risk, n = ratio(self["silent_errors"], self["accepted"]), self["accepted"]
        return {**self, "risk": risk, "risk_interval": wilson_interval(risk, n)}


def numbers_in(boxes: Sequence[Box], numbers: Sequence[Number]) -> list[list[Number]]:
    """Assign each number to the box with which it shares most of the smaller of the two, if any.

    boxes: at least one. Returns the numbers in each of them.
    """
    inside: list[list[Number]] = [[] for _ in boxes]
    labelled = np.array(boxes, np.float64)
    for number in numbers:
        box = np.array(number.box, np.float64)
        shared = np.maximum(overlaps(box, labelled)[1], overlaps(labelled, box)[1])
        if shared.max() > NMS_IOU:
            inside[int(shared.argmax())].append(number)
    return inside
