"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from digits.commands import inputs
from digits.commands.inputs import Inputs
from digits.errors import DigitsError, Interrupted, ModelError, PictureError
from digits.formats import Format
from digits.prediction import Prediction, Reading
from digits.system import cpu_count, too_many_files, variable
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from pathlib import Path

    from digits.classifier import Classifier
    from digits.commands.results import ResultsFile
    from digits.constraints.constraints import Constraints

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500


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
    """Read the one digit of each picture. debug: folder for debug strips."""

    options: ClassifierOptions = ClassifierOptions()
    debug: "Path | None" = None

    @property
    def kind(self) -> type[Prediction]:
        """The type of the answers."""
        return Prediction

    def start(self) -> Callable[[str], Prediction]:
        """Open the model; return what answers. Raises ModelError if it can't be used."""
        classifier = self.options.open()
        # Imported late, so that a first process that only starts others is small and fast.
        from digits.images import picture
        from digits.vision.candidates import examine

        numbers = count(1)

        def answer(file: str) -> Prediction:
            [examined] = examine(classifier, [picture.load(inputs.read_source(file))])
            prediction = examined.prediction(classifier.threshold)
            if self.debug:
                from digits.commands import drawing

                name = drawing.strip_name(next(numbers), file)
                drawing.save(self.debug / name, drawing.debug_strip(examined, prediction))
            return prediction

        return answer


class Read(NamedTuple):
    """Read all symbols of each picture.

    constraints, max_errors: see `Classifier.read`. annotate: file for the one picture with boxes.
    """

    options: ClassifierOptions = ClassifierOptions()
    constraints: "Constraints | None" = None
    max_errors: float | None = None
    annotate: "Path | None" = None

    @property
    def kind(self) -> type[Reading]:
        """The type of the answers."""
        return Reading

    def start(self) -> Callable[[str], Reading]:
        """Open the models; return what answers. Raises ModelError if one can't be used."""
        classifier = self.options.open()

        def answer(file: str) -> Reading:
            source = inputs.read_source(file)
            reading = classifier.read(source, self.constraints, self.max_errors)
            if not reading.lines:
                raise PictureError(f"{file}: no digits found")
            if self.annotate:
                from digits.commands import drawing

                drawing.save(self.annotate, drawing.annotate(source, reading.numbers))
            return reading

        return answer


Task = Predict | Read
Result = tuple[str, DigitsError | None]  # the lines of a picture, and what is wrong with it


def run(
    task: Task,
    given: Inputs,
    form: Format,
    jobs: int | None = None,
    output: "Path | None" = None,
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`. output: a file that gets the results instead, in a file format;
    pictures with a result there aren't read. Exits with 1 after an error. Raises ModelError if the
    model can't be used, DigitsError if a result can't be written, and Interrupted after Ctrl-C.
    """
    files: Sequence[str] = given.files
    write: Callable[[str], object] = print_result
    columns = form.columns(task.kind)
    header = form.header(columns)
    with ExitStack() as stack:
        if output:
            from digits.commands.results import ResultsFile

            results_file = stack.enter_context(closing(ResultsFile(output, columns, form)))
            files = _without_result(files, form, results_file)
            write, header = results_file.append, ""
        try:
            jobs = process_count(files, jobs)
            results = _results(task, form, given.show_name, files, jobs, stack)
            if header:
                write(header)
            for text, error in track(results, len(files), "reading", printed=not output):
                if text:
                    write(text)
                if error:
                    given.errors.report(error)
        except KeyboardInterrupt:  # of which Typer would make "Aborted!"
            raise Interrupted("stopped") from None
    given.errors.exit_if_any()


def process_count(files: Sequence[str], jobs: int | None) -> int:
    """How many processes read these files: by default one per core if that is faster."""
    if len(files) < 2 or inputs.STDIN in files:
        return 1
    return jobs or (cpu_count() if len(files) >= _MIN_FILES_FOR_WORKERS else 1)


def _without_result(files: Sequence[str], form: Format, results: "ResultsFile") -> Sequence[str]:
    """The files that have no result there yet."""
    names = {file: "" if file == inputs.STDIN else form.name(file) for file in files}
    left = [file for file in files if hash((names[file],)) not in results.done]
    if len(left) < len(files):
        done = len(files) - len(left)
        print_stderr(f"skipping {done} of {len(files)} pictures: {results.path} has them")
    return left


def _results(
    task: Task, form: Format, show_name: bool, files: Sequence[str], jobs: int, stack: ExitStack
) -> Iterable[Result]:
    """stack: on whose exit the processes end."""
    if not files:
        return ()
    if jobs == 1:
        return map(_start(task, form, show_name), files)
    from digits.processes import parallel_map

    task = task._replace(options=task.options._replace(threads=1))
    start = partial(_start, task, form, show_name)
    return stack.enter_context(closing(parallel_map(start, files, jobs, _worker_died)))


def _start(task: Task, form: Format, show_name: bool) -> Callable[[str], Result]:
    """Start a task that goes on after a picture that can't be read."""
    read = task.start()

    def answer(file: str) -> Result:
        try:
            answer = read(file)
        except PictureError as error:
            if reason := too_many_files(error):
                raise DigitsError(reason) from error
            return "", error
        noted = PictureError(f"{file}: {answer.note}") if answer.note else None
        return form.lines(file, answer, show_name), noted

    return answer


def _worker_died(file: str) -> Result:
    return "", PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
