"""Run `digits predict` or `digits read`: on its pictures, or on those that arrive in a folder."""

import gc
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from digits.commands.drawings import DrawingWriter
from digits.commands.inputs import STDIN, Inputs, stamp_of, to_source
from digits.commands.modes import Mode
from digits.commands.options import OutputOptions
from digits.commands.output import Result, ResultFormatter, ResultWriter
from digits.errors import Interrupted, PictureError
from digits.formats import IDENTITY, Stamp
from digits.images.formats import is_pdf, split_page
from digits.system import cpu_count
from digits.terminal import print_result, print_stderr, track

if TYPE_CHECKING:
    from digits.commands.results import ResultsFile
    from digits.images.picture import Source
    from digits.recognize import Reader

# Two workers take 0.25 s to start; one process reads 250 small pictures in that time.
_MIN_FILES_FOR_WORKERS = 500


def run(
    mode: Mode,
    inputs: Inputs,
    output: OutputOptions,
    jobs: int | None,
    drawings: DrawingWriter | None,
) -> None:
    """Write the results in the order of the files, and an error for each that can't be read.

    inputs: files, or a folder that is watched until SIGTERM or Ctrl-C.
    output: if it names a file, pictures with an answer there aren't read, but to draw them.
    jobs: see `worker_count`.
    drawings: where a drawing of each answer goes.

    Exits with 1 after an error, but not of a watched folder. Raises ModelError if a network can't
    be used, DigitsError if a result can't be written, and Interrupted after Ctrl-C.
    """
    file_format, printed_format = output.choose_format(), output.choose_printed()
    if drawings:
        mode = replace(mode, drawing_format=drawings.format)
    formatter = ResultFormatter(mode, file_format, printed_format, inputs.show_name)
    try:
        with ExitStack() as stack:
            file = _open_results(formatter, output)
            if file:
                stack.enter_context(closing(file))
            writer = ResultWriter(file, drawings, inputs.errors)
            if printed_format and printed_format.is_table:
                print_result(printed_format.header(mode.columns))
            if inputs.inbox:
                _watch(formatter, inputs, writer)
                return
            if drawings:
                stack.callback(drawings.save)
            _read_files(formatter, inputs, writer, jobs)
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


def _open_results(formatter: ResultFormatter, output: OutputOptions) -> "ResultsFile | None":
    """Open the file of results, if there is one, with the stamp behind each picture's name."""
    file_format, mode = formatter.file_format, formatter.mode
    if not (output.output and file_format):
        return None
    from digits.commands.results import ResultsFile

    columns = mode.columns if file_format.is_table else mode.keys
    columns = *IDENTITY, *columns[1:]
    return ResultsFile(output.output, columns, file_format, len(IDENTITY), mode.checksum)


def _read_files(
    formatter: ResultFormatter, inputs: Inputs, writer: ResultWriter, jobs: int | None
) -> None:
    """Read the files that have no answer yet, in this process or several."""
    files, mode = inputs.files, formatter.mode
    named = [file for file in files if file != STDIN] if formatter.file_format else []
    done = {file for file in named if writer.has_answer(file, stamp_of(file))}
    failed = {file for file in named if writer.has_failure(file, stamp_of(file))}
    if done:
        count = sum(file in done for file in files)
        print_stderr(f"skipping {count} of {len(files)} pictures, which have results")
    if not mode.drawing_format:  # else each is drawn, so that none is missing there
        files = [file for file in files if file not in done]
    starts = range(0, len(files), mode.batch)
    batches = [files[first : first + mode.batch] for first in starts]
    with _results(formatter, batches, worker_count(files, jobs)) as results:
        has_output = formatter.printed_format or not formatter.file_format
        tracked = track(results, len(files), "reading", has_output=bool(has_output))
        for file, result in zip(files, tracked, strict=True):
            has_row = file in done or (file in failed and result.error is not None)
            writer.add([file], [result], has_row)


def _watch(formatter: ResultFormatter, inputs: Inputs, writer: ResultWriter) -> None:
    """Read what is in the folder and what arrives there, until SIGTERM or Ctrl-C."""
    from digits.commands.watcher import FolderWatcher  # a plain `digits predict` must start fast

    folder = inputs.inbox
    start = partial(start_reading, formatter, folder=folder)
    watcher = FolderWatcher(folder, inputs.recursive, start, formatter.format_death, writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watcher.stop())
    print_stderr(f"watching {folder}")
    watcher.run()


@contextmanager
def _results(
    formatter: ResultFormatter, batches: Sequence[Sequence[str]], workers: int
) -> Iterator[Iterable[Result]]:
    start = partial(start_reading, formatter, threads=1 if workers > 1 else None)
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


def start_reading(
    formatter: ResultFormatter, threads: int | None = None, folder: str = ""
) -> Callable[[Sequence[str]], list[Result]]:
    """Open the networks; return what reads a batch, and goes on after an unreadable picture."""
    gc.disable()  # the libraries make 50,000 objects, none of which is garbage
    try:
        return _BatchReader(formatter, formatter.mode.open(threads), folder).read
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True)
class _BatchReader:
    """Reads pictures. folder: a watched one that they are in, or empty."""

    formatter: ResultFormatter
    reader: "Reader"
    folder: str = ""

    def read(self, files: Sequence[str]) -> list[Result]:
        """Read a batch of pictures, at once if all of them can be read."""
        mode = self.formatter.mode
        if len(files) > 1 and not mode.drawing_format and STDIN not in files:
            with suppress(PictureError):
                stamps = [*map(self._stamp, files)]
                answers = mode.ask(self.reader, files)
                return [*map(self.formatter.format_answer, files, stamps, answers)]
        return [*map(self._read_file, files)]

    def _read_file(self, file: str) -> Result:
        mode, stamp = self.formatter.mode, self._stamp(file)
        try:
            with self._open(file) as source:
                if not mode.drawing_format:
                    [answer] = mode.ask(self.reader, [source])
                    return self.formatter.format_answer(file, stamp, answer)
                page = mode.load(source)
                [answer] = mode.ask(self.reader, [page])
                drawing = mode.draw(self.reader, page, answer)
                return self.formatter.format_answer(file, stamp, answer, drawing)
        except PictureError as error:
            return self.formatter.format_error(file, error)

    def _stamp(self, file: str) -> Stamp:
        """What a file of results says of the picture."""
        return stamp_of(file) if self.formatter.file_format else ()

    @contextmanager
    def _open(self, file: str) -> "Iterator[Source]":
        if not self.folder:
            yield to_source(file)
            return
        from digits.commands.inbox import open_picture
        from digits.images.picture import Page

        name, page = split_page(file)
        with open_picture(self.folder, name) as source:
            yield Page(source, page) if page else source
