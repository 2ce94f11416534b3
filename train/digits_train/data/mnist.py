"""MNIST: find it, verify it, parse it.

The data set is Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits"
(1998): four IDX files. Wherever they come from, their bytes must have the SHA-256 below.
"""

import gzip
import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits.data.split import Split, SplitName, Splits
from digits.errors import DataError, reporting
from digits.files import write_all
from digits.system import environment_variable
from digits.terminal import print_stderr
from digits_train import fetch

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
VALIDATION_SIZE = 10_000  # the last of the 60,000 training images


def load(split: SplitName, data: Path | None = None) -> Split:
    """Load 50,000 training, 10,000 validation or 10,000 test digits; see `load_all`."""
    return load_all(data)[split]


def load_all(data: Path | None = None) -> Splits:
    """Load the three splits.

    data: a folder with the four files, raw or gzipped; by default $DIGITS_DATA, else the user's
    cache folder, which the first call fills from the internet. Raises DataError if a file can't be
    found or isn't MNIST's.
    """
    files = _files(data)
    arrays = [parse_idx(files[name]) for name in SHA256]
    train = Split(*arrays[:2])
    return {
        "train": train[:-VALIDATION_SIZE],
        "validation": train[-VALIDATION_SIZE:],
        "test": Split(*arrays[2:]),
    }


def parse_idx(raw: bytes) -> NDArray[np.uint8]:
    """Parse an IDX file of unsigned bytes (big-endian header, http://yann.lecun.com/exdb/mnist).

    raw: with the right SHA-256; nothing else is checked. Returns uint8 in the shape of the header.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]))
    array([7, 3], dtype=uint8)
    """
    shape = struct.unpack_from(f">{raw[3]}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _files(data: Path | None) -> dict[str, bytes]:
    """The verified bytes of the files by name, from the first source that has them."""
    if data is not None:
        return _read_folder(
            data,
            f"{data} has no labelled digits: sort pictures into folders named 0 to 9 (7/any.png) in"
            " it, name a CSV file with the columns file and digit instead, or put MNIST's files"
            " there; it has no",
        )
    if folder := environment_variable("DIGITS_DATA"):
        return _read_folder(Path(folder), f"{folder} ($DIGITS_DATA) is missing, or has no")
    cache, failures = fetch.cache_folder(), list[str]()
    for source in ("", *fetch.SOURCES):  # first what was downloaded before
        try:
            if source:
                print_stderr(f"downloading MNIST from {source}")
                downloaded = fetch.mnist_files(source, [*SHA256])
                write_all({cache / name: _gunzip(downloaded[name]) for name in SHA256})
            return _read_folder(cache, f"{cache} has no")
        except DataError as error:
            failures.append(str(error))
    raise DataError(
        f"MNIST was not found. Tried: {'; '.join(failures)}. Put its four IDX files, raw or"
        " gzipped, into a folder and name it with --data or $DIGITS_DATA"
    )


def _read_folder(folder: Path, missing: str) -> dict[str, bytes]:
    """The files in a folder. missing: how the error begins if it lacks one."""
    return {name: _read_file(name, folder, f"{missing} {name} or {name}.gz") for name in SHA256}


def _read_file(name: str, folder: Path, problem: str) -> bytes:
    """Read NAME or NAME.gz in the folder, or in MNIST/raw, where torchvision keeps them.

    problem: the sentence of the DataError if there is none. One that is damaged is passed over.
    """
    for file in (name, f"{name}.gz", f"MNIST/raw/{name}", f"MNIST/raw/{name}.gz"):
        path = folder / file
        with reporting(f"read {path}", DataError):
            if not path.is_file():
                continue
            with path.open("rb") as opened:
                content = _gunzip(opened.read(fetch.MAX_BYTES))
        if hashlib.sha256(content).hexdigest() == SHA256[name]:
            return content
        problem = f"{path} is damaged or not MNIST's {name} (wrong SHA-256)"
    raise DataError(problem)


def _gunzip(content: bytes) -> bytes:
    """Decompress 64 MiB at most if it is gzipped. Returns nothing if it is damaged."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    file, unpacked = gzip.GzipFile(fileobj=io.BytesIO(content)), io.BytesIO()
    try:
        for _ in range(fetch.MAX_BYTES >> 20):  # at once: twice the memory from 3.12 on
            unpacked.write(file.read(1 << 20))
    except (OSError, EOFError, zlib.error):
        return b""
    return unpacked.getvalue()
