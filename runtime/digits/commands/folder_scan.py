"""The pictures in a folder, looked for by a thread.

A disk that has gone may keep whoever looks at it waiting for ever: then it keeps the thread.
"""

import os
import stat
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import NamedTuple

from digits.text import csv_name
from digits.vision.formats import SUFFIXES

_CHUNK = 256  # pictures that are handed over at a time
_AHEAD = 4  # chunks that wait to be taken: what isn't taken yet isn't looked for yet


class FileStamp(NamedTuple):
    """A file as it was when it was looked at.

    name: below the folder. modified: nanoseconds since 1970. size: bytes.
    """

    name: str
    modified: int
    size: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """As in the results: what tells it from other files."""
        return csv_name(self.name), _utc(self.modified), str(self.size)


def stamp(folder: str, name: str) -> FileStamp | None:
    """The file as it is now; None when it is gone, or no regular file."""
    try:
        status = os.stat(os.path.join(folder, name))
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(name, status.st_mtime_ns, status.st_size)


class FolderScan:
    """One look at a folder, which begins at once.

    recursive: with the folders in it, but for links to folders. skip: paths not to be touched.
    Hidden files are left out: rsync and others write them, and rename them when they are whole.
    """

    def __init__(self, folder: str, recursive: bool, skip: Collection[str] = ()) -> None:
        self.error: OSError | None = None  # why the folder itself can't be looked at
        self.closed: dict[str, OSError] = {}  # folders in it that can't be
        self.seconds = 0.0  # of the processor, in the end
        self._folder, self._recursive, self._skip = folder, recursive, skip
        self._found: Queue[list[FileStamp]] = Queue(_AHEAD)
        self._path, self._since = folder, time.monotonic()
        self._given_up = False
        self._thread = threading.Thread(target=self._scan_folder, daemon=True)
        self._thread.start()

    def take(self) -> list[FileStamp]:
        """Some of the pictures that were found, or none."""
        with suppress(Empty):
            return self._found.get_nowait()
        return []

    @property
    def is_alive(self) -> bool:
        """Whether its thread hasn't ended."""
        if self._given_up:  # nobody else makes room for what it has found
            self.take()
        return self._thread.is_alive()

    @property
    def finished(self) -> bool:
        """Whether all were looked for, and taken."""
        return not self.is_alive and self._found.empty()

    def waiting_at(self, seconds: float) -> str | None:
        """The path for which the system hasn't had an answer for so long."""
        late = self.is_alive and not self._found.full() and time.monotonic() - self._since > seconds
        return self._path if late else None

    def give_up(self) -> None:
        """End as soon as the system answers."""
        self._given_up = True

    def _scan_folder(self) -> None:
        try:
            chunk: list[FileStamp] = []
            for found in self._pictures():
                chunk.append(found)
                if len(chunk) == _CHUNK:
                    self._found.put(chunk)
                    chunk = []
            if chunk:
                self._found.put(chunk)
        except OSError as error:
            self.error = error
        self.seconds = time.thread_time()

    def _pictures(self) -> Iterator[FileStamp]:
        folders = [self._folder]
        while folders:
            folder = folders.pop()
            try:
                for entry in self._entries(folder):
                    if entry.is_dir(follow_symlinks=False):
                        if self._recursive:
                            folders.append(entry.path)
                    elif found := self._picture(entry.path):
                        yield found
            except OSError as error:  # one folder in the folder costs no other its pictures
                if folder == self._folder:
                    raise
                self.closed[folder] = error

    def _entries(self, folder: str) -> Iterator["os.DirEntry[str]"]:
        self._path, self._since = folder, time.monotonic()
        with os.scandir(folder) as entries:
            for entry in entries:
                if self._given_up:
                    return
                if not entry.name.startswith(".") and entry.path not in self._skip:
                    yield entry
                    self._path = folder
                self._since = time.monotonic()

    def _picture(self, path: str) -> FileStamp | None:
        if os.path.splitext(path)[1].lower() not in SUFFIXES:
            return None
        self._path = path
        return stamp(self._folder, path.removeprefix(os.path.join(self._folder, "")))


def _utc(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z"
    except (OverflowError, OSError, ValueError):  # no year that the C library knows
        return f"{nanoseconds} ns"
