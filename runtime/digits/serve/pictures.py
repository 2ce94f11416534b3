"""What the server's processes do: answer as `digits predict --json` and `digits read --json`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from digits.classifier import Classifier
from digits.errors import PictureError
from digits.images import picture
from digits.processes import Worker
from digits.serve.limits import Limits
from digits.text import to_json

ALONE = 0  # the status of a picture that must be read without others

_SHARED_PIXELS = 1_000_000  # larger ones take long to decode, so they share no batch


class Upload(NamedTuple):
    """A request for a picture. frame: whether a prediction includes the 28x28 pixels."""

    command: Literal["predict", "read"]
    name: str
    content: bytes
    frame: bool


class Answer(NamedTuple):
    """An HTTP status with JSON, or with a message if it isn't 200.

    confidences: of the symbols that were read. unsure: how many of them are answered with `?`.
    """

    status: int
    text: str
    confidences: tuple[float, ...] = ()
    unsure: int = 0


PictureWorker = Worker[Sequence[Upload], list[Answer]]


def start_worker(classifier: Classifier, limits: Limits) -> PictureWorker:
    """Start a process that answers uploads as `answer` does."""
    start = partial(_answering, classifier, limits.max_pixels)
    return Worker(start, limits.max_picture_memory)


def _answering(
    classifier: Classifier, max_pixels: int
) -> Callable[[Sequence[Upload]], list[Answer]]:
    return partial(answer, classifier, max_pixels)


def answer(classifier: Classifier, max_pixels: int, uploads: Sequence[Upload]) -> list[Answer]:
    """Read pictures; single digits share one run of the network.

    Raises ModelError. The answer to an unreadable picture says why.
    """
    answers: dict[int, Answer] = {}
    opened: dict[int, picture.GreyImage] = {}
    for number, upload in enumerate(uploads):
        try:
            refusal = _too_large(upload.content, max_pixels, len(uploads) > 1)
            if refusal:
                answers[number] = refusal
            elif upload.command == "read":
                answers[number] = _read(classifier, upload)
            else:
                opened[number] = picture.load(upload.content)
        except PictureError as error:
            answers[number] = Answer(422, str(error))
    examined = classifier.examine_pictures(list(opened.values()))
    for number, one in zip(opened, examined, strict=True):
        prediction, upload = classifier.prediction(one), uploads[number]
        values = prediction.to_dict(upload.name, upload.frame)
        unsure = int(prediction.digit is None)
        answers[number] = Answer(200, to_json(values), (prediction.confidence,), unsure)
    return [answers[number] for number in range(len(uploads))]


def _too_large(content: bytes, max_pixels: int, shared: bool) -> Answer | None:
    width, height = picture.peek_size(content)
    if width * height > max_pixels:
        message = f"at most {max_pixels:,} pixels are read, not {width} x {height}"
        return Answer(413, message)
    return Answer(ALONE, "") if shared and width * height > _SHARED_PIXELS else None


def _read(classifier: Classifier, upload: Upload) -> Answer:
    reading = classifier.read(upload.content)
    confidences = tuple(symbol.confidence for symbol in reading.symbols)
    unsure = sum(symbol.symbol is None for symbol in reading.symbols)
    return Answer(200, to_json(reading.to_dict(upload.name)), confidences, unsure)
