"""What is worth a look: the digits of a folder, or the digits or numbers of a table of results."""

import os
import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

from digits import tables
from digits.classifier import Classifier
from digits.commands.inputs import expand
from digits.commands.results import ResultsFile
from digits.errors import DataError, DigitsError, PictureError
from digits.images import picture
from digits.prediction import Reading, Status
from digits.terminal import print_stderr, track
from digits.text import unescape_name

NUMBER = re.compile(r"[0-9.-]{0,64}")  # what may be written

# An unreadable number isn't what was asked for, and often printed text.
_LATER = {"unreadable": 1, "sure": 2, "accepted": 2}
_STATUSES = {*get_args(Status), "accepted", "review"}
_MAX_EDGE = 1_000_000  # pixels


class Item(NamedTuple):
    """A digit or a number to label.

    file: the picture's path. confidence, status: of the result. box, guess, remark: of a number, as
    in `Number`, and what is said of it; a digit is classified when it is shown. One that is
    unreadable has no guess: nobody shall store with one key what nobody asked for.
    sheet: a `FieldOnSheet`.
    """

    file: str
    confidence: float = 0.0
    status: str = ""
    box: tuple[int, ...] = ()
    guess: str = ""
    remark: str = ""
    sheet: Any = None

    @property
    def is_unsure(self) -> bool:
        """Whether it is in doubt, and may be what was asked for."""
        return self.status not in _LATER

    def cells(self, folder: Path) -> list[str]:
        """What identifies it in a table of labels in this folder."""
        name = tables.csv_name(Path(os.path.relpath(self.file, folder)).as_posix())
        return [name, " ".join(map(str, self.box))] if self.box else [name]


def has_numbers(source: Path) -> bool:
    """Whether it is a table of numbers. Raises DataError if it is neither a table nor a folder."""
    return not source.is_dir() and "number" in tables.header(source, "file", "number")


def read_rows(source: Path) -> list[dict[str, str]]:
    """The rows of a table, or one for each picture in a folder. Raises DigitsError if none."""
    if source.is_dir():
        rows = [{"file": file} for file in expand(str(source), False, _fail)]
    else:
        needed = Reading.COLUMNS[3:] if has_numbers(source) else ("digit", "confidence", "status")
        rows = [row for _, row, _ in tables.rows(source, *needed) if any(row.values())]
    if not rows:
        raise DataError(f"{source} has nothing that can be shown")
    return rows


def load(
    source: Path, rows: list[dict[str, str]], classifier: Classifier, labels: ResultsFile
) -> tuple[list[Item], int]:
    """Return the items without a label, least sure first, and how many have one.

    rows: from `read_rows`; the last about a digit or number counts. Raises DataError if there is
    nothing in them that can be shown.
    """
    is_folder = source.is_dir()
    items, passed = dict[tuple[str, ...], Item | None](), 0  # None: it has a label
    for row in track(rows, len(rows), "reading", printed=False):
        try:
            item = Item(row["file"]) if is_folder else _item(source, row)
            cells = tuple(item.cells(labels.path.parent))
            is_done = hash(cells) in labels.done
            if is_folder and not is_done:
                read = classifier.predict(item.file)
                item = Item(item.file, read.confidence, read.status)
            items[cells] = None if is_done else item
        except (KeyError, ValueError, PictureError):
            passed += 1
    if passed:
        reason = "the picture is gone or damaged, or the row makes no sense"
        print_stderr(f"warning: passed over {passed} of {len(rows)} in {source}: {reason}")
    if not items:
        raise DataError(f"{source} has nothing that can be shown")
    unlabelled = [item for item in items.values() if item]
    unlabelled.sort(key=lambda item: (_LATER.get(item.status, 0), item.confidence))
    return unlabelled, len(items) - len(unlabelled)


def _fail(error: DigitsError) -> None:
    raise error


def _item(table: Path, row: dict[str, str]) -> Item:
    """The item of a row; one without a box is about the whole picture.

    Raises KeyError, ValueError or PictureError if the picture is gone or the row makes no sense.
    """
    file, status = str(tables.find_file(row["file"], table.parent, Path())), row["status"]
    share = float(row.get("probability") or row["confidence"])
    if not os.path.isfile(file) or status not in _STATUSES or not 0 <= share <= 1:
        raise ValueError("no picture, status or probability")
    if "number" not in row:
        return Item(file, share, status)
    edges = [row[edge] for edge in Reading.COLUMNS[-4:]]
    box = tuple(map(int, edges)) if any(edges) else (0, 0, *picture.load(file).size)
    names = "number", "runner_up", "unconstrained"
    text, runner_up, unconstrained = (unescape_name(row[name]) for name in names)
    is_box = 0 <= box[0] < box[2] <= _MAX_EDGE and 0 <= box[1] < box[3] <= _MAX_EDGE
    if not is_box or not NUMBER.fullmatch(text or unconstrained):
        raise ValueError("no box or no number")
    doubt = "accepted" if status == "accepted" else "in doubt"
    remark = f"It is {doubt} ({100 * share:.1f} %)" if text else "It is unreadable as asked for"
    remark += f", and may be {runner_up}" if runner_up else ""
    remark += f"; freely, it is read as {unconstrained}" if unconstrained != text else ""
    return Item(file, share, status, box, text, remark)
