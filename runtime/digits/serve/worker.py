"""The server's processes: they answer as `digits predict --json` and `digits read --json`."""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from digits.classifier import Classifier
from digits.constraints.constraints import Constraints
from digits.errors import DigitsError, ModelError, PictureError, TooManyPixels
from digits.evaluation.acceptance import parse_share
from digits.images import picture
from digits.processes import Worker
from digits.text import escape_name, to_json
from digits.web.settings import Limits

FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
PARSERS: dict[str, Any] = {  # what makes a value of a parameter's text
    "length": str,
    "pattern": str,
    "check": str,
    "range": str,
    "list": lambda numbers: numbers.replace(",", " ").split(),
    "digits_only": lambda flag: FLAGS.get(flag.lower()),
    "max_errors": parse_share,
}

_NO_MEMORY = ("allocate memory", "bad_alloc", "bad allocation")  # in onnxruntime's messages


class TooMuchMemory(DigitsError):
    """A picture needs more memory than a process may take."""


class Upload(NamedTuple):
    """A picture to read, as a client has sent it.

    command: whose answer it gets.
    name: the file's.
    with_frame: whether a prediction includes the 28x28 pixels.
    query: the request's query string, for `parse_query`.
    """

    command: Literal["predict", "read"]
    name: str
    content: bytes
    with_frame: bool
    query: str = ""


class PictureResponse(NamedTuple):
    """The answer to a picture.

    status: of HTTP.
    text: JSON, or a message if the status isn't 200.
    confidences: of the symbols that were read.
    unsure: how many of these symbols are answered with `?`.
    """

    status: int
    text: str
    confidences: tuple[float, ...] = ()
    unsure: int = 0


PictureWorker = Worker[Upload, PictureResponse]


def to_array(names: Iterable[str], answers: Iterable[PictureResponse]) -> str:
    """A JSON array of the answers to several files, in which errors are objects, too."""
    items = (
        answer.text
        if answer.status == 200
        else to_json({"file": escape_name(name), "error": answer.text})
        for name, answer in zip(names, answers, strict=True)
    )
    return f"[{', '.join(items)}]"


def start_worker(classifier: Classifier, limits: Limits) -> PictureWorker:
    """Start a process that answers uploads as `answer` does."""
    make_answer = partial(_make_answer, classifier, limits.max_pixels)
    return Worker(make_answer, limits.max_picture_memory)


def _make_answer(classifier: Classifier, max_pixels: int) -> Callable[[Upload], PictureResponse]:
    _ = classifier.models.second_opinion  # its 100 MB are none of a picture's
    return partial(answer, classifier, max_pixels)


def answer(classifier: Classifier, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read a picture; the answer to an unreadable one says why.

    Raises ModelError and TooMuchMemory.
    """
    if upload.content.startswith(b"%PDF-"):
        return PictureResponse(422, "a PDF isn't read here: send a picture of each page")
    read = _read if upload.command == "read" else _predict
    try:
        return read(classifier, max_pixels, upload)
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


def _predict(classifier: Classifier, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read the one digit in a picture. Raises PictureError and ModelError."""
    prediction = classifier.predict(picture.load(upload.content, max_pixels=max_pixels))
    text = to_json(prediction.to_dict(upload.name, upload.with_frame))
    return PictureResponse(200, text, (prediction.confidence,), int(prediction.digit is None))


def _read(classifier: Classifier, max_pixels: int, upload: Upload) -> PictureResponse:
    """Read all numbers of a picture. Raises PictureError and ModelError."""
    try:
        constraints, max_errors = parse_query(upload.query)
    except ValueError as error:
        return PictureResponse(422, f"constraints: {error}")
    page = picture.load(upload.content, picture.PAGE_MAX_SIDE, max_pixels)
    reading = classifier.read(page, constraints, max_errors)
    confidences = tuple(symbol.confidence for symbol in reading.symbols)
    doubtful = [number for number in reading.numbers if number.status != "accepted"]
    unsure = sum(len(number.symbols) for number in doubtful)
    text = to_json(reading.to_dict(upload.name))
    return PictureResponse(200, text, confidences, unsure)


@lru_cache(8)  # the pictures of a visitor's camera all come with the same query
def parse_query(query: str) -> tuple[Constraints, float | None]:
    """The constraints and `max_errors` for `Classifier.read`. Raises ValueError."""
    pairs = parse_qsl(query)
    parameters = {name: PARSERS[name](text) for name, text in pairs if name in PARSERS}
    if parameters.get("digits_only", False) is None:
        raise ValueError("digits_only must be true or false")
    values, max_errors = parameters.pop("list", None), parameters.pop("max_errors", None)
    return Constraints(allowed=values, **parameters), max_errors
