"""Which pictures a command line means: files, folders, patterns, and `-` for standard input."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence

from digits.errors import PictureError
from digits.terminal import Errors
from digits.vision.formats import SUFFIXES

STDIN = "-"
_MAX_STDIN = 512 << 20  # bytes; a picture of as many pixels as are read takes at most 400 MB

_MAGIC = frozenset("*?[")  # what makes a pattern of a name

Report = Callable[[PictureError], None]


def chosen(arguments: Sequence[str], recursive: bool) -> tuple[list[str], bool, Errors]:
    """The files that are meant, whether the answers need their names, and what was wrong so far."""
    errors = Errors()
    files = listed(arguments, recursive, errors.report)
    return files, not stands_for_one(arguments, files), errors


def listed(arguments: Sequence[str], recursive: bool, report: Report) -> list[str]:
    """The pictures that the arguments stand for, in their order; in a folder by name.

    recursive: with the folders in folders. report: called with what can't be looked at, and with
    a folder or a pattern that holds no picture.
    """
    found: list[str] = []
    for argument in arguments:
        try:
            found += _meant(argument, recursive, report)
        except PictureError as error:
            report(error)
        except OSError as error:
            report(PictureError(f"can't open {argument}: {error.strerror}"))
    return found


def stands_for_one(arguments: Sequence[str], files: Sequence[str]) -> bool:
    """Whether the answer needs no name beside it: one picture was named, and not by a folder."""
    return len(files) == 1 and list(files) == list(arguments)


def opened(file: str) -> str | bytes:
    """The file, or what comes from standard input. Raises PictureError when that is too long."""
    if file != STDIN:
        return file
    if sys.stdin is None:
        raise PictureError("can't read a picture from stdin: it is closed")
    try:
        data = sys.stdin.buffer.read(_MAX_STDIN + 1)
    except OSError as error:
        raise PictureError(f"can't read a picture from stdin: {error.strerror}") from error
    if not data:
        raise PictureError("can't read a picture from stdin: it is empty")
    if len(data) > _MAX_STDIN:
        raise PictureError(f"what comes from stdin is longer than {_MAX_STDIN >> 20} MB")
    return data


def _meant(argument: str, recursive: bool, report: Report) -> list[str]:
    if not argument:
        raise PictureError("'' is no file name")
    if argument == STDIN:
        return [argument]
    if os.path.isdir(argument):
        found = sorted(_in_folder(argument, recursive, report))
        if not found:
            deeper = "" if recursive else " (-r looks into its folders)"
            raise PictureError(f"there is no picture in {argument}{deeper}")
        return found
    if not os.path.lexists(argument) and _MAGIC.intersection(argument):
        return _matching(argument)
    return [argument]


def _matching(pattern: str) -> list[str]:
    import glob  # here, because a plain `digits predict` must start fast

    found = [path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path)]
    if not found:
        raise PictureError(f"no file matches {pattern}")
    return sorted(found)


def _in_folder(folder: str, recursive: bool, report: Report) -> Iterator[str]:
    def skip(error: OSError) -> None:
        report(PictureError(f"can't open {error.filename}: {error.strerror}"))

    for parent, folders, files in os.walk(folder, onerror=skip):
        for name in files:
            if os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.join(parent, name)
        if not recursive:
            folders.clear()
