"""Find, verify and describe a model file, without running it."""

import hashlib
import os
import re
from dataclasses import dataclass
from typing import NamedTuple

from digits.errors import ModelError
from digits.inference import graph, metadata
from digits.inference.graph import Graph
from digits.inference.metadata import Metadata

BUNDLED = os.path.join(os.path.dirname(__file__), "lenet5.int8.onnx")
SHA256_VARIABLE = "DIGITS_MODEL_SHA256"

_SHA256_FORMAT = "a SHA-256 has 64 hexadecimal digits"
_MAX_BYTES = 257 << 20  # as many float32 as digits.inference.graph allows, and the rest


class ModelBytes(NamedTuple):
    """A model file in memory, for worker processes to open. name: where it came from."""

    name: str
    content: bytes


ModelSource = str | os.PathLike[str] | ModelBytes | None


class ModelFile(NamedTuple):
    """A verified file that may be opened. sha256: the one it is pinned to, or empty."""

    name: str
    content: bytes
    metadata: Metadata
    graph: Graph
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
    metadata: Metadata


def inspect(path: ModelSource = None, sha256: str | None = None) -> ModelInfo:
    """Describe a model file without running it. Arguments and errors: see `load_file`."""
    file = load_file(path, sha256)
    graph = file.graph
    return ModelInfo(
        file=file.name,
        bytes=len(file.content),
        sha256=hashlib.sha256(file.content).hexdigest(),
        ir_version=graph.ir_version,
        opsets={"ai.onnx": graph.opset},
        producer=graph.producer,
        input=graph.input,
        output=graph.output,
        operators=graph.operators,
        parameter_counts=graph.parameter_counts,
        metadata=file.metadata,
    )


def load_file(path: ModelSource = None, sha256: str | None = None) -> ModelFile:
    """Read and verify a model file; by default $DIGITS_MODEL, else the bundled one.

    sha256: of the only file to accept, or empty for any; by default $DIGITS_MODEL_SHA256. Raises
    ModelError if the file is missing, damaged, not ours or not the pinned one, and ValueError for
    a malformed sha256.
    """
    name, content = path if isinstance(path, ModelBytes) else read_file(path)
    pinned = _sha256_from_environment() if sha256 is None else sha256 and parse_sha256(sha256)
    if pinned:
        found = hashlib.sha256(content).hexdigest()
        if found != pinned:
            raise ModelError(f"{name} is the wrong model: its SHA-256 is {found}, not {pinned}")
    return check_model(content, name)._replace(sha256=pinned)


def read_file(path: str | os.PathLike[str] | None = None) -> ModelBytes:
    """Read a model file into memory, so that it can be opened after it has changed on disk.

    path: by default $DIGITS_MODEL, else the bundled model. Raises ModelError if it can't be read.
    """
    name = os.fspath(path or os.environ.get("DIGITS_MODEL") or BUNDLED)
    try:
        if not os.path.exists(name):
            where = " ($DIGITS_MODEL)" if name == os.environ.get("DIGITS_MODEL") else ""
            raise ModelError(f"{name}{where}: no such model")
        if os.path.isdir(name):
            raise ModelError(
                f"{name} is a folder, not an ONNX file: name the one in it, or make one with"
                " `digits export`"
            )
        if not os.path.isfile(name):
            raise ModelError(f"{name} is not a file")
        _check_size(os.path.getsize(name), name)
        with open(name, "rb") as file:
            return ModelBytes(name, file.read())
    except OSError as error:
        raise ModelError(f"can't read {name}: {error.strerror}") from error


def check_model(content: bytes, name: str) -> ModelFile:
    """Check all that can be checked without running the model.

    name: what errors call the file. Raises ModelError if a check fails.
    """
    _check_size(len(content), name)
    return ModelFile(name, content, metadata.read(content, name), graph.read(content, name))


def parse_sha256(text: str) -> str:
    """Return the digest in lower case. Raises ValueError if it is malformed."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError(_SHA256_FORMAT)
    return text.lower()


def _sha256_from_environment() -> str:
    value = os.environ.get(SHA256_VARIABLE)
    try:
        return parse_sha256(value) if value else ""
    except ValueError as error:
        raise ModelError(f"${SHA256_VARIABLE} can't be {value!r}: {_SHA256_FORMAT}") from error


def _check_size(size: int, name: str) -> None:
    if size > _MAX_BYTES:
        raise ModelError(f"{name} is larger than any model that digits makes")
