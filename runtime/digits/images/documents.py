"""The pages of PDF and TIFF files, such as a scanner makes of a stack of paper.

A foreign PDF may crash its renderer, or take all memory. So the command line opens it in a process
of its own, or in one of the workers that read pictures.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial

from digits.errors import PictureError
from digits.images import picture
from digits.images.formats import DOCUMENT_SUFFIXES, is_pdf, page_names
from digits.images.picture import GreyImage
from digits.processes import Worker, WorkerDied, parallel_map
from digits.terminal import track

MEMORY_LIMIT = 1 << 30  # bytes for one page
TIMEOUT = 60.0  # seconds for one page


def split_pages(files: Sequence[str], in_worker: bool = False) -> list[str]:
    """Name each page of a document: `scan.pdf#1` and so on; see `page_names`.

    in_worker: whether another process opens documents that are no PDF, too.
    """
    documents = [file for file in files if file.lower().endswith(DOCUMENT_SUFFIXES)]
    counts: Iterator[int] = map(_count_pages, documents)
    if documents and in_worker or any(map(is_pdf, documents)):
        chunks = [[file] for file in documents]
        counts = parallel_map(_start_counting, chunks, 1, lambda _: 0, MEMORY_LIMIT, TIMEOUT)
    tracked = track(counts, len(documents), "counting pages", has_output=False)
    page_counts = dict(zip(documents, tracked, strict=True))
    return [name for file in files for name in page_names(file, page_counts.get(file, 1))]


def load(name: str, max_side: int) -> GreyImage:
    """Load a picture or a page as `picture.load` does, but a PDF's in a process of its own.

    max_side: pixels that the longer side may have. Raises PictureError.
    """
    if not is_pdf(name):
        return picture.load(name, max_side)
    with closing(Worker(partial(_start_loading, max_side), MEMORY_LIMIT)) as worker:
        try:
            return worker.ask(name, TIMEOUT)
        except (WorkerDied, TimeoutError) as error:
            raise PictureError(f"{name}: the process that read it died or took too long") from error


def _start_loading(max_side: int) -> Callable[[str], GreyImage]:
    return partial(picture.load, max_side=max_side)


def _start_counting() -> Callable[[Sequence[str]], list[int]]:
    return _count_each


def _count_each(files: Sequence[str]) -> list[int]:
    return [*map(_count_pages, files)]


def _count_pages(file: str) -> int:
    try:
        return picture.count_pages(file)
    except PictureError:  # whoever reads it says why
        return 0
