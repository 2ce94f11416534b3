"""The JSON that the API takes and gives, as types.

msgspec validates requests by them and encodes answers; `openapi` makes their description.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field
from msgspec.json import schema

from digits.inference.interface import INPUT, OUTPUT
from digits.inference.metadata import Metadata


def _about(description: str, length: int | None = None, **more: Any) -> Meta:
    """Describe a field. length: of a list."""
    return Meta(description=description, min_length=length, max_length=length, **more)


Share = Annotated[float, Meta(ge=0, le=1)]
Pixel = Annotated[int, Meta(ge=0, le=255)]
Pixels = list[Pixel]
Row = Annotated[Pixels, Meta(min_length=28, max_length=28)]
Rows = Annotated[list[Row], _about("0 = paper, 255 = ink.", length=28, title="Frame")]
Frame = Annotated[
    Rows | None | UnsetType, _about("The network's input, if requested; null where there is none.")
]
File = Annotated[str, _about("The name in the form, or empty.")]
Message = Annotated[str, _about("One message.")]
Confidence = Annotated[Share, _about("The largest of the probabilities.")]
Box = Annotated[list[int], _about("Left, top, right, bottom in the upright picture.", length=4)]
IsBinary = Annotated[bool | UnsetType, _about("As bytes after the JSON.")]


class Error(Struct):
    """Why a request was refused, in the Open Inference Protocol."""

    error: Message


class RefusedFile(Struct):
    """Why one of several files was refused."""

    file: File
    error: Message


class Prediction(Struct):
    """The one digit of a picture, as the network reads it."""

    file: File
    digit: Annotated[Annotated[int, Meta(ge=0, le=9)] | None, _about("null if rejected.")]
    confidence: Confidence
    probabilities: Annotated[list[Share], _about("Of 0, 1, … 9; they sum to 1.", length=10)]
    box: Box
    status: Annotated[
        Literal["sure", "unsure", "several", "none", "blank"],
        _about("Unless sure, why digit is null: what the picture is likely to show."),
    ]
    note: Annotated[str, _about("A remark for people, or empty.")]
    frame: Frame = UNSET


class Symbol(Struct):
    """A digit, a minus or a decimal point of a page."""

    symbol: Annotated[
        Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", "."],
        _about("A decimal comma is a point."),
    ]
    confidence: Annotated[Share, _about("Its probability.")]
    probabilities: Annotated[
        list[Share],
        _about("Of 0, 1, … 9, minus and point; the rest to 1 is that of nothing.", length=12),
    ]
    box: Box
    frame: Frame = UNSET


class Number(Struct):
    """A number: accepted, to review as it may be wrong, or unreadable as no constraints fit."""

    text: Annotated[str, _about("The likeliest one, or empty if it is unreadable.")]
    probability: Annotated[Share, _about("That the text is right.")]
    status: Literal["accepted", "review", "unreadable"]
    second: Annotated[str, _about("The second-best text, or empty.")]
    free: Annotated[str, _about("What is read without constraints.")]
    box: Box
    line: Annotated[int, Meta(ge=1)]
    column: Annotated[int, Meta(ge=1)]
    symbols: Annotated[list[Symbol], _about("Of the text, or of `free` if it is unreadable.")]


class Reading(Struct):
    """All the digits, minus signs and decimal points of a picture."""

    file: File
    text: Annotated[str, _about("Two spaces between columns; ? behind a number to review.")]
    status: Annotated[
        Literal["sure", "unsure", "blank"],
        _about("sure if all numbers are accepted, blank if there is none."),
    ]
    numbers: Annotated[list[Number], _about("Line by line; empty if there is no digit.")]


class InputParameters(Struct):
    """Parameters of an input tensor."""

    binary_data_size: Annotated[
        Annotated[int, Meta(ge=0)] | UnsetType,
        _about("Bytes after the JSON that are this tensor, instead of data."),
    ] = UNSET


class InputTensor(Struct):
    """Digits, framed as MNIST's are."""

    name: Literal["images"]
    shape: Annotated[list[int], _about("n, 1, 28, 28", length=4)]
    datatype: Literal["UINT8"]
    parameters: InputParameters = field(default_factory=InputParameters)
    # Raw, as they may be nested, whatever the depth, which would take much memory as lists.
    data: Annotated[
        Raw | UnsetType,
        _about("The pixels, row by row: 0 = paper, 255 = ink.", extra_json_schema=schema(Pixels)),
    ] = UNSET


class OutputParameters(Struct, forbid_unknown_fields=True):
    """Parameters of a requested output."""

    binary_data: IsBinary = UNSET
    classification: Annotated[
        Annotated[int, Meta(ge=1)] | UnsetType,
        _about("How many of the most likely digits to name, instead of all."),
    ] = UNSET


class WantedOutput(Struct):
    """A requested output tensor."""

    name: Literal["probabilities"]
    parameters: OutputParameters = field(default_factory=OutputParameters)


class RequestParameters(Struct):
    """Parameters of the whole request."""

    binary_data_output: IsBinary = UNSET


class InferRequest(Struct):
    """Digits to classify, in the Open Inference Protocol."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1, max_length=1)]
    id: Annotated[str | None | UnsetType, _about("Comes back with the answer.")] = UNSET
    parameters: RequestParameters = field(default_factory=RequestParameters)
    outputs: list[WantedOutput] | UnsetType = UNSET


class BinaryParameters(Struct):
    """Parameters of an output tensor that is sent as bytes."""

    binary_data_size: Annotated[int, _about("The size of its bytes after the JSON.")]


class _Output(Struct, tag_field="datatype"):
    name: Literal["probabilities"]
    shape: Annotated[list[int], _about("n, and how many values for each", length=2)]
    parameters: BinaryParameters | UnsetType = UNSET


class OutputTensor(_Output, tag="FP32"):
    """Ten probabilities for each digit."""

    data: Annotated[list[Share] | UnsetType, _about("Of 0, 1, … 9, digit by digit.")] = UNSET


class ClassTensor(_Output, tag="BYTES"):
    """The most likely answers for each digit, if the request has a classification."""

    data: Annotated[
        list[str] | UnsetType, _about("probability:answer, the most likely first: 0.999600:1")
    ] = UNSET


class InferResponse(Struct):
    """The answer to an InferRequest."""

    model_name: str
    model_version: str
    outputs: list[OutputTensor | ClassTensor]
    id: str | None | UnsetType = UNSET


class TensorDescription(Struct):
    """The name, type and shape of a tensor; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelDescription(Struct):
    """The model, with its file's metadata as parameters."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]
    parameters: Metadata


class ServerDescription(Struct):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class Live(Struct):
    """Whether the server is alive."""

    live: bool


class Ready(Struct):
    """Whether the server is ready."""

    ready: bool


class ModelReady(Ready):
    """Whether the model is ready."""

    name: str


TYPES = (
    *(Error, RefusedFile, Prediction, Reading, InferRequest, InferResponse),
    *(ServerDescription, ModelDescription, Live, Ready, ModelReady),
)

# mypy can't take a literal from a value; the wire's names belong to the graph.
assert (INPUT[0], OUTPUT[0]) == ("images", "probabilities")
