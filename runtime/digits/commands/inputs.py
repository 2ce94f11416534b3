"""Find and open the input pictures: files, folders, patterns, and `-` for stdin."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from digits.errors import PictureError
from digits.images.formats import SUFFIXES
from digits.terminal import ErrorReporter

STDIN = "-"
MAX_STDIN = 512 << 20  # bytes; the largest readable picture has 400 MB
_BLOCK = 1 << 16  # bytes; the first block tells whether it is a picture

_WILDCARDS = frozenset("*?[")

OnError = Callable[[PictureError], None]


class Inputs(NamedTuple):
    """The files, whether results need their names, and the reporter of the errors so far."""

    files: list[str]
    show_name: bool
    errors: ErrorReporter


def resolve(arguments: Sequence[str], recursive: bool) -> Inputs:
    """Find the files of a command. recursive: as in `expand_paths`."""
    errors = ErrorReporter()
    files = expand_paths(arguments, recursive, errors.report)
    return Inputs(files, len(files) != 1 or files != list(arguments), errors)


def expand_paths(arguments: Sequence[str], recursive: bool, on_error: OnError) -> list[str]:
    """Expand arguments to pictures, in their order, sorted by name within a folder.

    recursive: whether to include subfolders. on_error: called for each path that can't be read,
    and each folder or pattern without pictures.
    """
    files: list[str] = []
    for argument in arguments:
        try:
            files += _expand(argument, recursive, on_error)
        except PictureError as error:
            on_error(error)
    return files


def read_source(file: str) -> str | bytes:
    """Return the file name, or the bytes of stdin for `-`.

    Raises PictureError if stdin is not a picture, or too large.
    """
    if file != STDIN:
        return file
    if sys.stdin is None:
        raise PictureError("can't read a picture from stdin: it is closed")
    from digits.images.decoder import identify_format  # Pillow is slow to import

    data = io.BytesIO()
    try:
        while part := sys.stdin.buffer.read(_BLOCK):
            if not data.tell():
                identify_format("stdin", part)
            data.write(part)
            if data.tell() > MAX_STDIN:
                raise PictureError(f"stdin is larger than {MAX_STDIN >> 20} MB")
    except OSError as error:
        raise PictureError(f"can't read a picture from stdin: {error.strerror}") from error
    if not data.tell():
        raise PictureError("can't read a picture from stdin: it is empty")
    return data.getvalue()


def _expand(argument: str, recursive: bool, on_error: OnError) -> list[str]:
    if not argument:
        raise PictureError("'' is not a file name")
    if argument == STDIN:
        return [argument]
    if os.path.isdir(argument):
        paths = walk(argument, recursive, on_error)
        files = sorted(path for path, is_folder in paths if not is_folder and is_picture(path))
        if not files:
            deeper = "" if recursive else " (-r includes subfolders)"
            raise PictureError(f"no pictures in {argument}{deeper}")
        return files
    if not os.path.lexists(argument) and _WILDCARDS.intersection(argument):
        return _glob(argument)
    return [argument]


def _glob(pattern: str) -> list[str]:
    from glob import iglob  # a plain `digits predict` must start fast

    try:
        files = [path for path in iglob(pattern) if not os.path.isdir(path)]
    except RecursionError as error:  # for each *
        raise PictureError("the pattern is too complex") from error
    if not files:
        raise PictureError(f"no file matches {pattern}")
    return sorted(files)


def is_picture(path: str) -> bool:
    """Whether the file's name is that of a picture."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def walk(
    top: str, recursive: bool, on_error: OnError, hidden: bool = True
) -> Iterator[tuple[str, bool]]:
    """Yield paths and whether they are folders: `top`, then what is in it.

    recursive: whether to include subfolders, but not links to folders. hidden: whether to include
    what begins with a dot. os.walk is recursive before Python 3.12, and fails a thousand folders
    deep.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        yield folder, True
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if entry.name.startswith(".") and not hidden:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [path] * recursive
                    elif not (entry.is_symlink() and os.path.isdir(path)):
                        yield path, False
        except OSError as error:
            refused = PictureError(f"can't open {folder}: {error.strerror}")
            refused.__cause__ = error
            on_error(refused)
