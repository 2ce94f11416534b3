"""Write and read a model file's metadata, with a checksum of the file.

An ONNX file is one protobuf message, ModelProto (https://onnx.ai/onnx/repo-docs/IR.html). Its
field 14, metadata_props, is a list of key-value pairs. The exporter appends ours at the end of the
file, and last the pair `sha256`: the SHA-256 of every byte before it. That checksum detects damage
and careless edits; it is not a signature and doesn't stop a forger.

Only the outermost fields are read here; `digits.inference.graph` checks the graph.
"""

import hashlib
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from digits.errors import ModelError
from digits.inference import protobuf

FORMAT_VERSION = "1"

Kernels = Literal["integer", "float"]

_METADATA_PROPS = 14
_CHECKSUM_KEY = "sha256"
_MAX_BYTES = 16 << 10  # of all pairs; ours have 1,200


@dataclass(frozen=True)
class Metadata:
    """The pairs in metadata_props. Accuracies and probabilities are 0 to 1."""

    format_version: str
    architecture: str
    digits_version: str
    recipe: str  # JSON of the training recipe
    seed: int
    data_sha256: str  # JSON: file name -> SHA-256
    training_digits: int
    teacher_sha256: str  # of the checkpoint used for distillation, or empty
    checkpoint_sha256: str
    quantization: str  # "none", or how the file was quantized
    kernels: Kernels  # the onnxruntime kernels that run it fastest
    temperature: float  # already in the graph, which divides the logits by it
    rejection_threshold: float  # predictions with less confidence are rejected
    validation_accuracy_float: float  # of the float file before quantization
    validation_accuracy: float  # of this file
    test_accuracy_float: float
    test_accuracy: float


def add_metadata(model: bytes, metadata: Metadata) -> bytes:
    """Append metadata and checksum to an ONNX file."""
    pairs = b"".join(_pair(key, str(value)) for key, value in asdict(metadata).items())
    body = model + pairs
    return body + _pair(_CHECKSUM_KEY, hashlib.sha256(body).hexdigest())


def read(model: bytes, name: str) -> Metadata:
    """Read what `add_metadata` appended, and verify the checksum.

    name: what errors call the file. Raises ModelError if it isn't ONNX, isn't ours, is damaged or
    has another format version.
    """
    pairs: dict[str, str] = {}
    last_key, last_start, size = "", 0, 0
    for number, start, value in protobuf.fields(memoryview(model), name):
        last_key, last_start = "", start
        if number == _METADATA_PROPS and not isinstance(value, int):
            size += len(value)
            if size > _MAX_BYTES:
                raise ModelError(f"{name} has more metadata than `digits export` writes")
            last_key, text = _key_and_value(value, name)
            pairs[last_key] = text
    if "format_version" not in pairs:
        raise ModelError(f"{name} is not a model from `digits export`: it has no metadata")
    body = memoryview(model)[:last_start]
    if last_key != _CHECKSUM_KEY or hashlib.sha256(body).hexdigest() != pairs[_CHECKSUM_KEY]:
        raise ModelError(f"{name} is damaged or was edited: its SHA-256 is wrong")
    version = pairs["format_version"]
    if version != FORMAT_VERSION:
        raise ModelError(f"{name} has format version {version}; expected {FORMAT_VERSION}")
    return _parse(pairs, name)


def _parse(pairs: dict[str, str], name: str) -> Metadata:
    values: dict[str, Any] = {}
    for field in fields(Metadata):
        if field.name not in pairs:
            raise ModelError(f"{name} has no {field.name} in its metadata")
        values[field.name] = pairs[field.name]
        if field.type in (int, float):
            try:
                values[field.name] = field.type(pairs[field.name])
            except ValueError as error:
                raise ModelError(f"{name}: {field.name} is not a number") from error
    metadata = Metadata(**values)
    if metadata.kernels not in get_args(Kernels):
        raise ModelError(f"{name}: kernels is {metadata.kernels!r}, not integer or float")
    if not 0 < metadata.temperature < math.inf:
        raise ModelError(f"{name}: temperature is not a number above 0")
    for key, value in asdict(metadata).items():
        if isinstance(value, float) and key != "temperature" and not 0 <= value <= 1:
            raise ModelError(f"{name}: {key} is not between 0 and 1")
    return metadata


def _key_and_value(pair: memoryview, name: str) -> tuple[str, str]:
    entry = protobuf.Message(pair, name, "metadata", (1, 2))
    try:
        return str(entry.bytes(1), "utf-8"), str(entry.bytes(2), "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{name} is damaged: its metadata is not text") from error


def _pair(key: str, value: str) -> bytes:
    """Encode a metadata_props field: a StringStringEntryProto with key (1) and value (2)."""
    entry = protobuf.bytes_field(1, key.encode()) + protobuf.bytes_field(2, value.encode())
    return protobuf.bytes_field(_METADATA_PROPS, entry)
