"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from digits.commands import inputs
from digits.errors import DigitsError, Interrupted, ModelError, PictureError
from digits.system import cpu_count, too_many_files, variable
from digits.terminal import ErrorReporter, print_result, print_stderr, track

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from digits.classifier import Classifier
    from digits.commands.results import ResultsFile
    from digits.constraints.constraints import Constraints
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
    threshold: float | None = None
    sha256: str | None = None
    reader: "Path | None" = None
    threads: int = 1

    @property
    def files(self) -> "tuple[Path | str | None, Path | None]":
        """The model and the reader."""
        return self.model, self.reader

    def open(self) -> "Classifier":
        """Raises ModelError if the model, or a reader that somebody chose, can't be used."""
        from digits.classifier import Classifier
        from digits.inference.model_file import READER_SHA256_VARIABLE, READER_VARIABLE

        classifier = Classifier(**self._asdict())
        chosen = variable(READER_VARIABLE) or variable(READER_SHA256_VARIABLE)
        if self.reader or chosen:
            _ = classifier.reader  # fails now, not at the first doubtful picture of a thousand
        return classifier


def reader_options(models: "Sequence[Path] | None" = None) -> ClassifierOptions:
    """The arguments of a Classifier that reads pages, with all cores.

    models: files of a reader, a classifier or one of each. Raises ModelError if they aren't.
    """
    from digits.inference.metadata import Task, read_task
    from digits.inference.model_file import read_file

    chosen: dict[Task, Path] = {}
    for path in models or ():
        task = read_task(read_file(path).content, str(path))
        if task in chosen:
            raise ModelError(f"{chosen[task]} and {path} are both a {task}: name one of each kind")
        chosen[task] = path
    model, reader = chosen.get("classifier"), chosen.get("reader")
    return ClassifierOptions(model, reader=reader, threads=cpu_count())


class Predict(NamedTuple):
    """Read the one digit of each picture, in this process or another one.

    debug: folder for debug strips.
    """

    format: "Format"
    show_name: bool
    options: ClassifierOptions = ClassifierOptions()
    debug: "Path | None" = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV, or the keys of each JSON object."""
        from digits.prediction import PREDICTION_COLUMNS, Prediction

        blank = Prediction(None, 0, (), (0, 0, 0, 0))
        return PREDICTION_COLUMNS if self.format == "csv" else tuple(blank.to_dict(""))

    def start(self) -> AnswerFn:
        """Open the model. Raises ModelError if it can't be used."""
        classifier = self.options.open()
        # Imported late, so that a first process that only starts others is small and fast.
        from digits.images import picture
        from digits.vision.candidates import examine

        save = _saver(self.debug)

        def answer(file: str) -> Result:
            [examined] = examine(classifier, [picture.load(inputs.read_source(file))])
            prediction = examined.prediction(classifier.threshold)
            if save:
                from digits.commands.drawing import debug_strip

                save(file, debug_strip(examined, prediction))
            note = prediction.note
            error = PictureError(f"{file}: {note}") if note else None
            return Result(prediction.format(file, self.format, self.show_name), error)

        return answer


class Read(NamedTuple):
    """Read all symbols of each picture.

    constraints, max_errors: see `Classifier.read`. annotate: file for the one picture with boxes.
    """

    format: "Format"
    show_name: bool
    options: ClassifierOptions = ClassifierOptions()
    constraints: "Constraints | None" = None
    max_errors: float | None = None
    annotate: "Path | None" = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the CSV, or the keys of each JSON object."""
        from digits.prediction import NUMBER_COLUMNS, Reading

        return NUMBER_COLUMNS if self.format == "csv" else tuple(Reading(()).to_dict(""))

    def start(self) -> AnswerFn:
        """Open the model. Raises ModelError if it can't be used."""
        classifier = self.options.open()

        def answer(file: str) -> Result:
            source = inputs.read_source(file)
            reading = classifier.read(source, self.constraints, self.max_errors)
            if not reading.lines:
                raise PictureError(f"{file}: no digits found")
            if self.annotate:
                from digits.commands import drawing

                drawing.save(self.annotate, drawing.annotate(source, reading.numbers))
            return Result(reading.format(file, self.format, self.show_name))

        return answer


Task = Predict | Read


def _saver(folder: "Path | None") -> "Callable[[str, Image.Image], None] | None":
    """What saves the drawings of pictures in a folder, if there is one."""
    if folder is None:
        return None
    from digits.commands.drawing import DebugWriter

    return DebugWriter(folder).save


def _start(task: Task) -> AnswerFn:
    """Start a task that goes on after a picture that can't be read."""
    read = task.start()

    def answer(file: str) -> Result:
        try:
            return read(file)
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
    output: "Path | None" = None,
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`. output: a file that gets the results instead, as CSV or JSON lines;
    pictures with a result there aren't read. Exits with 1 after an error. Raises ModelError if the
    model can't be used, DigitsError if a result can't be written, and Interrupted after Ctrl-C.
    """
    write: Callable[[str], object] = print_result
    header = ",".join(task.columns) if task.format == "csv" else ""
    with ExitStack() as stack:
        if output:
            results_file, files = _continue(task, files, output)
            stack.callback(results_file.close)
            write, header = results_file.append, ""
        try:
            results = _results(task, files, process_count(files, jobs), stack)
            if header:
                write(header)
            for result in track(results, len(files), "reading", printed=not output):
                if result.text:
                    write(result.text)
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


def _results(task: Task, files: Sequence[str], jobs: int, stack: ExitStack) -> Iterable[Result]:
    """stack: on whose exit the processes end."""
    if not files:
        return ()
    if jobs == 1:
        return map(_start(task), files)
    from digits.processes import parallel_map

    task = task._replace(options=task.options._replace(threads=1))
    results = parallel_map(partial(_start, task), files, jobs, _worker_died)
    return stack.enter_context(closing(results))


def _worker_died(file: str) -> Result:
    error = PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
    return Result("", error)


def _continue(
    task: Task, files: Sequence[str], output: "Path"
) -> tuple["ResultsFile", Sequence[str]]:
    """Open the results, and find the files that have none there yet."""
    from digits.commands.results import ResultsFile
    from digits.text import csv_name, escape_name

    as_json = task.format == "json"
    keys = [(escape_name(file) if as_json else csv_name(file),) for file in files]
    incomplete = set(keys) if isinstance(task, Read) and not as_json else ()
    results = ResultsFile(output, task.columns, as_json, incomplete=incomplete)
    left = [
        file
        for file, key in zip(files, keys, strict=True)
        if file == inputs.STDIN or hash(key) not in results.done
    ]
    if len(left) < len(files):
        done = len(files) - len(left)
        print_stderr(f"skipping {done} of {len(files)} pictures: {output} has them")
    return results, left
