"""What `digits watch` makes of a picture, in a worker: a row, or rows of numbers."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.runner import Task
from digits.errors import PictureError
from digits.fields.sheet import Sheet
from digits.formats import Format
from digits.prediction import Number, Prediction, Reading
from digits.tables import csv_row
from digits.text import escape_control, escape_name, to_json
from digits.watch.folder import FileStamp, open_picture, stamp

if TYPE_CHECKING:
    from digits.formats import Answer

_STAMP = ("file", "modified", "size")
_NO_NUMBER = ["", "", "", 0.0, "unreadable", "", "", "", "", "", ""]  # in Reading.COLUMNS[1:]
_PUBLISHED = ("number", "status", "probability", "second", "free", "file")


class Row(NamedTuple):
    """The result of a picture: lines of CSV, a text for stdout, and whether it is doubtful.

    error: why it can't be read. messages: what to publish, by the end of its topic.
    """

    lines: str
    text: str
    error: str = ""
    messages: Mapping[str, bytes] = {}
    is_doubtful: bool = False


class Reader(NamedTuple):
    """Reads the digit, numbers or sheet of each picture in a folder.

    results: the file of rows. publishes: whether rows have messages.
    """

    folder: str
    results: Path
    task: Task = Task()
    publishes: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the cells in a row."""
        return (*_STAMP, *self.task.kind.COLUMNS[1:])

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model; return what reads a picture. Raises ModelError if it can't be used.

        It returns None for a picture that has changed meanwhile.
        """
        classifier = self.task.networks.open()

        def read(file: FileStamp) -> Row | None:
            try:
                with open_picture(self.folder, file.name) as source:
                    row = self.row(file, self.task.ask(classifier, source))
                    if self.publishes:
                        from digits.commands.drawing import close_up

                        whole = {"picture": close_up(source, (0, 0, 0, 0))}
                        row = row._replace(messages={**row.messages, **whole})
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
        messages = _messages(answer, name) if self.publishes else {}
        is_doubtful = not error and answer.status not in ("sure", "complete")
        return Row(lines, text, error, messages, is_doubtful)


def _messages(answer: "Answer", file: str) -> dict[str, bytes]:
    """What to publish of the surest number of a page, or of a sheet, by the end of its topic."""
    if isinstance(answer, Sheet):
        numbers = {f"{name}/": number for name, number in answer.by_name.items()}
        sheet = {"status": answer.status, "note": answer.note, "file": file}
        messages = {"state": to_json(sheet).encode()}
    else:
        read = answer.numbers if isinstance(answer, Reading) else ()
        unreadable = Number("", 0.0, "unreadable", "", "", ())
        numbers = {"": max(read, key=attrgetter("probability"), default=unreadable)}
        messages = {}
    for field, number in numbers.items():
        about = {"number": number.text, **vars(number), "file": file}
        messages[f"{field}state"] = to_json({key: about[key] for key in _PUBLISHED}).encode()
        if number.status == "accepted":
            messages[f"{field}number"] = number.text.encode()
    return messages
