"""Which pictures a command line means: files, folders, patterns, and `-` for standard input."""

import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from digits.errors import PictureError
from digits.terminal import ErrorReporter
from digits.vision.formats import SUFFIXES

STDIN = "-"
_MAX_STDIN = 512 << 20  # bytes; a picture of as many pixels as are read takes at most 400 MB
_PART = 1 << 16  # bytes; the first of them tell whether it is a picture

_MAGIC = frozenset("*?[")  # what makes a pattern of a name

Report = Callable[[PictureError], None]


def chosen(arguments: Sequence[str], recursive: bool) -> tuple[list[str], bool, ErrorReporter]:
    """The files that are meant, whether the answers need their names, and what was wrong so far."""
    errors = ErrorReporter()
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
    return found


def stands_for_one(arguments: Sequence[str], files: Sequence[str]) -> bool:
    """Whether the answer needs no name beside it: one picture was named, and not by a folder."""
    return len(files) == 1 and list(files) == list(arguments)


def opened(file: str) -> str | bytes:
    """The file, or what comes from standard input.

    Raises PictureError when that is no picture, or too long.
    """
    if file != STDIN:
        return file
    if sys.stdin is None:
        raise PictureError("can't read a picture from stdin: it is closed")
    from digits.vision.decoder import identify_format  # here, because Pillow takes its time

    data = io.BytesIO()
    try:
        while part := sys.stdin.buffer.read(_PART):
            if not data.tell():
                identify_format("stdin", part)
            data.write(part)
            if data.tell() > _MAX_STDIN:
                raise PictureError(f"what comes from stdin is longer than {_MAX_STDIN >> 20} MB")
    except OSError as error:
        raise PictureError(f"can't read a picture from stdin: {error.strerror}") from error
    if not data.tell():
        raise PictureError("can't read a picture from stdin: it is empty")
    return data.getvalue()


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
    try:
        found = {path for path in _expanded(pattern, "") if not os.path.isdir(path)}
    except RecursionError as error:  # in glob, whose * is one call each
        raise PictureError("a pattern has more parts than can be looked for") from error
    if not found:
        raise PictureError(f"no file matches {pattern}")
    return sorted(found)


def _expanded(pattern: str, folder: str) -> Iterator[str]:
    """What a pattern stands for in a folder. ** is folders at any depth, but no links to folders.

    glob's own ** is a function that calls itself, and goes round where links lead back.
    """
    import glob  # here, because a plain `digits predict` must start fast

    deep = re.fullmatch(r"(|.*?/)\*\*(?:/+\*\*)*(?:/+(.*))?", pattern, re.DOTALL)
    if not deep:
        for path in glob.iglob(pattern, root_dir=folder or None):
            yield os.path.join(folder, path)
        return
    start, rest = deep.groups()
    for top in _expanded(start, folder) if start else [folder]:
        for below, _ in _walked(top, True, lambda error: None):
            if "/." not in f"/{below[len(top) :]}":  # nor does * match what is hidden
                yield from _expanded(rest or "*", below)


def _in_folder(folder: str, recursive: bool, report: Report) -> Iterator[str]:
    for _, paths in _walked(folder, recursive, report):
        for path in paths:
            if os.path.splitext(path)[1].lower() in SUFFIXES:
                yield path


def _walked(top: str, recursive: bool, report: Report) -> Iterator[tuple[str, list[str]]]:
    """Each folder, and the paths of what isn't one in it. Links to folders aren't followed.

    os.walk calls itself before Python 3.12, and so can't go a thousand folders deep.
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
            report(refused)
        yield folder, paths
