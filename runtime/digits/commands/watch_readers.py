"""What `digits watch` makes of a picture, in a worker: the row of its digit, or rows of numbers."""

import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.folder_scan import FileStamp, stamp
from digits.commands.runner import ClassifierOptions
from digits.constraints.constraints import Constraints
from digits.errors import DigitsError, PictureError
from digits.prediction import NUMBER_COLUMNS, PREDICTION_COLUMNS, Prediction, Reading
from digits.system import too_many_files
from digits.terminal import print_stderr
from digits.text import csv_row, escape_name, to_json

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.images.picture import GreyImage
    from digits.voting import Frame

_STAMP = ("file", "modified", "size")
_MAX_JPEG = 1_000_000  # bytes of a file that is published as it is
_MAX_SIDE = 1024  # pixels of others
_MANY = 3  # contradictions in a row: somebody should look


class Row(NamedTuple):
    """The result of a picture: lines of CSV, a text for stdout, and whether it is doubtful.

    error: why it can't be read. messages: what to publish, by the end of its topic.
    """

    lines: str
    text: str
    error: str = ""
    messages: Mapping[str, bytes] = {}
    is_doubtful: bool = False


class DigitReader(NamedTuple):
    """Reads the digit of each picture in a folder. as_json: whether texts are JSON."""

    folder: str
    options: ClassifierOptions = ClassifierOptions()
    as_json: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV."""
        return (*_STAMP, *PREDICTION_COLUMNS[1:])

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model. Raises ModelError if it can't be used."""
        classifier = self.options.open()

        def read(file: FileStamp) -> Row:
            return self.row(file, classifier.predict(os.path.join(self.folder, file.name)))

        return partial(_read_unchanged, self, read)

    def row(self, file: FileStamp, prediction: Prediction, error: str = "") -> Row:
        """Format the result of a picture."""
        text = prediction.format(file.name, "json" if self.as_json else "text", show_name=True)
        line = csv_row([*file.cells, *prediction.to_csv_row(file.name)[1:]])
        return Row(line, text, error, is_doubtful=not error and prediction.status != "sure")

    def unreadable(self, file: FileStamp, error: str) -> Row:
        """Format the result of a picture that can't be read."""
        blank = Prediction(None, 0.1, (0.1,) * 10, (0, 0, 0, 0), "unreadable", error)
        return self.row(file, blank, error)


class NumberReader(NamedTuple):
    """Reads the numbers of each picture in a folder, or one number in all of them.

    constraints, max_errors: as for `Classifier.read`. If any of the others is given, a picture
    holds one number. frames: it is read from so many pictures, the last ones. not_below_last,
    max_step: how it follows the last accepted one in `results`. publishes: whether rows have
    messages.
    """

    folder: str
    options: ClassifierOptions
    as_json: bool
    constraints: Constraints
    max_errors: float | None
    results: Path
    frames: int = 1
    not_below_last: bool = False
    max_step: float | None = None
    publishes: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV."""
        return (*_STAMP, *NUMBER_COLUMNS[1:])

    def start(self) -> Callable[[FileStamp], Row | None]:
        """Open the model. Raises ModelError if it can't be used."""
        classifier = self.options.open()

        def read(file: FileStamp) -> Row:
            path = os.path.join(self.folder, file.name)
            return self.row(file, classifier.read(path, self.constraints, self.max_errors))

        has_one = self.frames > 1 or self.not_below_last or self.max_step is not None
        if has_one or self.publishes:
            read = _Series(self, classifier).read
        return partial(_read_unchanged, self, read)

    def plausible(self, last: float | None) -> Constraints:
        """The constraints of a number after this one."""
        if last is None or not (self.not_below_last or self.max_step is not None):
            return self.constraints
        step = (math.inf if self.max_step is None else self.max_step) + 1e-12 * abs(last)
        with suppress(ValueError):  # it was accepted under other constraints
            least = last if self.not_below_last else last - step
            return self.constraints.narrowed(least, last + step)
        return self.constraints

    def row(self, file: FileStamp, reading: Reading, error: str = "", jpeg: bytes = b"") -> Row:
        """Format the result of a picture. jpeg: the picture, if it is published."""
        text = reading.format(file.name, "json" if self.as_json else "text", show_name=True)
        unreadable: list[object] = ["", "", "", "", "0.000000", "unreadable", *[""] * 6]
        rows = reading.to_csv_rows(file.name) or [unreadable]
        lines = "\n".join(csv_row([*file.cells, *cells[1:]]) for cells in rows)
        messages = _messages(file.name, rows[0], jpeg) if self.publishes else {}
        is_doubtful = not error and {number.status for number in reading.numbers} != {"accepted"}
        return Row(lines, text or f"{escape_name(file.name)}  ?", error, messages, is_doubtful)

    def unreadable(self, file: FileStamp, error: str) -> Row:
        """Format the result of a picture that can't be read."""
        return self.row(file, Reading(()), error)


class _Series:
    """Reads one number in picture after picture."""

    def __init__(self, reader: NumberReader, classifier: "Classifier") -> None:
        self._reader, self._classifier = reader, classifier
        self._frames: dict[FileStamp, Frame] = {}  # of the last pictures with a number
        self._constraints = reader.plausible(last_accepted(reader.results))
        self._contradictions = 0  # of the last accepted number

    def read(self, file: FileStamp) -> Row:
        """Read it in this picture and the ones before."""
        from digits.images import picture
        from digits.reading import Rules
        from digits.voting import find_number, vote

        reader, classifier = self._reader, self._classifier
        path = os.path.join(reader.folder, file.name)
        page = picture.load(path, picture.PAGE_MAX_SIDE)
        jpeg = _to_jpeg(path, page) if reader.publishes else b""
        frame = find_number(classifier, page, self._constraints)
        if frame is None:
            return reader.row(file, Reading(()), jpeg=jpeg)
        again = self._frames.pop(file, None)  # if its row couldn't be written
        self._frames = dict([*self._frames.items(), (file, frame)][-reader.frames :])
        temperature = classifier.reader.metadata.number_temperature
        rules, frames = Rules.of(self._constraints, reader.max_errors), [*self._frames.values()]
        number = vote(frames, rules, temperature)
        rules = rules._replace(constraints=reader.constraints)
        if number.status == "accepted":
            self._contradictions = 0
            with suppress(ValueError):  # 12-34, for example, has no value
                self._constraints = reader.plausible(float(number.text))
        elif not again and vote(frames, rules, temperature).status == "accepted":
            self._contradictions += 1
            if self._contradictions == _MANY:
                print_stderr(
                    f"warning: {_MANY} numbers in a row contradict the last accepted one; if that"
                    f" is wrong or out of date, correct its row in {reader.results} and restart"
                )
        return reader.row(file, Reading(((number,),)), jpeg=jpeg)


def last_accepted(results: Path) -> float | None:
    """The value of the last accepted number in a file of results."""
    value, columns = None, len(NUMBER_COLUMNS)
    with suppress(FileNotFoundError), open(results, "rb") as file:
        for line in file:
            cells = line.decode(errors="replace").rsplit(",", columns)[-columns:]
            row = dict(zip(NUMBER_COLUMNS, cells, strict=False))
            if row.get("status") == "accepted":
                with suppress(ValueError):
                    value = float(row["number"])
    return value


def _messages(name: str, cells: Sequence[object], jpeg: bytes) -> dict[str, bytes]:
    """What to publish of a number. cells: of NUMBER_COLUMNS."""
    row = dict(zip(NUMBER_COLUMNS, cells, strict=True))
    state = {key: row[key] for key in ("number", "status", "second", "free")}
    state |= {"file": escape_name(name), "probability": float(str(row["probability"]))}
    accepted = {"number": str(row["number"]).encode()} if row["status"] == "accepted" else {}
    return {"state": to_json(state).encode(), **accepted, **({"picture": jpeg} if jpeg else {})}


def _to_jpeg(path: str, page: "GreyImage") -> bytes:
    """The file if it is a JPEG that isn't large; else the page, reduced."""
    from PIL import Image

    with suppress(OSError), open(path, "rb") as file:
        content = file.read(_MAX_JPEG + 1)
        if content.startswith(b"\xff\xd8") and len(content) <= _MAX_JPEG:
            return content
    image, buffer = Image.fromarray(page.pixels), io.BytesIO()
    image.thumbnail((_MAX_SIDE, _MAX_SIDE))
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def _read_unchanged(
    reader: DigitReader | NumberReader, read: Callable[[FileStamp], Row], file: FileStamp
) -> Row | None:
    """Read a picture; None if it has changed meanwhile."""
    try:
        row = read(file)
    except PictureError as error:
        if reason := too_many_files(error):
            raise DigitsError(reason) from error
        row = reader.unreadable(file, str(error))
    current = stamp(reader.folder, file.name)
    # If it is gone by now, what was read is complete.
    return row if current == file or (current is None and not row.error) else None
