"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from digits.commands.inputs import STDIN, Inputs, to_source
from digits.commands.tasks import Task
from digits.errors import DigitsError, Interrupted, PictureError
from digits.formats import Format
from digits.system import cpu_count
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.formats import Answer

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500

Result = tuple[str, DigitsError | None]  # the lines of a picture, and why it has no answer


def run(
    task: Task, inputs: Inputs, output_format: Format, jobs: int | None, output: Path | None
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `process_count`.
    output: a file that gets the results instead, as CSV or JSON; pictures with a result there
        aren't read.

    Exits with 1 after an error. Raises ModelError if a network can't be used, DigitsError if a
    result can't be written, and Interrupted after Ctrl-C.
    """
    files: Sequence[str] = inputs.files
    write: Callable[[str], object] = print_result
    columns = task.columns if output_format.is_table else task.keys
    header = output_format.header(columns)
    try:
        with ExitStack() as stack:
            if output:
                from digits.commands.results import ResultsFile

                results_file = ResultsFile(output, columns, output_format, redo_status="not found")
                stack.enter_context(closing(results_file))
                done_hashes = results_file.done_hashes
                files = [
                    file for file in files if _done_hash(output_format, file) not in done_hashes
                ]
                total = len(inputs.files)
                if len(files) < total:
                    skipped = f"{total - len(files)} of {total} pictures"
                    print_stderr(f"skipping {skipped}: {output} has them")
                write, header = results_file.append, ""
            processes = process_count(files, jobs)
            if processes > 1:
                task = replace(task, classifier_options=task.classifier_options._replace(threads=1))
            start = partial(_start, task, output_format, inputs.show_name)
            starts = range(0, len(files), task.batch)
            batches = [files[first : first + task.batch] for first in starts]
            results = stack.enter_context(_results(start, batches, processes))
            if header:
                write(header)
            for lines, error in track(results, len(files), "reading", printed=not output):
                if lines:
                    write(lines)
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


def _done_hash(output_format: Format, file: str) -> int:
    """What `ResultsFile.done_hashes` has for a file; never for stdin, which is always read."""
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
    """Open the networks; return what reads a batch, and goes on after an unreadable picture."""
    gc.disable()  # the libraries make 50,000 objects, none of which is garbage
    try:
        return _BatchReader(task, output_format, show_name, task.open()).read
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True)
class _BatchReader:
    task: Task
    output_format: Format
    show_name: bool
    classifier: "Classifier"
    drawing_numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def read(self, files: Sequence[str]) -> list[Result]:
        """Read a batch of pictures, at once if all of them can be read."""
        if len(files) > 1 and not self.task.drawing_path and STDIN not in files:
            with suppress(PictureError):
                answers = self.task.ask(self.classifier, files)
                return [*map(self._result, files, answers)]
        return [*map(self._read_file, files)]

    def _read_file(self, file: str) -> Result:
        try:
            source, number = to_source(file), next(self.drawing_numbers)
            if not self.task.drawing_path:
                [answer] = self.task.ask(self.classifier, [source])
                return self._result(file, answer)
            page = self.task.load(source)
            [answer] = self.task.ask(self.classifier, [page])
            if self.task.writes_empty_answers or not self.task.why_empty(answer):
                name = f"{number}-{os.path.basename(file)[:50]}"
                self.task.draw(self.classifier, page, answer, name)
            return self._result(file, answer)
        except PictureError as error:
            return "", error

    def _result(self, file: str, answer: "Answer") -> Result:
        reason = self.task.why_empty(answer)
        error = PictureError(f"{file}: {reason}") if reason else None
        if error and not self.task.writes_empty_answers:
            return "", error
        return self.output_format.lines(file, answer, self.show_name), error


def _worker_died(file: str) -> Result:
    return "", PictureError(f"{file}: a process died reading it; fewer --jobs need less memory")
