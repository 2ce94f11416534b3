"""Items to label: the digits of a folder, or the digits or numbers of a table of results."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

from digits import tables
from digits.commands.inputs import expand
from digits.commands.results import ResultsFile
from digits.errors import DataError, DigitsError, PictureError
from digits.images import picture
from digits.images.documents import load as load_page
from digits.images.documents import split_pages
from digits.images.formats import split_page
from digits.prediction import Reading, Status
from digits.recognize import Reader
from digits.terminal import print_stderr, track

if TYPE_CHECKING:  # else each review would load OpenCV
    from digits.forms import FieldCorrection

LABEL_TEXT = re.compile(r"[0-9.-]{0,64}")  # the texts that a label may have

# Reasons and statuses of what is shown later. What satisfies no constraints is often printed text.
_LATER = {"constraints": 1, "unreadable": 1, "accepted": 2}
_STATUSES = {*get_args(Status)}
_DIGIT_COLUMNS = "digit", "confidence", "status", "reason"
_MAX_EDGE = 1_000_000  # pixels


class ReviewItem(NamedTuple):
    """A digit or a number to label.

    A digit is classified when it is shown, so it has no box, guess or remark.

    file: the picture's path.
    confidence, status: the result's; a reason in place of the status `none`.
    box: where in the picture a number is.
    guess: what a number is likely to be; empty without one, as nobody shall store such text
        with one key.
    remark: a sentence about it.
    correction: of a form's field.
    """

    file: str
    confidence: float = 0.0
    status: str = ""
    box: tuple[int, ...] = ()
    guess: str = ""
    remark: str = ""
    correction: "FieldCorrection | None" = None

    @property
    def is_unsure(self) -> bool:
        """Whether it is in doubt, but may be read."""
        return self.status not in _LATER

    def cells(self, folder: Path) -> list[str]:
        """The cells that identify it in a table of labels in this folder."""
        name = tables.csv_name(Path(os.path.relpath(self.file, folder)).as_posix())
        return [name, " ".join(map(str, self.box))] if self.box else [name]


def has_numbers(source: Path) -> bool:
    """Whether it is a table of numbers. Raises DataError if it is neither a table nor a folder."""
    return not source.is_dir() and "text" in tables.header(source, "file", "text")


def read_rows(source: Path) -> list[dict[str, str]]:
    """The rows of a table, or one for each picture in a folder. Raises DigitsError if none."""
    if source.is_dir():
        rows = [{"file": page} for page in split_pages(expand(str(source), False, _fail))]
    else:
        needed = Reading.COLUMNS[3:] if has_numbers(source) else _DIGIT_COLUMNS
        rows = [row for _, row, _ in tables.rows(source, *needed) if any(row.values())]
    if not rows:
        raise DataError(f"{source} has nothing that can be shown")
    return rows


def load(
    source: Path, rows: list[dict[str, str]], reader: Reader, labels: ResultsFile
) -> tuple[list[ReviewItem], int]:
    """Return the items without a label, least sure first, and how many have one.

    Of several rows about a digit or number, the last counts. Raises DataError if none can be shown.

    source: a table or a folder.
    rows: from `read_rows` of it.
    reader: reads the pictures of a folder.
    labels: tells which items have a label.
    """
    is_folder = source.is_dir()
    items = dict[tuple[str, ...], ReviewItem | None]()  # by their cells; None: it has a label
    skipped = 0  # rows
    for row in track(rows, len(rows), "reading", has_output=False):
        try:
            item = ReviewItem(row["file"]) if is_folder else _item(source, row)
            cells = tuple(item.cells(labels.path.parent))
            is_labelled = hash(cells) in labels.done_hashes
            if is_folder and not is_labelled:
                prediction = reader.predict(load_page(item.file, picture.DIGIT_MAX_SIDE))
                status = prediction.reason if prediction.status == "none" else prediction.status
                item = ReviewItem(item.file, prediction.confidence, status)
            items[cells] = None if is_labelled else item
        except (KeyError, ValueError, PictureError):
            skipped += 1
    if skipped:
        reason = "the picture is gone or damaged, or the row makes no sense"
        print_stderr(f"warning: passed over {skipped} of {len(rows)} in {source}: {reason}")
    if not items:
        raise DataError(f"{source} has nothing that can be shown")
    unlabelled = [item for item in items.values() if item]
    unlabelled.sort(key=lambda item: (_LATER.get(item.status, 0), item.confidence))
    return unlabelled, len(items) - len(unlabelled)


def field_items(corrections: Sequence["FieldCorrection"]) -> tuple[list[ReviewItem], int]:
    """Return the fields of forms that nobody has corrected, and how many are corrected."""
    items = [
        ReviewItem(
            file=each.file,
            status="accepted" if each.urgency == each.urgency.ACCEPTED else "review",
            guess=each.answer.text,
            remark=each.remark,
            correction=each,
        )
        for each in corrections
        if not each.answer.is_corrected
    ]
    return items, len(corrections) - len(items)


def _fail(error: DigitsError) -> None:
    raise error


def _item(table: Path, row: dict[str, str]) -> ReviewItem:
    """The item of a row; one without a box is about the whole picture.

    Raises KeyError, ValueError or PictureError if the picture is gone or the row makes no sense.
    """
    file, status = str(tables.find_file(row["file"], table.parent, Path())), row["status"]
    confidence = float(row["confidence"])
    is_there = os.path.isfile(split_page(file).file)
    if not is_there or status not in _STATUSES or not 0 <= confidence <= 1:
        raise ValueError("no picture, status or confidence")
    status = row["reason"] if status == "none" else status
    if "text" not in row:
        return ReviewItem(file, confidence, status)
    edges = [row[edge] for edge in Reading.COLUMNS[-4:]]
    box = tuple(map(int, edges)) if any(edges) else (0, 0, *picture.load(file).size)
    names = "text", "second_best", "unconstrained"
    text, second_best, unconstrained = (row[name] for name in names)
    is_box = 0 <= box[0] < box[2] <= _MAX_EDGE and 0 <= box[1] < box[3] <= _MAX_EDGE
    if not is_box or not LABEL_TEXT.fullmatch(text or unconstrained):
        raise ValueError("no box or no number")
    doubt = "accepted" if status == "accepted" else "in doubt"
    remark = (
        f"It is {doubt} ({100 * confidence:.1f} %)" if text else "It is unreadable as asked for"
    )
    if second_best:
        remark += f", and may be {second_best}"
    if unconstrained != text:
        remark += f"; freely, it is read as {unconstrained}"
    return ReviewItem(file, confidence, status, box, text, remark)
