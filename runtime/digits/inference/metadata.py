"""Write and read a model file's metadata, with a checksum of the file.

An ONNX file is one protobuf message, ModelProto (https://onnx.ai/onnx/repo-docs/IR.html). Its
field 14, metadata_props, is a list of key-value pairs. The exporter appends ours at the end of the
file, and last the pair `sha256`: the SHA-256 of every byte before it. That checksum detects damage
and careless edits; it is not a signature and doesn't stop a forger.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, cast, get_args, get_type_hints

from digits.errors import ModelError, WrongTask

FORMAT_VERSION = "3"  # 3: compute_type; 2: graphs of PyTorch's exporter

ComputeType = Literal["integer", "float"]
NetworkTask = Literal["classifier", "detector", "recognizer"]


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)  # made at each start
class ModelMetadata:
    """What every network's file says of it in metadata_props. Shares are 0 to 1."""

    format_version: str
    task: NetworkTask
    architecture: str
    digits_version: str
    recipe: str  # JSON of the training recipe
    seed: int
    data_sha256: str  # JSON: file name -> SHA-256
    checkpoint_sha256: str
    quantization: str  # "none", or how the file was quantized
    compute_type: ComputeType  # what onnxruntime runs it fastest with
    temperature: float  # the graph divides the digits' logits by it


@dataclass(frozen=True, kw_only=True)
class ClassifierMetadata(ModelMetadata):
    """What a classifier's file says of it."""

    task: NetworkTask = "classifier"
    training_digits: int
    rejection_threshold: float  # predictions with less confidence are rejected
    validation_accuracy_float: float  # of the float file before quantization
    validation_accuracy: float  # of this file
    test_accuracy_float: float
    test_accuracy: float


@dataclass(frozen=True, kw_only=True)
class DetectorMetadata(ModelMetadata):
    """What a detector's file says of it.

    An error rate is the number of deletions, substitutions and insertions on synthetic
    validation pages, as a share of their symbols.
    """

    task: NetworkTask = "detector"
    training_pages: int  # pages and crops that it learned from
    centre_temperature: float  # the graph divides the centres' log odds by it
    centre_shift: float  # the graph then adds it to them
    validation_pages: int
    validation_symbols: int
    validation_error_float: float  # of the float file before quantization
    validation_error: float  # of this file


@dataclass(frozen=True, kw_only=True)
class RecognizerMetadata(ModelMetadata):
    """What a recognizer's file says of it, and of how certain its numbers are.

    Its accuracy is the share of the numbers on synthetic validation crops that it reads exactly; an
    error rate is the number of deletions, substitutions and insertions there, as a share of the
    symbols.
    """

    task: NetworkTask = "recognizer"
    training_crops: int  # that were drawn, times how often each was shown
    number_temperature: float  # of a number's certainty; see `decode.Calibration`
    number_shift: float
    whole_temperature: float  # divides the output `whole`, to which the shift is added
    whole_shift: float
    second_opinion_weight: float  # 0: it was exported without a second opinion
    second_opinion_temperature: float
    second_opinion_shift: float
    validation_crops: int
    validation_numbers: int  # the crops that show a number
    validation_accuracy_float: float  # of the float file before quantization
    validation_accuracy: float  # of this file
    validation_error_float: float
    validation_error: float


M = TypeVar("M", bound=ModelMetadata)

JSON_KEYS = ("recipe", "data_sha256")
_KINDS: dict[str, type[ModelMetadata]] = {
    "classifier": ClassifierMetadata,
    "detector": DetectorMetadata,
    "recognizer": RecognizerMetadata,
}
_USES = {
    "classifier": "`digits predict`, `digits eval` and $DIGITS_MODEL",
    "detector": "`digits read`, `digits eval` and $DIGITS_DETECTOR",
    "recognizer": "`digits read`, `digits eval` and $DIGITS_RECOGNIZER",
}


def parse_objects(metadata: ModelMetadata, name: str) -> dict[str, dict[str, Any]]:
    """Parse the recipe and the checksums of data: nothing has checked them before.

    Raises ModelError, with the file's name, if they aren't JSON objects.
    """
    import json  # which running a model doesn't need

    objects: dict[str, Any] = {}
    for key in JSON_KEYS:
        with suppress(ValueError, RecursionError):
            objects[key] = json.loads(getattr(metadata, key))
        if not isinstance(objects.get(key), dict):
            raise ModelError(f"{name}: {key} is not a JSON object")
    return objects


def add_metadata(model: bytes, metadata: ModelMetadata) -> bytes:
    """Append metadata and checksum to an ONNX file, in place of those that it may have."""
    body, *_ = model.partition(_pair("format_version", FORMAT_VERSION))
    body += b"".join(_pair(key, str(value)) for key, value in asdict(metadata).items())
    return body + _checksum(body)


def verify_checksum(model: bytes, name: str) -> None:
    """Raise ModelError, with the file's name, unless `add_metadata` made all of its bytes."""
    if b"format_version" not in model:
        raise ModelError(f"{name} is not a model from `digits export`, or truncated")
    end = len(model) - len(_checksum(b""))
    if model[end:] != _checksum(memoryview(model)[:end]):
        raise ModelError(f"{name} is damaged or was edited: its SHA-256 is wrong")


def read_pairs(model: bytes, name: str) -> dict[str, str]:
    """The metadata_props of an ONNX file, which isn't opened for them.

    Raises ModelError, with the file's name, if it is none.
    """
    try:
        entries = [dict(_fields(value)) for key, value in _fields(memoryview(model)) if key == 14]
        return {str(entry[1], "utf-8"): str(entry[2], "utf-8") for entry in entries}
    except (KeyError, ValueError) as error:
        raise ModelError(f"{name} is no ONNX file, or truncated") from error


def parse(pairs: Mapping[str, str], name: str, kind: type[M]) -> M:
    """Parse the metadata of a file.

    name: what errors call the file.
    kind: the class that they must have; ModelMetadata takes any.

    Raises ModelError if a value is missing or invalid, or for another format version, and WrongTask
    for another kind.
    """
    version = pairs.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{name} has format version {version}, not {FORMAT_VERSION}: export it again"
        )
    task = pairs.get("task", "")
    if task not in _KINDS:
        raise ModelError(f"{name}: task is {task!r}, not {' or '.join(_KINDS)}")
    if not issubclass(_KINDS[task], kind):
        expected = getattr(kind, "task", "")
        raise WrongTask(f"can't use {name} as a {expected}: it is a {task}, for {_USES[task]}")
    values: dict[str, Any] = {}
    for key, value_type in get_type_hints(_KINDS[task]).items():
        if key not in pairs:
            raise ModelError(f"{name} has no {key} in its metadata")
        try:
            values[key] = value_type(pairs[key]) if value_type in (int, float) else pairs[key]
        except ValueError as error:
            raise ModelError(f"{name}: {key} is not a number") from error
    if values["compute_type"] not in get_args(ComputeType):
        invalid = values["compute_type"]
        raise ModelError(f"{name}: compute_type is {invalid!r}, not integer or float")
    return cast(M, _KINDS[task](**values))


def _checksum(body: bytes | memoryview) -> bytes:
    return _pair("sha256", hashlib.sha256(body).hexdigest())


def _pair(key: str, value: str) -> bytes:
    """Encode a metadata_props field: a StringStringEntryProto with key (1) and value (2)."""
    entry = _bytes_field(1, key.encode()) + _bytes_field(2, value.encode())
    return _bytes_field(14, entry)


def _bytes_field(number: int, payload: bytes) -> bytes:
    """Encode a field of Protocol Buffers' wire type 2."""
    length, encoded = len(payload), bytearray([number << 3 | 2])
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*encoded, length]) + payload


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Decode the fields of a message: the number and the payload of each; empty for an integer.

    Raises ValueError for a field that ends behind the message or is of another type.
    """
    end = 0
    while end < len(message):
        tag, start = _varint(message, end)
        size, start = _varint(message, start)
        end = start + size if tag & 7 == 2 else start
        if tag & 7 not in (0, 2) or end > len(message):
            raise ValueError("not a field of ModelProto")
        yield tag >> 3, message[start:end]


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """Decode an integer of at most ten bytes, and return where the next field's bytes begin.

    Raises ValueError if it is cut off, or longer.
    """
    value = 0
    for position, octet in enumerate(message[start : start + 10]):
        value |= (octet & 0x7F) << 7 * position
        if octet < 0x80:
            return value, start + position + 1
    raise ValueError("not an integer")
