"""What `digits predict` and `digits read` do with their pictures, one after the other."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digits import output, sources
from digits.classifier import Classifier
from digits.errors import DigitsError, PictureError
from digits.output import Form
from digits.system import cores
from digits.terminal import Errors, emit, interrupted, track

if TYPE_CHECKING:
    from pathlib import Path

    from digits.drawing import Strips

# Starting two workers takes a quarter of a second, in which one process reads 250 small pictures.
_WORTHWHILE = 500


@dataclass(frozen=True)
class Answer:
    """What comes of one picture. text: lines for stdout, without the last one's end."""

    text: str
    error: DigitsError | None = None


@dataclass(frozen=True)
class Predict:
    """Reads the one digit of a picture. Can be pickled, for worker processes."""

    classifier: Classifier
    form: Form
    named: bool
    strips: "Strips | None" = None

    def __call__(self, file: str) -> Answer:
        try:
            source = sources.opened(file)
            prediction = self.classifier.predict(source)
        except PictureError as error:
            return Answer("", error)
        if self.strips:
            self.strips.save(file, source, prediction)
        noted = PictureError(f"{file}: {prediction.note}") if prediction.note else None
        return Answer(output.prediction(file, prediction, self.form, self.named), noted)


@dataclass(frozen=True)
class Read:
    """Reads all the digits of a picture. Can be pickled, for worker processes."""

    classifier: Classifier
    form: Form
    named: bool
    annotate: "Path | None" = None

    def __call__(self, file: str) -> Answer:
        try:
            source = sources.opened(file)
            reading = self.classifier.read(source)
        except PictureError as error:
            return Answer("", error)
        if self.annotate:
            from digits import drawing

            drawing.save(self.annotate, drawing.annotated(source, reading.digits))
        return Answer(output.reading(file, reading, self.form, self.named))


def write(
    work: Callable[[str], Answer], files: Sequence[str], errors: Errors, jobs: int | None = None
) -> None:
    """Write the answers in the order of the files; one that can't be read costs a line on stderr.

    jobs: how many processes; by default one for each core where that is faster. Ends the process
    with 1 after an error, and with 130 at Ctrl-C.
    """
    try:
        for answer in track(_answers(work, files, jobs), len(files), "reading"):
            if answer.text:
                emit(answer.text)
            if answer.error:
                errors.report(answer.error)
    except KeyboardInterrupt:
        interrupted()
    errors.exit_if_any()


def _answers(
    work: Callable[[str], Answer], files: Sequence[str], jobs: int | None
) -> Iterable[Answer]:
    if jobs is None:
        jobs = cores() if len(files) >= _WORTHWHILE else 1
    if jobs == 1 or sources.STDIN in files:
        return map(work, files)
    from digits import workers

    return workers.each(work, files, jobs)
