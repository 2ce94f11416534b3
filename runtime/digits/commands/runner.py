"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from digits.commands import inputs
from digits.errors import DigitsError, Interrupted, PictureError
from digits.system import cpu_count, too_many_files, variable
from digits.terminal import ErrorReporter, print_result, track

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from digits.classifier import Classifier
    from digits.inference.metadata import Kernels
    from digits.prediction import Format

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500


class Result(NamedTuple):
    """The result of one picture. text: lines for stdout, without the last line end."""

    text: str
    error: DigitsError | None = None


AnswerFn = Callable[[str], Result]


class ClassifierOptions(NamedTuple):
    """The arguments of a Classifier that another process opens."""

    model: "Path | str | None" = None
    kernels: "Kernels | None" = None
    reject: bool = True
    sha256: str | None = None
    reader: "Path | None" = None
    reader_sha256: str | None = None
    threads: int = 1

    def open(self) -> "Classifier":
        """Raises ModelError if the model, or a reader that somebody chose, can't be used."""
        from digits.classifier import Classifier
        from digits.inference.model_file import READER_SHA256_VARIABLE, READER_VARIABLE

        classifier = Classifier(**self._asdict())
        chosen = variable(READER_VARIABLE) or variable(READER_SHA256_VARIABLE)
        if self.reader or self.reader_sha256 or chosen:
            _ = classifier.reader  # fails now, not at the first doubtful picture of a thousand
        return classifier


def reader_options(
    reader: "Path | None", sha256: str | None, reject: bool = True, jobs: int = 1
) -> ClassifierOptions:
    """The arguments of a Classifier that only reads pages.

    sha256: of the reader. jobs: how many processes share the cores.
    """
    from digits.inference.model_file import BUNDLED

    # Whatever $DIGITS_MODEL names and is pinned to isn't used, so it may be unusable.
    threads = cpu_count() if jobs == 1 else 1
    return ClassifierOptions(BUNDLED, None, reject, "", reader, sha256, threads)


class Task(Protocol):
    """What a process does with a picture. Picklable.

    It imports what it needs late, so that the first process is small and starts workers at once.
    """

    def start(self) -> AnswerFn:
        """Open the model. Raises ModelError if it can't be used."""


class Predict(NamedTuple):
    """Read the one digit of each picture.

    debug: folder for debug strips. explain: file for a drawing of the feature maps of the one
    picture.
    """

    format: "Format"
    show_name: bool
    options: ClassifierOptions = ClassifierOptions()
    debug: "Path | None" = None
    explain: "Path | None" = None

    def start(self) -> AnswerFn:
        classifier = self.options.open()
        save = _saver(self.debug)

        def answer(file: str) -> Result:
            [examined] = classifier.examine([inputs.read_source(file)])
            prediction = classifier.prediction(examined)
            if save:
                from digits.commands.drawing import debug_strip

                save(file, debug_strip(examined, prediction))
            note = prediction.note
            if self.explain and examined.hypotheses:
                from digits.commands import drawing, explanation

                drawing.save(self.explain, explanation.draw(classifier, examined, prediction))
            elif self.explain:
                note += f"; {self.explain} is not drawn"
            error = PictureError(f"{file}: {note}") if note else None
            return Result(prediction.format(file, self.format, self.show_name), error)

        return answer


class Read(NamedTuple):
    """Read all symbols of each picture.

    digits_only: whether to leave out signs. annotate: file for the one picture with boxes. debug:
    folder for drawings of what the reader saw.
    """

    format: "Format"
    show_name: bool
    options: ClassifierOptions = ClassifierOptions()
    digits_only: bool = False
    annotate: "Path | None" = None
    debug: "Path | None" = None

    def start(self) -> AnswerFn:
        classifier = self.options.open()
        save = _saver(self.debug)

        def answer(file: str) -> Result:
            source = inputs.read_source(file)
            if save:
                from digits.commands import page_debug
                from digits.images import picture

                loaded = picture.load(source, picture.PAGE_MAX_SIDE)
                reader = classifier.reader
                seen = page_debug.examine(loaded, reader.maps)
                least = reader.metadata.rejection_threshold if self.options.reject else 0.0
                save(file, page_debug.draw(seen, least))  # even if there are no digits
                reading = classifier.reading(loaded, seen.found)
            else:
                reading = classifier.read(source)
            if not reading.lines:
                raise PictureError(f"{file}: no digits found")
            if self.digits_only:
                reading = reading.digits_only()
            if self.annotate:
                from digits.commands import drawing

                drawing.save(self.annotate, drawing.annotate(source, reading.symbols))
            return Result(reading.format(file, self.format, self.show_name))

        return answer


def _saver(folder: "Path | None") -> "Callable[[str, Image.Image], None] | None":
    """What saves the drawings of pictures in a folder, if there is one."""
    if folder is None:
        return None
    from digits.commands.drawing import DebugWriter

    return DebugWriter(folder).save


class _SkipBadImages(NamedTuple):
    """A task that goes on after a picture that can't be read."""

    task: Task

    def start(self) -> AnswerFn:
        answer_one = self.task.start()

        def answer(file: str) -> Result:
            try:
                return answer_one(file)
            except PictureError as error:
                if reason := too_many_files(error):
                    raise DigitsError(reason) from error
                return Result("", error)

        return answer


def run(
    task: Task,
    files: Sequence[str],
    errors: ErrorReporter,
    jobs: int | None = None,
    header: str = "",
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`. header: printed before
    the first result. Exits with 1 after an error. Raises ModelError if the model can't be used,
    and Interrupted after Ctrl-C.
    """
    try:
        results = _results(_SkipBadImages(task).start, files, process_count(files, jobs))
        if header:
            print_result(header)
        for result in track(results, len(files), "reading"):
            if result.text:
                print_result(result.text)
            if result.error:
                errors.report(result.error)
    except KeyboardInterrupt:  # of which Typer would make "Aborted!"
        raise Interrupted("stopped") from None
    errors.exit_if_any()


def process_count(files: Sequence[str], jobs: int | None) -> int:
    """How many processes read these files: by default one per core if that is faster."""
    if len(files) < 2 or inputs.STDIN in files:
        return 1
    return jobs or (cpu_count() if len(files) >= _MIN_FILES_FOR_WORKERS else 1)


def _results(start: Callable[[], AnswerFn], files: Sequence[str], jobs: int) -> Iterable[Result]:
    if jobs == 1:
        return map(start(), files)
    from digits.commands import workers

    return workers.parallel_map(start, files, jobs, _worker_died)


def _worker_died(file: str) -> Result:
    error = PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
    return Result("", error)
