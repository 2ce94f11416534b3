"""What `digits watch` makes of a picture, in a worker: a row, or rows of numbers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.runner import Task
from digits.errors import PictureError
from digits.formats import Format
from digits.forms.sheet import Sheet
from digits.prediction import Prediction, Reading
from digits.tables import csv_row
from digits.text import escape_control, escape_name, to_json
from digits.watch.folder import FileStamp, open_picture, stamp

if TYPE_CHECKING:
    from digits.formats import Answer

_STAMP = ("file", "modified", "size")
_NO_NUMBER = ["", "", "", 0.0, "unreadable", "", "", "", "", "", ""]  # in Reading.COLUMNS[1:]


class Row(NamedTuple):
    """The result of a picture: lines of CSV, a text for stdout, and whether it is doubtful.

    error: why it can't be read.
    """

    lines: str
    text: str
    error: str = ""
    is_doubtful: bool = False


class Reader(NamedTuple):
    """Reads the digit, numbers or sheet of each picture in a folder.

    as_json: whether the texts of rows are JSON objects.
    """

    folder: str
    task: Task = Task()
    as_json: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the cells in a row."""
        return (*_STAMP, *self.task.kind.COLUMNS[1:])

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model; return what reads a picture. Raises ModelError if it can't be used.

        It returns None for a picture that has changed meanwhile.
        """
        classifier = self.task.networks.open(self.task.kind is not Prediction)

        def read(file: FileStamp) -> Row | None:
            try:
                with open_picture(self.folder, file.name) as source:
                    row = self.row(file, self.task.ask(classifier, source))
            except PictureError as error:
                row = self.row(file, None, str(error))
            current = stamp(self.folder, file.name)
            # If it is gone by now, what was read is complete.
            return row if current == file or (current is None and not row.error) else None

        return read

    def row(self, file: FileStamp, answer: "Answer | None", error: str = "") -> Row:
        """Format the result of a picture. error: why there is none."""
        if answer is None:
            unreadable = Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0), "unreadable", error)
            answer = unreadable if self.task.kind is Prediction else Reading(())
            if not isinstance(self.task.kind, type):
                answer = Sheet(self.task.kind, (), escape_control(error))
        name = escape_name(file.name)
        rows = [cells for _, *cells in answer.to_rows(file.name)] or [_NO_NUMBER]
        lines = "\n".join(csv_row([*file.cells, *cells]) for cells in rows)
        text = Format().lines(file.name, answer, show_name=True) or f"{name}  ?"
        if self.as_json:
            failure = {"file": name, "error": escape_control(error)}
            text = to_json(failure if error else answer.to_dict(file.name))
        is_doubtful = not error and answer.status not in ("sure", "complete")
        return Row(lines, text, error, is_doubtful)
