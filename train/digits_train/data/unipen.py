"""UNIPEN: numbers, signs and words as the strokes of people's pens.

The data set is train_r01_v07 of the UNIPEN project (doi 10.5281/zenodo.1195803, CC BY 4.0), see
`unipen_format`. Wherever its archive comes from, the strokes that are used must have the SHA-256
below; they are kept in the user's cache folder.
"""

import hashlib
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digits.errors import DataError, reporting
from digits.files import atomic_write
from digits.system import environment_variable
from digits.terminal import print_stderr, progress_bar
from digits_train import fetch
from digits_train.data import unipen_format
from digits_train.writings import Writing, has_digit

SHA256 = "a81b3f2923faee850560ec1bfc5e77c04cd69612f8c02a5c1958a4bf18131fd1"
SOURCES: tuple[str, ...] = (
    "https://zenodo.org/records/1195803/files/unipen-CDROM-train_r01_v07.tgz",
    "https://codeload.github.com/GreenCappuccino/train_r01_v07/tar.gz/"
    "9d718483eb1fc0f8460044b7fe9f1efe4d941a19",
)
MAX_BYTES, MAX_MEMBERS = 2 << 30, 200_000  # of an archive, unpacked
# What is used of digits, capitals, small letters and signs, and of words.
_KINDS = dict.fromkeys(("1a", "1b", "1c", "1d"), "CHARACTER") | {"7": "WORD"}
_USED = re.compile(r"(?:^|/)(data/(?:1[a-d]|7)/.+\.dat|include/.+)$", re.IGNORECASE)
_WORD_WITH_DIGIT = re.compile(rb'^\.SEGMENT\s+WORD\s.*".*\d.*"', re.MULTILINE)
# The most of a person's, of each letter or sign, and of the words without a digit.
_MAX_ALIKE, _MAX_WORDS = 6, 50
_ARRAYS = "points", "stroke_ends", "writing_ends", "texts"
_DAMAGES = OSError, EOFError, zlib.error, tarfile.TarError


def load() -> list[Writing]:
    """Load all writings, in a fixed order.

    They are in the user's cache folder, which the first call fills: from $DIGITS_UNIPEN (the
    archive, or the folder that it unpacks to), else from the internet. Raises DataError if that
    fails.
    """
    cache = fetch.cache_folder() / "unipen.npz"
    writings = _read_cache(cache)
    if writings is not None:
        return writings
    if place := environment_variable("DIGITS_UNIPEN"):
        return _keep(_read_path(Path(place)), f"{place} ($DIGITS_UNIPEN)", cache)
    failures = list[str]()
    for source in SOURCES:
        try:
            print_stderr(f"downloading UNIPEN from {source}")
            with fetch.opened(source) as response:
                files = _unpacked(response, source)
            return _keep(files, source, cache)
        except DataError as error:
            failures.append(str(error))
    raise DataError(
        f"UNIPEN was not found. Tried: {'; '.join(failures)}. Get {SOURCES[0]} and name it with"
        " $DIGITS_UNIPEN"
    )


def _read_path(path: Path) -> dict[str, bytes]:
    """The files in an archive or a folder, see `_unpacked`."""
    with reporting(f"read {path} ($DIGITS_UNIPEN)", DataError):
        if not path.is_dir():
            with path.open("rb") as archive:
                return _unpacked(archive, f"{path} ($DIGITS_UNIPEN)")
        paths = [file for file in path.rglob("*") if file.is_file()]
        names = [_USED.search(file.relative_to(path).as_posix()) for file in paths]
        used = zip(paths, names, strict=True)
        return {name[1].lower(): file.read_bytes() for file, name in used if name}


def _unpacked(archive: IO[bytes], name: str) -> dict[str, bytes]:
    """The files in data/ and include/ by their paths there, in small letters.

    Only regular files are read, and nothing is written. Raises DataError for a damaged archive, or
    one that is too large.
    """
    files, size = dict[str, bytes](), 0
    try:
        with tarfile.open(fileobj=archive, mode="r|*") as tar, _bar("reading UNIPEN"):
            for number, member in enumerate(tar):
                size += member.size
                if size > MAX_BYTES or number >= MAX_MEMBERS:
                    raise DataError(f"{name} is not UNIPEN's archive: it is too large")
                used = _USED.search(member.name) if member.isreg() else None
                if used and (file := tar.extractfile(member)):
                    files[used[1].lower()] = file.read()
    except _DAMAGES as error:
        raise DataError(f"{name} is damaged, or no archive ({error})") from error
    return files


def parse(files: Mapping[str, bytes]) -> list[Writing]:
    """The writings that are used, in a fixed order. Raises DataError for an endless inclusion.

    files: the contents of those in data/ and include/, by their paths there in small letters.
    """
    included = {
        name.removeprefix("include/"): content
        for name, content in files.items()
        if name.startswith("include/")
    }
    writings, counts = list[Writing](), Counter[tuple[str, str]]()
    for name in sorted(files):
        root, category, *path = name.split("/")
        kind = _KINDS.get(category) if root == "data" else None
        if kind is None or (kind == "WORD" and not _WORD_WITH_DIGIT.search(files[name])):
            continue
        try:
            recording = unipen_format.parse(files[name], included)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        writer = f"{path[0]}/{recording.writer or '/'.join(path[1:])}"
        for segment in recording.segments:
            text = segment.text
            is_used = segment.kind == kind and (kind == "WORD" or len(text) == 1)
            if not is_used or segment.quality == "BAD" or not text:
                continue
            if not has_digit(text):
                alike = text if kind == "CHARACTER" else "words"
                counts[writer, alike] += 1
                if counts[writer, alike] > (_MAX_WORDS if alike == "words" else _MAX_ALIKE):
                    continue
            writings.append(Writing(text, writer, segment.strokes))
    return sorted(writings, key=lambda writing: (writing.writer, writing.text))


def _keep(files: Mapping[str, bytes], source: str, cache: Path) -> list[Writing]:
    """Parse an archive's files and keep the writings. Raises DataError if they aren't the ones."""
    with _bar("parsing UNIPEN"):
        arrays = pack(parse(files))
    if checksum(arrays) != SHA256:
        raise DataError(
            f"{source} is not UNIPEN's train_r01_v07 (its strokes have another SHA-256)"
        )
    with atomic_write(cache) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return _writings(arrays)


def _read_cache(cache: Path) -> list[Writing] | None:
    """The writings that were kept; None if there are none, or they are damaged."""
    try:
        with np.load(cache, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    # Also an .npy file (TypeError), and a flipped bit that claims another compression.
    except (*_DAMAGES, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile):
        return None
    return _writings(arrays) if checksum(arrays) == SHA256 else None


def pack(writings: Sequence[Writing]) -> dict[str, NDArray[Any]]:
    """All writings as a few arrays.

    points: float32 [n, 2], of all strokes. stroke_ends: int32 [strokes], the index behind each
    one's last point. writing_ends: int32 [writings], behind each one's last stroke. texts: uint8
    [bytes], a line of UTF-8 for each writing: its writer, a tab and its text.
    """
    strokes = [stroke for writing in writings for stroke in writing.strokes]
    texts = "\n".join(f"{writing.writer}\t{writing.text}" for writing in writings)
    return {
        "points": np.concatenate([np.zeros((0, 2), np.float32), *strokes]),
        "stroke_ends": np.cumsum([len(stroke) for stroke in strokes], dtype=np.int32),
        "writing_ends": np.cumsum([len(item.strokes) for item in writings], dtype=np.int32),
        "texts": np.frombuffer(texts.encode(), np.uint8),
    }


def _writings(arrays: Mapping[str, NDArray[Any]]) -> list[Writing]:
    strokes = np.split(arrays["points"], arrays["stroke_ends"][:-1])
    ends = arrays["writing_ends"].tolist()
    lines = arrays["texts"].tobytes().decode().split("\n")
    spans = pairwise([0, *ends])
    return [
        Writing(line.partition("\t")[2], line.partition("\t")[0], strokes[start:end])
        for line, (start, end) in zip(lines, spans, strict=True)
    ]


def checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """The SHA-256 of packed writings, in hex. Little-endian, so that all machines agree."""
    digest = hashlib.sha256()
    for name in _ARRAYS:
        digest.update(arrays[name].astype(arrays[name].dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


@contextmanager
def _bar(description: str) -> Iterator[None]:
    with progress_bar() as bar:
        bar.add_task(description, total=None)
        yield
