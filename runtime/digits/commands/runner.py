"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.commands import inputs
from digits.commands.inputs import Inputs
from digits.errors import DigitsError, Interrupted, ModelError, PictureError
from digits.formats import Format
from digits.prediction import Prediction, Reading
from digits.system import cpu_count, too_many_files
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.constraints.constraints import Constraints
    from digits.formats import Answer
    from digits.forms.form import Form
    from digits.images.picture import Source

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500
_CHUNK = 16  # digits that share a run of the network


class ClassifierOptions(NamedTuple):
    """The arguments of a Classifier that another process opens."""

    model: Path | str | None = None
    threshold: float | None = None
    detector: Path | None = None
    recognizer: Path | None = None
    threads: int = 1

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The detector and the recognizer."""
        return self.detector, self.recognizer

    def open(self, reads_numbers: bool) -> "Classifier":
        """Raises ModelError if a network that it needs, or the chosen detector, can't be used."""
        from digits.classifier import Classifier
        from digits.inference.model_file import is_chosen

        classifier = Classifier(**self._asdict())
        # They fail now, not at the first picture, or the first doubtful one of a thousand.
        if reads_numbers:
            _ = classifier.networks
        elif self.detector or is_chosen("detector"):
            _ = classifier.detector
        return classifier


def network_options(
    models: Sequence[Path] | None = None, reads_numbers: bool = True
) -> ClassifierOptions:
    """The arguments of a Classifier that uses all cores.

    models: files, at most one of each kind: a detector, and a recognizer to read numbers or else a
    classifier. Raises ModelError if they are others.
    """
    from digits.inference.metadata import AnyMetadata
    from digits.inference.model_file import load

    chosen: dict[str, Path] = {}
    for path in models or ():
        kind = load(path, AnyMetadata, sha256="").metadata.task
        if kind == "classifier" and reads_numbers:
            raise ModelError(f"{path} is a classifier: it reads pictures of one digit, not numbers")
        if kind == "recognizer" and not reads_numbers:
            raise ModelError(f"{path} is a recognizer: it reads numbers, not pictures of one digit")
        if kind in chosen:
            raise ModelError(f"{chosen[kind]} and {path} are both a {kind}: name one of each kind")
        chosen[kind] = path
    model, detector, recognizer = map(chosen.get, ("classifier", "detector", "recognizer"))
    return ClassifierOptions(model, None, detector, recognizer, cpu_count())


class Task(NamedTuple):
    """What to read in pictures: the digit in each, all numbers, or the fields of a form.

    kind: Prediction, Reading, or the form. constraints, max_errors: as for `Classifier.read`.
    drawing: a folder for what was considered for each digit, or a file for the only picture, with
    boxes.
    """

    networks: ClassifierOptions = ClassifierOptions()
    kind: "type[Prediction] | type[Reading] | Form" = Prediction
    constraints: "Constraints | None" = None
    max_errors: float | None = None
    drawing: Path | None = None

    def ask(self, classifier: "Classifier", source: "Source") -> "Answer":
        """Raises PictureError if the picture can't be opened."""
        if self.kind is Prediction:
            return classifier.predict(source)
        if isinstance(self.kind, type):
            return classifier.read(source, self.constraints, self.max_errors)
        return classifier.read_fields(source, self.kind, self.max_errors)


Result = tuple[str, DigitsError | None]  # the lines of a picture, and what is wrong with it


def run(task: Task, given: Inputs, form: Format, jobs: int | None, output: Path | None) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`. output: a file that gets the results instead, as CSV or JSON;
    pictures with a result there aren't read. Exits with 1 after an error. Raises ModelError if the
    model can't be used, DigitsError if a result can't be written, and Interrupted after Ctrl-C.
    """
    files: Sequence[str] = given.files
    write: Callable[[str], object] = print_result
    columns = form.columns(task.kind)
    header = form.header(columns)
    try:
        with ExitStack() as stack:
            if output:
                from digits.commands.results import ResultsFile

                earlier = ResultsFile(output, columns, form, redo="not found")
                stack.enter_context(closing(earlier))
                files = [file for file in files if hash((_name(form, file),)) not in earlier.done]
                if done := len(given.files) - len(files):
                    total = len(given.files)
                    print_stderr(f"skipping {done} of {total} pictures: {output} has them")
                write, header = earlier.append, ""
            processes = process_count(files, jobs)
            if processes > 1:
                task = task._replace(networks=task.networks._replace(threads=1))
            start = partial(_start, task, form, given.show_name)
            size = _CHUNK if task.kind is Prediction else 1
            chunks = [files[first : first + size] for first in range(0, len(files), size)]
            results = stack.enter_context(_results(start, chunks, processes))
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


def _name(form: Format, file: str) -> str:
    """The name in a result; none for stdin, which is always read."""
    return "" if file == inputs.STDIN else form.name(file)


@contextmanager
def _results(
    start: Callable[[], Callable[[Sequence[str]], list[Result]]],
    chunks: Sequence[Sequence[str]],
    processes: int,
) -> Iterator[Iterable[Result]]:
    if processes == 1:
        yield chain.from_iterable(map(start(), chunks)) if chunks else ()
    else:
        from digits.processes import parallel_map

        with closing(parallel_map(start, chunks, processes, _worker_died)) as results:
            yield results


def _start(task: Task, form: Format, show_name: bool) -> Callable[[Sequence[str]], list[Result]]:
    """Open the model; return what goes on after a picture that can't be read."""
    gc.disable()  # the libraries make 50,000 objects, none of which is garbage
    try:
        classifier, numbers = task.networks.open(task.kind is not Prediction), count(1)
    finally:
        gc.freeze()
        gc.enable()
    is_plain = task.kind is Prediction and not task.drawing

    def result(file: str) -> Result:
        try:
            answer = _answer(task, classifier, file, next(numbers))
        except PictureError as error:
            if reason := too_many_files(error):
                raise DigitsError(reason) from error
            return "", error
        return format_answer(file, answer)

    def format_answer(file: str, answer: "Answer") -> Result:
        is_read = getattr(answer, "numbers", ())  # then a sheet's note is but a remark
        noted = PictureError(f"{file}: {answer.note}") if answer.note and not is_read else None
        return form.lines(file, answer, show_name), noted

    def results(files: Sequence[str]) -> list[Result]:
        if is_plain and len(files) > 1 and inputs.STDIN not in files:
            with suppress(PictureError):  # one of them can't be read
                return [*map(format_answer, files, classifier.predict_batch(files))]
        return [*map(result, files)]

    return results


def _answer(task: Task, classifier: "Classifier", file: str, number: int) -> "Answer":
    """Read a picture, and draw it if that is asked for. number: of the picture."""
    source: Source = inputs.read_source(file)
    if task.drawing:
        from digits.images import picture

        max_side = picture.SHEET_MAX_SIDE
        if isinstance(task.kind, type):
            is_digit = task.kind is Prediction
            max_side = picture.DIGIT_MAX_SIDE if is_digit else picture.PAGE_MAX_SIDE
        source = picture.load(source, max_side)
    answer = task.ask(classifier, source)
    if isinstance(answer, Reading) and not answer.lines:
        raise PictureError(f"{file}: no digits found")
    if task.drawing:
        from digits import drawing
        from digits.classifier import examine

        if not isinstance(answer, Prediction):
            drawing.save(task.drawing, drawing.annotate(source, answer.numbers))
        else:
            [examined] = examine(classifier, [picture.load(source)])
            name = f"{number}-{os.path.basename(file)[:50]}.png"  # of at most 255 bytes
            drawing.save(task.drawing / name, drawing.debug_strip(examined, answer))
    return answer


def _worker_died(file: str) -> Result:
    return "", PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
