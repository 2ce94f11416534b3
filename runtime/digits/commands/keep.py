"""The folder where `digits watch` keeps the pictures that somebody should look at."""

import csv
import os
import shutil
from filecmp import cmp
from pathlib import Path

from digits.commands.folder_scan import FileStamp, scan, stamp
from digits.commands.results import ResultsFile
from digits.errors import DigitsError
from digits.files import atomic_write, remove, remove_stale_temps, write_text
from digits.terminal import print_stderr
from digits.text import csv_row, unescape_name


class KeepFolder:
    """Copies of pictures in `source`, and their rows in review.csv; the oldest copies make room.

    What has no row isn't ours, and stays. Raises DigitsError if the folder can't be written.
    """

    def __init__(self, folder: Path, source: str, columns: tuple[str, ...], max_bytes: int) -> None:
        self._folder, self._source, self._max_bytes = folder, source, max_bytes
        if not folder.exists():
            write_text(folder / "review.csv", "")
        self.rows = ResultsFile(folder / "review.csv", columns, key=0)  # no memory per row
        sizes = {copy.name: copy.size for copy in scan(str(folder), True, lambda _: None)}
        self._sizes, name = dict[str, int](), ""  # bytes, the oldest first
        with self.rows.path.open(encoding="utf-8", errors="replace", newline="") as lines:
            for line in lines:  # a power cut may leave one of which csv refuses more than this
                name = unescape_name("".join(next(csv.reader([line[: 1 << 16]]))[:1]))
                if name in sizes:
                    self._sizes[name] = self._sizes.pop(name, sizes[name])
        remove_stale_temps(folder / name.replace("\0", ""))  # if a kill interrupted the last copy
        self._total = sum(self._sizes.values())

    def add(self, picture: FileStamp, rows: str) -> list[str]:
        """Append a picture's rows, then copy it. Returns what prevents that, if anything does."""
        if picture.size > self._max_bytes:
            print_stderr(f"warning: {picture.name} is larger than --keep-mb, so it isn't kept")
        elif stamp(self._source, picture.name) == picture:  # else it is gone, or is read again
            try:
                self._copy(picture, rows)
            except (DigitsError, OSError) as error:
                reason = getattr(error.__cause__ or error, "strerror", None) or error
                return [f"can't keep pictures in {self._folder}: {reason}"]
        return []

    def _copy(self, picture: FileStamp, rows: str) -> None:
        path, name = os.path.join(self._source, picture.name), picture.name
        if os.path.exists(self._folder / name) and not cmp(path, self._folder / name, False):
            name = f"-{picture.modified}".join(os.path.splitext(name))
            rows = rows.replace(csv_row(picture.cells), csv_row(picture._replace(name=name).cells))
        self.rows.append(rows)  # fails without the disk, where no copy could be removed
        self.rows.fsync()
        while self._total + picture.size > self._max_bytes:
            oldest = next(iter(self._sizes))
            remove(self._folder / oldest)
            self._total -= self._sizes.pop(oldest)
        with atomic_write(self._folder / name) as temporary:
            shutil.copyfile(path, temporary)
        self._total += picture.size - self._sizes.pop(name, 0)
        self._sizes[name] = picture.size
        if stamp(self._source, picture.name) not in (picture, None):  # it has changed meanwhile
            remove(self._folder / name)
