"""The formats of results. Each is a class and its line in FORMATS; nothing else knows its name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from digits.text import escape_name, to_json

if TYPE_CHECKING:
    from digits.prediction import Prediction, Reading

    Answer = Prediction | Reading


class Format(ABC):
    """How the answers about pictures are written. suffixes: of files in it, if there are any."""

    suffixes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def lines(self, file: str, answer: "Answer", show_name: bool) -> str:
        """Format an answer, without the last line end. show_name: whether people need the file."""


class FileFormat(Format):
    """A format that programs read, and that `--output` writes and continues.

    opening: how each line begins where there is no header.
    """

    opening: ClassVar[str] = ""

    @abstractmethod
    def columns(self, kind: "type[Answer]") -> tuple[str, ...]:
        """The names of what is said of a picture; the first one is `file`."""

    def header(self, columns: Sequence[str]) -> str:
        """The line before all answers, if there is one."""
        return ""

    @abstractmethod
    def name(self, file: str) -> str:
        """The file's name as it is written."""

    @abstractmethod
    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        """What a line says in these columns; nothing if it has others. Raises ValueError."""


class Text(Format):
    """For people."""

    def lines(self, file: str, answer: "Answer", show_name: bool) -> str:
        name = f"{escape_name(file)}  " if show_name else ""
        return "\n".join(f"{name}{line}" for line in answer.to_text().splitlines())


class Json(FileFormat):
    """An object a line."""

    suffixes = (".json", ".jsonl")
    opening = '{"file": '

    def columns(self, kind: "type[Answer]") -> tuple[str, ...]:
        return kind.KEYS

    def name(self, file: str) -> str:
        return escape_name(file)

    def lines(self, file: str, answer: "Answer", show_name: bool) -> str:
        return to_json(answer.to_dict(file))

    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        import json  # json and csv would slow the start of `digits predict`

        try:
            values = json.loads(line)
        except RecursionError as error:
            raise ValueError("too deep") from error
        is_ours = isinstance(values, dict) and [*values] == [*columns]
        return [*values.values()] if is_ours else []


class Csv(FileFormat):
    """A header, and a row for each digit or number."""

    suffixes = (".csv",)

    def header(self, columns: Sequence[str]) -> str:
        return ",".join(columns)

    def columns(self, kind: "type[Answer]") -> tuple[str, ...]:
        return kind.COLUMNS

    def name(self, file: str) -> str:
        from digits.tables import csv_name

        return csv_name(file)

    def lines(self, file: str, answer: "Answer", show_name: bool) -> str:
        from digits.tables import csv_row

        return "\n".join(map(csv_row, answer.to_rows(file)))

    def parse(self, line: str, columns: Sequence[str]) -> list[object]:
        from digits.tables import csv_cells

        cells = csv_cells(line)
        return [*cells] if len(cells) == len(columns) else []


FORMATS: dict[str, Format] = {"text": Text(), "json": Json(), "csv": Csv()}
