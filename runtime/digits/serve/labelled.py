"""Keeps digits that visitors have labelled, in the layout that `digits train --data` reads."""

import asyncio
import tempfile
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.datastructures import Headers

from digits import files
from digits.data.table import LABELS
from digits.errors import DigitsError, reporting
from digits.serve.pictures import Answer
from digits.serve.refusals import Refused
from digits.terminal import print_stderr

MAX_BYTES = 100 << 20  # of all pictures
MEASURE_AGAIN = 10.0  # seconds, at least, from one measurement of a full folder to the next

_BLOCK = 4096  # bytes of a disk; what a smaller file takes, too


class LabelledFolder:
    """A folder with a subfolder for each label. Belongs to one event loop.

    A picture is LABEL/DIGEST.png, by the first 16 hex digits of the SHA-256 of what was sent, so it
    is kept once, with its last label. Raises DigitsError if the folder can't be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # One: what is kept at the same time would exceed the limit, or get two labels.
        self._thread = ThreadPoolExecutor(1, "labelled")
        with reporting(f"keep labelled digits in {path}"):
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        self._measure()

    async def keep(self, labels: Sequence[str], answers: Sequence[Answer]) -> None:
        """Keep what the processes have made of pictures.

        Raises Refused: the answer's own status if that isn't 200, which keeps none of them; 507 if
        the folder is full or can't be written, which keeps those before.
        """
        for answer in answers:
            if answer.status != 200:
                raise Refused(answer.status, answer.text, reason=answer.reason)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._keep, labels, answers)
        except (DigitsError, OSError) as error:
            print_stderr(f"error: a labelled digit was not kept: {error}")
            message = "the server can't keep the picture; see its log"
            raise Refused(507, message, reason="labelled_failed") from error

    def _keep(self, labels: Sequence[str], answers: Sequence[Answer]) -> None:
        """Raises DigitsError, OSError, and Refused if there is no room."""
        for label, answer in zip(labels, answers, strict=True):
            paths = [self._folder(each) / f"{answer.text[:16]}.png" for each in LABELS]
            path = paths[LABELS.index(label)]
            before = next((old for old in paths if old.is_file() and not old.is_symlink()), None)
            if before:
                path.parent.mkdir(exist_ok=True)
                before.replace(path)
                continue
            size = _size_on_disk(len(answer.png))
            if self._size + size > MAX_BYTES and time.monotonic() > self._measured + MEASURE_AGAIN:
                self._measure()  # somebody may have taken pictures out
            if self._size + size > MAX_BYTES:
                message = f"the server keeps at most {MAX_BYTES >> 20} MB of labelled pictures"
                raise Refused(507, message, reason="labelled_full")
            files.write_bytes(path, answer.png)
            self._size += size

    def _measure(self) -> None:
        self._measured = time.monotonic()
        pictures = (path for label in LABELS for path in self._folder(label).glob("*.png"))
        self._size = sum(_size_on_disk(path.lstat().st_size) for path in pictures)

    def _folder(self, label: str) -> Path:
        """Raises DigitsError if it leads elsewhere."""
        folder = self._path / label
        if folder.is_symlink():
            raise DigitsError(f"can't keep labelled digits in {folder}: it is a link")
        return folder


def check_origin(headers: Headers, allowed: Collection[str]) -> None:
    """Refuse what another site's page sends: a browser sends forms anywhere, without asking.

    allowed: origins whose pages may use the API. Raises Refused.
    """
    origin, site = headers.get("origin", "").lower(), headers.get("sec-fetch-site")
    # Pages at http:// have no site. A proxy may have changed the host, hence only for them.
    same_host = origin.partition("://")[2] == headers.get("host", "").lower()
    is_same = site == "same-origin" if site else same_host or not origin
    if not is_same and not {"*", origin} & set(allowed):
        message = "only this server's own page may store pictures; see --allowed-origins"
        raise Refused(403, message, reason="foreign_origin")


def _size_on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
