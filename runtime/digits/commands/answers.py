"""What `digits predict` and `digits read` do with their pictures, one after the other."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from digits.commands import sources
from digits.errors import DigitsError, Interrupted, PictureError
from digits.system import cpu_count, too_many_files
from digits.terminal import ErrorReporter, print_result, track

if TYPE_CHECKING:
    from pathlib import Path

    from digits.inference.metadata import Kernels
    from digits.prediction import Format

# Starting two workers takes a quarter of a second, in which one process reads 250 small pictures.
_WORTHWHILE = 500


class Answer(NamedTuple):
    """What comes of one picture. text: lines for stdout, without the last one's end."""

    text: str
    error: DigitsError | None = None


Work = Callable[[str], Answer]


class Task(Protocol):
    """How a process answers for a picture. Can be pickled; what it takes to read is imported late.

    So the first process stays small and starts its workers at once.
    """

    def start(self) -> Work:
        """Open the model. Raises ModelError when it can't be used."""


class Predict(NamedTuple):
    """Reads the one digit of each picture.

    debug: folder for debug strips. sha256: see Model. explain: file for the drawing of what the
    network makes of the one picture.
    """

    form: "Format"
    named: bool
    model: "Path | None" = None
    kernels: "Kernels | None" = None
    reject: bool = True
    debug: "Path | None" = None
    sha256: str | None = None
    explain: "Path | None" = None

    def start(self) -> Work:
        from digits.classifier import Classifier

        classifier = Classifier(
            self.model, kernels=self.kernels, reject=self.reject, sha256=self.sha256
        )
        writer = None
        if self.debug:
            from digits.commands.drawing import DebugWriter

            writer = DebugWriter(self.debug)

        def answer(file: str) -> Answer:
            [examined] = classifier.examine([sources.opened(file)])
            prediction = classifier.prediction(examined)
            if writer:
                writer.save(file, examined, prediction)
            note = prediction.note
            if self.explain and examined.hypotheses:
                from digits.commands import drawing, explanation

                drawing.save(self.explain, explanation.draw(classifier, examined, prediction))
            elif self.explain:
                note += f"; {self.explain} isn't drawn"
            noted = PictureError(f"{file}: {note}") if note else None
            return Answer(prediction.format(file, self.form, self.named), noted)

        return answer


class Read(NamedTuple):
    """Reads all the digits of each picture. annotate: file for the one picture with boxes."""

    form: "Format"
    named: bool
    model: "Path | None" = None
    kernels: "Kernels | None" = None
    reject: bool = True
    annotate: "Path | None" = None
    sha256: str | None = None

    def start(self) -> Work:
        from digits.classifier import Classifier

        classifier = Classifier(
            self.model, kernels=self.kernels, reject=self.reject, sha256=self.sha256
        )

        def answer(file: str) -> Answer:
            source = sources.opened(file)
            reading = classifier.read(source)
            if self.annotate:
                from digits.commands import drawing

                drawing.save(self.annotate, drawing.annotated(source, reading.digits))
            return Answer(reading.format(file, self.form, self.named))

        return answer


class _Tolerant(NamedTuple):
    """A task that a picture which can't be read doesn't end."""

    task: Task

    def start(self) -> Work:
        work = self.task.start()

        def answer(file: str) -> Answer:
            try:
                return work(file)
            except PictureError as error:
                if reason := too_many_files(error):
                    raise DigitsError(reason) from error
                return Answer("", error)

        return answer


def write(
    task: Task,
    files: Sequence[str],
    errors: ErrorReporter,
    jobs: int | None = None,
    header: str = "",
) -> None:
    """Write the answers in the order of the files; one that can't be read costs a line on stderr.

    jobs: how many processes; by default one for each core where that is faster. header: what comes
    before the first answer. Ends the process with 1 after an error. Raises ModelError when the
    model can't be used, and Interrupted at Ctrl-C.
    """
    try:
        answers = _answers(_Tolerant(task).start, files, jobs)
        if header:
            print_result(header)
        for answer in track(answers, len(files), "reading"):
            if answer.text:
                print_result(answer.text)
            if answer.error:
                errors.report(answer.error)
    except KeyboardInterrupt:
        raise Interrupted("stopped") from None
    errors.exit_if_any()


def _answers(start: Callable[[], Work], files: Sequence[str], jobs: int | None) -> Iterable[Answer]:
    if jobs is None:
        jobs = cpu_count() if len(files) >= _WORTHWHILE else 1
    if jobs == 1 or sources.STDIN in files:
        return map(start(), files)
    from digits.commands import workers

    return workers.each(start, files, jobs, _died)


def _died(file: str) -> Answer:
    return Answer(
        "", PictureError(f"{file}: a process died while it read it; fewer --jobs need less memory")
    )
