"""Run `digits predict` or `digits read` on its pictures, in one process or several."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.commands.drawings import Drawings
from digits.commands.inputs import STDIN, Inputs, stamp_of, to_source
from digits.commands.tasks import Task
from digits.errors import DigitsError, Interrupted, PictureError
from digits.formats import IDENTITY, Format, Stamp
from digits.images.formats import is_pdf, split_page
from digits.system import cpu_count
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from digits.classifier import Classifier
    from digits.commands.results import ResultsFile
    from digits.formats import Answer

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500
_REDO = "not_found", "unreadable"  # sheets with these reasons are read again


class Result(NamedTuple):
    """What was read in a picture.

    lines: in the format of the output, or empty.
    error: why there is no answer.
    drawing: of the answer, as a file's content, or empty.
    """

    lines: str
    error: DigitsError | None
    drawing: bytes = b""


def run(
    task: Task,
    inputs: Inputs,
    output_format: Format,
    jobs: int | None,
    output: Path | None,
    drawings: Drawings | None,
) -> None:
    """Print the results in the order of the files, and an error for each that can't be read.

    jobs: see `worker_count`.
    output: a file that gets the results instead, as CSV or JSON; pictures with a result there
        aren't read, but to draw them.
    drawings: where a drawing of each answer goes.

    Exits with 1 after an error. Raises ModelError if a network can't be used, DigitsError if a
    result can't be written, and Interrupted after Ctrl-C.
    """
    files: Sequence[str] = inputs.files
    done = set[str]()
    write: Callable[[str], object] = print_result
    columns = task.columns if output_format.is_table else task.keys
    header = output_format.header(columns)
    try:
        with ExitStack() as stack:
            if drawings:
                task = replace(task, drawing_format=drawings.format)
                stack.callback(drawings.save)  # after an interruption, too
            if output:
                from digits.commands.results import ResultsFile

                columns = *IDENTITY, *columns[1:]
                results_file = ResultsFile(
                    output, columns, output_format, len(IDENTITY), _REDO, task.checksum
                )
                stack.enter_context(closing(results_file))
                done = _find_done(files, results_file, output_format)
                if not drawings:  # else each is drawn, so that none is missing there
                    files = [file for file in files if file not in done]
                write, header = results_file.append, ""
            workers = worker_count(files, jobs)
            formatter = _ResultFormatter(task, output_format, inputs.show_name, bool(output))
            starts = range(0, len(files), task.batch)
            batches = [files[first : first + task.batch] for first in starts]
            results = stack.enter_context(_results(formatter, batches, workers))
            if header:
                write(header)
            tracked = track(results, len(files), "reading", printed=not output)
            for file, result in zip(files, tracked, strict=True):
                if result.lines and file not in done:
                    write(result.lines)
                if result.error:
                    inputs.errors.report(result.error)
                if drawings:
                    drawings.add(file, result.drawing, result.error)
    except KeyboardInterrupt:  # of which Typer would make "Aborted!"
        raise Interrupted("stopped") from None
    inputs.errors.exit_if_any()


def worker_count(files: Sequence[str], jobs: int | None) -> int:
    """How many other processes read these files: by default one per core if that is faster.

    0: this one reads them. A PDF, which may crash its reader, is left to others.
    """
    if STDIN in files:
        return 0
    has_pdf = any(map(is_pdf, files))
    is_slow = has_pdf or len(files) >= _MIN_FILES_FOR_WORKERS
    count = min(jobs or (cpu_count() if is_slow else 1), len(files))
    return count if count > 1 or has_pdf else 0


def _find_done(
    files: Sequence[str], results_file: "ResultsFile", output_format: Format
) -> set[str]:
    """The files, other than stdin, that have a result; says how many."""
    done = set[str]()
    for file in files:
        identity = output_format.name(file), *map(str, stamp_of(file))
        if file != STDIN and hash(identity) in results_file.done_hashes:
            done.add(file)
    if count := sum(file in done for file in files):
        skipped = f"{count} of {len(files)} pictures"
        print_stderr(f"skipping {skipped}: {results_file.path} has them")
    return done


@contextmanager
def _results(
    formatter: "_ResultFormatter", batches: Sequence[Sequence[str]], workers: int
) -> Iterator[Iterable[Result]]:
    start = partial(_start, formatter, threads=1 if workers > 1 else None)
    if not workers:
        yield chain.from_iterable(map(start(), batches)) if batches else ()
    else:
        from digits.processes import parallel_map

        limits: tuple[int, float] | tuple[()] = ()
        if any(is_pdf(file) for batch in batches for file in batch):
            from digits.images.documents import MEMORY_LIMIT, TIMEOUT

            limits = MEMORY_LIMIT, TIMEOUT
        on_death = formatter.format_death
        with closing(parallel_map(start, batches, workers, on_death, *limits)) as results:
            yield results


def _start(
    formatter: "_ResultFormatter", threads: int | None
) -> Callable[[Sequence[str]], list[Result]]:
    """Open the networks; return what reads a batch, and goes on after an unreadable picture."""
    gc.disable()  # the libraries make 50,000 objects, none of which is garbage
    try:
        return _BatchReader(formatter, formatter.task.open(threads)).read
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True)
class _ResultFormatter:
    task: Task
    output_format: Format
    show_name: bool
    has_stamps: bool

    def stamp(self, file: str) -> Stamp:
        """What tells a file from others of its name, if that is written."""
        return stamp_of(file) if self.has_stamps else ()

    def format_answer(
        self, file: str, stamp: Stamp, answer: "Answer", drawing: bytes = b""
    ) -> Result:
        """stamp: from before the file was read, as another one may have taken its place since."""
        reason = self.task.why_empty(answer)
        error = PictureError(f"{file}: {reason}") if reason else None
        if error and not self.task.writes_empty_answers:
            return Result("", error)
        lines = self.output_format.lines(file, answer, self.show_name, stamp)
        return Result(lines, error, drawing)

    def format_error(self, file: str, error: DigitsError) -> Result:
        if self.task.writes_unreadable and os.path.isfile(split_page(file).file):
            answer = self.task.unreadable(str(error))
            return self.format_answer(file, self.stamp(file), answer)._replace(error=error)
        return Result("", error)

    def format_death(self, file: str) -> Result:
        message = "the process that read it died, or took too long; fewer --jobs need less memory"
        return self.format_error(file, PictureError(f"{file}: {message}"))


@dataclass(frozen=True)
class _BatchReader:
    formatter: _ResultFormatter
    classifier: "Classifier"

    def read(self, files: Sequence[str]) -> list[Result]:
        """Read a batch of pictures, at once if all of them can be read."""
        task = self.formatter.task
        if len(files) > 1 and not task.drawing_format and STDIN not in files:
            with suppress(PictureError):
                stamps = [*map(self.formatter.stamp, files)]
                answers = task.ask(self.classifier, files)
                return [*map(self.formatter.format_answer, files, stamps, answers)]
        return [*map(self._read_file, files)]

    def _read_file(self, file: str) -> Result:
        task, stamp = self.formatter.task, self.formatter.stamp(file)
        try:
            if not task.drawing_format:
                [answer] = task.ask(self.classifier, [to_source(file)])
                return self.formatter.format_answer(file, stamp, answer)
            page = task.load(to_source(file))
            [answer] = task.ask(self.classifier, [page])
            drawing = task.draw(self.classifier, page, answer)
            return self.formatter.format_answer(file, stamp, answer, drawing)
        except PictureError as error:
            return self.formatter.format_error(file, error)
