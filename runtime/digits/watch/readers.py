"""What `digits watch` makes of a picture, in a worker: a row, or rows of numbers."""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from digits.commands.runner import Task
from digits.constraints.constraints import Constraints
from digits.errors import PictureError
from digits.fields.sheet import Sheet
from digits.formats import Format
from digits.prediction import Prediction, Reading
from digits.tables import csv_cells, csv_row
from digits.terminal import print_stderr
from digits.text import escape_control, escape_name, to_json
from digits.watch.folder import FileStamp, open_picture, stamp

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.formats import Answer
    from digits.reader.voting import Sighting

_STAMP = ("file", "modified", "size")
_MANY = 3  # contradictions in a row: somebody should look
_NO_NUMBER = ["", "", "", 0.0, "unreadable", "", "", "", "", "", ""]  # in Reading.COLUMNS[1:]
_VALUE = re.compile(r"-?[0-9]{1,15}(\.[0-9]*)?|-?\.[0-9]+", re.ASCII)
_PUBLISHED = ("number", "status", "probability", "second", "free")


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
    """Reads the digit, numbers or sheet of each picture in a folder, or one number in all of them.

    results: the file of rows. If anything after the task is given, a picture holds one number.
    frames: it is read from so many pictures, the last ones. not_below_last, max_step: how it
    follows the last accepted one in `results`, or start_at if that has none yet. publishes: whether
    rows have messages.
    """

    folder: str
    results: Path
    task: Task = Task()
    frames: int = 1
    not_below_last: bool = False
    max_step: float | None = None
    start_at: float | None = None
    publishes: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the cells in a row."""
        return (*_STAMP, *self.task.kind.COLUMNS[1:])

    @property
    def follows(self) -> bool:
        """Whether each number bounds the next one."""
        return self.not_below_last or self.max_step is not None

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model; return what reads a picture. Raises ModelError if it can't be used.

        It returns None for a picture that has changed meanwhile.
        """
        classifier = self.task.networks.open()
        is_series = self.frames > 1 or self.follows or self.publishes
        series = _Series(self, classifier) if is_series and self.task.kind is Reading else None

        def read(file: FileStamp) -> Row | None:
            try:
                with open_picture(self.folder, file.name) as source:
                    if series:
                        row = series.read(file, source)
                    else:
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

    def plausible(self, last: float | None) -> Constraints:
        """The constraints of a number after this one."""
        constraints = self.task.constraints or Constraints()
        if last is None or not self.follows:
            return constraints
        step = (math.inf if self.max_step is None else self.max_step) + 1e-12 * abs(last)
        with suppress(ValueError):  # it was accepted under other constraints
            least = last if self.not_below_last else last - step
            return constraints.narrowed(least, last + step)
        return constraints

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
        messages = _messages(answer, rows[0], name) if self.publishes else {}
        is_doubtful = not error and answer.status not in ("sure", "complete")
        return Row(lines, text, error, messages, is_doubtful)


def _messages(answer: "Answer", cells: list[object], file: str) -> dict[str, bytes]:
    """What to publish of a number, in these cells, or of a sheet, by the end of its topic."""
    numbers, messages = {"": dict(zip(Reading.COLUMNS[1:], cells, strict=False))}, {}
    if isinstance(answer, Sheet):
        numbers = {f"{of}/": {"number": n.text, **vars(n)} for of, n in answer.by_name.items()}
        sheet = {"status": answer.status, "note": answer.note, "file": file}
        messages = {"state": to_json(sheet).encode()}
    for field, number in numbers.items():
        state = {key: number[key] for key in _PUBLISHED} | {"file": file}
        messages[f"{field}state"] = to_json(state).encode()
        if number["status"] == "accepted":
            messages[f"{field}number"] = str(number["number"]).encode()
    return messages


class _Series:
    """Reads one number in picture after picture."""

    def __init__(self, reader: Reader, classifier: "Classifier") -> None:
        self._reader, self._classifier = reader, classifier
        self._frames: dict[FileStamp, Sighting] = {}  # of the last pictures with a number
        last = last_accepted(reader.results) if reader.follows else None
        self._constraints = reader.plausible(reader.start_at if last is None else last)
        self._contradictions = 0  # of the last accepted number

    def read(self, file: FileStamp, source: BinaryIO) -> Row:
        """Read it in this picture and the ones before."""
        from digits.images import picture
        from digits.reader.reading import Rules
        from digits.reader.voting import find_number, vote

        reader, classifier = self._reader, self._classifier
        page = picture.load(source, picture.PAGE_MAX_SIDE)
        frame = find_number(classifier.model, classifier.reader, page, self._constraints)
        if frame is None:
            return reader.row(file, None)
        self._frames[file] = frame  # perhaps again, if its row couldn't be written
        self._frames = dict([*self._frames.items()][-reader.frames :])
        temperature = classifier.reader.metadata.number_temperature
        frames = [*self._frames.values()]
        rules = Rules.of(self._constraints, reader.task.max_errors)
        number = vote(frames, rules, temperature)
        rules = rules._replace(constraints=reader.plausible(None))
        if number.status == "accepted":
            self._contradictions = 0
            with suppress(ValueError):  # 12-34, for example, has no value
                self._constraints = reader.plausible(float(number.text))
        elif vote(frames, rules, temperature).status == "accepted":
            self._contradictions += 1
            if self._contradictions == _MANY:
                print_stderr(
                    f"warning: {_MANY} numbers in a row contradict the last accepted one; if it is"
                    f" wrong, correct its row in {reader.results}, or --start-at, and restart"
                )
        return reader.row(file, Reading(((number,),)))


def last_accepted(results: Path) -> float | None:
    """The value of the last number in a file of results that was accepted, or that somebody set.

    `unreadable` rows are written without a number, so any status but `review` counts where there
    is one. Damaged rows don't, nor do numbers without a value.
    """
    columns, value = (*_STAMP, *Reading.COLUMNS[1:]), None
    with suppress(FileNotFoundError), open(results, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError):  # a damaged line, or one with other columns
                row = dict(zip(columns, csv_cells(line[: 1 << 16]), strict=True))
                if row["status"] != "review" and _VALUE.fullmatch(row["number"]):
                    value = float(row["number"])
    return value
