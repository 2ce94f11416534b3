"""MNIST: find it, verify it, parse it.

The data set is Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits"
(1998): four IDX files. Wherever they come from, their bytes must have the SHA-256 below.
"""

import hashlib
import math
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digits.data import fetch
from digits.errors import DataError, DigitsError
from digits.files import write_all
from digits.system import variable
from digits.terminal import print_stderr

SplitName = Literal["train", "validation", "test"]

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
VALIDATION_SIZE = 10_000  # the last of the 60,000 training images


@dataclass(frozen=True)
class Split:
    """Part of the data set.

    images: uint8 [n, 28, 28], 0 = paper, 255 = ink. labels: uint8 [n], 0 to 9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)


Splits = dict[SplitName, Split]


_PARTS: dict[SplitName, tuple[str, slice]] = {  # of the files with this prefix
    "train": ("train", slice(None, -VALIDATION_SIZE)),
    "validation": ("train", slice(-VALIDATION_SIZE, None)),
    "test": ("t10k", slice(None)),
}


def load(split: SplitName, data: Path | None = None) -> Split:
    """Load 50,000 training, 10,000 validation or 10,000 test digits.

    data: a folder with the four files, raw or gzipped; by default $DIGITS_DATA, else the user's
    cache folder, which the first call fills from the internet. Raises DataError if a file can't be
    found or isn't MNIST's.
    """
    return _split(_files(_names(split), data), split)


def load_all(data: Path | None = None) -> Splits:
    """Load the three splits at once. Argument and errors: see `load`."""
    files = _files(SHA256, data)
    return {split: _split(files, split) for split in get_args(SplitName)}


def _names(split: SplitName) -> list[str]:
    """The files that hold its images and its labels."""
    return [name for name in SHA256 if name.startswith(_PARTS[split][0])]


def _split(files: Mapping[str, bytes], split: SplitName) -> Split:
    images, labels = (parse_idx(files[name], name)[_PARTS[split][1]] for name in _names(split))
    return Split(images, labels)


def concat(*splits: Split) -> Split:
    """Concatenate splits."""
    return Split(
        np.concatenate([split.images for split in splits]),
        np.concatenate([split.labels for split in splits]),
    )


def parse_idx(raw: bytes, name: str) -> NDArray[np.uint8]:
    """Parse an IDX file of unsigned bytes (big-endian header, http://yann.lecun.com/exdb/mnist).

    name: what errors call the file. Returns uint8 in the shape of the header. Raises DataError if
    header and length don't match.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3]), "labels")
    array([7, 3], dtype=uint8)
    """
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise DataError(f"{name} is not an IDX file of unsigned bytes")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise DataError(f"{name} is truncated: incomplete header")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise DataError(
            f"{name} should hold {math.prod(shape)} bytes for {shape}, not {len(raw) - start}"
        )
    try:
        return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
    except ValueError as error:  # with a length of 0, the others may be anything
        raise DataError(f"{name} has invalid dimensions") from error


def _files(names: Iterable[str], data: Path | None) -> dict[str, bytes]:
    """The verified bytes of the files by name, from the first source that has them."""
    folder = data or _folder_from_environment()
    if folder is not None:
        named = str(data or f"{folder} ($DIGITS_DATA)")
        return {name: _from_folder(name, folder, named) for name in names}
    cache, tried = fetch.cache_folder(), list[str]()
    try:
        if cache is None:
            raise DataError(f"no cache folder: {fetch.NO_CACHE}")
        return {name: _from_folder(name, cache, str(cache)) for name in names}
    except DataError as error:
        tried.append(str(error))
    for source, download in fetch.SOURCES:
        print_stderr(f"downloading MNIST from {source}")
        try:
            raw = download([*SHA256])
            files = {name: _verified(name, raw[name], f"{name} from {source}") for name in SHA256}
        except DataError as error:
            tried.append(str(error))
            continue
        try:
            if cache is not None:
                write_all({cache / name: content for name, content in files.items()})
        except DigitsError as error:  # such as a read-only home
            print_stderr(f"warning: {error}; MNIST will be downloaded again")
        return files
    raise DataError(
        f"MNIST was not found. Tried: {'; '.join(tried)}. Put its four IDX files, raw or gzipped,"
        " into a folder and name it with --data or $DIGITS_DATA"
    )


def _folder_from_environment() -> Path | None:
    value = variable("DIGITS_DATA")
    if value and not os.path.isdir(value):
        raise DataError(f"{value} ($DIGITS_DATA): no such folder")
    return Path(value) if value else None


def _from_folder(name: str, folder: Path, named: str) -> bytes:
    """Read NAME or NAME.gz from the folder, or from MNIST/raw, where torchvision keeps them."""
    for file in (name, f"{name}.gz", f"MNIST/raw/{name}", f"MNIST/raw/{name}.gz"):
        path = folder / file
        try:
            if path.is_file():
                with path.open("rb") as opened:
                    return _verified(name, opened.read(fetch.MAX_BYTES), str(path))
        except OSError as error:
            raise DataError(f"can't read {path}: {error.strerror}") from error
    raise DataError(f"{named} has neither {name} nor {name}.gz")


def _verified(name: str, raw: bytes, where: str) -> bytes:
    """Unzip `raw` if it is gzipped, and return it if its SHA-256 is right."""
    if raw[:2] == b"\x1f\x8b":
        raw = fetch.gunzip(raw, where)
    if hashlib.sha256(raw).hexdigest() != SHA256[name]:
        raise DataError(f"{where} is damaged or not MNIST's {name} (wrong SHA-256)")
    return raw
