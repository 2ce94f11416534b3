"""Where the result of each picture goes: the file of `-o`, stdout, stderr and drawings."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.inputs import stamp_of
from digits.errors import DigitsError, PictureError
from digits.formats import Csv, Json, Stamp, text_lines
from digits.images.formats import split_page
from digits.terminal import ErrorReporter, print_result

if TYPE_CHECKING:
    from digits.commands.drawings import DrawingWriter
    from digits.commands.modes import Mode
    from digits.commands.results import ResultsFile
    from digits.formats import Answer


class Result(NamedTuple):
    """What was read in a picture.

    lines: for the file of results, or empty.
    printed: for stdout, or empty.
    error: why there is no answer.
    drawing: of the answer, as a file's content, or empty.
    is_read: whether the picture could be opened.
    """

    lines: str = ""
    printed: str = ""
    error: DigitsError | None = None
    drawing: bytes = b""
    is_read: bool = False


@dataclass(frozen=True)
class ResultFormatter:
    """Makes results.

    file_format: of the file of results, if there is one.
    printed_format: of what is printed, if it isn't text, which is only where there is no file.
    show_name: whether people need the pictures' names.
    """

    mode: "Mode"
    file_format: Json | Csv | None
    printed_format: Json | Csv | None
    show_name: bool

    def format_answer(
        self, file: str, stamp: Stamp, answer: "Answer", drawing: bytes = b""
    ) -> Result:
        """stamp: from before the file was read, as another one may have taken its place since."""
        printed = self._printed(file, answer)
        if not (self.printed_format or self.file_format):
            printed = text_lines(file, answer, self.show_name)
        error = None
        if answer.status == "none":
            error = PictureError(f"{file}: {answer.note or 'no digits found'}")
        return Result(self._lines(file, stamp, answer), printed, error, drawing, is_read=True)

    def format_error(self, file: str, error: DigitsError) -> Result:
        """A picture that is there has a row, and an object, though it can't be read."""
        if not os.path.isfile(split_page(file).file):
            return Result(error=error)
        answer = self.mode.failure(str(error))
        lines = self._lines(file, stamp_of(file), answer)
        return Result(lines, self._printed(file, answer), error)

    def format_death(self, file: str) -> Result:
        message = "the process that read it died, or took too long; fewer --jobs need less memory"
        return self.format_error(file, PictureError(f"{file}: {message}"))

    def _lines(self, file: str, stamp: Stamp, answer: "Answer") -> str:
        return self.file_format.lines(file, answer, stamp) if self.file_format else ""

    def _printed(self, file: str, answer: "Answer") -> str:
        return self.printed_format.lines(file, answer) if self.printed_format else ""


class ResultWriter:
    """Writes results, and knows which pictures have one.

    file: of results, if there is one.
    """

    def __init__(
        self, file: "ResultsFile | None", drawings: "DrawingWriter | None", errors: ErrorReporter
    ) -> None:
        self._file, self._drawings, self._errors = file, drawings, errors
        self._done = file.done_hashes if file else set[int]()
        self._failed = file.failed_hashes if file else set[int]()

    def has_answer(self, file: str, stamp: Stamp) -> bool:
        """Whether a picture has a row with what was read."""
        return self._key(file, stamp) in self._done

    def has_failure(self, file: str, stamp: Stamp) -> bool:
        """Whether a picture has a row that says why there is no answer."""
        return self._key(file, stamp) in self._failed

    def add(self, files: Sequence[str], results: Sequence[Result], has_row: bool = False) -> None:
        """Write, print and draw the results of a picture, or of its pages.

        has_row: whether it has one that says the same. Raises WriteFailed.
        """
        lines = "\n".join(result.lines for result in results if result.lines)
        if self._file and lines and not has_row:
            self._file.append(lines)
        for file, result in zip(files, results, strict=True):
            if result.printed and not has_row:
                print_result(result.printed)
            if result.error:
                self._errors.report(result.error)
            if self._drawings:
                self._drawings.add(file, result.drawing, result.error)

    def mark_done(self, file: str, stamp: Stamp) -> None:
        """Note that a picture has a row, or was printed."""
        self._done.add(self._key(file, stamp))

    def fsync(self) -> None:
        """Make the lines so far survive a power cut."""
        if self._file:
            self._file.fsync()

    def _key(self, file: str, stamp: Stamp) -> int:
        return self._file.key(file, stamp) if self._file else hash((file, *stamp))
