"""The Open Inference Protocol: tensors in, tensors out, as JSON or as the bytes themselves.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and Triton's
extensions binary_tensor_data, for tensors as bytes after the JSON, and classification:
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html
"""

import re
from dataclasses import asdict
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, Raw, UnsetType
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from digits import __version__
from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Metadata
from digits.serve import schemas

SERVER = {
    "name": "digits",
    "version": __version__,
    "extensions": ["binary_tensor_data", "classification"],
}
VERSION = "1"  # of the model, whose name is its architecture
JSON_LENGTH = "inference-header-content-length"  # where the JSON ends and the tensor begins

_PIXELS = 28 * 28
_REQUEST, _DATA = msgspec.json.Decoder(schemas.InferRequest), msgspec.json.Decoder(schemas.Pixels)
_T = TypeVar("_T")
_CLIENTS = re.compile(r"(enum value|unknown field) .*?(?= - at|$)", re.DOTALL)  # what it has sent


class Request(NamedTuple):
    """A parsed request.

    images: uint8 [n, 1, 28, 28]. binary: whether to answer with bytes. classes: how many of the
    most likely digits to answer with, or None for the probabilities.
    """

    id: str | None | UnsetType
    images: NDArray[np.uint8]
    binary: bool = False
    classes: int | None = None


def model_metadata(name: str, metadata: Metadata) -> dict[str, object]:
    """Describe the model, with its file's metadata as parameters."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT[0], "datatype": "UINT8", "shape": [-1, *INPUT[2]]}],
        "outputs": [{"name": OUTPUT[0], "datatype": "FP32", "shape": [-1, *OUTPUT[2]]}],
        "parameters": asdict(metadata),
    }


def parse_request(body: bytes, json_length: str | None, max_batch: int) -> Request:
    """Parse a request.

    json_length: how many bytes of the body are JSON, if a tensor follows as bytes. max_batch: the
    most digits allowed. Raises HTTPException: 400 for a malformed request, 413 for too many
    digits, 422 for what the model doesn't take.
    """
    length = len(body) if json_length is None else _length(json_length, len(body))
    content = _decode(_REQUEST, body[:length])
    [tensor] = content.inputs
    number = tensor.shape[0]
    if tensor.shape[1:] != INPUT[2] or number < 1:
        raise HTTPException(422, f"inputs[0].shape must be [n, {str(INPUT[2])[1:]}")
    if number > max_batch:
        raise HTTPException(413, f"at most {max_batch} digits are read at the same time")
    size, tail = tensor.parameters.binary_data_size, body[length:]
    if size is UNSET and not tail:
        pixels = _flatten(tensor.data)
    elif size == len(tail) and tensor.data is UNSET:
        pixels = tail
    else:
        raise HTTPException(400, f"binary_data_size is wrong: {len(tail)} bytes follow")
    if len(pixels) != number * _PIXELS:
        raise HTTPException(422, f"{number * _PIXELS} pixels are expected, not {len(pixels)}")
    images = np.frombuffer(pixels, np.uint8).reshape(number, *INPUT[2])
    binary, classes = content.parameters.binary_data_output or False, None
    for output in content.outputs or ():
        if output.parameters.binary_data is not UNSET:
            binary = output.parameters.binary_data
        classes = output.parameters.classification or None
    return Request(content.id, images, binary, classes)


def encode_response(
    asked: Request, probabilities: NDArray[np.float32], name: str
) -> tuple[bytes, dict[str, str]]:
    """Encode the answer's body and headers. probabilities: float32 [n, 10]."""
    tail = b""
    output: schemas.OutputTensor | schemas.ClassTensor
    if asked.classes:
        classes = _likeliest(probabilities, asked.classes)
        shape = [len(probabilities), len(classes) // len(probabilities)]
        output = schemas.ClassTensor("probabilities", shape, data=classes)
        if asked.binary:
            tail = b"".join(len(text).to_bytes(4, "little") + text.encode() for text in classes)
    else:
        output = schemas.OutputTensor("probabilities", list(probabilities.shape))
        if asked.binary:
            tail = probabilities.astype("<f4").tobytes()
        else:
            output.data = probabilities.ravel().tolist()
    if tail:
        output.parameters, output.data = schemas.TensorParameters(len(tail)), UNSET
    head = msgspec.json.encode(schemas.InferResponse(name, VERSION, [output], asked.id))
    if not tail:
        return head, {"content-type": "application/json"}
    return head + tail, {"content-type": "application/octet-stream", JSON_LENGTH: str(len(head))}


def _likeliest(probabilities: NDArray[np.float32], number: int) -> list[str]:
    """For each digit, the most probable answers and their probabilities, as Triton writes them."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :number]
    return [
        f"{row[at]:f}:{at}" for row, best in zip(probabilities, order, strict=True) for at in best
    ]


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise HTTPException(400, f"{JSON_LENGTH} must be a number of bytes, at most {most}")
    return int(text)


def _flatten(data: Raw | UnsetType) -> bytes:
    """The numbers of a flat or nested list; the protocol allows both."""
    if data is UNSET:
        raise HTTPException(422, "inputs[0] lacks data")
    text = bytes(data)
    if text.count(b"[") > 1:
        text = b"[" + text.translate(None, b"[] \t\r\n") + b"]"
    return bytes(_decode(_DATA, text, "inputs[0].data"))


def _decode(decoder: msgspec.json.Decoder[_T], content: bytes, name: str = "the request") -> _T:
    """Decode JSON. name: what errors call it. Raises HTTPException."""
    try:
        return decoder.decode(content.decode())
    except msgspec.ValidationError as error:
        sentence = _CLIENTS.sub(r"\1", str(error))
        raise HTTPException(422, f"{name}: {sentence}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"{name} is not JSON: {error}") from error
