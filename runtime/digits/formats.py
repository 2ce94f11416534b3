"""An answer as text for people, and as the JSON lines and the CSV that a file of results holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from digits.text import escape_name, to_json

IDENTITY = "file", "modified", "size"  # columns of what tells one picture from another
CHECKSUM = "form_checksum"  # the column of what tells one form from another
# Status and reason of a picture without an answer, which is read again. A number's are others.
FAILURES = {("none", r) for r in ("not_a_digit", "several", "blank", "unreadable", "not_found")}
Stamp = Sequence[object]  # when a file was modified, and its size; or nothing


class Answer(Protocol):
    """What is read in a picture: a Prediction, a Reading or a Sheet."""

    @property
    def COLUMNS(self) -> tuple[str, ...]: ...

    @property
    def status(self) -> str: ...

    @property
    def note(self) -> str: ...

    def to_text(self) -> str: ...

    def to_dict(self, file: str) -> dict[str, Any]: ...

    def records(self, file: str) -> list[dict[str, Any]]: ...


def text_lines(file: str, answer: Answer, show_name: bool) -> str:
    """Format an answer for people, without the last line end. show_name: whether they need it."""
    name = f"{escape_name(file)}  " if show_name else ""
    return "\n".join(map(name.__add__, answer.to_text().splitlines()))


class Json:
    """An object a line.

    opening: how each line begins.
    is_table: whether an answer is rows under a header, and not an object.
    """

    opening: ClassVar[str] = '{"file": '
    is_table: ClassVar[bool] = False

    def header(self, columns: Sequence[str]) -> str:
        """The line before all answers; there is none."""
        return ""

    def name(self, file: str) -> str:
        """The file's name as it is written."""
        return escape_name(file)

    def lines(self, file: str, answer: Answer, stamp: Stamp = ()) -> str:
        """Format an answer, without the last line end. stamp: is written behind the name."""
        name, *others = answer.to_dict(file).items()
        return to_json(dict([name, *zip(IDENTITY[1:], stamp, strict=False), *others]))

    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        """The values of a line in these columns; empty if it has others. Raises ValueError."""
        import json  # json and csv would slow the start of `digits predict`

        try:
            values = json.loads(line)
        except RecursionError as error:
            raise ValueError("too deep") from error
        is_ours = isinstance(values, dict) and [*values] == [*columns]
        return [*values.values()] if is_ours else []


class Csv:
    """A header, and a row for each digit, number or sheet. Its methods are those of Json."""

    opening: ClassVar[str] = ""
    is_table: ClassVar[bool] = True

    def header(self, columns: Sequence[str]) -> str:
        return ",".join(columns)

    def name(self, file: str) -> str:
        from digits.tables import csv_name

        return csv_name(file)

    def lines(self, file: str, answer: Answer, stamp: Stamp = ()) -> str:
        from digits.tables import csv_row

        names = answer.COLUMNS[1:]
        rows = ([r["file"], *stamp, *map(r.get, names)] for r in answer.records(file))
        return "\n".join(map(csv_row, rows))

    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        from digits.tables import csv_cells

        cells = csv_cells(line)
        is_whole = len(cells) == len(columns) and "\0" not in line  # as a power cut leaves
        return [*cells] if is_whole else []


def file_format(path: Path) -> Json | Csv | None:
    """The format that the name of a file of results says; None for another name."""
    suffix = path.suffix.lower()
    if suffix in (".json", ".jsonl"):
        return Json()
    return Csv() if suffix == ".csv" else None
