"""Find and open the input pictures: files, folders, patterns, and `-` for stdin."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from digits.errors import PictureError, reporting
from digits.images.formats import DOCUMENT_SUFFIXES, SUFFIXES, split_page
from digits.terminal import ErrorReporter

STDIN = "-"

OnError = Callable[[PictureError], None]


class Inputs(NamedTuple):
    """The input pictures.

    files: their names; of each page of a document, `scan.pdf#3`.
    show_name: whether people need the names beside the results.
    errors: has reported what can't be found.
    inbox: the folder that is watched instead, or empty. recursive: see `walk`.
    """

    files: list[str]
    show_name: bool
    errors: ErrorReporter
    inbox: str = ""
    recursive: bool = False


def resolve(arguments: Sequence[str], recursive: bool) -> Inputs:
    """Find the pictures that the arguments name, in their order. recursive: see `walk`."""
    files, errors = list[str](), ErrorReporter()
    for argument in arguments:
        try:
            files += expand(argument, recursive, errors.report)
        except PictureError as error:
            errors.report(error)
    if any(file.lower().endswith(DOCUMENT_SUFFIXES) for file in files):
        from digits.images.documents import split_pages  # a plain `digits predict` must start fast

        files = split_pages(files)
    return Inputs(files, len(files) != 1 or files != list(arguments), errors)


def to_source(file: str) -> str | bytes:
    """Return the file name as it is, but for `-` the bytes of stdin.

    Raises PictureError if stdin can't be read or is too large.
    """
    if file != STDIN:
        return file
    if sys.stdin is None:
        raise PictureError("can't read a picture from stdin: it is closed")
    from digits.images.decoder import read_all  # Pillow is slow to import

    with reporting("read a picture from stdin", PictureError):
        return read_all("stdin", sys.stdin.buffer)


def stamp_of(file: str) -> tuple[str | None, int | None]:
    """When a picture's file was modified, and its size; both None for stdin, or without a file."""
    try:
        status = os.stat("" if file == STDIN else split_page(file).file)
    except (OSError, ValueError):
        return None, None
    return to_utc(status.st_mtime_ns), status.st_size


def to_utc(nanoseconds: int) -> str:
    """Format nanoseconds since 1970."""
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
    except (OverflowError, OSError, ValueError):  # a year that the C library can't handle
        return f"{nanoseconds} ns"


def expand(argument: str, recursive: bool, on_error: OnError) -> list[str]:
    """List the pictures of a file, folder or pattern, sorted by name.

    recursive, on_error: see `walk`.

    Raises PictureError if there are none.
    """
    if not argument:
        raise PictureError("'' is not a file name")
    if argument == STDIN:
        return [argument]
    if os.path.isdir(argument):
        files = sorted(walk(argument, recursive, on_error))
        if not files:
            deeper = "" if recursive else " (-r includes subfolders)"
            raise PictureError(f"no pictures in {argument}{deeper}")
        return files
    if os.path.lexists(argument) or not {*"*?["} & {*argument}:
        return [argument]
    from glob import glob  # a plain `digits predict` must start fast

    try:
        files = sorted(path for path in glob(argument) if not os.path.isdir(path))
    except RecursionError as error:  # for each *
        raise PictureError("the pattern is too complex") from error
    if not files:
        raise PictureError(f"no file matches {argument}")
    return files


def walk(top: str, recursive: bool, on_error: OnError, hidden: bool = True) -> Iterator[str]:
    """Yield the pictures in a folder.

    recursive: whether to include subfolders, but not links to folders.
    on_error: called for each folder that can't be read.
    hidden: whether to include what begins with a dot.
    """
    # os.walk is recursive before Python 3.12, and fails a thousand folders deep.
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if entry.name.startswith(".") and not hidden:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if recursive:
                            folders.append(path)
                    elif os.path.splitext(path)[1].lower() in SUFFIXES and not (
                        entry.is_symlink() and os.path.isdir(path)
                    ):
                        yield path
        except OSError as error:
            unreadable = PictureError(f"can't open {folder}: {error.strerror}")
            unreadable.__cause__ = error
            on_error(unreadable)
