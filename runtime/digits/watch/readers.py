"""What `digits watch` makes of a picture, in a worker: a row, or rows of numbers."""

from collections.abc import Callable
from typing import NamedTuple

from digits.commands.tasks import ReadDigit, Task
from digits.errors import PictureError
from digits.formats import Answer, Format, table_rows
from digits.tables import csv_row
from digits.text import escape_control, escape_name, to_json
from digits.watch.folder import FileStamp, open_picture, stamp

_STAMP = ("file", "modified", "size")


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
    task: Task = ReadDigit()
    as_json: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the cells in a row."""
        return (*_STAMP, *self.task.columns[1:])

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model; return what reads a picture. Raises ModelError if it can't be used.

        It returns None for a picture that has changed meanwhile.
        """
        classifier = self.task.open()

        def read(file: FileStamp) -> Row | None:
            try:
                with open_picture(self.folder, file.name) as source:
                    [answer] = self.task.ask(classifier, [source])
                row = self.row(file, answer)
            except PictureError as error:
                row = self.row(file, None, str(error))
            current = stamp(self.folder, file.name)
            # If it is gone by now, what was read is complete.
            return row if current == file or (current is None and not row.error) else None

        return read

    def row(self, file: FileStamp, answer: Answer | None, error: str = "") -> Row:
        """Format the result of a picture. error: why there is none."""
        if answer is None:
            answer = self.task.unreadable(error)
        cells = ([*file.cells, *others] for _, *others in table_rows(file.name, answer))
        text = Format().lines(file.name, answer, show_name=True)
        if self.as_json:
            failure = {"file": escape_name(file.name), "error": escape_control(error)}
            text = to_json(failure if error else answer.to_dict(file.name))
        is_doubtful = not error and answer.status not in ("sure", "complete")
        return Row("\n".join(map(csv_row, cells)), text, error, is_doubtful)
