"""What `digits watch` makes of a picture, in a worker: a row, or rows of numbers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from digits.commands.tasks import ReadDigit, Task
from digits.errors import PictureError
from digits.formats import FORMATS, IDENTITY, Answer
from digits.images.formats import DOCUMENT_SUFFIXES, page_names, split_page
from digits.images.picture import Page, count_pages
from digits.text import escape_control, escape_name, to_json
from digits.watch.folder import FileStamp, open_picture, stamp


class PictureResult(NamedTuple):
    """What was read in a picture.

    lines: of CSV.
    json: an object, for stdout.
    error: why the picture can't be read, or empty.
    page_count: of the picture's file.
    """

    lines: str
    json: str
    error: str = ""
    is_doubtful: bool = False
    page_count: int = 1


def join(pages: Sequence[PictureResult]) -> PictureResult:
    """Join the results of all pages of a file."""
    return PictureResult(
        "\n".join(page.lines for page in pages),
        "\n".join(page.json for page in pages),
        next((page.error for page in pages if page.error), ""),
        any(page.is_doubtful for page in pages),
        len(pages),
    )


class WatchJob(NamedTuple):
    """Reads the digit, numbers or sheet of each picture in a folder."""

    folder: str
    task: Task = ReadDigit()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the cells in a row."""
        return (*IDENTITY, *self.task.columns[1:])

    def start(self) -> Callable[[FileStamp], PictureResult | None]:
        """Open the networks; return what reads a picture. Raises ModelError if one can't be used.

        A picture may be a page, `scan.pdf#3`; of a document without one, the first is read. What
        reads a picture returns None if the picture has changed meanwhile.
        """
        classifier = self.task.open()

        def read(picture: FileStamp) -> PictureResult | None:
            file, page = split_page(picture.name)
            name, count = picture.name, 1
            try:
                if not page and file.lower().endswith(DOCUMENT_SUFFIXES):
                    with open_picture(self.folder, file) as source:
                        count = count_pages(source)
                    name = page_names(file, count)[0]
                    page = split_page(name).page
                with open_picture(self.folder, file) as source:
                    [answer] = self.task.ask(classifier, [Page(source, page) if page else source])
                result = self.result(picture._replace(name=name), answer)
            except PictureError as error:
                result = self.failure(picture._replace(name=name), str(error))
            current = stamp(self.folder, file)
            if current == picture._replace(name=file) or (current is None and not result.error):
                # Of one that is gone by now, too: what was read is complete.
                return result._replace(page_count=count)
            return None

        return read

    def result(self, picture: FileStamp, answer: Answer) -> PictureResult:
        """Format what was read in a picture."""
        is_doubtful = answer.status != "accepted"
        json = to_json(answer.to_dict(picture.name))
        return PictureResult(self._lines(picture, answer), json, is_doubtful=is_doubtful)

    def failure(self, picture: FileStamp, error: str) -> PictureResult:
        """Format why a picture can't be read."""
        values = {"file": escape_name(picture.name), "error": escape_control(error)}
        lines = self._lines(picture, self.task.unreadable(error))
        return PictureResult(lines, to_json(values), error)

    def _lines(self, picture: FileStamp, answer: Answer) -> str:
        return FORMATS["csv"].lines(picture.name, answer, True, picture.cells[1:])
