"""The Open Inference Protocol: tensors in, tensors out, as JSON or as the bytes themselves.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and, for
tensors as bytes after the JSON, Triton's extension binary_tensor_data:
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from digits import __version__
from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Metadata
from digits.serve.limits import Limits

if TYPE_CHECKING:
    from digits.serve import schemas

SERVER: "schemas.ServerDescription" = {
    "name": "digits",
    "version": __version__,
    "extensions": ["binary_tensor_data"],
}
JSON_LENGTH = "inference-header-content-length"  # where the JSON ends and the tensor begins

_PIXELS = 28 * 28
_BRACKETS = 2 * (1 + 1 + 28)  # of a digit as nested lists

_SPARE = 32 << 10  # characters of JSON beside the pixels


@dataclass(frozen=True)
class Request:
    """A parsed request. images: uint8 [n, 1, 28, 28]. binary: whether to answer with bytes."""

    id: str | None
    images: NDArray[np.uint8]
    binary: bool


def model_metadata(name: str, version: str, metadata: Metadata) -> "schemas.ModelDescription":
    """Describe the model."""
    return {
        "name": name,
        "versions": [version],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT[0], "datatype": "UINT8", "shape": [-1, *INPUT[2]]}],
        "outputs": [{"name": OUTPUT[0], "datatype": "FP32", "shape": [-1, *OUTPUT[2]]}],
        "parameters": metadata,
    }


def parse_request(
    body: bytes, json_length: str | None, max_batch: int = Limits.max_batch
) -> Request:
    """Parse a request.

    json_length: how many bytes of the body are JSON, if a tensor follows as bytes. max_batch: the
    most digits allowed. Raises HTTPException: 400 for a malformed request, 413 for too many
    digits, 422 for what the model doesn't take.
    """
    length = len(body) if json_length is None else _length(json_length, len(body))
    try:
        content = json.loads(_text(body[:length], max_batch))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the request is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise HTTPException(422, "the request must be an object")
    id_ = content.get("id")
    if not (id_ is None or isinstance(id_, str)):
        raise HTTPException(422, "id must be a string")
    images = _images(content, body[length:], max_batch)
    return Request(id_, images, _wants_binary(content))


def encode_response(
    asked: Request, probabilities: NDArray[np.float32], name: str, version: str
) -> tuple[bytes, dict[str, str]]:
    """Encode the answer's body and headers. probabilities: float32 [n, 10]."""
    output: schemas.OutputTensor = {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": list(probabilities.shape),
    }
    tail = b""
    if asked.binary:
        tail = probabilities.astype("<f4").tobytes()
        output["parameters"] = {"binary_data_size": len(tail)}
    else:
        output["data"] = probabilities.ravel().tolist()
    answer: schemas.InferResponse = {
        "model_name": name,
        "model_version": version,
        "outputs": [output],
    }
    if asked.id is not None:
        answer["id"] = asked.id
    head = json.dumps(answer).encode()
    if not tail:
        return head, {"content-type": "application/json"}
    return head + tail, {"content-type": "application/octet-stream", JSON_LENGTH: str(len(head))}


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise HTTPException(400, f"{JSON_LENGTH} must be a number of bytes, at most {most}")
    return int(text)


def _text(content: bytes, max_batch: int) -> str:
    """JSON's text. Raises HTTPException for what would take long to parse and stop all threads."""
    if len(content) > _SPARE:
        others = len(content.translate(None, b"0123456789, \t\r\n"))
        numbers = content.count(b",")
        if max(numbers - _PIXELS * max_batch, others - _BRACKETS * max_batch) > _SPARE:
            raise HTTPException(413, f"the JSON has more than {max_batch} digits need")
    return content.decode()


def _images(content: Mapping[str, Any], tail: bytes, max_batch: int) -> NDArray[np.uint8]:
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise HTTPException(422, f"inputs must be a list of one tensor, {INPUT[0]}")
    tensor = inputs[0]
    if tensor.get("name") != INPUT[0] or tensor.get("datatype") != "UINT8":
        raise HTTPException(422, f"the input must have the name {INPUT[0]} and datatype UINT8")
    number = _number_of_digits(tensor.get("shape"), max_batch)
    size = _object(tensor, "parameters").get("binary_data_size")
    if size is None:
        if tail:
            raise HTTPException(400, "unexpected trailing bytes after the JSON")
        pixels = _pixels(tensor.get("data"))
    elif type(size) is int and size == len(tail) and "data" not in tensor:
        pixels = tail
    else:
        raise HTTPException(400, f"binary_data_size is wrong: {len(tail)} bytes follow")
    if len(pixels) != number * _PIXELS:
        raise HTTPException(422, f"{number * _PIXELS} pixels are expected, not {len(pixels)}")
    return np.frombuffer(pixels, np.uint8).reshape(number, *INPUT[2])


def _number_of_digits(shape: object, most: int) -> int:
    if not isinstance(shape, list) or not all(type(length) is int for length in shape):
        raise HTTPException(422, "shape must be a list of integers")
    if shape[1:] != INPUT[2] or shape[0] < 1:
        raise HTTPException(422, f"shape must be [n, {str(INPUT[2])[1:]}")
    if shape[0] > most:
        raise HTTPException(413, f"at most {most} digits are read at the same time")
    number: int = shape[0]
    return number


def _pixels(data: object) -> bytes:
    """The numbers of a flat or nested list; the protocol allows both."""
    values = data
    for _ in INPUT[2]:
        if isinstance(values, list) and values and all(isinstance(one, list) for one in values):
            values = [value for one in values for value in one]
    # bool is a kind of int, but not to the protocol
    if isinstance(values, list) and set(map(type, values)) <= {int}:
        try:
            return bytes(values)
        except ValueError:
            pass
    raise HTTPException(422, "data must be a list of integers from 0 to 255")


def _wants_binary(content: Mapping[str, Any]) -> bool:
    binary = _flag(_object(content, "parameters"), "binary_data_output", False)
    outputs = content.get("outputs", [])
    if not isinstance(outputs, list):
        raise HTTPException(422, "outputs must be a list")
    for output in outputs:
        if not isinstance(output, dict) or output.get("name") != OUTPUT[0]:
            raise HTTPException(422, f"the only output has the name {OUTPUT[0]}")
        parameters = _object(output, "parameters")
        if not parameters.keys() <= {"binary_data"}:
            raise HTTPException(422, "unsupported output parameter: only binary_data is allowed")
        binary = _flag(parameters, "binary_data", binary)
    return binary


def _flag(parameters: Mapping[str, Any], key: str, default: bool) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise HTTPException(422, f"{key} must be true or false")
    return value


def _object(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise HTTPException(422, f"{key} must be an object")
    return value
