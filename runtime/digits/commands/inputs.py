"""Find and open the input pictures: files, folders, patterns, and `-` for stdin."""

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from digits.errors import PictureError
from digits.images.formats import SUFFIXES
from digits.terminal import ErrorReporter

STDIN = "-"
_MAX_STDIN = 512 << 20  # bytes; the largest readable picture has 400 MB
_BLOCK = 1 << 16  # bytes; the first block tells whether it is a picture

_WILDCARDS = frozenset("*?[")

OnError = Callable[[PictureError], None]


def resolve(arguments: Sequence[str], recursive: bool) -> tuple[list[str], bool, ErrorReporter]:
    """Return the files, whether results need their names, and the reporter of errors so far."""
    errors = ErrorReporter()
    files = expand_paths(arguments, recursive, errors.report)
    return files, not is_single_file(arguments, files), errors


def expand_paths(arguments: Sequence[str], recursive: bool, on_error: OnError) -> list[str]:
    """Expand arguments to pictures, in their order, sorted by name within a folder.

    recursive: whether to include subfolders. on_error: called for each path that can't be read,
    and each folder or pattern without pictures.
    """
    found: list[str] = []
    for argument in arguments:
        try:
            found += _expand(argument, recursive, on_error)
        except PictureError as error:
            on_error(error)
    return found


def is_single_file(arguments: Sequence[str], files: Sequence[str]) -> bool:
    """Whether the arguments name exactly one file, so that the result needs no name."""
    return len(files) == 1 and list(files) == list(arguments)


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
            if data.tell() > _MAX_STDIN:
                raise PictureError(f"stdin is larger than {_MAX_STDIN >> 20} MB")
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
        found = sorted(_scan_folder(argument, recursive, on_error))
        if not found:
            deeper = "" if recursive else " (-r includes subfolders)"
            raise PictureError(f"no pictures in {argument}{deeper}")
        return found
    if not os.path.lexists(argument) and _WILDCARDS.intersection(argument):
        return _glob(argument)
    return [argument]


def _glob(pattern: str) -> list[str]:
    try:
        found = {path for path in _expand_pattern(pattern, "") if not os.path.isdir(path)}
    except RecursionError as error:  # in glob, which recurses for each *
        raise PictureError("the pattern is too complex") from error
    if not found:
        raise PictureError(f"no file matches {pattern}")
    return sorted(found)


def _expand_pattern(pattern: str, folder: str) -> Iterator[str]:
    """Expand a pattern in a folder. ** matches folders at any depth, but no links to folders.

    glob's own ** is recursive, and follows links in circles.
    """
    import glob  # a plain `digits predict` must start fast

    deep = re.fullmatch(r"(|.*?/)\*\*(?:/+\*\*)*(?:/+(.*))?", pattern, re.DOTALL)
    if not deep:
        for path in glob.iglob(pattern, root_dir=folder or None):
            yield os.path.join(folder, path)
        return
    start, rest = deep.groups()
    for top in _expand_pattern(start, folder) if start else [folder]:
        for below, _ in _walk(top, True, lambda error: None):
            if "/." not in f"/{below[len(top) :]}":  # like *, ** skips hidden folders
                yield from _expand_pattern(rest or "*", below)


def _scan_folder(folder: str, recursive: bool, on_error: OnError) -> Iterator[str]:
    for _, paths in _walk(folder, recursive, on_error):
        for path in paths:
            if os.path.splitext(path)[1].lower() in SUFFIXES:
                yield path


def _walk(top: str, recursive: bool, on_error: OnError) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder and the paths of its files. Links to folders aren't followed.

    os.walk is recursive before Python 3.12, and fails a thousand folders deep.
    """
    waiting = [top]
    while waiting:
        folder, paths = waiting.pop(), []
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    path = os.path.join(folder, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        waiting += [path] * recursive
                    elif not (entry.is_symlink() and os.path.isdir(path)):
                        paths.append(path)
        except OSError as error:
            refused = PictureError(f"can't open {folder}: {error.strerror}")
            refused.__cause__ = error
            on_error(refused)
        yield folder, paths
