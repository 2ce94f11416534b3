"""List the pictures in a folder in a thread, which may hang on a disk that doesn't respond."""

import errno
import os
import stat
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from queue import Empty, Queue
from typing import NamedTuple

from digits.images.formats import SUFFIXES
from digits.text import csv_name

_CHUNK = 256  # pictures handed over at a time
_PREFETCH = 4  # chunks waiting to be taken; then the scan pauses


class FileStamp(NamedTuple):
    """A file's name, time and size.

    name: relative to the folder. modified: nanoseconds since 1970. size: bytes.
    """

    name: str
    modified: int
    size: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """The cells that identify it in the results."""
        return csv_name(self.name), _utc(self.modified), str(self.size)


def stamp(folder: str, name: str) -> FileStamp | None:
    """Look at the file; None if it is gone or not a regular file."""
    try:
        status = os.stat(os.path.join(folder, name))
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(name, status.st_mtime_ns, status.st_size)


class FolderScan:
    """One scan of a folder, which starts at once.

    recursive: whether to include subfolders, but not links to folders. skip: paths to leave alone.
    Hidden files are ignored: rsync and others write those first, and rename them when complete.
    """

    def __init__(self, folder: str, recursive: bool, skip: Collection[str] = ()) -> None:
        self.error: OSError | None = None  # why the folder itself can't be read
        self.closed: dict[str, OSError] = {}  # subfolders that can't be read
        self.seconds = 0.0  # of processor time, once finished
        self._folder, self._recursive, self._skip = folder, recursive, skip
        self._found: Queue[list[FileStamp]] = Queue(_PREFETCH)
        self._path, self._since = folder, time.monotonic()
        self._given_up = False
        self._thread = threading.Thread(target=self._scan_folder, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # too many processes, perhaps for a moment
            self.error = OSError(errno.EAGAIN, "can't start a thread")

    def take(self) -> list[FileStamp]:
        """Take some of the pictures found so far, or none."""
        with suppress(Empty):
            return self._found.get_nowait()
        return []

    @property
    def is_alive(self) -> bool:
        """Whether the thread is running."""
        if self._given_up:  # make room in the queue
            self.take()
        return self._thread.is_alive()

    @property
    def finished(self) -> bool:
        """Whether all pictures were found and taken."""
        return not self.is_alive and self._found.empty()

    def waiting_at(self, seconds: float) -> str | None:
        """The path that has blocked for so many seconds, if any."""
        late = self.is_alive and not self._found.full() and time.monotonic() - self._since > seconds
        return self._path if late else None

    def give_up(self) -> None:
        """End the thread as soon as it no longer blocks."""
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
            except OSError as error:  # other subfolders are still read
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
    except (OverflowError, OSError, ValueError):  # a year that the C library can't handle
        return f"{nanoseconds} ns"
