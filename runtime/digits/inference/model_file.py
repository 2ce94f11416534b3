"""Find, verify and describe a model file, without running it."""

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.interface import CLASSIFIER, READER, describe
from digits.inference.metadata import AnyMetadata, M, Metadata, ReaderMetadata, Task
from digits.inference.scan import MAX_BYTES, Scan
from digits.system import variable

_FOLDER = os.path.dirname(__file__)
BUNDLED = os.path.join(_FOLDER, "lenet5.int8.onnx")
BUNDLED_READER = os.path.join(_FOLDER, "reader.int8.onnx")
READER_VARIABLE, READER_SHA256_VARIABLE = "DIGITS_READER", "DIGITS_READER_SHA256"


class ModelBytes(NamedTuple):
    """A model file in memory, for worker processes to open. name: where it came from."""

    name: str
    content: bytes


# Of each kind: the bundled file, and the variables that name and pin another one.
_DEFAULTS: dict[Task, tuple[str, str, str]] = {
    "classifier": (BUNDLED, "DIGITS_MODEL", "DIGITS_MODEL_SHA256"),
    "reader": (BUNDLED_READER, READER_VARIABLE, READER_SHA256_VARIABLE),
}

ModelSource = str | os.PathLike[str] | ModelBytes | None


class ModelFile(NamedTuple, Generic[M]):
    """A verified file that may be opened. sha256: the one it is pinned to, or empty."""

    name: str
    content: bytes
    metadata: M
    scan: Scan
    sha256: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """What `digits info` shows of an intact file."""

    file: str
    bytes: int
    sha256: str  # of the whole file
    ir_version: int
    opsets: dict[str, int]  # domain: version
    producer: str
    input: str  # name, type and shape
    output: str
    operators: dict[str, int]  # nodes by type, in graph order
    parameter_counts: dict[str, int]  # by type: weights, biases, scales, zero points
    metadata: AnyMetadata


def inspect(path: ModelSource = None, sha256: str | None = None) -> ModelInfo:
    """Describe the file of a classifier or a reader without running it.

    Arguments and errors: see `load`.
    """
    source = path if isinstance(path, ModelBytes) else read_file(path)
    if sha256:  # before anything is parsed
        _check_pin(source, sha256)
    is_reader = metadata.read_task(source.content, source.name) == "reader"
    file: ModelFile[Any] = load(source, ReaderMetadata if is_reader else Metadata, sha256)
    scan, parameters = file.scan, Counter[str]()
    for array in scan.tensors.values():
        parameters[array.dtype.name] += array.size
    return ModelInfo(
        file.name,
        len(file.content),
        hashlib.sha256(file.content).hexdigest(),
        *scan[:3],
        describe(scan.inputs),
        describe(scan.outputs),
        dict(Counter(node.operator for node in scan.nodes)),
        dict(parameters),
        file.metadata,
    )


def load(path: ModelSource, kind: type[M], sha256: str | None = None) -> ModelFile[M]:
    """Read and verify a file.

    path: by default $DIGITS_MODEL, or $DIGITS_READER for a reader, else the bundled file. kind:
    Metadata or ReaderMetadata. sha256: of the only file to accept, or empty for any; by default
    $DIGITS_MODEL_SHA256 or $DIGITS_READER_SHA256. Raises ModelError if the file is missing,
    damaged, not ours or not the pinned one, WrongTask if it is of the other kind, and ValueError
    for a malformed sha256.
    """
    task: Task = "classifier" if kind is Metadata else "reader"
    _, file_variable, pin_variable = _DEFAULTS[task]
    source = path if isinstance(path, ModelBytes) else read_file(path, task)
    pinned = variable(pin_variable) if sha256 is None else sha256
    try:
        pinned = _check_pin(source, pinned) if pinned else ""
    except ValueError as error:
        if sha256 is not None:
            raise
        raise ModelError(f"${pin_variable} can't be {pinned!r}: {error}") from error
    file = check(source.content, _origin(source.name, file_variable), kind)
    return file._replace(name=source.name, sha256=pinned)


def read_file(path: str | os.PathLike[str] | None = None, task: Task = "classifier") -> ModelBytes:
    """Read a model file into memory, so that it can be opened after it has changed on disk.

    path: by default $DIGITS_MODEL or $DIGITS_READER, else the bundled file for the task. Raises
    ModelError if it can't be read.
    """
    bundled, file_variable, _ = _DEFAULTS[task]
    name = os.fspath(variable(file_variable) or bundled if path is None else path)
    if not name:  # as of a script's unset variable
        raise ModelError("'' is not a file name")
    try:
        if not os.path.exists(name):
            raise ModelError(f"{_origin(name, file_variable)}: no such model")
        if os.path.isdir(name):
            raise ModelError(
                f"{name} is a folder, not an ONNX file: name the one in it, or make one with"
                " `digits export`"
            )
        if not os.path.isfile(name):
            raise ModelError(f"{name} is not a file")
        if os.path.getsize(name) > MAX_BYTES:
            raise ModelError(f"{name} is larger than any model that digits makes")
        with open(name, "rb") as file:
            return ModelBytes(name, file.read())
    except OSError as error:
        raise ModelError(f"can't read {name}: {error.strerror}") from error


def check(content: bytes, name: str, kind: type[M]) -> ModelFile[M]:
    """Check all that can be checked without running a file.

    name: what errors call it. kind: Metadata or ReaderMetadata. Raises ModelError if a check fails.
    """
    scan = metadata.read_scan(content, name)
    about = metadata.parse(scan.metadata, name, kind)
    interface = CLASSIFIER if kind is Metadata else READER
    interface.check(scan.inputs, scan.outputs, name)
    return ModelFile(name, content, about, scan)


def parse_sha256(text: str) -> str:
    """Return the digest in lower case. Raises ValueError if it is malformed."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    return text.lower()


def _check_pin(source: ModelBytes, sha256: str) -> str:
    """Return the digest. Raises ModelError for another file, and ValueError for no digest."""
    pinned, digest = parse_sha256(sha256), hashlib.sha256(source.content).hexdigest()
    if digest != pinned:
        raise ModelError(f"{source.name} is the wrong model: its SHA-256 is {digest}, not {pinned}")
    return pinned


def _origin(name: str, file_variable: str) -> str:
    """A file's name, for errors, with the variable that it comes from."""
    return f"{name} (${file_variable})" if os.environ.get(file_variable) == name else name
