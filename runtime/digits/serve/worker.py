"""The server's processes: they answer as `digits predict --json` and `digits read --json`."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from digits.constraints.constraints import Constraints
from digits.errors import DigitsError, ModelError, PictureError, TooManyPixels
from digits.images import picture
from digits.processes import Worker
from digits.recognize import Reader
from digits.serve.query import Command, Options
from digits.text import to_json
from digits.web.settings import Limits

_NO_MEMORY = ("allocate memory", "bad_alloc", "bad allocation")  # in onnxruntime's messages


class TooMuchMemory(DigitsError):
    """A picture needs more memory than a process may take."""


class Upload(NamedTuple):
    """A picture to read, as a client has sent it.

    command: whose answer it gets.
    name: the file's.
    options: those of the command, as `parse_query` returns them.
    """

    command: Command
    name: str
    content: bytes
    options: Options


class PictureResponse(NamedTuple):
    """The answer to a picture.

    status: of HTTP.
    text: JSON, or a message if the status isn't 200.
    """

    status: int
    text: str


PictureWorker = Worker[Upload, PictureResponse]


def start_worker(reader: Reader, limits: Limits) -> PictureWorker:
    """Start a process that answers uploads as `answer` does."""
    make_answer = partial(_make_answer, reader, limits.max_pixels)
    return Worker(make_answer, limits.max_picture_memory)


def _make_answer(reader: Reader, max_pixels: int) -> Callable[[Upload], PictureResponse]:
    _ = reader.models.second_opinion  # its 100 MB are none of a picture's
    return partial(answer, reader, max_pixels)


def answer(reader: Reader, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read a picture; the answer to an unreadable one says why.

    Raises ModelError and TooMuchMemory.
    """
    if upload.content.startswith(b"%PDF-"):
        return PictureResponse(422, "a PDF isn't read here: send a picture of each page")
    read = _read if upload.command == "read" else _predict
    try:
        return read(reader, max_pixels, upload)
    except TooManyPixels as error:
        return PictureResponse(413, str(error))
    except PictureError as error:
        if isinstance(error.__cause__, MemoryError):
            raise TooMuchMemory from error
        return PictureResponse(422, str(error))
    except MemoryError as error:
        raise TooMuchMemory from error
    except ModelError as error:
        if any(words in str(error) for words in _NO_MEMORY):
            raise TooMuchMemory from error
        raise


def _predict(reader: Reader, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read the one digit in a picture. Raises PictureError and ModelError."""
    prediction = reader.predict(picture.load(upload.content, max_pixels=max_pixels))
    return PictureResponse(200, to_json(prediction.to_dict(upload.name, **upload.options)))


def _read(reader: Reader, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read all numbers of a picture. Raises PictureError and ModelError."""
    options = dict(upload.options)
    max_errors = options.pop("max_errors", None)
    try:
        constraints = Constraints(**options)
    except ValueError as error:
        return PictureResponse(422, str(error))
    page = picture.load(upload.content, picture.PAGE_MAX_SIDE, max_pixels)
    reading = reader.read(page, constraints, max_errors)
    return PictureResponse(200, to_json(reading.to_dict(upload.name)))
