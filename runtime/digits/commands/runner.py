"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from digits.commands.inputs import STDIN, Inputs, read_source
from digits.commands.tasks import Task
from digits.errors import DigitsError, Interrupted, PictureError
from digits.formats import Format
from digits.system import cpu_count, too_many_files
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.formats import Answer
    from digits.images.picture import GreyImage

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500

Result = tuple[str, DigitsError | None]  # the lines of a picture, and what is wrong with it


def run(
    task: Task, inputs: Inputs, output_format: Format, jobs: int | None, output: Path | None
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`. output: a file that gets the results instead, as CSV or JSON;
    pictures with a result there aren't read. Exits with 1 after an error. Raises ModelError if the
    model can't be used, DigitsError if a result can't be written, and Interrupted after Ctrl-C.
    """
    files: Sequence[str] = inputs.files
    write: Callable[[str], object] = print_result
    columns = task.columns if output_format.is_table else task.keys
    header = output_format.header(columns)
    try:
        with ExitStack() as stack:
            if output:
                from digits.commands.results import ResultsFile

                earlier = ResultsFile(output, columns, output_format, redo="not found")
                stack.enter_context(closing(earlier))
                files = [file for file in files if _key(output_format, file) not in earlier.done]
                if done := len(inputs.files) - len(files):
                    total = len(inputs.files)
                    print_stderr(f"skipping {done} of {total} pictures: {output} has them")
                write, header = earlier.append, ""
            processes = process_count(files, jobs)
            if processes > 1:
                task = replace(task, networks=task.networks._replace(threads=1))
            start = partial(_start, task, output_format, inputs.show_name)
            starts = range(0, len(files), task.batch)
            batches = [files[first : first + task.batch] for first in starts]
            results = stack.enter_context(_results(start, batches, processes))
            if header:
                write(header)
            for text, error in track(results, len(files), "reading", printed=not output):
                if text:
                    write(text)
                if error:
                    inputs.errors.report(error)
    except KeyboardInterrupt:  # of which Typer would make "Aborted!"
        raise Interrupted("stopped") from None
    inputs.errors.exit_if_any()


def process_count(files: Sequence[str], jobs: int | None) -> int:
    """How many processes read these files: by default one per core if that is faster."""
    if len(files) < 2 or STDIN in files:
        return 1
    return jobs or (cpu_count() if len(files) >= _MIN_FILES_FOR_WORKERS else 1)


def _key(output_format: Format, file: str) -> int:
    """As in `ResultsFile.done`; of no name for stdin, which is always read."""
    return hash(("" if file == STDIN else output_format.name(file),))


@contextmanager
def _results(
    start: Callable[[], Callable[[Sequence[str]], list[Result]]],
    batches: Sequence[Sequence[str]],
    processes: int,
) -> Iterator[Iterable[Result]]:
    if processes == 1:
        yield chain.from_iterable(map(start(), batches)) if batches else ()
    else:
        from digits.processes import parallel_map

        with closing(parallel_map(start, batches, processes, _worker_died)) as results:
            yield results


def _start(
    task: Task, output_format: Format, show_name: bool
) -> Callable[[Sequence[str]], list[Result]]:
    """Open the model; return what goes on after a picture that can't be read."""
    gc.disable()  # the libraries make 50,000 objects, none of which is garbage
    try:
        return _Reader(task, task.open(), output_format, show_name).read_all
    finally:
        gc.freeze()
        gc.enable()


class _Reader:
    def __init__(
        self, task: Task, classifier: "Classifier", output_format: Format, show_name: bool
    ) -> None:
        self._task, self._classifier = task, classifier
        self._format, self._show_name = output_format, show_name
        self._numbers = count(1)  # of drawings

    def read_all(self, files: Sequence[str]) -> list[Result]:
        """Read a batch of pictures."""
        if len(files) > 1 and not self._task.drawing and STDIN not in files:
            with suppress(PictureError):  # one of them can't be read
                return [*map(self._result, files, self._task.ask(self._classifier, files))]
        return [*map(self._read, files)]

    def _read(self, file: str) -> Result:
        try:
            source, number = read_source(file), next(self._numbers)
            if self._task.drawing:
                name = f"{number}-{os.path.basename(file)[:50]}"
                return self._result(file, self._draw(self._task.load(source), name))
            return self._result(file, *self._task.ask(self._classifier, [source]))
        except PictureError as error:
            if reason := too_many_files(error):
                raise DigitsError(reason) from error
            return "", error

    def _draw(self, page: "GreyImage", name: str) -> "Answer":
        [answer] = self._task.ask(self._classifier, [page])
        if self._task.writes_failures or not self._task.failure(answer):
            self._task.draw(self._classifier, page, answer, name)
        return answer

    def _result(self, file: str, answer: "Answer") -> Result:
        failure = self._task.failure(answer)
        error = PictureError(f"{file}: {failure}") if failure else None
        if error and not self._task.writes_failures:
            return "", error
        return self._format.lines(file, answer, self._show_name), error


def _worker_died(file: str) -> Result:
    return "", PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
